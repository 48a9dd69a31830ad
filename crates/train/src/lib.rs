//! PPO on burn: collects experience, updates a policy, writes run folders and checkpoints.
//!
//! One iteration of training is: the [`Collector`] plays `num_steps` decisions in every environment with
//! the network at hand, filling a [`Rollout`]; the rollout gets its advantages; [`Ppo`] shuffles it into minibatches and takes
//! optimizer steps with the fused passes of [`kernel`], which tests hold to burn's autodiff.

mod algorithm;
pub mod burn_path;
mod cluster_task;
mod collector;
pub mod command;
mod config;
mod dqn;
mod error;
mod evaluation;
mod initialization;
pub mod kernel;
mod learner;
mod normalization;
mod optimizer;
mod ppo;
mod random;
mod rollout;
pub mod run;
mod saved_learner;
mod schedule;
mod task;

pub use algorithm::new_learner;
pub use cluster_task::ClusterTask;
pub use collector::{Collector, Episode, Player};
pub use config::{ConfigSources, DEFAULT_TOTAL_TIMESTEPS, DqnConfig, NetworkBody, PpoConfig, TrainConfig};
pub use dqn::{
    Dqn, DqnLearner, DrawnRows, Exploration, NextValues, PrioritizedRows, Replay, ReplayShape, ReplayStep, RewardScale,
    StepDiagnostics, SumTree, TdErrors, TdLoss, TransitionBatch, bootstrap, read_replay, write_replay,
};
pub use error::TrainError;
pub use evaluation::play_greedily;
pub use learner::{Iteration, Learner};
pub use normalization::{ReturnScaler, RunningMoments};
pub use optimizer::Adam;
pub use ppo::{LossSums, Ppo, PpoLearner, Sample, UpdateDiagnostics};
pub use random::RandomStream;
pub use rollout::Rollout;
pub use saved_learner::{SavedLearner, Values};
pub use schedule::linear;
pub use task::{TaskBuffers, VectorTask};
