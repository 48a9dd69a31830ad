//! The approval workflow: proposed actions are pending until somebody approves them, as a wrapper around any policy.
//!
//! [`ApprovalQueue`] is one environment's workflow, with the operations `list_pending_actions`, `approve_action`,
//! `reject_action` and `get_action_history`; [`ApprovalPolicy`] puts one before every environment of a policy. An action's
//! id is its tick, type and target, so that proposing it twice is proposing it once.

mod action;
mod policy;
mod queue;

pub use action::{ActionRecord, ActionStatus, ApprovalError};
pub use policy::ApprovalPolicy;
pub use queue::{ApprovalConfig, ApprovalQueue, Approver, Proposal, Proposed};

#[cfg(test)]
mod tests;
