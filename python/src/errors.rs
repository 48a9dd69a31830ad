//! The exceptions of `microcloud_gym.errors`, and which failure becomes which.

use microcloud_core::{ScenarioError as CoreScenarioError, SnapshotError as CoreSnapshotError, VectorError};
use pyo3::{PyErr, exceptions::PyValueError, import_exception};

import_exception!(microcloud_gym.errors, ActionError);
import_exception!(microcloud_gym.errors, ClosedError);
import_exception!(microcloud_gym.errors, ConcurrentUseError);
import_exception!(microcloud_gym.errors, EvaluationError);
import_exception!(microcloud_gym.errors, PolicyError);
import_exception!(microcloud_gym.errors, ResetNeededError);
import_exception!(microcloud_gym.errors, ScenarioError);
import_exception!(microcloud_gym.errors, SnapshotError);
import_exception!(microcloud_gym.errors, TrainingError);

pub fn scenario(error: CoreScenarioError) -> PyErr {
    ScenarioError::new_err(error.to_string())
}

pub fn snapshot(error: CoreSnapshotError) -> PyErr {
    SnapshotError::new_err(error.to_string())
}

pub fn vector(error: VectorError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub fn closed() -> PyErr {
    ClosedError::new_err("the environment is closed; make a new one")
}

pub fn concurrent_use() -> PyErr {
    ConcurrentUseError::new_err("another thread is using this environment; give every thread its own, or use a lock")
}

pub fn concurrent_policy() -> PyErr {
    ConcurrentUseError::new_err("another thread is using this policy; load one for every thread, or use a lock")
}

pub fn not_reset() -> PyErr {
    ResetNeededError::new_err("call reset() before the first step")
}
