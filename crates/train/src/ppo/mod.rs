//! Proximal policy optimisation (Schulman et al., 2017), with CleanRL's names and semantics.

mod adam;
mod learner;
mod shard;
mod update;

pub use adam::{Adam, Moments};
pub use learner::PpoLearner;
pub use shard::{Shard, ShardResult};
pub use update::{Ppo, UpdateDiagnostics};
