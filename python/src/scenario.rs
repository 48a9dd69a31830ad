//! Scenarios by name, file or dictionary, and what users ask about them.

use std::sync::Arc;

use microcloud_core::{
    Environment, Scenario, ScenarioError as CoreScenarioError, Topology as CoreTopology, observation,
};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    errors,
    toml_value::{self, Problem},
};

/// A scenario's constants: immutable, and shared by every environment that is made of it.
#[pyclass(frozen, module = "microcloud_gym._core")]
pub struct Topology {
    pub topology: Arc<CoreTopology>,
}

impl Topology {
    fn new(scenario: Scenario) -> PyResult<Self> {
        Ok(Self { topology: CoreTopology::new(scenario).map_err(errors::scenario)? })
    }

    fn scenario(&self) -> &Scenario {
        self.topology.scenario()
    }
}

#[pymethods]
impl Topology {
    /// A scenario by its name, or from the TOML file at a path.
    #[staticmethod]
    fn load(name_or_path: &str) -> PyResult<Self> {
        Self::new(Scenario::load(name_or_path).map_err(errors::scenario)?)
    }

    /// A scenario from TOML text; `origin` names it in errors.
    #[staticmethod]
    fn from_toml(text: &str, origin: &str) -> PyResult<Self> {
        Self::new(Scenario::from_toml(text, origin).map_err(errors::scenario)?)
    }

    /// A scenario from a dictionary with the keys of a scenario file.
    #[staticmethod]
    fn from_dict(scenario: &Bound<'_, PyDict>) -> PyResult<Self> {
        const ORIGIN: &str = "scenario dictionary";
        let value = toml_value::table(scenario, ORIGIN, &cannot_be)?;
        let text = toml::to_string(&value).map_err(|error| refused(ORIGIN, &error.to_string()))?;
        Self::new(Scenario::from_toml(&text, ORIGIN).map_err(|error| match error {
            // Lines are the text's; the caller knows keys.
            CoreScenarioError::Syntax { line, problem, .. } => {
                refused(&format!("{ORIGIN}{}", table_at(&text, line)), &problem)
            }
            other => errors::scenario(other),
        })?)
    }

    /// The generated cluster of `random` with this seed.
    #[staticmethod]
    fn random(topology_seed: u64) -> PyResult<Self> {
        Self::new(Scenario::random(topology_seed).map_err(errors::scenario)?)
    }

    /// The scenario as TOML text that loads to an equal one.
    fn to_toml(&self) -> String {
        self.scenario().to_toml()
    }

    #[getter]
    fn name(&self) -> &str {
        &self.scenario().name
    }

    #[getter]
    fn description(&self) -> &str {
        &self.scenario().description
    }

    #[getter]
    fn observation_size(&self) -> usize {
        self.topology.observation_size()
    }

    #[getter]
    fn num_actions(&self) -> usize {
        self.topology.num_actions()
    }

    #[getter]
    fn num_groups(&self) -> usize {
        self.topology.num_groups()
    }

    /// Bytes that one environment of it takes beside what environments share.
    fn state_bytes(&self) -> usize {
        Environment::new(Arc::clone(&self.topology)).state_bytes()
    }

    /// Blocks of service features in an observation, padding included.
    #[getter]
    fn service_blocks(&self) -> usize {
        self.scenario().padded_services.map_or(0, |padded| padded as usize).max(self.topology.num_services())
    }

    /// Whether there are more places for services than the cluster has services.
    #[getter]
    fn padded(&self) -> bool {
        self.scenario().padded_services.is_some()
    }

    #[getter]
    fn tick_s(&self) -> f64 {
        f64::from(self.scenario().tick_ms) / 1000.0
    }

    #[getter]
    fn decision_ticks(&self) -> u32 {
        self.scenario().decision_ticks
    }

    #[getter]
    fn episode_decisions(&self) -> u32 {
        self.scenario().episode_decisions
    }

    /// Weights of the reward's terms, by name.
    #[getter]
    fn reward_weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let weights = &self.scenario().reward;
        let dict = PyDict::new(py);
        dict.set_item("bad_requests", weights.bad_requests)?;
        dict.set_item("latency", weights.latency)?;
        dict.set_item("cost", weights.cost)?;
        dict.set_item("action", weights.action)?;
        dict.set_item("page", weights.page)?;
        dict.set_item("loss_limit_s", weights.loss_limit_s)?;
        Ok(dict)
    }

    #[getter]
    fn slo_p99_ms(&self) -> f32 {
        self.scenario().slo.p99_ms
    }

    fn observation_names(&self) -> Vec<String> {
        self.topology.observation_names().to_vec()
    }

    fn action_meanings(&self) -> Vec<String> {
        self.topology.action_meanings().to_vec()
    }

    fn service_names(&self) -> Vec<String> {
        self.topology.service_names().to_vec()
    }

    fn node_names(&self) -> Vec<String> {
        self.topology.node_names().to_vec()
    }

    fn zone_names(&self) -> Vec<String> {
        self.topology.zone_names().to_vec()
    }

    /// Who calls whom, as indices of services: `[(caller, callee), ...]`, in the scenario's order.
    fn calls(&self) -> Vec<(usize, usize)> {
        let index = |name: &str| self.topology.service_names().iter().position(|own| own == name);
        let calls = self.scenario().calls.iter();
        calls.filter_map(|call| Some((index(&call.from)?, index(&call.to)?))).collect()
    }

    /// The faults that may strike: `[(id, name, strikes, weight, heldout), ...]`, an id once for each of its entries in the
    /// scenario; `strikes` is what kind of thing it strikes, and only held-out levels have what is `heldout`.
    fn faults(&self) -> Vec<(String, &'static str, &'static str, f32, bool)> {
        let catalogue = self.scenario().faults.catalogue.iter();
        catalogue
            .map(|fault| {
                let id = fault.id;
                (id.to_string(), id.name(), id.strikes(), fault.weight, id.is_heldout())
            })
            .collect()
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String, String))> {
        let from_toml = py.get_type::<Self>().getattr("from_toml")?;
        Ok((from_toml.unbind(), (self.to_toml(), self.name().to_owned())))
    }

    fn __repr__(&self) -> String {
        format!("<Topology of {}: {} services>", self.name(), self.topology.num_services())
    }
}

/// Names of the built-in scenarios and of the generated ones.
#[pyfunction]
pub fn builtin_scenarios() -> (Vec<&'static str>, Vec<&'static str>) {
    (Scenario::builtin_names().to_vec(), Scenario::generated_names().to_vec())
}

/// First and last but one seeds of the topologies of `random` to train on, and to test on.
#[pyfunction]
pub fn topology_seeds() -> ((u64, u64), (u64, u64)) {
    let (train, test) = (Scenario::RANDOM_TRAIN_TOPOLOGIES, Scenario::RANDOM_TEST_TOPOLOGIES);
    ((train.start, train.end), (test.start, test.end))
}

/// Every feature of an observation lies in minus to plus this bound.
#[pyfunction]
pub fn observation_bound() -> f32 {
    observation::BOUND
}

/// Names of a service's features, a node's, a zone's and the cluster's, in order.
#[pyfunction]
pub fn feature_names() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    use observation::{GLOBAL_FEATURES, NODE_FEATURES, SERVICE_FEATURES, ZONE_FEATURES};
    (SERVICE_FEATURES.to_vec(), NODE_FEATURES.to_vec(), ZONE_FEATURES.to_vec(), GLOBAL_FEATURES.to_vec())
}

/// What of a dictionary TOML cannot have.
fn cannot_be(path: &str, problem: Problem) -> PyErr {
    match problem {
        Problem::Kind(kind) => {
            refused(path, &format!("a {kind}; allowed: dictionaries, lists, strings, numbers, True and False"))
        }
        Problem::Value(problem) => refused(path, &problem),
    }
}

fn refused(path: &str, problem: &str) -> PyErr {
    errors::ScenarioError::new_err(format!("{path}: {problem}"))
}

/// The table that a line of TOML text belongs to, e.g. `: services[2].health`; nothing for the outermost one.
fn table_at(text: &str, line: usize) -> String {
    let mut entries: Vec<(&str, usize)> = Vec::new();
    let mut path = String::new();
    for header in text.lines().take(line).filter(|line| line.starts_with('[')) {
        let name = header.trim_matches(['[', ']']);
        if header.starts_with("[[") {
            let known = entries.iter().position(|&(array, _)| array == name);
            match known {
                Some(known) => entries[known].1 += 1,
                None => entries.push((name, 0)),
            }
        }
        // The innermost array of tables that this one is in, or is an entry of.
        let array = entries
            .iter()
            .rev()
            .find(|(array, _)| name.strip_prefix(array).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
        path = match array {
            Some((array, place)) => format!(": {array}[{place}]{}", &name[array.len()..]),
            None => format!(": {name}"),
        };
    }
    path
}
