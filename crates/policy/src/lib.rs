//! What maps an observation to an action: scripted baselines and networks read from safetensors.

mod policy;

pub use policy::Policy;
