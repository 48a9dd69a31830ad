//! What maps an observation to an action: scripted baselines and networks read from safetensors.

pub mod approval;
pub mod authority;
pub mod detector;
pub mod network;
mod no_op;
mod oracle;
pub mod plan;
pub mod planner;
mod policy;
mod random;
mod registry;
pub mod threshold_rules;

pub use no_op::NoOp;
pub use oracle::{Oracle, PrivilegedPolicy};
pub use planner::{Planner, PlannerConfig};
pub use policy::Policy;
pub use random::RandomPolicy;
pub use registry::{BASELINE_NAMES, Baseline, RegistryError, baseline, check_baseline_name, nearest_name};
pub use threshold_rules::{ThresholdRules, ThresholdRulesConfig};
