//! What maps an observation to an action: scripted baselines and networks read from safetensors.

pub mod network;
mod policy;

pub use policy::Policy;
