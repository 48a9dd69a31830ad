//! Trained networks: read from a checkpoint folder, run on `ndarray`, and used as a policy, without burn.

mod actor_critic;
mod checkpoint;
mod checkpoint_policy;
mod distribution;
mod error;
pub(crate) mod file;
mod normalizer;

pub use actor_critic::{ActorCritic, Layer, Workspace};
pub use checkpoint::{MANIFEST_FILE, Manifest, POLICY_FILE, resolve, sha256_hex, verified_file};
pub use checkpoint_policy::CheckpointPolicy;
pub use distribution::{counter_uniform, greedy, masked_log_probabilities, sample};
pub use error::CheckpointError;
pub use file::{POLICY_FORMAT, PolicyFile, schema_hash};
pub use normalizer::Normalizer;
