//! Policies that Python code asks for actions: trained networks and baselines.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, TryLockError},
};

use microcloud_cli::{NamedPolicy, find_policy};
use microcloud_core::Topology as CoreTopology;
use microcloud_eval::Contender;
use microcloud_policy::{
    Baseline, Policy as CorePolicy, baseline,
    network::{CheckpointError, CheckpointPolicy},
};
use ndarray::ArrayView2;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::{
    errors::{self, PolicyError},
    scenario::Topology,
    shown::Shown,
};

/// A policy that `load_policy` has loaded: a trained network or a baseline, with its memory of the episodes that it plays.
///
/// Pickled, it is loaded again from where it came from; its memory stays behind.
#[pyclass(frozen, module = "microcloud_gym._core")]
pub struct Policy {
    source: NamedPolicy,
    topology: Option<Arc<CoreTopology>>,
    name: String,
    scenario: String,
    observation_size: usize,
    num_actions: usize,
    acting: Mutex<Acting>,
}

/// What a pickle calls, and with what.
type Loading = (Py<PyAny>, (String, Option<Topology>));

struct Acting {
    policy: Box<dyn CorePolicy>,
    shown: Shown,
    actions: Vec<usize>,
}

impl Policy {
    /// The policy as one that takes part in an evaluation.
    pub fn contender(&self) -> PyResult<Contender> {
        contender(&self.source)
    }

    fn of_checkpoint(folder: PathBuf, topology: Option<Arc<CoreTopology>>) -> Result<Self, CheckpointError> {
        let policy = CheckpointPolicy::open(&folder)?;
        if let Some(topology) = &topology {
            policy.check(topology.observation_names(), topology.action_meanings())?;
        }
        Ok(Self {
            name: policy.name().to_owned(),
            scenario: policy.scenario().unwrap_or_default().to_owned(),
            observation_size: policy.observation_size(),
            num_actions: policy.num_actions(),
            source: NamedPolicy::Folder(folder),
            topology,
            acting: Mutex::new(Acting::new(Box::new(policy))),
        })
    }

    fn of_baseline(name: &'static str, topology: Arc<CoreTopology>) -> PyResult<Self> {
        let policy = match baseline(name, &topology).map_err(refused)? {
            Baseline::Observing(policy) => policy,
            Baseline::Privileged(_) => {
                return Err(refused(format!(
                    "policy `{name}` looks into the environment itself, not at observations; allowed: {name} in \
                     evaluate(), and any other policy here"
                )));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            scenario: topology.scenario().name.clone(),
            observation_size: topology.observation_size(),
            num_actions: topology.num_actions(),
            source: NamedPolicy::Baseline(name),
            topology: Some(topology),
            acting: Mutex::new(Acting::new(policy)),
        })
    }
}

impl Acting {
    fn new(policy: Box<dyn CorePolicy>) -> Self {
        Self { policy, shown: Shown::default(), actions: Vec::new() }
    }

    /// Chooses an action for every row that is shown.
    fn act(&mut self, observation_size: usize, num_actions: usize) {
        let rows = self.shown.rows();
        self.actions.clear();
        self.actions.resize(rows, 0);
        let observations = ArrayView2::from_shape((rows, observation_size), &self.shown.observations);
        let masks = ArrayView2::from_shape((rows, num_actions), &self.shown.action_masks);
        // Both buffers were read with these shapes.
        if let (Ok(observations), Ok(masks)) = (observations, masks) {
            self.policy.act(observations, masks, &self.shown.episode_starts, &mut self.actions);
        }
    }
}

/// A contender of an evaluation for what a name or a path means.
pub fn contender(source: &NamedPolicy) -> PyResult<Contender> {
    match source {
        NamedPolicy::Baseline(name) => Contender::baseline(name).map_err(refused),
        NamedPolicy::Folder(folder) => Contender::checkpoint(folder).map_err(refused),
    }
}

/// The exception of a policy that is not there, is corrupt, or does not fit.
pub fn refused(error: impl ToString) -> PyErr {
    PolicyError::new_err(error.to_string())
}

#[pymethods]
impl Policy {
    /// A policy by its name or path. A baseline needs the scenario that it is to play; a trained policy is checked against
    /// it, where there is one.
    #[staticmethod]
    #[pyo3(signature = (name_or_path, topology=None))]
    fn load(name_or_path: &str, topology: Option<&Topology>) -> PyResult<Self> {
        let topology = topology.map(|topology| Arc::clone(&topology.topology));
        match (find_policy(name_or_path).map_err(refused)?, topology) {
            (NamedPolicy::Folder(folder), topology) => Self::of_checkpoint(folder, topology).map_err(refused),
            (NamedPolicy::Baseline(name), Some(topology)) => Self::of_baseline(name, topology),
            (NamedPolicy::Baseline(name), None) => Err(refused(format!(
                "policy `{name}` is made for a scenario; allowed: load_policy(\"{name}\", scenario=...) with a name, a \
                 path, a dictionary or an environment"
            ))),
        }
    }

    /// The name under which results are reported, e.g. `threshold-rules` or `ppo:runs/x`.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Name of the scenario that it was trained on, or made for.
    #[getter]
    fn scenario(&self) -> &str {
        &self.scenario
    }

    /// Features of an observation.
    #[getter]
    fn observation_size(&self) -> usize {
        self.observation_size
    }

    /// Actions to choose from.
    #[getter]
    fn num_actions(&self) -> usize {
        self.num_actions
    }

    /// Chooses one legal action per row.
    ///
    /// `observations` is float32 `[n, observation_size]` and `action_masks` bool or int8 `[n, num_actions]`, both in C order;
    /// `episode_starts` is bool `[n]`, true where row i is the first of an episode, so that what a policy remembers of row i is
    /// cleared. Without it, episodes start in the first call and where `n` differs from the last call's. Returns int64 `[n]`.
    ///
    /// A single row without the first dimension, `[observation_size]` and `[num_actions]`, is answered with an int.
    ///
    /// Raises TypeError for another dtype, ValueError for another shape, another order of memory, numbers that are not finite
    /// and rows without a legal action, ConcurrentUseError while another thread is in this call.
    #[pyo3(signature = (observations, action_masks, episode_starts=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
        action_masks: &Bound<'py, PyAny>,
        episode_starts: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut acting = match self.acting.try_lock() {
            Ok(acting) => acting,
            // What a failed call left behind is overwritten by the next.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(errors::concurrent_policy()),
        };
        let (size, num_actions) = (self.observation_size, self.num_actions);
        acting.shown.read(observations, action_masks, episode_starts, size, num_actions)?;
        let acting = &mut *acting;
        py.detach(|| acting.act(size, num_actions));
        if acting.shown.single {
            return Ok(acting.actions[0].into_pyobject(py)?.into_any());
        }
        Ok(PyArray1::from_iter(py, acting.actions.iter().map(|&action| action as i64)).into_any())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<Loading> {
        let source = match &self.source {
            NamedPolicy::Baseline(name) => (*name).to_owned(),
            NamedPolicy::Folder(folder) => folder.display().to_string(),
        };
        let topology = self.topology.clone().map(|topology| Topology { topology });
        Ok((py.get_type::<Self>().getattr("load")?.unbind(), (source, topology)))
    }

    fn __repr__(&self) -> String {
        format!("<Policy {} for {}>", self.name, self.scenario)
    }
}
