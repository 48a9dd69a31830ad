//! Proximal policy optimisation (Schulman et al., 2017), with CleanRL's names and semantics.

mod learner;
mod loss;
mod update;
mod worker;

pub use learner::PpoLearner;
pub use loss::{LossSums, Sample};
pub use update::{Ppo, UpdateDiagnostics};
