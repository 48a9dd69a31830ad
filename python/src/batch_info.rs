//! The info dictionaries of a batch, as Gymnasium's own vector environments build them: an array per key, and under
//! `_key` which environments have it.

use std::sync::Arc;

use microcloud_core::{Environment, StepMetrics, Transition};
use microcloud_policy::detector::{Detector, DetectorState};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::{
    intern,
    prelude::*,
    types::{PyDict, PyString},
};

use crate::{
    arrays::{Arrays, copy, in_use, readable, rows, writable},
    incident,
    info::{METRIC_MASKS, METRICS, P99, TERM_MASKS, TERMS, metrics, terms},
};

/// What there is to tell of a batch's environments, by row.
pub struct Rows<'a, 'py> {
    pub py: Python<'py>,
    pub arrays: &'a Arrays,
    pub transitions: &'a [Transition],
    pub metrics: &'a [StepMetrics],
    pub environments: &'a [Environment],
    pub detectors: &'a [Arc<Detector>],
    pub watches: &'a [DetectorState],
    /// Whether the caller gets arrays of its own.
    pub copy: bool,
}

/// The last observations and infos of episodes that have ended, taken before the next ones begin.
pub struct Last<'py> {
    observations: Bound<'py, PyAny>,
    info: Bound<'py, PyDict>,
    ended: Bound<'py, PyAny>,
}

impl<'py> Last<'py> {
    /// Of the rows whose episodes have ended.
    pub fn new(rows: &Rows<'_, 'py>, ended: &[bool]) -> PyResult<Self> {
        // The batch's own arrays are written to when the next episodes begin, within this very step.
        let rows = Rows { copy: true, ..*rows };
        let py = rows.py;
        let width = rows.environments.first().map_or(0, |own| own.topology().observation_size());
        let observations = readable(py, &rows.arrays.observations, ended.len() * width)?;
        let observations = observations.as_array();
        let each = observations.rows().into_iter().zip(ended).map(|(observation, &ended)| {
            if ended { PyArray1::from_iter(py, observation.iter().copied()).into_any().unbind() } else { py.None() }
        });
        let info = PyDict::new(py);
        rows.set_present(&info, ended)?;
        rows.set_outcomes(&info, ended)?;
        Ok(Self {
            observations: PyArray1::from_vec(py, each.collect()).into_any(),
            info,
            ended: PyArray1::from_slice(py, ended).into_any(),
        })
    }
}

impl<'py> Rows<'_, 'py> {
    /// After a reset of these rows.
    pub fn of_reset(&self, chosen: &[bool]) -> PyResult<Bound<'py, PyDict>> {
        let info = PyDict::new(self.py);
        self.set_present(&info, chosen)?;
        self.set_levels(&info, chosen)?;
        Ok(info)
    }

    /// After a step in which some rows have begun an episode; of those that ended in it, `last` tells.
    pub fn of_step(&self, begun: &[bool], last: Option<Last<'py>>) -> PyResult<Bound<'py, PyDict>> {
        let info = PyDict::new(self.py);
        let stepped: Vec<bool> = begun.iter().map(|&begun| !begun).collect();
        self.set_present(&info, &vec![true; begun.len()])?;
        self.set_outcomes(&info, &stepped)?;
        self.set_levels(&info, begun)?;
        if let Some(Last { observations, info: final_info, ended }) = last {
            info.set_item("final_obs", observations)?;
            info.set_item("_final_obs", &ended)?;
            info.set_item("final_info", final_info)?;
            info.set_item("_final_info", copy(&ended)?)?;
        }
        Ok(info)
    }

    /// The mask of an info that these rows have.
    fn who(&self, rows: &[bool]) -> PyResult<Bound<'py, PyAny>> {
        if rows.contains(&false) {
            return Ok(PyArray1::from_slice(self.py, rows).into_any());
        }
        self.give(self.arrays.shown.all.bind(self.py))
    }

    fn give(&self, array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.copy { copy(array) } else { Ok(array.clone()) }
    }

    /// `action_mask` and `incidents` of rows.
    fn set_present(&self, info: &Bound<'py, PyDict>, chosen: &[bool]) -> PyResult<()> {
        let py = self.py;
        let who = self.who(chosen)?;
        let masks = if chosen.contains(&false) {
            let num_actions = self.environments.first().map_or(0, |own| own.topology().num_actions());
            let own = readable(py, &self.arrays.masks, chosen.len() * num_actions)?;
            let own = own.as_array();
            let masks = PyArray2::<i8>::zeros(py, [own.nrows(), own.ncols()], false);
            {
                let mut writable = masks.try_readwrite().map_err(in_use)?;
                let mut writable = writable.as_array_mut();
                let each = writable.rows_mut().into_iter().zip(own.rows()).zip(chosen);
                for ((mut to, from), _) in each.filter(|(_, chosen)| **chosen) {
                    to.zip_mut_with(&from, |to, &from| *to = i8::from(from));
                }
            }
            masks.into_any()
        } else {
            self.give(self.arrays.masks_int8.bind(py))?
        };
        info.set_item(intern!(py, "action_mask"), masks)?;
        info.set_item(intern!(py, "_action_mask"), &who)?;
        let each = self.detectors.iter().zip(self.watches).zip(chosen).map(|((detector, watch), &chosen)| {
            if chosen { Ok(incident::changes(py, detector, watch)?.into_any().unbind()) } else { Ok(py.None()) }
        });
        let found = PyArray1::from_vec(py, each.collect::<PyResult<Vec<Py<PyAny>>>>()?);
        info.set_item(intern!(py, "incidents"), found)?;
        info.set_item(intern!(py, "_incidents"), who)
    }

    /// `level` of rows, where there are any.
    fn set_levels(&self, info: &Bound<'py, PyDict>, begun: &[bool]) -> PyResult<()> {
        if !begun.contains(&true) {
            return Ok(());
        }
        let levels = self.environments.iter().zip(begun);
        // A level is below 2^33.
        let levels = levels.map(|(own, &begun)| if begun { own.level().number() as i64 } else { 0 });
        info.set_item("level", PyArray1::from_iter(self.py, levels))?;
        info.set_item("_level", self.who(begun)?)
    }

    /// `reward_terms` and `metrics` of rows that have taken a step, where there are any.
    fn set_outcomes(&self, info: &Bound<'py, PyDict>, stepped: &[bool]) -> PyResult<()> {
        if !stepped.contains(&true) {
            return Ok(());
        }
        let (py, arrays) = (self.py, self.arrays);
        let who = self.who(stepped)?;
        // Rows that have ended are told of apart, so that the batch's own arrays are there for the others.
        let own = !self.copy && !stepped.contains(&false);
        let columns = |shared: &Py<PyArray2<f64>>, shared_rows: &[Py<PyAny>], values: &dyn Fn(usize, &mut [f64])| {
            let (table, views) = if own {
                (shared.bind(py).clone(), shared_rows.iter().map(|row| row.clone_ref(py)).collect())
            } else {
                let table = PyArray2::<f64>::zeros(py, [shared_rows.len(), stepped.len()], false);
                let views = rows(table.as_any(), shared_rows.len())?;
                (table, views)
            };
            let table = table.unbind();
            let mut cells = writable(py, &table, shared_rows.len() * stepped.len())?;
            let cells = cells.as_slice_mut().map_err(in_use)?;
            let mut row_values = vec![0.0; shared_rows.len()];
            for (row, _) in stepped.iter().enumerate().filter(|(_, stepped)| **stepped) {
                values(row, &mut row_values);
                for (column, value) in row_values.iter().enumerate() {
                    cells[column * stepped.len() + row] = *value;
                }
            }
            Ok::<Vec<Py<PyAny>>, PyErr>(views)
        };

        let summands = PyDict::new(py);
        let views = columns(&arrays.terms, &arrays.term_rows, &|row, out| {
            out.copy_from_slice(&terms(&self.transitions[row]));
        })?;
        for ((key, mask), view) in TERMS.iter().zip(TERM_MASKS).zip(views) {
            summands.set_item(PyString::intern(py, key), view)?;
            summands.set_item(PyString::intern(py, mask), &who)?;
        }
        info.set_item(intern!(py, "reward_terms"), summands)?;
        info.set_item(intern!(py, "_reward_terms"), &who)?;

        let truth = PyDict::new(py);
        let views = columns(&arrays.metrics, &arrays.metric_rows, &|row, out| {
            out.copy_from_slice(&metrics(&self.metrics[row]));
        })?;
        for ((key, mask), view) in METRICS.iter().zip(METRIC_MASKS).zip(views) {
            truth.set_item(PyString::intern(py, key), view)?;
            truth.set_item(PyString::intern(py, mask), &who)?;
        }
        if let Some(missing) = self.without_requests(stepped)? {
            truth.set_item(METRICS[P99], missing)?;
        }
        let counts = self.metrics.iter().zip(stepped);
        let counts = counts.map(|(metrics, &stepped)| if stepped { i64::from(metrics.actions) } else { 0 });
        let counts = if own {
            let mut cells = writable(py, &arrays.actions, stepped.len())?;
            let cells = cells.as_slice_mut().map_err(in_use)?;
            cells.iter_mut().zip(counts).for_each(|(cell, count)| *cell = count);
            arrays.shown.actions.bind(py).clone()
        } else {
            PyArray1::from_iter(py, counts).into_any()
        };
        truth.set_item(intern!(py, "actions"), counts)?;
        truth.set_item(intern!(py, "_actions"), &who)?;
        info.set_item(intern!(py, "metrics"), truth)?;
        info.set_item(intern!(py, "_metrics"), who)
    }

    /// `p99_ms` where some row has none, since nobody asked for anything; nothing where all have it.
    ///
    /// Gymnasium gives an array the type of the first value: where that is None, an array of objects.
    fn without_requests(&self, stepped: &[bool]) -> PyResult<Option<Bound<'py, PyAny>>> {
        let values = || self.metrics.iter().zip(stepped);
        if !values().any(|(metrics, &stepped)| stepped && metrics.p99_ms.is_nan()) {
            return Ok(None);
        }
        let py = self.py;
        let first = values().find(|(_, stepped)| **stepped).map(|(metrics, _)| metrics.p99_ms);
        if first.is_some_and(|first| !first.is_nan()) {
            let floats = values().map(|(metrics, &stepped)| if stepped { metrics.p99_ms } else { 0.0 });
            return Ok(Some(PyArray1::from_iter(py, floats).into_any()));
        }
        let objects = values().map(|(metrics, &stepped)| {
            let known = stepped && !metrics.p99_ms.is_nan();
            Ok(known.then_some(metrics.p99_ms).into_pyobject(py)?.unbind())
        });
        Ok(Some(PyArray1::from_vec(py, objects.collect::<PyResult<Vec<_>>>()?).into_any()))
    }
}
