//! Python's values as TOML has them: scenarios and settings come as dictionaries.

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple},
};
use toml::{Table, Value};

/// Nested deeper than any scenario, so that a dictionary which holds itself comes to an end.
const DEEPEST: usize = 8;

/// Why TOML cannot have a value.
pub enum Problem {
    /// The name of a type that it has nothing for.
    Kind(String),
    /// What is wrong, and what is allowed.
    Value(String),
}

/// Turns a problem at a path into an exception.
type Refuse<'a> = &'a dyn Fn(&str, Problem) -> PyErr;

/// A dictionary as a table; errors call it `path`.
pub fn table(dict: &Bound<'_, PyDict>, path: &str, refuse: Refuse<'_>) -> PyResult<Table> {
    nested(dict, path, 0, refuse)
}

/// A value; none where it is None, which stands for an absent key.
pub fn value(value: &Bound<'_, PyAny>, path: &str, refuse: Refuse<'_>) -> PyResult<Option<Value>> {
    entry(value, path, 0, refuse)
}

fn nested(dict: &Bound<'_, PyDict>, path: &str, depth: usize, refuse: Refuse<'_>) -> PyResult<Table> {
    let mut table = Table::new();
    // A list of its own: turning a value into a number may run code that changes the dictionary.
    for (key, value) in dict.items().extract::<Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>>()? {
        let key: String = key.extract().map_err(|_| {
            refuse(path, Problem::Value(format!("key {key} is no string; allowed: the keys of a scenario file")))
        })?;
        let place = format!("{path}: {key}");
        if let Some(value) = entry(&value, &place, depth, refuse)? {
            table.insert(key, value);
        }
    }
    Ok(table)
}

fn entry(value: &Bound<'_, PyAny>, path: &str, depth: usize, refuse: Refuse<'_>) -> PyResult<Option<Value>> {
    let wrong = |problem: String| refuse(path, Problem::Value(problem));
    if depth >= DEEPEST {
        return Err(wrong(format!("nested deeper than {DEEPEST}; allowed: the nesting of a scenario file")));
    }
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Some(flag.is_true().into()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_string().into()));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(Some(nested(dict, path, depth + 1, refuse)?.into()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let mut values = Vec::new();
        for (place, item) in value.try_iter()?.enumerate() {
            let place = format!("{path}[{place}]");
            let item = entry(&item?, &place, depth + 1, refuse)?;
            values.push(item.ok_or_else(|| refuse(&place, Problem::Value("None; allowed: a value".to_owned())))?);
        }
        return Ok(Some(values.into()));
    }
    if value.is_instance_of::<PyInt>() {
        let number = value.extract::<i64>().map_err(|_| wrong(format!("{value} is too large; allowed: 64 bits")))?;
        return Ok(Some(number.into()));
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Some(number.value().into()));
    }
    if let Ok(mapping) = value.cast::<PyMapping>() {
        let dict = PyDict::new(value.py());
        dict.update(mapping)?;
        return Ok(Some(nested(&dict, path, depth + 1, refuse)?.into()));
    }
    // numpy's arrays and scalars as lists and numbers.
    if value.hasattr("tolist")? {
        return entry(&value.call_method0("tolist")?, path, depth + 1, refuse);
    }
    Err(refuse(path, Problem::Kind(value.get_type().name()?.to_string())))
}
