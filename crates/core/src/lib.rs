//! The simulated cluster and its faults as reset/step environments.
//!
//! # Life of an episode
//! 1. A [`Scenario`] is read from TOML and validated once; whatever comes after may assume that it is sound.
//! 2. A [`Topology`] is built from it: immutable tables, shared by every environment.
//! 3. An [`Environment`] is reset to a [`Level`], an integer that keys every random choice of the dynamics.
//! 4. [`Environment::step`] takes an action's index and runs the decision's ticks: actions, faults, replicas, arrivals,
//!    requests forward through the call graph, responses backward, health checks, telemetry, in this order.
//! 5. The policy sees what telemetry shows ([`Environment::observe`]) and which actions are legal
//!    ([`Environment::action_mask`]); the truth is in [`Environment::metrics`] and [`Environment::faults`].
//! 6. A [`VectorEnvironment`] steps many of them over threads, with the same bits as one by one.

mod action;
mod audit;
mod edge_metrics;
mod environment;
pub mod exact;
#[cfg(test)]
mod extension_tests;
mod fault;
mod hash;
mod ids;
mod lanes;
mod level;
mod live_faults;
pub mod observation;
pub mod queueing;
mod reconfigure;
mod reward;
mod rng;
mod rules;
mod scenario;
mod service_metrics;
mod simulation;
mod snapshot;
mod state;
mod struck;
mod topology;
mod vector;

pub use action::{Action, SHED_PERCENT};
pub use audit::{Audit, Balance};
pub use edge_metrics::{EdgeAnswers, QuorumMetrics};
pub use environment::{Environment, FaultReport, StepMetrics, TenantMetrics, Transition};
pub use fault::{
    Card, FaultId, FaultName, FaultPlan, FaultPlanError, FaultTarget, MAX_FAULTS, Moves, Place, Remedy, Role, Step,
    Symptom,
};
pub use hash::fnv1a;
pub use ids::{NodeId, ServiceId, ZoneId};
pub use level::{Level, LevelDraws, Split, Start};
pub use reward::RewardTerms;
pub use rng::{CounterRng, Stream, mix_bits};
pub use rules::Rule;
pub use scenario::{
    ActionSet, Admission, Autoscaler, Broker, Cache, Call, CallMode, Database, Fault, Faults, Health, Network, Node,
    OutlierEjection, RewardWeights, Scenario, ScenarioError, Service, ServiceClass, Sessions, Slo, Telemetry, Tenant,
    Workload, Zone,
};
pub use service_metrics::ServiceMetrics;
pub use simulation::{Phase, PhaseWatch};
pub use snapshot::SnapshotError;
pub use struck::StruckService;
pub use topology::Topology;
pub use vector::{Autoreset, StepBuffers, VectorEnvironment, VectorError};
