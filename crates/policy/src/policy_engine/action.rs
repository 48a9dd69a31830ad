//! What a policy of the engine does, and to what.

use microcloud_core::{Action, SHED_PERCENT};
use serde::{Deserialize, Serialize};

use super::condition::Kind;
use crate::{
    detector::IncidentTarget,
    nearest_name,
    threshold_rules::{Remedy, targets::Targets},
};

/// What a policy does when its condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineAction {
    /// Tell people: recorded, without an effect on the system.
    Alert,
    /// Restart the service.
    RestartContainer,
    /// Add replicas to the service.
    ScaleUp,
    /// Remove replicas from the service.
    ScaleDown,
    /// Drain the node; for a service or a zone the node in reach with the highest CPU pressure.
    DrainNode,
    /// Take a drained node back.
    ReturnNode,
    /// Take traffic off the zone; for a service the zone with the highest error ratio, for a node its zone.
    Rebalance,
    /// Spread traffic over the zones in proportion to capacity.
    RebalanceAll,
    /// Go back to the service's last good version.
    Rollback,
    /// Make another member of the database the primary.
    FailOver,
    /// Drop the broker's messages.
    FlushQueue,
    /// Issue a new secret for the service.
    RotateSecret,
    /// Hold the breakers of calls to the service open.
    OpenBreaker,
    /// Let them work by themselves again.
    CloseBreaker,
    /// Remove logs from the node's disk.
    ClearDisk,
    /// Turn away a quarter of the users' requests.
    ShedLoad,
    /// Turn nobody away.
    RestoreLoad,
    /// Let no call be tried again.
    DisableRetries,
    /// Let calls be tried again.
    EnableRetries,
    /// Page a human, at a price.
    PageHuman,
}

use EngineAction as E;

/// The names in files.
const NAMES: [(&str, EngineAction); 20] = [
    ("restart_container", E::RestartContainer),
    ("scale_up", E::ScaleUp),
    ("alert", E::Alert),
    ("scale_down", E::ScaleDown),
    ("drain_node", E::DrainNode),
    ("return_node", E::ReturnNode),
    ("rebalance", E::Rebalance),
    ("rebalance_all", E::RebalanceAll),
    ("rollback", E::Rollback),
    ("fail_over", E::FailOver),
    ("flush_queue", E::FlushQueue),
    ("rotate_secret", E::RotateSecret),
    ("open_breaker", E::OpenBreaker),
    ("close_breaker", E::CloseBreaker),
    ("clear_disk", E::ClearDisk),
    ("shed_load", E::ShedLoad),
    ("restore_load", E::RestoreLoad),
    ("disable_retries", E::DisableRetries),
    ("enable_retries", E::EnableRetries),
    ("page_human", E::PageHuman),
];

impl EngineAction {
    /// The name in files.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, action)| *action == self).map_or("alert", |(name, _)| name)
    }

    /// Whether the action makes sense where the condition is about such a thing.
    pub(super) fn fits(self, kind: Kind) -> bool {
        match self {
            E::RestartContainer
            | E::ScaleUp
            | E::ScaleDown
            | E::Rollback
            | E::FailOver
            | E::FlushQueue
            | E::RotateSecret
            | E::OpenBreaker
            | E::CloseBreaker => kind == Kind::Service,
            E::ReturnNode | E::ClearDisk => kind == Kind::Node,
            _ => true,
        }
    }

    /// The names of the actions that make sense there.
    pub(super) fn fitting(kind: Kind) -> String {
        let fitting = NAMES.iter().filter(|(_, action)| action.fits(kind)).map(|(name, _)| *name);
        fitting.collect::<Vec<_>>().join(", ")
    }

    /// The environment's action, where there is one to aim at that target.
    pub(super) fn aim(
        self,
        targets: &Targets,
        target: IncidentTarget,
        observation: &[f32],
        mask: &[bool],
    ) -> Option<Action> {
        let remedy = |remedy| targets.aim(remedy, target, observation, mask);
        match (self, target) {
            (E::Alert, _) => None,
            (E::RestartContainer, _) => remedy(Remedy::Restart),
            (E::ScaleUp, _) => remedy(Remedy::ScaleUp),
            (E::ScaleDown, _) => remedy(Remedy::ScaleDown),
            (E::DrainNode, _) => remedy(Remedy::Drain),
            (E::Rebalance, _) => remedy(Remedy::Rebalance),
            (E::RebalanceAll, _) => remedy(Remedy::RebalanceAll),
            (E::Rollback, IncidentTarget::Service(id)) => Some(Action::Rollback(id)),
            (E::FailOver, IncidentTarget::Service(id)) => Some(Action::FailOver(id)),
            (E::FlushQueue, IncidentTarget::Service(id)) => Some(Action::FlushQueue(id)),
            (E::RotateSecret, IncidentTarget::Service(id)) => Some(Action::RotateSecret(id)),
            (E::OpenBreaker, IncidentTarget::Service(id)) => Some(Action::OpenBreaker(id)),
            (E::CloseBreaker, IncidentTarget::Service(id)) => Some(Action::CloseBreaker(id)),
            (E::ReturnNode, IncidentTarget::Node(id)) => Some(Action::Return(id)),
            (E::ClearDisk, IncidentTarget::Node(id)) => Some(Action::ClearDisk(id)),
            (E::ShedLoad, _) => Some(Action::Shed(SHED_PERCENT[1])),
            (E::RestoreLoad, _) => Some(Action::Shed(SHED_PERCENT[0])),
            (E::DisableRetries, _) => Some(Action::DisableRetries),
            (E::EnableRetries, _) => Some(Action::EnableRetries),
            (E::PageHuman, _) => Some(Action::PageHuman),
            _ => None,
        }
    }
}

impl TryFrom<String> for EngineAction {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, action)| *action);
        known.ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name);
            let nearest = nearest_name(&name, names).map(|name| format!("; did you mean `{name}`?"));
            format!("unknown action `{name}`{}; allowed: {}", nearest.unwrap_or_default(), names.join(", "))
        })
    }
}

impl From<EngineAction> for String {
    fn from(action: EngineAction) -> String {
        action.name().to_owned()
    }
}
