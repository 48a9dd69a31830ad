//! Plays one policy on a list of levels, batches of episodes in parallel.

use std::sync::Arc;

use microcloud_core::{Environment, Level, Topology, Transition};
use microcloud_policy::{
    Baseline, Policy, PrivilegedPolicy, ThresholdRulesConfig,
    detector::{Detector, DetectorState},
};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::{
    Contender, EpisodeOutcome, EvaluationError, PolicyError,
    episode::{Sample, Yardstick, outcome},
    record::{EpisodeRecord, Recorder, Told},
};

/// Episodes that one policy plays side by side.
const BATCH: usize = 8;

/// Is told of episodes as they end, and may ask to stop.
pub trait Progress: Sync {
    /// So many more episodes have ended.
    fn advance(&self, episodes: usize) {
        let _ = episodes;
    }

    /// Whether to stop at the next decision.
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {}

/// Plays a policy on levels, over the current rayon pool; outcomes are in the order of the levels.
///
/// # Errors
/// A policy that cannot be made, a record that cannot be written, a caller that asks to stop.
pub fn play(
    topology: &Arc<Topology>,
    contender: &Contender,
    levels: &[Level],
    recorder: Option<&Recorder>,
    progress: &dyn Progress,
) -> Result<Vec<EpisodeOutcome>, EvaluationError> {
    let detector = Detector::new(ThresholdRulesConfig::default().rules, topology)
        .map_err(|error| policy_error(contender.name(), topology, error.into()))?;
    let play = |levels: &[Level]| {
        let batch = Batch::new(topology, contender, &detector, levels, recorder)?;
        let outcomes = batch.play(progress)?;
        progress.advance(levels.len());
        Ok(outcomes)
    };
    let batches: Result<Vec<_>, EvaluationError> = if contender.is_in_turn() {
        levels.chunks(BATCH).map(play).collect()
    } else {
        levels.par_chunks(BATCH).map(play).collect()
    };
    Ok(batches?.into_iter().flatten().collect())
}

/// The mean return of a policy over levels, on the current rayon pool; 0 over no levels.
///
/// # Errors
/// A policy that cannot be made.
pub fn mean_return(topology: &Arc<Topology>, contender: &Contender, levels: &[Level]) -> Result<f64, EvaluationError> {
    let outcomes = play(topology, contender, levels, None, &())?;
    Ok(outcomes.iter().map(|outcome| outcome.total_reward).sum::<f64>() / outcomes.len().max(1) as f64)
}

/// A policy that could not be made for a topology.
pub(crate) fn policy_error(policy: &str, topology: &Topology, source: PolicyError) -> EvaluationError {
    EvaluationError::Policy { policy: policy.to_owned(), scenario: topology.scenario().name.clone(), source }
}

/// Who chooses the actions of a batch.
enum Player {
    Observing(Box<dyn Policy>),
    Privileged(Vec<Box<dyn PrivilegedPolicy>>),
}

/// Episodes that one policy plays side by side; those that have ended keep their row and are stepped no more.
struct Batch<'a> {
    topology: &'a Arc<Topology>,
    detector: &'a Detector,
    player: Player,
    episodes: Vec<Episode>,
    recorder: Option<&'a Recorder>,
    observations: Vec<f32>,
    action_masks: Vec<bool>,
    episode_starts: Vec<bool>,
    actions: Vec<usize>,
}

struct Episode {
    environment: Environment,
    detector: DetectorState,
    yardstick: Yardstick,
    samples: Vec<Sample>,
    record: Option<EpisodeRecord>,
    ended: bool,
}

impl<'a> Batch<'a> {
    fn new(
        topology: &'a Arc<Topology>,
        contender: &Contender,
        detector: &'a Detector,
        levels: &[Level],
        recorder: Option<&'a Recorder>,
    ) -> Result<Self, EvaluationError> {
        let make = || contender.make(topology).map_err(|source| policy_error(contender.name(), topology, source));
        let player = match make()? {
            Baseline::Observing(policy) => Player::Observing(policy),
            Baseline::Privileged(first) => {
                let mut policies = vec![first];
                while policies.len() < levels.len() {
                    if let Baseline::Privileged(policy) = make()? {
                        policies.push(policy);
                    }
                }
                Player::Privileged(policies)
            }
        };
        let episode = |&level: &Level| {
            let mut environment = Environment::new(Arc::clone(topology));
            environment.reset(level);
            let record = recorder.map(|_| EpisodeRecord::new(contender.name(), &environment));
            let yardstick = yardstick(&environment);
            Episode { environment, detector: detector.start(), yardstick, samples: Vec::new(), record, ended: false }
        };
        let num_envs = levels.len();
        Ok(Self {
            topology,
            detector,
            player,
            episodes: levels.iter().map(episode).collect(),
            recorder,
            observations: vec![0.0; num_envs * topology.observation_size()],
            action_masks: vec![false; num_envs * topology.num_actions()],
            episode_starts: vec![true; num_envs],
            actions: vec![0; num_envs],
        })
    }

    fn play(mut self, progress: &dyn Progress) -> Result<Vec<EpisodeOutcome>, EvaluationError> {
        for row in 0..self.episodes.len() {
            self.look(row);
            let episode = &mut self.episodes[row];
            if let Some(record) = &mut episode.record {
                record.begin(self.detector, &episode.detector);
            }
        }
        while self.episodes.iter().any(|episode| !episode.ended) {
            if progress.is_cancelled() {
                return Err(EvaluationError::Interrupted);
            }
            self.choose();
            for row in 0..self.episodes.len() {
                if !self.episodes[row].ended {
                    self.advance(row)?;
                }
            }
            self.episode_starts.fill(false);
        }
        Ok(self.episodes.iter().map(|episode| outcome(&episode.yardstick, &episode.samples)).collect())
    }

    /// Writes a row's observation and mask, and shows the observation to the detector.
    fn look(&mut self, row: usize) {
        let (size, num_actions) = (self.topology.observation_size(), self.topology.num_actions());
        let episode = &mut self.episodes[row];
        let observation = &mut self.observations[row * size..][..size];
        episode.environment.observe(observation);
        episode.environment.action_mask(&mut self.action_masks[row * num_actions..][..num_actions]);
        self.detector.observe(&mut episode.detector, observation);
    }

    fn choose(&mut self) {
        let rows = self.episodes.len();
        match &mut self.player {
            Player::Observing(policy) => {
                let observations = ArrayView2::from_shape((rows, self.topology.observation_size()), &self.observations);
                let masks = ArrayView2::from_shape((rows, self.topology.num_actions()), &self.action_masks);
                // Both buffers were made with these shapes.
                if let (Ok(observations), Ok(masks)) = (observations, masks) {
                    policy.act(observations, masks, &self.episode_starts, &mut self.actions);
                }
            }
            Player::Privileged(policies) => {
                for ((policy, episode), action) in policies.iter_mut().zip(&self.episodes).zip(&mut self.actions) {
                    if !episode.ended {
                        *action = policy.act(&episode.environment);
                    }
                }
            }
        }
    }

    /// Why a row's player chose its action, where it says so.
    fn reason(&self, row: usize) -> Option<String> {
        match &self.player {
            Player::Observing(policy) => policy.reason(row),
            Player::Privileged(policies) => policies.get(row)?.reason(),
        }
    }

    fn advance(&mut self, row: usize) -> Result<(), EvaluationError> {
        let action = self.actions[row];
        let num_actions = self.topology.num_actions();
        let legal = self.action_masks[row * num_actions..][..num_actions].get(action) == Some(&true);
        let recorded = self.episodes[row].record.is_some();
        let reason = if recorded && action != 0 { self.reason(row) } else { None };
        let transition = self.episodes[row].environment.step(action);
        self.look(row);
        let episode = &mut self.episodes[row];
        episode.samples.push(sample(&episode.environment, &transition, action, episode.detector.opened_incident()));
        if let Some(record) = &mut episode.record {
            let size = self.topology.observation_size();
            let told = Told {
                environment: &episode.environment,
                action,
                legal,
                reason,
                history: match &self.player {
                    Player::Observing(policy) => policy.action_history(row),
                    Player::Privileged(_) => None,
                },
                observation: &self.observations[row * size..][..size],
                detector: self.detector,
                detected: &episode.detector,
            };
            record.decision(&told, &transition);
        }
        if transition.terminated || transition.truncated {
            episode.ended = true;
            if let (Some(recorder), Some(record)) = (self.recorder, episode.record.take()) {
                recorder.write(record)?;
            }
        }
        Ok(())
    }
}

/// What the episode of an environment's level is measured against.
pub(crate) fn yardstick(environment: &Environment) -> Yardstick {
    let scenario = environment.topology().scenario();
    let decision_s = f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0;
    let decisions = scenario.episode_decisions as usize;
    let onset_s = environment.faults().iter().map(|fault| fault.onset_s).fold(f64::INFINITY, f64::min);
    Yardstick {
        level: environment.level(),
        decision_s,
        decisions,
        slo_p99_ms: f64::from(scenario.slo.p99_ms),
        onset_s: (onset_s < decisions as f64 * decision_s).then_some(onset_s),
    }
}

/// What a decision adds to an episode's account.
pub(crate) fn sample(
    environment: &Environment,
    transition: &Transition,
    action: usize,
    opened_incident: bool,
) -> Sample {
    let metrics = environment.metrics();
    Sample {
        end_s: environment.time_s(),
        reward: transition.reward,
        offered: metrics.offered,
        bad: metrics.bad,
        p99_ms: metrics.p99_ms,
        cost_ratio: metrics.cost_ratio,
        acted: action != 0,
        opened_incident,
    }
}
