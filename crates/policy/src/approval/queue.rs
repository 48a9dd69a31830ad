//! One environment's workflow: proposals, decisions, cooldowns, expiry and history.

use std::{collections::BTreeMap, sync::Arc};

use microcloud_core::Topology;

use super::{ActionRecord, ActionStatus, ApprovalError};
use crate::{action_id, action_type, authority::Authority, nearest_name};

/// Who decides on pending actions.
#[derive(Clone, Debug, PartialEq)]
pub enum Approver {
    /// Approves every one.
    All,
    /// Approves what a role may do, and rejects the rest.
    Authority(Arc<Authority>),
    /// Whoever calls [`ApprovalQueue::approve_action`] and [`ApprovalQueue::reject_action`].
    Manual,
}

/// How the workflow goes.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalConfig {
    /// Seconds from a proposal to the approver's decision.
    pub delay_s: f64,
    /// Seconds from a proposal, and from an approval, after which it expires.
    pub expiry_s: f64,
    /// Seconds after an action was proposed in which the same one on the same target is turned away.
    pub cooldown_s: f64,
    /// Who decides.
    pub approver: Approver,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self { delay_s: 0.0, expiry_s: 300.0, cooldown_s: 0.0, approver: Approver::All }
    }
}

impl ApprovalConfig {
    /// Checks the times.
    ///
    /// # Errors
    /// One that is negative or not a number.
    pub fn check(&self) -> Result<(), ApprovalError> {
        let times = [("delay_s", self.delay_s), ("expiry_s", self.expiry_s), ("cooldown_s", self.cooldown_s)];
        match times.into_iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite())) {
            Some((key, value)) => Err(ApprovalError::Time { key, value: value.to_string() }),
            None => Ok(()),
        }
    }
}

/// An action that a policy proposes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// Its index.
    pub action: usize,
    /// The incident that it answers.
    pub incident_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// What became of a proposal; the text is the action's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// It is pending.
    New(String),
    /// The same action is pending or approved already: nothing changes.
    Repeat(String),
    /// The same action was proposed less than its cooldown ago: it stands in the history as rejected.
    Cooling(String),
    /// No-op, or no action of the scenario: there is nothing to propose.
    Nothing,
}

/// One environment's pending actions and history.
#[derive(Clone)]
pub struct ApprovalQueue {
    topology: Arc<Topology>,
    config: Arc<ApprovalConfig>,
    history: Vec<ActionRecord>,
    /// The action and the time of the status of each row of the history.
    details: Vec<(usize, f64)>,
    /// Places in the history of what is pending or approved, in the order of the proposals.
    open: Vec<usize>,
    /// When each action was last proposed and not turned away.
    proposed_s: BTreeMap<usize, f64>,
    tick_s: f64,
}

impl ApprovalQueue {
    /// The workflow at an episode's start.
    ///
    /// # Errors
    /// Times that are negative or no numbers.
    pub fn new(config: Arc<ApprovalConfig>, topology: &Arc<Topology>) -> Result<Self, ApprovalError> {
        config.check()?;
        Ok(Self {
            tick_s: f64::from(topology.scenario().tick_ms) / 1000.0,
            topology: Arc::clone(topology),
            config,
            history: Vec::new(),
            details: Vec::new(),
            open: Vec::new(),
            proposed_s: BTreeMap::new(),
        })
    }

    /// Forgets everything: an episode begins.
    pub fn reset(&mut self) {
        self.history.clear();
        self.details.clear();
        self.open.clear();
        self.proposed_s.clear();
    }

    /// Takes a proposal at a tick.
    pub fn propose(&mut self, tick: u64, proposal: Proposal) -> Proposed {
        let Some(meaning) = self.topology.action_meanings().get(proposal.action).filter(|_| proposal.action != 0)
        else {
            return Proposed::Nothing;
        };
        let (kind, target) = action_type(meaning);
        let id = action_id(tick, &kind, target);
        let same = self.open.iter().find(|&&place| self.details[place].0 == proposal.action);
        if let Some(&place) = same {
            return Proposed::Repeat(self.history[place].id.clone());
        }
        // Within a tick the same action was decided on already: it is the same proposal.
        if self.history.iter().rev().take_while(|row| row.proposed_at_tick == tick).any(|row| row.id == id) {
            return Proposed::Repeat(id);
        }
        let now_s = tick as f64 * self.tick_s;
        let since_s = self.proposed_s.get(&proposal.action).map(|&proposed_s| now_s - proposed_s);
        let cooling = since_s.filter(|&since_s| since_s < self.config.cooldown_s);
        let row = ActionRecord {
            id: id.clone(),
            incident_id: proposal.incident_id,
            proposed_at_tick: tick,
            action_type: kind,
            target_id: target.to_owned(),
            status: if cooling.is_some() { ActionStatus::Rejected } else { ActionStatus::Pending },
            reason: match cooling {
                Some(since_s) => {
                    format!("proposed {since_s} s ago; cooldown: {} s; {}", self.config.cooldown_s, proposal.reason)
                }
                None => proposal.reason,
            },
        };
        self.history.push(row);
        self.details.push((proposal.action, now_s));
        if cooling.is_some() {
            return Proposed::Cooling(id);
        }
        self.open.push(self.history.len() - 1);
        self.proposed_s.insert(proposal.action, now_s);
        Proposed::New(id)
    }

    /// Lets the approver decide on what it has had for long enough, and what is too old expire.
    pub fn advance(&mut self, tick: u64) {
        let now_s = tick as f64 * self.tick_s;
        let config = Arc::clone(&self.config);
        for place in self.open.clone() {
            let (action, since_s) = self.details[place];
            let age_s = now_s - since_s;
            match self.history[place].status {
                ActionStatus::Pending if age_s > config.expiry_s => {
                    self.close(place, ActionStatus::Expired, "nobody decided in time", now_s);
                }
                // A decision's ticks and a delay in seconds: a thousandth of a second is rounding.
                ActionStatus::Pending if age_s + 1e-3 >= config.delay_s => match &config.approver {
                    Approver::All => self.set(place, ActionStatus::Approved, now_s),
                    Approver::Authority(authority) if authority.permits(action) => {
                        self.set(place, ActionStatus::Approved, now_s);
                    }
                    Approver::Authority(authority) => {
                        let why = format!("role `{}` may not", authority.role());
                        self.close(place, ActionStatus::Rejected, &why, now_s);
                    }
                    Approver::Manual => {}
                },
                ActionStatus::Approved if age_s > config.expiry_s => {
                    self.close(place, ActionStatus::Expired, "it did not become legal in time", now_s);
                }
                _ => {}
            }
        }
    }

    /// The approved action that is sent now: the first that is legal; none where none is.
    pub fn execute(&mut self, tick: u64, is_legal: impl Fn(usize) -> bool) -> Option<usize> {
        let approved = |place: &usize| self.history[*place].status == ActionStatus::Approved;
        let place = self.open.iter().copied().find(|place| approved(place) && is_legal(self.details[*place].0))?;
        self.set(place, ActionStatus::Executed, tick as f64 * self.tick_s);
        self.open.retain(|&other| other != place);
        Some(self.details[place].0)
    }

    /// The actions that nobody has decided on, the oldest first.
    pub fn list_pending_actions(&self) -> Vec<&ActionRecord> {
        let rows = self.open.iter().map(|&place| &self.history[place]);
        rows.filter(|row| row.status == ActionStatus::Pending).collect()
    }

    /// Approves a pending action at a tick.
    ///
    /// # Errors
    /// An id that no action has, or an action that is not pending.
    pub fn approve_action(&mut self, id: &str, tick: u64) -> Result<(), ApprovalError> {
        let place = self.pending(id)?;
        self.set(place, ActionStatus::Approved, tick as f64 * self.tick_s);
        Ok(())
    }

    /// Rejects a pending action at a tick, for a reason, which is put after why it was proposed.
    ///
    /// # Errors
    /// An id that no action has, or an action that is not pending.
    pub fn reject_action(&mut self, id: &str, reason: &str, tick: u64) -> Result<(), ApprovalError> {
        let place = self.pending(id)?;
        self.close(place, ActionStatus::Rejected, reason, tick as f64 * self.tick_s);
        Ok(())
    }

    /// Every action that was proposed in the episode, in the order of the proposals.
    pub fn get_action_history(&self) -> &[ActionRecord] {
        &self.history
    }

    /// Why an action that was sent was last proposed.
    pub(super) fn reason_of(&self, action: usize) -> Option<String> {
        let place = self.details.iter().rposition(|&(other, _)| other == action)?;
        Some(self.history[place].reason.clone())
    }

    fn pending(&self, id: &str) -> Result<usize, ApprovalError> {
        let Some(place) = self.history.iter().position(|row| row.id == id) else {
            let pending = self.list_pending_actions();
            let nearest = nearest_name(id, pending.iter().map(|row| row.id.as_str()));
            let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Err(ApprovalError::UnknownAction { id: id.chars().take(64).collect(), nearest });
        };
        match self.history[place].status {
            ActionStatus::Pending => Ok(place),
            status => Err(ApprovalError::NotPending { id: id.to_owned(), status: status.name() }),
        }
    }

    fn set(&mut self, place: usize, status: ActionStatus, now_s: f64) {
        self.history[place].status = status;
        self.details[place].1 = now_s;
    }

    fn close(&mut self, place: usize, status: ActionStatus, reason: &str, now_s: f64) {
        self.set(place, status, now_s);
        let own = &mut self.history[place].reason;
        if !own.is_empty() {
            own.push_str("; ");
        }
        own.push_str(reason);
        self.open.retain(|&other| other != place);
    }
}
