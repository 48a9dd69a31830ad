//! One environment as a policy meets it: its levels, its detector, and what it showed last.

use std::sync::Arc;

use microcloud_core::{Environment, LevelDraws, Split, Start, Topology, Transition};
use microcloud_eval::picture::History;
use microcloud_policy::{
    ThresholdRulesConfig,
    detector::{Detector, DetectorState, Incident, RuleError},
};

/// Where an environment stands in its episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing has been reset yet.
    New,
    /// An episode is played.
    Running,
    /// The episode is over.
    Ended,
}

/// The detector whose incidents infos carry: the rules of `threshold-rules`.
pub fn detector(topology: &Arc<Topology>) -> Result<Arc<Detector>, RuleError> {
    Detector::new(ThresholdRulesConfig::default().rules, topology).map(Arc::new)
}

/// An environment with its detector.
pub struct Play {
    pub environment: Environment,
    pub detector: Arc<Detector>,
    pub watch: DetectorState,
    pub draws: LevelDraws,
    pub stage: Stage,
    /// `[observation_size]`: what the environment shows now.
    pub observation: Vec<f32>,
    /// `[num_actions]`: which actions are legal now.
    pub mask: Vec<bool>,
    /// The episode so far, where pictures of it are wanted.
    pub history: Option<History>,
    is_shown: bool,
}

impl Play {
    pub fn new(topology: &Arc<Topology>, split: Split, is_shown: bool) -> Result<Self, RuleError> {
        let detector = detector(topology)?;
        Ok(Self {
            environment: Environment::new(Arc::clone(topology)),
            watch: detector.start(),
            detector,
            draws: LevelDraws::new(split, 0),
            stage: Stage::New,
            observation: vec![0.0; topology.observation_size()],
            mask: vec![false; topology.num_actions()],
            history: None,
            is_shown,
        })
    }

    /// Begins an episode.
    pub fn reset(&mut self, start: Start) {
        self.environment.reset(self.draws.begin(start));
        self.watch = self.detector.start();
        self.stage = Stage::Running;
        self.look();
        self.detector.observe(&mut self.watch, &self.observation);
        self.begin_history();
    }

    fn begin_history(&mut self) {
        self.history = self.is_shown.then(|| History::begin(&self.environment));
    }

    /// Lets pictures tell of a restored episode from now on.
    pub fn resume_history(&mut self) {
        let open = || self.detector.incidents(&self.watch);
        self.history = self.is_shown.then(|| History::resume(&self.environment, &open()));
    }

    /// Plays one decision in which every one of these actions is taken.
    pub fn step(&mut self, actions: &[usize]) -> Transition {
        let transition = self.environment.step_jointly(actions);
        if transition.terminated || transition.truncated {
            self.stage = Stage::Ended;
        }
        self.look();
        self.detector.observe(&mut self.watch, &self.observation);
        if let Some(history) = &mut self.history {
            let sent = actions.iter().copied().find(|&action| action != 0).unwrap_or_default();
            history.push(&self.environment, &transition, sent, &described(&self.detector, &self.watch));
        }
        transition
    }

    /// Writes what the environment shows now.
    pub fn look(&mut self) {
        self.environment.observe(&mut self.observation);
        self.environment.action_mask(&mut self.mask);
    }
}

/// The incidents that the last observation opened or resolved, in words.
pub fn described(detector: &Detector, watch: &DetectorState) -> Vec<Incident> {
    detector.changes(watch).map(|finding| detector.describe(&finding)).collect()
}
