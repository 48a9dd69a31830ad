//! The info dictionary of one environment.

use microcloud_core::{FaultReport, FaultTarget, StepMetrics, Topology, Transition};
use numpy::PyArray1;
use pyo3::{
    intern,
    prelude::*,
    types::{PyDict, PyTuple},
};

use crate::{incident, play::Play};

/// Names of the reward's terms, in the order of their sum.
pub const TERMS: [&str; 5] = ["bad_requests", "latency", "cost", "action", "termination"];
/// Names of the metrics that are floats; `actions` is an int.
pub const METRICS: [&str; 6] = ["offered", "bad", "p99_ms", "cost_ratio", "replicas", "lost_writes_s"];
/// Under which names a batch says which environments have them.
pub const TERM_MASKS: [&str; 5] = ["_bad_requests", "_latency", "_cost", "_action", "_termination"];
/// The same for [`METRICS`].
pub const METRIC_MASKS: [&str; 6] = ["_offered", "_bad", "_p99_ms", "_cost_ratio", "_replicas", "_lost_writes_s"];
/// Which of them can be missing.
pub const P99: usize = 2;

/// The values of [`TERMS`].
pub fn terms(transition: &Transition) -> [f64; 5] {
    let terms = &transition.terms;
    [terms.bad_requests, terms.latency, terms.cost, terms.action, terms.termination]
}

/// The values of [`METRICS`]; NaN stands for what is missing.
pub fn metrics(metrics: &StepMetrics) -> [f64; 6] {
    let StepMetrics { offered, bad, p99_ms, cost_ratio, replicas, lost_writes_s, actions: _ } = *metrics;
    [offered, bad, p99_ms, cost_ratio, replicas, lost_writes_s]
}

/// What a reset tells: `action_mask`, `level`, `incidents`.
pub fn of_reset<'py>(py: Python<'py>, play: &Play) -> PyResult<Bound<'py, PyDict>> {
    let info = present(py, play)?;
    info.set_item(intern!(py, "level"), play.environment.level().number())?;
    Ok(info)
}

/// What a step tells: `action_mask`, `reward_terms`, `metrics`, `incidents`.
pub fn of_step<'py>(py: Python<'py>, play: &Play, transition: &Transition) -> PyResult<Bound<'py, PyDict>> {
    let info = present(py, play)?;
    let summands = PyDict::new(py);
    let [bad_requests, latency, cost, action, termination] = terms(transition);
    summands.set_item(intern!(py, "bad_requests"), bad_requests)?;
    summands.set_item(intern!(py, "latency"), latency)?;
    summands.set_item(intern!(py, "cost"), cost)?;
    summands.set_item(intern!(py, "action"), action)?;
    summands.set_item(intern!(py, "termination"), termination)?;
    info.set_item(intern!(py, "reward_terms"), summands)?;
    let truth = PyDict::new(py);
    let now = play.environment.metrics();
    let [offered, bad, p99_ms, cost_ratio, replicas, lost_writes_s] = metrics(now);
    truth.set_item(intern!(py, "offered"), offered)?;
    truth.set_item(intern!(py, "bad"), bad)?;
    truth.set_item(intern!(py, "p99_ms"), (!p99_ms.is_nan()).then_some(p99_ms))?;
    truth.set_item(intern!(py, "cost_ratio"), cost_ratio)?;
    truth.set_item(intern!(py, "replicas"), replicas)?;
    truth.set_item(intern!(py, "lost_writes_s"), lost_writes_s)?;
    truth.set_item(intern!(py, "actions"), now.actions)?;
    info.set_item(intern!(py, "metrics"), truth)?;
    Ok(info)
}

fn present<'py>(py: Python<'py>, play: &Play) -> PyResult<Bound<'py, PyDict>> {
    let info = PyDict::new(py);
    let mask = PyArray1::from_iter(py, play.mask.iter().map(|&legal| i8::from(legal)));
    info.set_item(intern!(py, "action_mask"), mask)?;
    info.set_item(intern!(py, "incidents"), incident::changes(py, &play.detector, &play.watch)?)?;
    Ok(info)
}

/// Ground truth about faults, as dictionaries.
pub fn faults<'py>(py: Python<'py>, topology: &Topology, faults: &[FaultReport]) -> PyResult<Bound<'py, PyTuple>> {
    let dictionary = |fault: &FaultReport| {
        let dict = PyDict::new(py);
        let name = |target: FaultTarget| match target {
            FaultTarget::Service(service) => topology.service_names()[service.index()].as_str(),
            FaultTarget::Node(node) => topology.node_names()[node.index()].as_str(),
            FaultTarget::Zone(zone) => topology.zone_names()[zone.index()].as_str(),
            FaultTarget::Cluster => "cluster",
        };
        dict.set_item("id", fault.id.to_string())?;
        dict.set_item("target", name(fault.target))?;
        dict.set_item("place", fault.place.map(name))?;
        dict.set_item("onset_s", fault.onset_s)?;
        dict.set_item("end_s", fault.end_s)?;
        Ok(dict)
    };
    PyTuple::new(py, faults.iter().map(dictionary).collect::<PyResult<Vec<_>>>()?)
}
