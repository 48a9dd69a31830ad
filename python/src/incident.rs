//! A detector's findings as dictionaries.

use microcloud_policy::detector::Incident;
use pyo3::{
    intern,
    prelude::*,
    types::{PyDict, PyTuple},
};

/// Incidents as a tuple of dictionaries.
pub fn incidents<'py>(py: Python<'py>, found: &[Incident]) -> PyResult<Bound<'py, PyTuple>> {
    if found.is_empty() {
        return Ok(PyTuple::empty(py));
    }
    PyTuple::new(py, found.iter().map(|incident| dictionary(py, incident)).collect::<PyResult<Vec<_>>>()?)
}

fn dictionary<'py>(py: Python<'py>, incident: &Incident) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "severity"), incident.severity as u8)?;
    dict.set_item(intern!(py, "title"), &incident.title)?;
    dict.set_item(intern!(py, "description"), &incident.description)?;
    dict.set_item(intern!(py, "rule_name"), &incident.rule_name)?;
    dict.set_item(intern!(py, "target_kind"), incident.target_kind)?;
    dict.set_item(intern!(py, "target"), &incident.target)?;
    dict.set_item(intern!(py, "detected_at"), incident.detected_at)?;
    dict.set_item(intern!(py, "tick_id"), incident.tick_id)?;
    dict.set_item(intern!(py, "resolved"), incident.resolved)?;
    Ok(dict)
}
