//! Recovery plans: a DAG of actions with preconditions as JSON, its validator, and the dispatcher that carries it out.
//!
//! A [`Plan`] is what a planner sends, be it the scripted one or one outside. [`PlanValidator`] holds it to a topology and
//! to [`PlanLimits`]; [`PlanDispatcher`] carries one plan out for one environment, at most one action a decision. Only
//! observations and masks enter. The format is described in `docs/plans.md`.

mod dispatch;
mod dispatcher;
mod error;
mod format;
mod graph;
mod validate;

pub use dispatch::{DispatchState, PlanState, StepState};
pub use dispatcher::{PlanDispatcher, PlanStatus, StepStatus};
pub use error::PlanError;
pub use format::{OnTimeout, PLAN_SCHEMA, Plan, Precondition, Step};
pub use validate::{PlanLimits, PlanValidator};

#[cfg(test)]
mod tests;
