//! The info dictionaries of a batch, as Gymnasium's own vector environments build them: an array per key, and under
//! `_key` which environments have it.

use std::sync::Arc;

use microcloud_core::{Environment, StepMetrics};
use microcloud_policy::detector::{Detector, DetectorState};
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods};
use pyo3::{
    intern,
    prelude::*,
    types::{PyDict, PyString},
};

use crate::{
    arrays::{Arrays, columns, copy, give, in_use, readable, writable},
    incident,
    info::{METRIC_MASKS, METRICS, P99, TERM_MASKS, TERMS},
};

/// What there is to tell of a batch's environments, by row.
pub struct Rows<'a, 'py> {
    pub py: Python<'py>,
    pub arrays: &'a Arrays,
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
        if self.copy { copy(self.arrays.all.bind(self.py)) } else { Ok(self.arrays.all.bind(self.py).clone()) }
    }

    /// The values of these rows, and 0 elsewhere.
    fn only<T: Element + Copy + Default>(
        &self,
        array: &Py<PyArray2<T>>,
        width: usize,
        chosen: &[bool],
    ) -> PyResult<Bound<'py, PyAny>> {
        if !chosen.contains(&false) {
            return give(array.bind(self.py), self.copy);
        }
        let own = readable(self.py, array, chosen.len() * width)?;
        let rows = own.as_slice().map_err(in_use)?.chunks_exact(width).zip(chosen);
        let values =
            rows.flat_map(|(row, &chosen)| row.iter().map(move |&value| if chosen { value } else { T::default() }));
        PyArray1::from_iter(self.py, values).reshape([chosen.len(), width]).map(Bound::into_any)
    }

    /// `action_mask` and `incidents` of rows.
    fn set_present(&self, info: &Bound<'py, PyDict>, chosen: &[bool]) -> PyResult<()> {
        let py = self.py;
        let who = self.who(chosen)?;
        let num_actions = self.environments.first().map_or(0, |own| own.topology().num_actions());
        let masks = self.only(&self.arrays.masks, num_actions, chosen)?;
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
        let summands = PyDict::new(py);
        let table = self.only(&arrays.terms, TERMS.len(), stepped)?;
        for ((key, mask), column) in TERMS.iter().zip(TERM_MASKS).zip(columns(&table, TERMS.len())?) {
            summands.set_item(PyString::intern(py, key), column)?;
            summands.set_item(PyString::intern(py, mask), &who)?;
        }
        info.set_item(intern!(py, "reward_terms"), summands)?;
        info.set_item(intern!(py, "_reward_terms"), &who)?;

        let truth = PyDict::new(py);
        let table = self.only(&arrays.metrics, METRICS.len(), stepped)?;
        for ((key, mask), column) in METRICS.iter().zip(METRIC_MASKS).zip(columns(&table, METRICS.len())?) {
            truth.set_item(PyString::intern(py, key), column)?;
            truth.set_item(PyString::intern(py, mask), &who)?;
        }
        if let Some(missing) = self.without_requests(stepped)? {
            truth.set_item(METRICS[P99], missing)?;
        }
        let counts = self.metrics.iter().zip(stepped);
        let counts = counts.map(|(metrics, &stepped)| if stepped { i64::from(metrics.actions) } else { 0 });
        let counts = if self.copy {
            PyArray1::from_iter(py, counts).into_any()
        } else {
            let mut cells = writable(py, &arrays.actions, stepped.len())?;
            cells.as_slice_mut().map_err(in_use)?.iter_mut().zip(counts).for_each(|(cell, count)| *cell = count);
            give(arrays.actions.bind(py), false)?
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
