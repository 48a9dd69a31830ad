//! The arrays that a batch writes into: numpy's own, made once.

use numpy::{
    Element, PyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray, PyReadwriteArray, PyUntypedArrayMethods,
    ndarray::Dimension,
};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::info::{METRICS, TERMS};

/// Arrays of `num_envs` rows.
pub struct Arrays {
    /// `[num_envs, observation_size]`.
    pub observations: Py<PyArray2<f32>>,
    /// `[num_envs, num_actions]`.
    pub masks: Py<PyArray2<bool>>,
    /// The same memory as int8, which `Discrete.sample(mask=)` asks for.
    pub masks_int8: Py<PyAny>,
    pub rewards: Py<PyArray1<f64>>,
    pub terminated: Py<PyArray1<bool>>,
    pub truncated: Py<PyArray1<bool>>,
    /// `[terms, num_envs]`, and its rows.
    pub terms: Py<PyArray2<f64>>,
    pub term_rows: Vec<Py<PyAny>>,
    /// `[metrics, num_envs]`, and its rows.
    pub metrics: Py<PyArray2<f64>>,
    pub metric_rows: Vec<Py<PyAny>>,
    pub actions: Py<PyArray1<i64>>,
    /// What callers get to see of observations, rewards, terminated, truncated and actions: views, so that nobody who gives
    /// an array another shape changes those that are written to.
    pub shown: Shown,
}

/// Views of a batch's arrays.
pub struct Shown {
    pub observations: Py<PyAny>,
    pub rewards: Py<PyAny>,
    pub terminated: Py<PyAny>,
    pub truncated: Py<PyAny>,
    pub actions: Py<PyAny>,
    /// True everywhere, for good: the mask of an info that every environment has.
    pub all: Py<PyAny>,
}

impl Arrays {
    pub fn new(py: Python<'_>, num_envs: usize, observation_size: usize, num_actions: usize) -> PyResult<Self> {
        let masks = PyArray2::<bool>::zeros(py, [num_envs, num_actions], false);
        let terms = PyArray2::<f64>::zeros(py, [TERMS.len(), num_envs], false);
        let metrics = PyArray2::<f64>::zeros(py, [METRICS.len(), num_envs], false);
        let observations = PyArray2::<f32>::zeros(py, [num_envs, observation_size], false);
        let rewards = PyArray1::<f64>::zeros(py, num_envs, false);
        let terminated = PyArray1::<bool>::zeros(py, num_envs, false);
        let truncated = PyArray1::<bool>::zeros(py, num_envs, false);
        let actions = PyArray1::<i64>::zeros(py, num_envs, false);
        let all = PyArray1::from_vec(py, vec![true; num_envs]);
        Ok(Self {
            shown: Shown {
                observations: view(observations.as_any())?,
                rewards: view(rewards.as_any())?,
                terminated: view(terminated.as_any())?,
                truncated: view(truncated.as_any())?,
                actions: view(actions.as_any())?,
                all: constant(all)?,
            },
            observations: observations.unbind(),
            masks_int8: masks.call_method1("view", ("int8",))?.unbind(),
            masks: masks.unbind(),
            rewards: rewards.unbind(),
            terminated: terminated.unbind(),
            truncated: truncated.unbind(),
            term_rows: rows(terms.as_any(), TERMS.len())?,
            terms: terms.unbind(),
            metric_rows: rows(metrics.as_any(), METRICS.len())?,
            metrics: metrics.unbind(),
            actions: actions.unbind(),
        })
    }
}

fn view(array: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    Ok(array.call_method0("view")?.unbind())
}

fn constant(array: Bound<'_, PyArray1<bool>>) -> PyResult<Py<PyAny>> {
    array.call_method1("setflags", (false,))?;
    Ok(array.into_any().unbind())
}

/// An array of ours to write to, `len` values of type `T` one after another.
///
/// Without copies callers hold the array itself, which Python lets them reshape, resize or give another type.
pub fn writable<'py, T: Element, D: Dimension>(
    py: Python<'py>,
    array: &Py<PyArray<T, D>>,
    len: usize,
) -> PyResult<PyReadwriteArray<'py, T, D>> {
    whole(array.bind(py), len)?.try_readwrite().map_err(in_use)
}

/// The same to read from.
pub fn readable<'py, T: Element, D: Dimension>(
    py: Python<'py>,
    array: &Py<PyArray<T, D>>,
    len: usize,
) -> PyResult<PyReadonlyArray<'py, T, D>> {
    whole(array.bind(py), len)?.try_readonly().map_err(in_use)
}

fn whole<'a, 'py, T: Element, D: Dimension>(
    array: &'a Bound<'py, PyArray<T, D>>,
    len: usize,
) -> PyResult<&'a Bound<'py, PyArray<T, D>>> {
    let array = array.as_any().cast::<PyArray<T, D>>().map_err(|_| in_use("its type has been changed"))?;
    if array.len() != len || !array.is_c_contiguous() {
        return Err(in_use("its shape has been changed"));
    }
    Ok(array)
}

/// Views of an array's first rows.
pub fn rows(array: &Bound<'_, PyAny>, count: usize) -> PyResult<Vec<Py<PyAny>>> {
    (0..count).map(|row| Ok(array.get_item(row)?.unbind())).collect()
}

/// A copy of an array.
pub fn copy<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    array.call_method0("copy")
}

/// An array that somebody else is writing to, or has made unwritable.
pub fn in_use(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(format!("an array of the batch cannot be used: {error}"))
}
