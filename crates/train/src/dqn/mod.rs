//! Deep Q-learning (Mnih et al., 2015), with CleanRL's names.

mod exploration;
mod learner;
mod prioritized;
mod replay;
mod replay_file;
mod saved;
mod sum_tree;
mod targets;
mod transitions;
mod update;

pub use exploration::Exploration;
pub use learner::DqnLearner;
pub use prioritized::{DrawnRows, PrioritizedRows};
pub use replay::{Replay, ReplayShape, ReplayStep};
pub use replay_file::{read_replay, write_replay};
pub use sum_tree::SumTree;
pub use targets::{NextValues, TdErrors, TdLoss, bootstrap};
pub use transitions::{RewardScale, TransitionBatch};
pub use update::{Dqn, StepDiagnostics};

#[cfg(test)]
mod tests;
