//! The environments of a batch with their detectors, and what a step or a reset makes them show.

use std::sync::Arc;

use microcloud_core::{
    Autoreset, Environment, Split, Start, StepBuffers, StepMetrics, Topology, Transition, VectorEnvironment,
};
use microcloud_eval::picture::History;
use microcloud_policy::detector::{Detector, DetectorState};
use pyo3::{prelude::*, types::PyDict};
use rayon::prelude::*;

use crate::{
    arrays::{Arrays, give, in_use, writable},
    batch_info::{Last, Rows},
    errors,
    info::{METRICS, TERMS, metrics, terms},
    play::{described, detector},
};

/// Observations, rewards, terminated, truncated and infos of a batch.
pub type Step<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyDict>);

/// Rows of one task for a thread.
const CHUNK: usize = 16;

/// The environments of a batch.
pub struct Plays {
    pub vector: VectorEnvironment,
    pub detectors: Vec<Arc<Detector>>,
    pub watches: Vec<DetectorState>,
    pub autoreset: Autoreset,
    pub started: bool,
    pub arrays: Arrays,
    /// The actions to play next.
    pub actions: Vec<usize>,
    process: u32,
    copy: bool,
    masks: Vec<bool>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    metrics: Vec<StepMetrics>,
    /// The episodes so far, where pictures of them are wanted.
    histories: Option<Vec<History>>,
    unused: Vec<f32>,
}

/// What a detector is to do with an observation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// It is the first of an episode.
    Begin,
    /// It is the next.
    Go,
    /// It has been seen before.
    Leave,
}

/// One environment and its rows of what is told of it.
struct Told<'a> {
    environment: &'a Environment,
    transition: &'a Transition,
    observation: &'a [f32],
    mask: &'a [bool],
    detector: &'a Detector,
    watch: &'a mut DetectorState,
    metrics: &'a mut StepMetrics,
    shown_mask: &'a mut [i8],
    shown_terms: &'a mut [f64],
    shown_metrics: &'a mut [f64],
    task: Option<Watch>,
}

impl Told<'_> {
    fn write(&mut self) {
        let Some(task) = self.task else { return };
        if task == Watch::Begin {
            *self.watch = self.detector.start();
        }
        if task != Watch::Leave {
            self.detector.observe(self.watch, self.observation);
        }
        *self.metrics = *self.environment.metrics();
        self.shown_mask.iter_mut().zip(self.mask).for_each(|(shown, &legal)| *shown = i8::from(legal));
        self.shown_terms.copy_from_slice(&terms(self.transition));
        self.shown_metrics.copy_from_slice(&metrics(self.metrics));
    }
}

impl Plays {
    /// The environments as the simulator steps them.
    pub fn vector(
        topologies: &[Arc<Topology>],
        split: Split,
        autoreset: Autoreset,
        num_threads: usize,
    ) -> PyResult<VectorEnvironment> {
        // Before the next episode begins in the same step, infos need the last one's end: rows are then reset here.
        let own = if autoreset == Autoreset::SameStep { Autoreset::Disabled } else { autoreset };
        VectorEnvironment::mixed(topologies, split, own, num_threads).map_err(errors::vector)
    }

    /// The same with detectors and arrays.
    pub fn new(
        py: Python<'_>,
        vector: VectorEnvironment,
        autoreset: Autoreset,
        copy: bool,
        render: bool,
    ) -> PyResult<Self> {
        let environments = vector.environments();
        let mut detectors: Vec<Arc<Detector>> = Vec::with_capacity(environments.len());
        for (row, environment) in environments.iter().enumerate() {
            let topology = environment.topology();
            let known = (0..row).rev().find(|&known| Arc::ptr_eq(environments[known].topology(), topology));
            detectors.push(match known {
                Some(known) => Arc::clone(&detectors[known]),
                None => detector(topology).map_err(|error| errors::ScenarioError::new_err(error.to_string()))?,
            });
        }
        let num_envs = vector.num_envs();
        let (width, num_actions) = (vector.topology().observation_size(), vector.topology().num_actions());
        Ok(Self {
            watches: detectors.iter().map(|detector| detector.start()).collect(),
            detectors,
            autoreset,
            started: false,
            process: std::process::id(),
            arrays: Arrays::new(py, num_envs, width, num_actions)?,
            copy,
            actions: vec![0; num_envs],
            masks: vec![false; num_envs * num_actions],
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            metrics: vec![StepMetrics::default(); num_envs],
            histories: render.then(|| environments.iter().map(History::begin).collect()),
            unused: vec![0.0; num_envs * width],
            vector,
        })
    }

    pub fn num_envs(&self) -> usize {
        self.vector.num_envs()
    }

    pub fn num_actions(&self) -> usize {
        self.vector.topology().num_actions()
    }

    fn width(&self) -> usize {
        self.vector.topology().observation_size()
    }

    /// What infos are made of.
    pub fn rows<'a, 'py>(&'a self, py: Python<'py>) -> Rows<'a, 'py> {
        Rows {
            py,
            arrays: &self.arrays,
            metrics: &self.metrics,
            environments: self.vector.environments(),
            detectors: &self.detectors,
            watches: &self.watches,
            copy: self.copy,
        }
    }

    /// The observations as the caller gets them.
    pub fn shown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        give(self.arrays.observations.bind(py), self.copy)
    }

    /// Each environment as `show` shows it.
    pub fn shown_each<T>(&self, show: impl Fn(&Environment, Option<&History>) -> PyResult<T>) -> PyResult<Vec<T>> {
        let history = |row: usize| self.histories.as_ref().filter(|_| self.started).map(|histories| &histories[row]);
        self.vector.environments().iter().enumerate().map(|(row, own)| show(own, history(row))).collect()
    }

    /// Begins episodes in the rows that have a start.
    pub fn begin(&mut self, py: Python<'_>, starts: &[Option<Start>]) -> PyResult<()> {
        self.restart_threads()?;
        let len = self.num_envs() * self.width();
        let mut observations = writable(py, &self.arrays.observations, len)?;
        let observations = observations.as_slice_mut().map_err(in_use)?;
        let (vector, masks) = (&mut self.vector, &mut self.masks);
        py.detach(|| vector.reset_rows(starts, observations, masks));
        self.tell(py, observations, |row| starts[row].map(|_| Watch::Begin))?;
        if let Some(histories) = &mut self.histories {
            let rows = histories.iter_mut().zip(self.vector.environments()).zip(starts);
            for ((history, environment), _) in rows.filter(|(_, start)| start.is_some()) {
                *history = History::begin(environment);
            }
        }
        Ok(())
    }

    /// Writes what restored environments show.
    pub fn look(&mut self, py: Python<'_>) -> PyResult<()> {
        self.restart_threads()?;
        let (width, num_actions) = (self.width(), self.num_actions());
        let mut observations = writable(py, &self.arrays.observations, self.num_envs() * width)?;
        let observations = observations.as_slice_mut().map_err(in_use)?;
        let rows = observations.chunks_exact_mut(width).zip(self.masks.chunks_exact_mut(num_actions));
        for (environment, (observation, mask)) in self.vector.environments().iter().zip(rows) {
            environment.observe(observation);
            environment.action_mask(mask);
        }
        self.tell(py, observations, |_| Some(Watch::Leave))?;
        if let Some(histories) = &mut self.histories {
            for (row, (history, environment)) in histories.iter_mut().zip(self.vector.environments()).enumerate() {
                let open = self.detectors[row].incidents(&self.watches[row]);
                *history = History::resume(environment, &open);
            }
        }
        Ok(())
    }

    /// Plays the actions.
    pub fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Step<'py>> {
        let waiting: Vec<bool> = self.vector.ended().to_vec();
        if self.autoreset == Autoreset::Disabled
            && let Some(row) = waiting.iter().position(|&ended| ended)
        {
            return Err(errors::ResetNeededError::new_err(format!(
                "the episode of environment {row} has ended; reset it with options={{\"reset_mask\": ...}}"
            )));
        }
        self.restart_threads()?;
        self.advance(py, &waiting)?;
        self.follow(&waiting);
        let (mut last, mut begun) = (None, waiting);
        let ended: Vec<bool> = self.terminated.iter().zip(&self.truncated).map(|(&one, &other)| one || other).collect();
        if self.autoreset == Autoreset::SameStep && ended.contains(&true) {
            last = Some(Last::new(&self.rows(py), &ended)?);
            let starts: Vec<Option<Start>> = ended.iter().map(|&ended| ended.then_some(Start::Next)).collect();
            self.begin(py, &starts)?;
            begun = ended;
        }
        let info = self.rows(py).of_step(&begun, last)?;
        let arrays = &self.arrays;
        Ok((
            self.shown(py)?,
            give(arrays.rewards.bind(py), self.copy)?,
            arrays.flags(py, &arrays.terminated, self.copy)?,
            arrays.flags(py, &arrays.truncated, self.copy)?,
            info,
        ))
    }

    /// Steps the environments; `waiting` rows begin an episode instead.
    fn advance(&mut self, py: Python<'_>, waiting: &[bool]) -> PyResult<()> {
        let n = self.num_envs();
        let mut observations = writable(py, &self.arrays.observations, n * self.width())?;
        let observations = observations.as_slice_mut().map_err(in_use)?;
        let mut rewards = writable(py, &self.arrays.rewards, n)?;
        let mut buffers = StepBuffers {
            observations,
            action_masks: &mut self.masks,
            rewards: rewards.as_slice_mut().map_err(in_use)?,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            final_observations: &mut self.unused,
        };
        let (vector, actions) = (&mut self.vector, &self.actions);
        py.detach(|| vector.step(actions, &mut buffers));
        self.tell(py, observations, |row| Some(if waiting[row] { Watch::Begin } else { Watch::Go }))?;
        self.arrays.write_flags(py, &self.arrays.terminated, &self.terminated)?;
        self.arrays.write_flags(py, &self.arrays.truncated, &self.truncated)
    }

    /// Shows detectors the observations, and writes masks, reward terms and metrics, in rows that have a task.
    fn tell(&mut self, py: Python<'_>, observations: &[f32], task: impl Fn(usize) -> Option<Watch>) -> PyResult<()> {
        let (n, width, num_actions) = (self.num_envs(), self.width(), self.num_actions());
        let mut masks = writable(py, &self.arrays.masks, n * num_actions)?;
        let mut terms = writable(py, &self.arrays.terms, n * TERMS.len())?;
        let mut metrics = writable(py, &self.arrays.metrics, n * METRICS.len())?;
        let shown = (masks.as_slice_mut().map_err(in_use)?.chunks_exact_mut(num_actions))
            .zip(terms.as_slice_mut().map_err(in_use)?.chunks_exact_mut(TERMS.len()))
            .zip(metrics.as_slice_mut().map_err(in_use)?.chunks_exact_mut(METRICS.len()));
        let played = (self.vector.environments().iter().zip(self.vector.transitions()))
            .zip(observations.chunks_exact(width).zip(self.masks.chunks_exact(num_actions)));
        let watched = self.detectors.iter().zip(&mut self.watches).zip(&mut self.metrics);
        let rows = played.zip(watched).zip(shown).enumerate();
        let mut told: Vec<Told<'_>> = rows
            .map(|(row, ((played, watched), ((shown_mask, shown_terms), shown_metrics)))| {
                let ((environment, transition), (observation, mask)) = played;
                let ((detector, watch), metrics) = watched;
                Told {
                    environment,
                    transition,
                    observation,
                    mask,
                    detector,
                    watch,
                    metrics,
                    shown_mask,
                    shown_terms,
                    shown_metrics,
                    task: task(row),
                }
            })
            .collect();
        py.detach(|| match self.vector.pool() {
            Some(pool) => pool.install(|| told.par_iter_mut().with_min_len(CHUNK).for_each(Told::write)),
            None => told.iter_mut().for_each(Told::write),
        });
        Ok(())
    }

    /// Tells the pictures of rows what a decision led to, or that an episode has begun.
    fn follow(&mut self, begun: &[bool]) {
        let Some(histories) = &mut self.histories else { return };
        let environments = self.vector.environments();
        for (row, history) in histories.iter_mut().enumerate() {
            if begun[row] {
                *history = History::begin(&environments[row]);
            } else {
                let changes = described(&self.detectors[row], &self.watches[row]);
                history.push(&environments[row], &self.vector.transitions()[row], self.actions[row], &changes);
            }
        }
    }

    /// A forked child has none of its parent's threads.
    fn restart_threads(&mut self) -> PyResult<()> {
        if self.process != std::process::id() {
            self.vector.restart_threads().map_err(errors::vector)?;
            self.process = std::process::id();
        }
        Ok(())
    }
}
