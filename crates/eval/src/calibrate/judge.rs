//! What a candidate is worth: its mean return over levels of the topologies, and what it cost to find out.

use std::sync::Arc;

use microcloud_core::{Level, Topology};
use microcloud_policy::calibrated_rules::{CalibratedAgent, CalibratedConfig};

use super::{SCREEN, SPLIT};
use crate::{Contender, EvaluationError, Progress, play};

/// Plays candidates on fixed levels and counts the steps.
pub(super) struct Judge<'a> {
    played: Vec<(Arc<Topology>, Vec<Level>, Vec<Level>)>,
    progress: &'a dyn Progress,
    timesteps: u64,
    candidates: u64,
}

/// What a candidate came to on the levels that screen.
#[derive(Clone, Copy)]
pub(super) struct Screened {
    sum: f64,
    count: f64,
}

impl Screened {
    pub fn mean(self) -> f64 {
        self.sum / self.count
    }
}

impl<'a> Judge<'a> {
    /// Fault levels of every topology, and a sixth as many control levels.
    pub fn new(
        topologies: &[Arc<Topology>],
        seed: u64,
        levels: usize,
        progress: &'a dyn Progress,
    ) -> Result<Self, EvaluationError> {
        let part = levels.div_ceil(topologies.len().max(1)).max(SCREEN);
        let mut played = Vec::new();
        for topology in topologies {
            let faults = topology.draw_levels(SPLIT, seed, part, false);
            let control = topology.draw_levels(SPLIT, seed, part.div_ceil(6), true);
            let screen: Vec<Level> =
                faults.iter().step_by(SCREEN).chain(control.iter().step_by(SCREEN)).copied().collect();
            let rest = |levels: &[Level]| -> Vec<Level> {
                levels.iter().enumerate().filter(|(index, _)| index % SCREEN != 0).map(|(_, level)| *level).collect()
            };
            played.push((Arc::clone(topology), screen, [rest(&faults), rest(&control)].concat()));
        }
        if played.iter().all(|(_, screen, _)| screen.is_empty()) {
            return Err(EvaluationError::Zero { key: "levels" });
        }
        Ok(Self { played, progress, timesteps: 0, candidates: 0 })
    }

    /// Steps of a candidate on all levels, at most: an episode may end early.
    pub fn timesteps_of_all(&self) -> u64 {
        let steps =
            |topology: &Topology, levels: usize| u64::from(topology.scenario().episode_decisions) * levels as u64;
        self.played.iter().map(|(topology, screen, rest)| steps(topology, screen.len() + rest.len())).sum()
    }

    /// Steps played so far, an episode that ends early counted in full.
    pub fn timesteps(&self) -> u64 {
        self.timesteps
    }

    /// Candidates played so far, on a part of the levels or on all.
    pub fn candidates(&self) -> u64 {
        self.candidates
    }

    /// The mean return on the part of the levels that screens; minus infinity for rules that do not fit.
    pub fn screen(&mut self, config: &CalibratedConfig) -> Result<Screened, EvaluationError> {
        self.candidates += 1;
        let (sum, count) = self.sum(config, true)?;
        Ok(Screened { sum, count })
    }

    /// The mean return on all levels, of which some have been played.
    pub fn value(&mut self, config: &CalibratedConfig, screened: Screened) -> Result<f64, EvaluationError> {
        let (sum, count) = self.sum(config, false)?;
        Ok((screened.sum + sum) / (screened.count + count))
    }

    fn sum(&mut self, config: &CalibratedConfig, screen: bool) -> Result<(f64, f64), EvaluationError> {
        let (mut sum, mut count) = (0.0, 0.0);
        for (topology, screening, rest) in &self.played {
            let levels = if screen { screening } else { rest };
            if CalibratedAgent::new(config.clone(), topology).is_err() {
                return Ok((f64::NEG_INFINITY, 1.0));
            }
            let contender = Contender::calibrated("calibrated-rules", config.clone());
            let outcomes = play(topology, &contender, levels, None, self.progress)?;
            self.timesteps += u64::from(topology.scenario().episode_decisions) * levels.len() as u64;
            sum += outcomes.iter().map(|outcome| outcome.total_reward).sum::<f64>();
            count += outcomes.len() as f64;
        }
        Ok((sum, count))
    }
}
