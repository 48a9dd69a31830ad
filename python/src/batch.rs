//! Many environments stepped together, in numpy's memory, with all three ways of beginning the next episode.

use std::sync::{Arc, Mutex};

use microcloud_core::{Autoreset, Start, Topology as CoreTopology};
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use crate::{
    action, errors, incident, picture,
    plays::Plays,
    scenario::Topology,
    single::{level, locked, split},
    snapshot,
};

/// A batch of environments.
#[pyclass(frozen, module = "microcloud_gym._core")]
pub struct Batch {
    plays: Mutex<Option<Plays>>,
}

type Reset<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);
type Step<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyDict>);

#[pymethods]
impl Batch {
    #[new]
    fn new(
        py: Python<'_>,
        topologies: Vec<PyRef<'_, Topology>>,
        split: &str,
        autoreset: &str,
        num_threads: usize,
        copy: bool,
        render: bool,
    ) -> PyResult<Self> {
        let autoreset = match autoreset {
            "NextStep" => Autoreset::NextStep,
            "SameStep" => Autoreset::SameStep,
            "Disabled" => Autoreset::Disabled,
            other => {
                let problem = format!("autoreset mode `{other}`; allowed: NextStep, SameStep, Disabled");
                return Err(PyValueError::new_err(problem));
            }
        };
        let topologies: Vec<Arc<CoreTopology>> =
            topologies.iter().map(|topology| Arc::clone(&topology.topology)).collect();
        let vector = Plays::vector(&topologies, self::split(split)?, autoreset, num_threads)?;
        Ok(Self { plays: Mutex::new(Some(Plays::new(py, vector, autoreset, copy, render)?)) })
    }

    /// Begins episodes: in every environment, or where `mask` is true.
    ///
    /// `seeds` and `levels` have one entry per environment; without them each environment goes on to its seed's next level.
    #[pyo3(signature = (seeds=None, levels=None, mask=None))]
    fn reset<'py>(
        &self,
        py: Python<'py>,
        seeds: Option<Vec<Option<u64>>>,
        levels: Option<Vec<u64>>,
        mask: Option<PyReadonlyArray1<'py, u8>>,
    ) -> PyResult<Reset<'py>> {
        let levels = levels.map(|levels| levels.into_iter().map(level).collect::<PyResult<Vec<_>>>()).transpose()?;
        self.with(|plays| {
            let num_envs = plays.num_envs();
            let lengths = [
                ("seeds", seeds.as_ref().map(Vec::len)),
                ("levels", levels.as_ref().map(Vec::len)),
                ("reset_mask", mask.as_ref().map(|mask| mask.len())),
            ];
            for (key, length) in lengths {
                if length.is_some_and(|length| length != num_envs) {
                    let found = length.unwrap_or_default();
                    return Err(PyValueError::new_err(format!(
                        "{found} {key}; allowed: {num_envs}, one per environment"
                    )));
                }
            }
            let chosen: Vec<bool> =
                mask.map_or(vec![true; num_envs], |mask| mask.as_array().iter().map(|&flag| flag != 0).collect());
            if !plays.started && chosen.contains(&false) {
                return Err(errors::not_reset());
            }
            for row in (0..num_envs).filter(|&row| chosen[row]) {
                if let Some(seed) = seeds.as_ref().and_then(|seeds| seeds[row]) {
                    plays.vector.seed_row(row, seed);
                }
            }
            let start = |row: usize| levels.as_ref().map_or(Start::Next, |levels| Start::Level(levels[row]));
            let starts: Vec<Option<Start>> = (0..num_envs).map(|row| chosen[row].then(|| start(row))).collect();
            plays.begin(py, &starts)?;
            plays.started = true;
            let info = plays.rows(py).of_reset(&chosen)?;
            Ok((plays.shown(py)?, info))
        })
    }

    /// Plays one decision in every environment.
    fn step<'py>(&self, py: Python<'py>, actions: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.with(|plays| {
            if !plays.started {
                return Err(errors::not_reset());
            }
            action::batch(actions, plays.num_actions(), &mut plays.actions)?;
            plays.step(py)
        })
    }

    /// `[num_envs, num_actions]`: which actions are legal now.
    fn action_masks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.with(|plays| {
            if plays.started {
                plays.arrays.masks.bind(py).call_method1("astype", ("bool",))
            } else {
                Err(errors::not_reset())
            }
        })
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|plays| {
            if !plays.started {
                return Err(errors::not_reset());
            }
            let rows = plays.vector.environments().iter().enumerate();
            let rows: Vec<snapshot::Row> = rows
                .map(|(row, environment)| snapshot::Row {
                    environment: environment.snapshot(),
                    draws: plays.vector.draws()[row],
                    watch: plays.watches[row].clone(),
                    ended: plays.vector.ended()[row],
                })
                .collect();
            Ok(PyBytes::new(py, &snapshot::write(&rows)?))
        })
    }

    /// Goes on where the snapshot was taken, and shows it. Where one row does not fit, none is changed.
    fn restore<'py>(&self, py: Python<'py>, state: &[u8]) -> PyResult<Reset<'py>> {
        self.with(|plays| {
            let rows = snapshot::read(state, plays.num_envs())?;
            for (place, row) in rows.iter().enumerate() {
                let mut restored = plays.vector.environments()[place].clone();
                restored.restore(&row.environment).map_err(errors::snapshot)?;
                snapshot::check_fit(row, &plays.detectors[place], plays.vector.draws()[place].split())?;
                if row.ended && plays.autoreset == Autoreset::SameStep {
                    return Err(errors::SnapshotError::new_err(format!(
                        "the episode of environment {place} has ended; allowed: running ones, as autoreset mode SameStep leaves them"
                    )));
                }
            }
            for (place, row) in rows.into_iter().enumerate() {
                let restored = plays.vector.restore_row(place, &row.environment, row.draws, row.ended);
                restored.map_err(errors::snapshot)?;
                plays.watches[place] = row.watch;
            }
            plays.look(py)?;
            plays.started = true;
            let info = plays.rows(py).of_reset(&vec![true; plays.num_envs()])?;
            Ok((plays.shown(py)?, info))
        })
    }

    /// The incidents that are open now, for each environment.
    fn open_incidents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|plays| {
            let rows = plays.detectors.iter().zip(&plays.watches);
            let open = rows.map(|(detector, watch)| incident::open(py, detector, watch));
            PyTuple::new(py, open.collect::<PyResult<Vec<_>>>()?)
        })
    }

    /// The present of each environment as a picture, `[height, width, 3]`.
    fn render_frames<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|plays| PyTuple::new(py, plays.shown_each(|own, history| picture::frame(py, own, history))?))
    }

    /// The present of each environment as text.
    fn render_texts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|plays| PyTuple::new(py, plays.shown_each(|own, history| picture::text(py, own, history))?))
    }

    /// Gives the environments' memory back; every later call but this one is an error.
    fn close(&self) -> PyResult<()> {
        locked(&self.plays)?.take();
        Ok(())
    }
}

impl Batch {
    /// Calls with the environments of this object, unless it is closed.
    pub fn with<T>(&self, call: impl FnOnce(&mut Plays) -> PyResult<T>) -> PyResult<T> {
        call(locked(&self.plays)?.as_mut().ok_or_else(errors::closed)?)
    }
}
