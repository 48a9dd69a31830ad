//! Many environments stepped together, in numpy's memory, with all three ways of beginning the next episode.

use std::sync::{Arc, Mutex};

use microcloud_core::{
    Autoreset, Environment, Start, StepBuffers, StepMetrics, Topology as CoreTopology, VectorEnvironment,
};
use microcloud_eval::picture::History;
use microcloud_policy::detector::{Detector, DetectorState};
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};
use rayon::prelude::*;

use crate::{
    action,
    arrays::{Arrays, copy, in_use, writable},
    batch_info::{Last, Rows},
    errors, incident, picture,
    play::{described, detector},
    scenario::Topology,
    single::{level, locked, split},
    snapshot,
};

/// A batch of environments.
#[pyclass(frozen, module = "microcloud_gym._core")]
pub struct Batch {
    plays: Mutex<Option<Plays>>,
}

/// The environments of a batch with their detectors and arrays.
pub struct Plays {
    vector: VectorEnvironment,
    detectors: Vec<Arc<Detector>>,
    watches: Vec<DetectorState>,
    autoreset: Autoreset,
    started: bool,
    process: u32,
    arrays: Arrays,
    copy: bool,
    actions: Vec<usize>,
    metrics: Vec<StepMetrics>,
    /// The episodes so far, where pictures of them are wanted.
    histories: Option<Vec<History>>,
    unused: Vec<f32>,
}

type Reset<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);
type Step<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyDict>);

/// A detector, and what it gets to see: an observation, and whether an episode begins with it.
type Shown<'a> = ((&'a mut DetectorState, &'a Arc<Detector>), (&'a [f32], &'a bool));

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
        // Before the next episode begins in the same step, infos need the last one's end: rows are then reset here.
        let own = if autoreset == Autoreset::SameStep { Autoreset::Disabled } else { autoreset };
        let vector = VectorEnvironment::mixed(&topologies, self::split(split)?, own, num_threads);
        let vector = vector.map_err(errors::vector)?;
        let mut detectors: Vec<Arc<Detector>> = Vec::with_capacity(topologies.len());
        for (row, topology) in topologies.iter().enumerate() {
            let known = (0..row).rev().find(|&known| Arc::ptr_eq(&topologies[known], topology));
            detectors.push(match known {
                Some(known) => Arc::clone(&detectors[known]),
                None => detector(topology).map_err(|error| errors::ScenarioError::new_err(error.to_string()))?,
            });
        }
        let num_envs = topologies.len();
        let (width, num_actions) = (topologies[0].observation_size(), topologies[0].num_actions());
        Ok(Self {
            plays: Mutex::new(Some(Plays {
                watches: detectors.iter().map(|detector| detector.start()).collect(),
                detectors,
                autoreset,
                started: false,
                process: std::process::id(),
                arrays: Arrays::new(py, num_envs, width, num_actions)?,
                copy,
                actions: vec![0; num_envs],
                metrics: vec![StepMetrics::default(); num_envs],
                histories: render.then(|| vector.environments().iter().map(History::begin).collect()),
                unused: vec![0.0; num_envs * width],
                vector,
            })),
        })
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
        mask: Option<PyReadonlyArray1<'py, bool>>,
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
            let chosen: Vec<bool> = mask.map_or(vec![true; num_envs], |mask| mask.as_array().to_vec());
            if !plays.started && chosen.contains(&false) {
                return Err(errors::not_reset());
            }
            plays.restart_threads()?;
            for row in (0..num_envs).filter(|&row| chosen[row]) {
                if let Some(seed) = seeds.as_ref().and_then(|seeds| seeds[row]) {
                    plays.vector.seed_row(row, seed);
                }
                let named = levels.as_ref().map_or(Start::Next, |levels| Start::Level(levels[row]));
                plays.begin(py, row, named)?;
            }
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
        self.with(|plays| if plays.started { copy(plays.arrays.masks.bind(py)) } else { Err(errors::not_reset()) })
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
            }
            for (place, row) in rows.into_iter().enumerate() {
                let restored = plays.vector.restore_row(place, &row.environment, row.draws, row.ended);
                restored.map_err(errors::snapshot)?;
                plays.watches[place] = row.watch;
                plays.look(py, place)?;
                plays.begin_history(place);
            }
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

impl Plays {
    fn num_envs(&self) -> usize {
        self.vector.num_envs()
    }

    fn num_actions(&self) -> usize {
        self.vector.topology().num_actions()
    }

    fn width(&self) -> usize {
        self.vector.topology().observation_size()
    }

    /// A forked child has none of its parent's threads.
    fn restart_threads(&mut self) -> PyResult<()> {
        if self.process != std::process::id() {
            self.vector.restart_threads().map_err(errors::vector)?;
            self.process = std::process::id();
        }
        Ok(())
    }

    fn rows<'a, 'py>(&'a self, py: Python<'py>) -> Rows<'a, 'py> {
        Rows {
            py,
            arrays: &self.arrays,
            transitions: self.vector.transitions(),
            metrics: &self.metrics,
            environments: self.vector.environments(),
            detectors: &self.detectors,
            watches: &self.watches,
            copy: self.copy,
        }
    }

    /// The observations as the caller gets them.
    fn shown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.give(self.arrays.shown.observations.bind(py))
    }

    fn give<'py>(&self, array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.copy { copy(array) } else { Ok(array.clone()) }
    }

    /// Each environment as `show` shows it.
    fn shown_each<T>(&self, show: impl Fn(&Environment, Option<&History>) -> PyResult<T>) -> PyResult<Vec<T>> {
        let history = |row: usize| self.histories.as_ref().filter(|_| self.started).map(|histories| &histories[row]);
        self.vector.environments().iter().enumerate().map(|(row, own)| show(own, history(row))).collect()
    }

    /// Begins an episode in one row.
    fn begin(&mut self, py: Python<'_>, row: usize, start: Start) -> PyResult<()> {
        let (width, num_actions) = (self.width(), self.num_actions());
        let n = self.num_envs();
        let mut observations = writable(py, &self.arrays.observations, n * width)?;
        let mut masks = writable(py, &self.arrays.masks, n * num_actions)?;
        let observation = &mut observations.as_slice_mut().map_err(in_use)?[row * width..][..width];
        let mask = &mut masks.as_slice_mut().map_err(in_use)?[row * num_actions..][..num_actions];
        self.vector.reset_row(row, start, observation, mask);
        self.watches[row] = self.detectors[row].start();
        self.detectors[row].observe(&mut self.watches[row], observation);
        self.begin_history(row);
        Ok(())
    }

    /// Lets pictures of a row tell of its episode from now on.
    fn begin_history(&mut self, row: usize) {
        if let Some(histories) = &mut self.histories {
            histories[row] = History::begin(&self.vector.environments()[row]);
        }
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

    /// Writes what a row shows now.
    fn look(&mut self, py: Python<'_>, row: usize) -> PyResult<()> {
        let (width, num_actions) = (self.width(), self.num_actions());
        let n = self.num_envs();
        let mut observations = writable(py, &self.arrays.observations, n * width)?;
        let mut masks = writable(py, &self.arrays.masks, n * num_actions)?;
        let environment = &self.vector.environments()[row];
        environment.observe(&mut observations.as_slice_mut().map_err(in_use)?[row * width..][..width]);
        environment.action_mask(&mut masks.as_slice_mut().map_err(in_use)?[row * num_actions..][..num_actions]);
        Ok(())
    }

    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Step<'py>> {
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
        let ended: Vec<bool> =
            self.vector.transitions().iter().map(|transition| transition.terminated || transition.truncated).collect();
        let (mut last, mut begun) = (None, waiting);
        if self.autoreset == Autoreset::SameStep && ended.contains(&true) {
            last = Some(Last::new(&self.rows(py), &ended)?);
            for row in (0..ended.len()).filter(|&row| ended[row]) {
                self.begin(py, row, Start::Next)?;
            }
            begun = ended;
        }
        let info = self.rows(py).of_step(&begun, last)?;
        let shown = &self.arrays.shown;
        Ok((
            self.shown(py)?,
            self.give(shown.rewards.bind(py))?,
            self.give(shown.terminated.bind(py))?,
            self.give(shown.truncated.bind(py))?,
            info,
        ))
    }

    /// Steps the environments and shows their detectors the observations; `waiting` rows begin an episode instead.
    fn advance(&mut self, py: Python<'_>, waiting: &[bool]) -> PyResult<()> {
        let width = self.width();
        let arrays = &self.arrays;
        let n = self.num_envs();
        let mut observations = writable(py, &arrays.observations, n * width)?;
        let mut masks = writable(py, &arrays.masks, n * self.num_actions())?;
        let mut rewards = writable(py, &arrays.rewards, n)?;
        let mut terminated = writable(py, &arrays.terminated, n)?;
        let mut truncated = writable(py, &arrays.truncated, n)?;
        let observations = observations.as_slice_mut().map_err(in_use)?;
        let mut buffers = StepBuffers {
            observations,
            action_masks: masks.as_slice_mut().map_err(in_use)?,
            rewards: rewards.as_slice_mut().map_err(in_use)?,
            terminated: terminated.as_slice_mut().map_err(in_use)?,
            truncated: truncated.as_slice_mut().map_err(in_use)?,
            final_observations: &mut self.unused,
        };
        let (vector, actions, detectors, watches) =
            (&mut self.vector, &self.actions, &self.detectors, &mut self.watches);
        py.detach(|| {
            vector.step(actions, &mut buffers);
            let look = |((watch, detector), (observation, &begins)): Shown<'_>| {
                if begins {
                    *watch = detector.start();
                }
                detector.observe(watch, observation);
            };
            let observations: &[f32] = buffers.observations;
            match vector.pool() {
                Some(pool) => pool.install(|| {
                    let rows = observations.par_chunks_exact(width).zip(waiting);
                    watches.par_iter_mut().zip(detectors).zip(rows).with_min_len(64).for_each(look);
                }),
                None => {
                    let rows = observations.chunks_exact(width).zip(waiting);
                    watches.iter_mut().zip(detectors).zip(rows).for_each(look);
                }
            }
        });
        for (metrics, environment) in self.metrics.iter_mut().zip(self.vector.environments()) {
            *metrics = *environment.metrics();
        }
        Ok(())
    }
}
