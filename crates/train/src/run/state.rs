//! What a run knows beside its learner: `state.json`, and the arrays `run.*` of `trainer.safetensors`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::saved_learner::SavedLearner;

/// Raised with every change of what a checkpoint keeps.
const FORMAT: u32 = 2;
/// Episodes over which the shown return is averaged.
const RECENT_EPISODES: usize = 100;
/// Numbers with fractions stand in `trainer.safetensors`, where every bit of them is kept.
const RECENT_RETURNS: &str = "run.recent_returns";
const BEST_RETURN: &str = "run.best_return";

/// The best evaluation so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// The step whose checkpoint it was.
    pub step: u64,
    /// Its mean return on the fixed train levels.
    pub mean_return: f64,
}

/// What a run knows beside its learner. No time is in it: a resumed run's is that of a run that was never stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// Environment steps taken.
    pub step: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// The best evaluation so far; none before the first.
    pub best: Option<Best>,
    /// Returns of the last episodes that ended, at most 100.
    pub recent_returns: Vec<f64>,
}

/// `state.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    format: u32,
    step: u64,
    episodes: u64,
    best_step: Option<u64>,
    counters: BTreeMap<String, u64>,
}

/// Read first: another format has other keys.
#[derive(Deserialize)]
struct Format {
    format: Option<u32>,
}

impl RunState {
    /// Takes note of an episode's return.
    pub fn ended(&mut self, episodic_return: f64) {
        self.episodes += 1;
        if self.recent_returns.len() == RECENT_EPISODES {
            self.recent_returns.remove(0);
        }
        self.recent_returns.push(episodic_return);
    }

    /// The content of `state.json`; adds the run's own arrays to `saved`.
    pub fn to_file(&self, saved: &mut SavedLearner) -> StateFile {
        saved.put(RECENT_RETURNS, self.recent_returns.clone());
        saved.put(BEST_RETURN, self.best.iter().map(|best| best.mean_return).collect::<Vec<f64>>());
        StateFile {
            format: FORMAT,
            step: self.step,
            episodes: self.episodes,
            best_step: self.best.map(|best| best.step),
            counters: std::mem::take(&mut saved.counters),
        }
    }

    /// Reads `state.json`; takes the run's own arrays out of `saved`, and puts the counters there.
    ///
    /// # Errors
    /// What no run can have written.
    pub fn from_file(bytes: &[u8], saved: &mut SavedLearner) -> Result<Self, String> {
        let Format { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if format != Some(FORMAT) {
            let found = format.map_or("no format".into(), |format| format!("format {format}"));
            return Err(format!("it has {found}; allowed: {FORMAT}, which this version goes on from"));
        }
        let file: StateFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        saved.counters = file.counters;
        let recent = usize::try_from(file.episodes).unwrap_or(usize::MAX).min(RECENT_EPISODES);
        let best_return = saved.take_f64(BEST_RETURN, usize::from(file.best_step.is_some()))?;
        let best = file.best_step.zip(best_return.first().copied());
        let best = best.map(|(step, mean_return)| Best { step, mean_return });
        if let Some(best) = best.filter(|best| best.step > file.step) {
            return Err(format!("best_step {} is after step {}", best.step, file.step));
        }
        let recent_returns = saved.take_f64(RECENT_RETURNS, recent)?;
        Ok(Self { step: file.step, episodes: file.episodes, best, recent_returns })
    }
}
