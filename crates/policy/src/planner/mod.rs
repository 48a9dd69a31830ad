//! The baseline planner: three agents describe the incidents, a script of templates writes a plan, a dispatcher carries it
//! out.
//!
//! The logs agent finds errors, their class and answers that disagree; the metrics agent finds saturation; the actions agent
//! says what was sent and what is not legal. What they say is a [`Situation`], whose text is what a planner outside gets,
//! too. [`ScriptedPlanner`] reads that text and writes a [`Plan`](crate::plan::Plan) in JSON, which goes through the same
//! validator and dispatcher as anybody's. No language model is inside.

mod agents;
mod config;
mod policy;
mod script;
mod situation;
mod situation_text;
mod tidy;

pub use agents::{ActionsAgent, LogsAgent, MetricsAgent};
pub use config::{PlannerChoice, PlannerConfig, Template};
pub use policy::{Planner, PlannerAgent, PlannerError, PlannerState};
pub use script::ScriptedPlanner;
pub use situation::{ErrorClass, Grown, NodeFigure, OpenIncident, Situation, ZoneFigure, incident_text};

#[cfg(test)]
mod tests;
