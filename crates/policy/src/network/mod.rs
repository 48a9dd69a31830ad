//! Trained networks: read from a checkpoint folder, run on `ndarray`, and used as a policy, without burn.

mod activation;
mod checkpoint;
mod checkpoint_policy;
mod distribution;
mod error;
pub(crate) mod file;
mod graph;
#[expect(clippy::module_inception, reason = "the module of networks has one file on the network")]
mod network;
mod normalizer;
mod spec;

pub use activation::{Activation, exp, sigmoid, tanh};
pub use checkpoint::{MANIFEST_FILE, Manifest, POLICY_FILE, resolve, sha256_hex, verified_file};
pub use checkpoint_policy::CheckpointPolicy;
pub use distribution::{counter_uniform, greedy, masked_log_probabilities, sample};
pub use error::CheckpointError;
pub use file::{POLICY_FORMAT, PolicyFile, schema_hash};
pub use graph::{Graph, LayerShape, Node, NodeId, Operation, graph};
pub use network::{Evaluation, Layer, Network, Workspace};
pub use normalizer::Normalizer;
pub use spec::{BlockLayout, Body, Head, NetworkSpec};
