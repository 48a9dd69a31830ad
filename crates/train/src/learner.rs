//! What a run asks of an algorithm, and what one iteration of it brings.

use std::io::{self, Read, Write};

use microcloud_policy::network::Network;

use crate::collector::Episode;
use crate::error::TrainError;
use crate::saved_learner::SavedLearner;

/// Everything that training changes, for whatever algorithm; a run knows no more of it than this.
pub trait Learner: Send {
    /// Takes some environment steps and learns from them.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where a reward, a gradient or a weight is not finite any more; the network is as before.
    fn iterate(&mut self) -> Result<Iteration, TrainError>;

    /// Environment steps taken so far.
    fn step(&self) -> u64;

    /// Environment steps that the whole run takes.
    fn total_steps(&self) -> u64;

    /// Whether all steps are taken.
    fn finished(&self) -> bool {
        self.step() >= self.total_steps()
    }

    /// The current policy, ready to play.
    fn network(&self) -> &Network;

    /// What a checkpoint keeps: all that later iterations depend on.
    fn save(&self) -> SavedLearner;

    /// Goes on from what was saved. Everything saved comes from a file that may have been altered, so every length and
    /// every number that training relies on is checked.
    ///
    /// # Errors
    /// What does not fit this learner's task and configuration; the learner must not go on after that.
    fn restore(&mut self, saved: SavedLearner) -> Result<(), String>;

    /// Whether there is a replay beside what [`Learner::save`] gives; none is needed where all steps are taken.
    fn has_replay(&self) -> bool {
        false
    }

    /// Writes the replay piece by piece: it may be as large as half of what memory there is.
    ///
    /// # Errors
    /// The writer's.
    fn write_replay(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Reads what [`Learner::write_replay`] wrote, after [`Learner::restore`]; nothing in it is trusted.
    ///
    /// # Errors
    /// What does not fit this learner; it must not go on after that.
    fn read_replay(&mut self, _input: &mut dyn Read) -> Result<(), String> {
        Ok(())
    }
}

/// What one iteration brought.
#[derive(Debug, Clone)]
pub struct Iteration {
    /// Episodes that ended during it.
    pub episodes: Vec<Episode>,
    /// The step size that was used.
    pub learning_rate: f64,
    /// What else is to be written down, by the names that `metrics.jsonl` has: `losses/value_loss`, `losses/td_loss`, and the
    /// task's own.
    pub scalars: Vec<(&'static str, f64)>,
}

impl Iteration {
    /// The scalar of a name, where this iteration has it.
    pub fn scalar(&self, name: &str) -> Option<f64> {
        self.scalars.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}
