//! What maps an observation to an action: scripted baselines and networks read from safetensors.

mod action_type;
pub mod approval;
pub mod authority;
pub mod bandit;
pub mod calibrated_rules;
pub mod detector;
pub mod forecast;
pub mod network;
mod no_op;
mod oracle;
pub mod per_environment;
pub mod plan;
pub mod planner;
mod policy;
pub mod policy_engine;
mod random;
mod registry;
pub mod scaler;
pub mod supervisor;
pub mod threshold_rules;

pub use action_type::{action_id, action_type};
pub use no_op::NoOp;
pub use oracle::{Oracle, PrivilegedPolicy};
pub use per_environment::{Agent, PerEnvironment};
pub use planner::{Planner, PlannerConfig};
pub use policy::Policy;
pub use random::RandomPolicy;
pub use registry::{BASELINE_NAMES, Baseline, RegistryError, baseline, calibrated, check_baseline_name, nearest_name};
pub use threshold_rules::{ThresholdRules, ThresholdRulesConfig};
