//! The arrays that a batch writes into: numpy's own, made once.

use numpy::{
    Element, PyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray, PyReadwriteArray, PyUntypedArrayMethods,
    ndarray::Dimension,
};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::info::{METRICS, TERMS};

/// Arrays of `num_envs` rows.
///
/// Callers may write into those they are handed. None is of bools: numpy lets a bool be any byte, and Rust does not.
pub struct Arrays {
    /// `[num_envs, observation_size]`.
    pub observations: Py<PyArray2<f32>>,
    /// `[num_envs, num_actions]`, 0 or 1.
    pub masks: Py<PyArray2<i8>>,
    /// `[num_envs]`.
    pub rewards: Py<PyArray1<f64>>,
    /// `[num_envs]`, 0 or 1; shown as bools.
    pub terminated: Py<PyArray1<u8>>,
    /// `[num_envs]`, 0 or 1; shown as bools.
    pub truncated: Py<PyArray1<u8>>,
    /// `[num_envs, terms]`.
    pub terms: Py<PyArray2<f64>>,
    /// `[num_envs, metrics]`; NaN where one is missing.
    pub metrics: Py<PyArray2<f64>>,
    /// `[num_envs]`.
    pub actions: Py<PyArray1<i64>>,
    /// True everywhere, for good: the mask of an info that every environment has.
    pub all: Py<PyAny>,
    num_envs: usize,
}

impl Arrays {
    pub fn new(py: Python<'_>, num_envs: usize, observation_size: usize, num_actions: usize) -> PyResult<Self> {
        let all = PyArray1::from_vec(py, vec![true; num_envs]);
        all.call_method1("setflags", (false,))?;
        Ok(Self {
            observations: PyArray2::zeros(py, [num_envs, observation_size], false).unbind(),
            masks: PyArray2::zeros(py, [num_envs, num_actions], false).unbind(),
            rewards: PyArray1::zeros(py, num_envs, false).unbind(),
            terminated: PyArray1::zeros(py, num_envs, false).unbind(),
            truncated: PyArray1::zeros(py, num_envs, false).unbind(),
            terms: PyArray2::zeros(py, [num_envs, TERMS.len()], false).unbind(),
            metrics: PyArray2::zeros(py, [num_envs, METRICS.len()], false).unbind(),
            actions: PyArray1::zeros(py, num_envs, false).unbind(),
            all: all.into_any().unbind(),
            num_envs,
        })
    }

    /// The flags as bools, in memory of their own or not.
    pub fn flags<'py>(&self, py: Python<'py>, flags: &Py<PyArray1<u8>>, own: bool) -> PyResult<Bound<'py, PyAny>> {
        let bools = flags.bind(py).call_method1("view", ("bool",))?;
        if own { copy(&bools) } else { Ok(bools) }
    }

    /// Writes flags.
    pub fn write_flags(&self, py: Python<'_>, flags: &Py<PyArray1<u8>>, values: &[bool]) -> PyResult<()> {
        let mut cells = writable(py, flags, self.num_envs)?;
        let cells = cells.as_slice_mut().map_err(in_use)?;
        cells.iter_mut().zip(values).for_each(|(cell, &value)| *cell = u8::from(value));
        Ok(())
    }
}

/// An array as a caller gets it: a copy, or a view, so that whoever gives it another shape does not change ours.
pub fn give<'py>(array: &Bound<'py, PyAny>, own: bool) -> PyResult<Bound<'py, PyAny>> {
    if own { copy(array) } else { array.call_method0("view") }
}

/// An array of ours to write to, `len` values of type `T` one after another.
///
/// Callers reach the array through its views, and Python lets them reshape, resize or give another type to it.
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

/// Views of the first columns of an array of two dimensions.
pub fn columns<'py>(array: &Bound<'py, PyAny>, count: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let columns = array.getattr("T")?;
    (0..count).map(|column| columns.get_item(column)).collect()
}

/// A copy of an array.
pub fn copy<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    array.call_method0("copy")
}

/// An array that somebody else is writing to, or has made unwritable.
pub fn in_use(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(format!("an array of the batch cannot be used: {error}"))
}
