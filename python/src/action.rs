//! Actions as Python sends them: any integers, in range, one or one per environment.

use numpy::{PyArray1, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::{exceptions::PyTypeError, prelude::*, types::PyBool};

use crate::{arrays::in_use, errors::ActionError};

fn out_of_range(action: i64, num_actions: usize) -> PyErr {
    ActionError::new_err(format!("action {action}; allowed: 0 to {}", num_actions - 1))
}

fn in_range(action: i64, num_actions: usize) -> PyResult<usize> {
    let index = usize::try_from(action).ok().filter(|&index| index < num_actions);
    index.ok_or_else(|| out_of_range(action, num_actions))
}

/// One action: an int, one of numpy's integers, or an array of no dimensions.
pub fn one(action: &Bound<'_, PyAny>, num_actions: usize) -> PyResult<usize> {
    match action.extract::<i64>() {
        Ok(number) if !action.is_instance_of::<PyBool>() => in_range(number, num_actions),
        _ => {
            if action.hasattr("__index__")? && !action.is_instance_of::<PyBool>() && action.len().is_err() {
                // An integer beyond 64 bits.
                return Err(ActionError::new_err(format!("action {action}; allowed: 0 to {}", num_actions - 1)));
            }
            let kind = action.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "an action of type {kind}; allowed: an integer from 0 to {}",
                num_actions - 1
            )))
        }
    }
}

/// One action per environment, written into `out`: an array or a sequence of integers of shape `[num_envs]`.
pub fn batch(actions: &Bound<'_, PyAny>, num_actions: usize, out: &mut [usize]) -> PyResult<()> {
    if let Ok(array) = actions.cast::<PyArray1<i64>>() {
        return fill(array.try_readonly().map_err(in_use)?, num_actions, out);
    }
    let numpy = actions.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (actions,)).map_err(|error| {
        let kind = actions.get_type();
        PyTypeError::new_err(format!(
            "actions of {kind} that make no array: {error}; allowed: one integer per environment"
        ))
    })?;
    let untyped = array.cast::<PyUntypedArray>()?;
    let kind = untyped.dtype().kind();
    if kind != b'i' && kind != b'u' {
        let dtype = untyped.dtype();
        return Err(PyTypeError::new_err(format!("actions of dtype {dtype}; allowed: integers, e.g. int64")));
    }
    if untyped.shape() != [out.len()] {
        return Err(shape(untyped.shape(), out.len()));
    }
    // Actions beyond what 64 bits with a sign hold are out of range, whichever they become.
    let array = match array.cast::<PyArray1<u64>>() {
        Ok(_) => numpy.call_method1("minimum", (&array, i64::MAX))?,
        Err(_) => array,
    };
    let array = array.call_method1("astype", ("int64",))?;
    fill(array.cast::<PyArray1<i64>>()?.try_readonly().map_err(in_use)?, num_actions, out)
}

fn shape(found: &[usize], num_envs: usize) -> PyErr {
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    ActionError::new_err(format!(
        "actions of shape ({}); allowed: ({num_envs},), one per environment",
        found.join(", ")
    ))
}

fn fill(actions: PyReadonlyArray1<'_, i64>, num_actions: usize, out: &mut [usize]) -> PyResult<()> {
    if actions.len() != out.len() {
        return Err(shape(actions.shape(), out.len()));
    }
    for (row, (&action, out)) in actions.as_array().iter().zip(out).enumerate() {
        *out = in_range(action, num_actions).map_err(|_| {
            let last = num_actions - 1;
            ActionError::new_err(format!("action {action} for environment {row}; allowed: 0 to {last}"))
        })?;
    }
    Ok(())
}
