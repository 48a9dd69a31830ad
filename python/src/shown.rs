//! What a policy is shown: observations, masks and episode starts, read from numpy arrays of one row or many.

use numpy::{PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

/// Rows that a policy is to act on, in memory of their own: the arrays may change while it acts.
#[derive(Default)]
pub struct Shown {
    /// `[num_envs, observation_size]`.
    pub observations: Vec<f32>,
    /// `[num_envs, num_actions]`.
    pub action_masks: Vec<bool>,
    /// `[num_envs]`.
    pub episode_starts: Vec<bool>,
    /// Whether there was a single row, without the first dimension.
    pub single: bool,
}

impl Shown {
    /// Rows before this call; none before the first one.
    pub fn rows(&self) -> usize {
        self.episode_starts.len()
    }

    /// Reads the arrays of a call. Without `episode_starts`, an episode starts where the number of rows differs from the last
    /// call's.
    ///
    /// # Errors
    /// TypeError for anything but numpy arrays of the right dtype, ValueError for shapes, orders of memory and values.
    pub fn read(
        &mut self,
        observations: &Bound<'_, PyAny>,
        action_masks: &Bound<'_, PyAny>,
        episode_starts: Option<&Bound<'_, PyAny>>,
        observation_size: usize,
        num_actions: usize,
    ) -> PyResult<()> {
        let before = self.rows();
        let array = numpy_array(observations, "observations", "float32")?;
        let (rows, single) = match *array.shape() {
            [size] if size == observation_size => (1, true),
            [rows, size] if size == observation_size => (rows, false),
            _ => {
                let allowed = format!("({observation_size},) or (n, {observation_size})");
                return Err(shape(array, "observations", &allowed));
            }
        };
        in_c_order(array, "observations")?;
        let values = array.cast::<PyArrayDyn<f32>>().map_err(|_| dtype(array, "observations", "float32"))?;
        let values = values.try_readonly().map_err(|error| in_use("observations", error))?;
        let values = values.as_slice().map_err(|_| misaligned("observations"))?;
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let (row, column, value) = (place / observation_size, place % observation_size, values[place]);
            let message = format!("observations: {value} in row {row}, column {column}; allowed: finite numbers");
            return Err(PyValueError::new_err(message));
        }
        let due = [rows, num_actions];
        let legal = masks(action_masks, &due[usize::from(single)..])?;
        if let Some(row) = legal.chunks_exact(num_actions).position(|row| !row.contains(&true)) {
            let message = format!("action_masks: no legal action in row {row}; allowed: at least one");
            return Err(PyValueError::new_err(message));
        }
        let starts = match episode_starts {
            Some(starts) if !starts.is_none() => self::starts(starts, rows, single)?,
            _ => vec![rows != before; rows],
        };
        self.observations.clear();
        self.observations.extend_from_slice(values);
        (self.action_masks, self.episode_starts, self.single) = (legal, starts, single);
        Ok(())
    }
}

/// Booleans of a mask of that shape, which may be int8 as gymnasium's spaces have it.
fn masks(array: &Bound<'_, PyAny>, due: &[usize]) -> PyResult<Vec<bool>> {
    const ALLOWED: &str = "bool or int8";
    let untyped = numpy_array(array, "action_masks", ALLOWED)?;
    let found = untyped.dtype();
    if !(found.kind() == b'b' || found.kind() == b'i' && found.itemsize() == 1) {
        return Err(dtype(untyped, "action_masks", ALLOWED));
    }
    if untyped.shape() != due {
        return Err(shape(untyped, "action_masks", &tuple(due)));
    }
    in_c_order(untyped, "action_masks")?;
    // Bytes, because numpy lets a bool be any byte, and Rust does not.
    let bytes = array.call_method1("view", ("uint8",))?;
    let bytes = bytes.cast::<PyArrayDyn<u8>>()?.try_readonly().map_err(|error| in_use("action_masks", error))?;
    Ok(bytes.as_slice().map_err(|_| misaligned("action_masks"))?.iter().map(|&byte| byte != 0).collect())
}

/// One boolean per row, from an array, a sequence, or for a single row a bool.
fn starts(found: &Bound<'_, PyAny>, rows: usize, single: bool) -> PyResult<Vec<bool>> {
    if let (true, Ok(start)) = (single, found.cast::<PyBool>()) {
        return Ok(vec![start.is_true()]);
    }
    let array = found.py().import("numpy")?.call_method1("asarray", (found,))?;
    let untyped = array.cast::<PyUntypedArray>()?;
    if untyped.dtype().kind() != b'b' {
        return Err(dtype(untyped, "episode_starts", "bool"));
    }
    let fits = untyped.shape() == [rows] || single && untyped.ndim() == 0;
    if !fits {
        return Err(shape(untyped, "episode_starts", &tuple(&[rows])));
    }
    let bytes: Vec<u8> =
        array.call_method1("astype", ("uint8",))?.call_method0("ravel")?.call_method0("tolist")?.extract()?;
    Ok(bytes.into_iter().map(|byte| byte != 0).collect())
}

/// An array, whatever its dtype.
fn numpy_array<'a, 'py>(
    found: &'a Bound<'py, PyAny>,
    what: &str,
    allowed: &str,
) -> PyResult<&'a Bound<'py, PyUntypedArray>> {
    found.cast::<PyUntypedArray>().map_err(|_| {
        let kind = found.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("{what} of type {kind}; allowed: a numpy array of dtype {allowed}"))
    })
}

fn in_c_order(array: &Bound<'_, PyUntypedArray>, what: &str) -> PyResult<()> {
    if array.is_c_contiguous() {
        return Ok(());
    }
    let order = if array.is_fortran_contiguous() { "Fortran order" } else { "strides" };
    let allowed = "C order, as numpy.ascontiguousarray gives it";
    Err(PyValueError::new_err(format!("{what} in {order}; allowed: {allowed}")))
}

fn dtype(array: &Bound<'_, PyUntypedArray>, what: &str, allowed: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} of dtype {}; allowed: {allowed}", array.dtype()))
}

fn shape(array: &Bound<'_, PyUntypedArray>, what: &str, allowed: &str) -> PyErr {
    PyValueError::new_err(format!("{what} of shape {}; allowed: {allowed}", tuple(array.shape())))
}

/// A shape as Python writes it.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn in_use(what: &str, error: numpy::BorrowError) -> PyErr {
    PyValueError::new_err(format!("{what}: {error}; allowed: an array that nobody writes to"))
}

fn misaligned(what: &str) -> PyErr {
    PyValueError::new_err(format!("{what} in memory that is not aligned; allowed: a copy of it"))
}
