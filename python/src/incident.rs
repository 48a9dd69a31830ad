//! A detector's findings as read-only mappings, put into words when somebody looks.

use std::sync::{Arc, OnceLock};

use microcloud_policy::detector::{self, Detector, DetectorState, Finding};
use pyo3::{
    IntoPyObjectExt,
    exceptions::PyKeyError,
    prelude::*,
    types::{PyDict, PyIterator, PyList, PyTuple},
};

/// The keys of an incident, in order.
const KEYS: [&str; 9] =
    ["severity", "title", "description", "rule_name", "target_kind", "target", "detected_at", "tick_id", "resolved"];

/// An incident: a mapping that cannot be changed.
#[pyclass(frozen, mapping, module = "microcloud_gym._core")]
pub struct Incident {
    /// Where its words come from.
    source: Source,
    words: OnceLock<Words>,
}

enum Source {
    Found(Arc<Detector>, Finding),
    /// A copy of another's.
    Told(Words),
}

#[derive(Clone, PartialEq)]
struct Words {
    severity: u8,
    title: String,
    description: String,
    rule_name: String,
    target_kind: String,
    target: String,
    detected_at: f64,
    tick_id: u64,
    resolved: bool,
}

type Values = (u8, String, String, String, String, String, f64, u64, bool);

impl Incident {
    fn words(&self) -> &Words {
        match &self.source {
            Source::Told(words) => words,
            Source::Found(detector, finding) => self.words.get_or_init(|| Words::new(detector.describe(finding))),
        }
    }

    fn values(&self) -> Values {
        let words = self.words().clone();
        (
            words.severity,
            words.title,
            words.description,
            words.rule_name,
            words.target_kind,
            words.target,
            words.detected_at,
            words.tick_id,
            words.resolved,
        )
    }

    fn value<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let words = self.words();
        Ok(Some(match key {
            "severity" => words.severity.into_bound_py_any(py)?,
            "title" => words.title.as_str().into_bound_py_any(py)?,
            "description" => words.description.as_str().into_bound_py_any(py)?,
            "rule_name" => words.rule_name.as_str().into_bound_py_any(py)?,
            "target_kind" => words.target_kind.as_str().into_bound_py_any(py)?,
            "target" => words.target.as_str().into_bound_py_any(py)?,
            "detected_at" => words.detected_at.into_bound_py_any(py)?,
            "tick_id" => words.tick_id.into_bound_py_any(py)?,
            "resolved" => words.resolved.into_bound_py_any(py)?,
            _ => return Ok(None),
        }))
    }

    fn dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for key in KEYS {
            dict.set_item(key, self.value(py, key)?)?;
        }
        Ok(dict)
    }
}

#[pymethods]
impl Incident {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "one for each key, by keyword")]
    fn new(
        severity: u8,
        title: String,
        description: String,
        rule_name: String,
        target_kind: String,
        target: String,
        detected_at: f64,
        tick_id: u64,
        resolved: bool,
    ) -> Self {
        let words =
            Words { severity, title, description, rule_name, target_kind, target, detected_at, tick_id, resolved };
        Self { source: Source::Told(words), words: OnceLock::new() }
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        self.value(py, key)?.ok_or_else(|| PyKeyError::new_err(key.to_owned()))
    }

    /// The value of a key, or `default`.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.value(py, key)?.or(default))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        key.extract::<String>().is_ok_and(|key| KEYS.contains(&key.as_str()))
    }

    fn __len__(&self) -> usize {
        KEYS.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyTuple::new(py, KEYS)?.try_iter()
    }

    /// The keys, in order.
    fn keys(&self) -> Vec<&'static str> {
        KEYS.to_vec()
    }

    /// The values, in the keys' order.
    #[pyo3(name = "values")]
    fn list_of_values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        Ok(self.dict(py)?.values())
    }

    /// Keys with their values.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        Ok(self.dict(py)?.items())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.words() == other.get().words());
        }
        self.dict(other.py())?.eq(other)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Incident({})", self.dict(py)?.repr()?))
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Values)> {
        Ok((py.get_type::<Self>().into_any().unbind(), self.values()))
    }
}

impl Words {
    fn new(incident: detector::Incident) -> Self {
        Self {
            severity: incident.severity.into(),
            title: incident.title,
            description: incident.description,
            rule_name: incident.rule_name,
            target_kind: incident.target_kind.to_owned(),
            target: incident.target,
            detected_at: incident.detected_at,
            tick_id: incident.tick_id,
            resolved: incident.resolved,
        }
    }
}

/// The incidents that the last observation opened or resolved.
pub fn changes<'py>(py: Python<'py>, detector: &Arc<Detector>, watch: &DetectorState) -> PyResult<Bound<'py, PyTuple>> {
    tuple(py, detector, detector.changes(watch))
}

/// The incidents that are open.
pub fn open<'py>(py: Python<'py>, detector: &Arc<Detector>, watch: &DetectorState) -> PyResult<Bound<'py, PyTuple>> {
    tuple(py, detector, detector.findings(watch).filter(|finding| !finding.is_resolved()))
}

fn tuple<'py>(
    py: Python<'py>,
    detector: &Arc<Detector>,
    findings: impl Iterator<Item = Finding>,
) -> PyResult<Bound<'py, PyTuple>> {
    let incident = |finding| {
        let source = Source::Found(Arc::clone(detector), finding);
        Bound::new(py, Incident { source, words: OnceLock::new() })
    };
    let incidents = findings.map(incident).collect::<PyResult<Vec<_>>>()?;
    if incidents.is_empty() { Ok(PyTuple::empty(py)) } else { PyTuple::new(py, incidents) }
}
