//! A proposed action as the actions table has it, and why one cannot be decided on.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How far a proposed action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionStatus {
    /// Nobody has decided on it.
    Pending,
    /// It is to be sent as soon as it is its turn and legal.
    Approved,
    /// It never will be.
    Rejected,
    /// It was sent.
    Executed,
    /// Nobody decided in time, or it did not become legal in time.
    Expired,
}

/// A row of the actions table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// `<tick>:<action type>:<target>`, unique in its episode: [`action_id`](crate::action_id).
    pub id: String,
    /// The incident that it answers, as [`Incident::id`](crate::detector::Incident::id); none where none is open.
    pub incident_id: Option<String>,
    /// The tick at which it was proposed.
    pub proposed_at_tick: u64,
    /// What is done, as [`action_type`](crate::action_type) spells it, e.g. `SCALE_UP`.
    pub action_type: String,
    /// The service, node or zone that it is done to; empty for the whole cluster.
    pub target_id: String,
    /// How far it is.
    pub status: ActionStatus,
    /// Why it was proposed; once it is rejected or expired, that with why after it.
    pub reason: String,
}

/// Why an action cannot be decided on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApprovalError {
    /// No action has that id.
    #[error("unknown action `{id}`{nearest}; allowed: the ids of list_pending_actions")]
    UnknownAction {
        /// The id.
        id: String,
        /// The nearest pending one as a question, or nothing.
        nearest: String,
    },
    /// It was decided on before.
    #[error("action `{id}` is {status}; allowed: pending")]
    NotPending {
        /// The id.
        id: String,
        /// Its status.
        status: &'static str,
    },
    /// A time that means nothing.
    #[error("{key} = {value}; allowed: 0 or more seconds")]
    Time {
        /// Which.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

impl ActionStatus {
    /// The status in a word.
    pub fn name(self) -> &'static str {
        match self {
            ActionStatus::Pending => "pending",
            ActionStatus::Approved => "approved",
            ActionStatus::Rejected => "rejected",
            ActionStatus::Executed => "executed",
            ActionStatus::Expired => "expired",
        }
    }
}
