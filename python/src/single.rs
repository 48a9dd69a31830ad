//! One environment behind plain calls, safe to be reached from several threads.

use std::sync::{Mutex, MutexGuard, TryLockError};

use microcloud_core::{Level, Split, Start};
use numpy::{PyArray1, PyArray3};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use crate::{
    action, errors, incident, info, picture,
    play::{Play, Stage},
    scenario::Topology,
    snapshot,
};

type Reset<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyDict>);
type Step<'py> = (Bound<'py, PyArray1<f32>>, f64, bool, bool, Bound<'py, PyDict>);

/// One environment.
#[pyclass(frozen, module = "microcloud_gym._core")]
pub struct Single {
    play: Mutex<Option<Play>>,
    num_actions: usize,
}

/// A split by its name.
pub fn split(name: &str) -> PyResult<Split> {
    name.parse().map_err(|problem: String| PyValueError::new_err(problem))
}

/// A level by its number.
pub fn level(number: u64) -> PyResult<Level> {
    let problem = || PyValueError::new_err(format!("level {number}; allowed: 0 to {}", (1_u64 << 33) - 1));
    Level::new(number).ok_or_else(problem)
}

/// The lock's content, unless another thread has it.
pub fn locked<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        // What a failed call left behind is whole: nothing of it is changed halfway.
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => Err(errors::concurrent_use()),
    }
}

impl Single {
    /// Calls with the environment of this object, unless it is closed.
    fn with<T>(&self, call: impl FnOnce(&mut Play) -> PyResult<T>) -> PyResult<T> {
        call(locked(&self.play)?.as_mut().ok_or_else(errors::closed)?)
    }

    fn play<'py>(&self, py: Python<'py>, actions: &[usize]) -> PyResult<Step<'py>> {
        self.with(|play| {
            match play.stage {
                Stage::Running => {}
                Stage::New => return Err(errors::not_reset()),
                Stage::Ended => {
                    return Err(errors::ResetNeededError::new_err(
                        "the episode has ended; call reset() before the next step",
                    ));
                }
            }
            let transition = py.detach(|| play.step(actions));
            let told = info::of_step(py, play, &transition)?;
            let observation = PyArray1::from_slice(py, &play.observation);
            Ok((observation, transition.reward, transition.terminated, transition.truncated, told))
        })
    }
}

#[pymethods]
impl Single {
    #[new]
    fn new(topology: &Topology, split: &str, render: bool) -> PyResult<Self> {
        let play = Play::new(&topology.topology, self::split(split)?, render);
        let play = play.map_err(|error| errors::ScenarioError::new_err(error.to_string()))?;
        Ok(Self { num_actions: play.mask.len(), play: Mutex::new(Some(play)) })
    }

    /// Begins the first episode of a seed, the next one where there is none, or a level that is named.
    #[pyo3(signature = (seed=None, level=None))]
    fn reset<'py>(&self, py: Python<'py>, seed: Option<u64>, level: Option<u64>) -> PyResult<Reset<'py>> {
        let named = level.map(self::level).transpose()?;
        self.with(|play| {
            if let Some(seed) = seed {
                play.draws = microcloud_core::LevelDraws::new(play.draws.split(), seed);
            }
            py.detach(|| play.reset(named.map_or(Start::Next, Start::Level)));
            Ok((PyArray1::from_slice(py, &play.observation), info::of_reset(py, play)?))
        })
    }

    /// Plays one decision.
    fn step<'py>(&self, py: Python<'py>, action: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.play(py, &[action::one(action, self.num_actions)?])
    }

    /// Plays one decision in which several actions are taken, each at its price.
    fn step_jointly<'py>(&self, py: Python<'py>, actions: Vec<Bound<'py, PyAny>>) -> PyResult<Step<'py>> {
        let actions = actions.iter().map(|action| action::one(action, self.num_actions));
        self.play(py, &actions.collect::<PyResult<Vec<_>>>()?)
    }

    /// `[num_actions]`: which actions are legal now.
    fn action_masks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.with(|play| {
            if play.stage == Stage::New { Err(errors::not_reset()) } else { Ok(PyArray1::from_slice(py, &play.mask)) }
        })
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|play| {
            if play.stage == Stage::New {
                return Err(errors::not_reset());
            }
            let row = snapshot::Row {
                environment: play.environment.snapshot(),
                draws: play.draws,
                watch: play.watch.clone(),
                ended: play.stage == Stage::Ended,
            };
            Ok(PyBytes::new(py, &snapshot::write(&[row])?))
        })
    }

    /// Goes on where the snapshot was taken, and shows it.
    fn restore<'py>(&self, py: Python<'py>, state: &[u8]) -> PyResult<Reset<'py>> {
        self.with(|play| {
            for row in snapshot::read(state, 1)? {
                let mut restored = play.environment.clone();
                restored.restore(&row.environment).map_err(errors::snapshot)?;
                snapshot::check_fit(&row, &play.detector, play.draws.split())?;
                play.environment = restored;
                (play.draws, play.watch) = (row.draws, row.watch);
                play.stage = if row.ended { Stage::Ended } else { Stage::Running };
            }
            play.look();
            play.resume_history();
            Ok((PyArray1::from_slice(py, &play.observation), info::of_reset(py, play)?))
        })
    }

    /// The incidents that are open now.
    fn open_incidents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|play| incident::open(py, &play.detector, &play.watch))
    }

    /// Ground truth: every fault of the level.
    fn faults<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|play| info::faults(py, play.environment.topology(), &play.environment.faults()))
    }

    /// Ground truth: the faults that are active now.
    fn active_faults<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|play| info::faults(py, play.environment.topology(), &play.environment.active_faults()))
    }

    /// The present as a picture, `[height, width, 3]`.
    fn render_frame<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        self.with(|play| picture::frame(py, &play.environment, play.history.as_ref()))
    }

    /// The present as text.
    fn render_text(&self, py: Python<'_>) -> PyResult<String> {
        self.with(|play| picture::text(py, &play.environment, play.history.as_ref()))
    }

    /// Gives the environment's memory back; every later call but this one is an error.
    fn close(&self) -> PyResult<()> {
        locked(&self.play)?.take();
        Ok(())
    }
}
