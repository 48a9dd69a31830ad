//! Pictures of an episode as Python gets them.

use microcloud_core::Environment;
use microcloud_eval::picture::{self, History};
use numpy::{PyArray1, PyArray3, PyArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::errors;

/// A frame, `[height, width, 3]`.
pub fn frame<'py>(
    py: Python<'py>,
    environment: &Environment,
    history: Option<&History>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let history = history.ok_or_else(errors::not_reset)?;
    let frame = py.detach(|| picture::draw(environment, history));
    let shape = [frame.height, frame.width, 3];
    PyArray1::from_vec(py, frame.rgb).reshape(shape).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Text with colours of a terminal.
pub fn text(py: Python<'_>, environment: &Environment, history: Option<&History>) -> PyResult<String> {
    let history = history.ok_or_else(errors::not_reset)?;
    Ok(py.detach(|| picture::text(environment, history)))
}
