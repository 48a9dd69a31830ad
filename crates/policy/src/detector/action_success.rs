//! The metric `action_success_rate`: the share of actions after which what they answered was resolved in time.

use microcloud_core::{Action, Topology};
use serde::{Deserialize, Serialize};

use super::{Incident, IncidentTarget};

/// Counts actions by whether the incidents they answered were resolved within a bound; one per episode, or one over many.
///
/// An action answers the open incidents on its target; where there are none, every open incident of the highest severity.
/// It succeeds once all of them have been resolved at or before the bound, and fails when the bound passes first. An action
/// that answers nothing is not counted, an action whose bound has not passed yet is pending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSuccess {
    bound_s: f64,
    pending: Vec<Pending>,
    succeeded: u64,
    failed: u64,
}

/// An action whose incidents are not all resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    sent_s: f64,
    /// Rule, target and first tick of each incident.
    answered: Vec<(String, String, u64)>,
}

impl ActionSuccess {
    /// Nothing counted yet; a bound of zero or less, or not a number, counts as no time at all.
    pub fn new(bound_s: f64) -> Self {
        Self { bound_s: bound_s.max(0.0), pending: Vec::new(), succeeded: 0, failed: 0 }
    }

    /// Notes that the action of an index was sent at a time, in view of the incidents known then; no-op is no action.
    pub fn act(&mut self, topology: &Topology, action: usize, now_s: f64, incidents: &[Incident]) {
        let target = match topology.action(action) {
            None | Some(Action::NoOp) => return,
            Some(action) => target(action),
        };
        let (kind, name) = (target.kind(), target.name(topology));
        let open = || incidents.iter().filter(|incident| !incident.resolved);
        let mut answered: Vec<&Incident> =
            open().filter(|incident| incident.target_kind == kind && incident.target == name).collect();
        if answered.is_empty() {
            let worst = open().map(|incident| incident.severity).max();
            answered = open().filter(|incident| Some(incident.severity) == worst).collect();
        }
        if !answered.is_empty() {
            self.pending.push(Pending { sent_s: now_s, answered: answered.into_iter().map(key).collect() });
        }
    }

    /// Takes in the incidents that are known after an observation; those resolved or gone count as resolved.
    pub fn observe(&mut self, now_s: f64, incidents: &[Incident]) {
        let open: Vec<_> = incidents.iter().filter(|incident| !incident.resolved).map(key).collect();
        let Self { bound_s, pending, succeeded, failed } = self;
        pending.retain_mut(|action| {
            let in_time = now_s - action.sent_s <= *bound_s;
            if in_time {
                action.answered.retain(|incident| open.contains(incident));
            }
            let resolved = action.answered.is_empty();
            *succeeded += u64::from(resolved);
            *failed += u64::from(!resolved && !in_time);
            in_time && !resolved
        });
    }

    /// The share of judged actions that succeeded; none before the first is judged.
    pub fn rate(&self) -> Option<f64> {
        let judged = self.succeeded + self.failed;
        (judged > 0).then(|| self.succeeded as f64 / judged as f64)
    }

    /// Actions that succeeded, failed, and are pending.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.succeeded, self.failed, self.pending.len() as u64)
    }
}

/// What tells an incident from every other of an episode.
fn key(incident: &Incident) -> (String, String, u64) {
    (incident.rule_name.clone(), format!("{}.{}", incident.target_kind, incident.target), incident.tick_id)
}

/// What an action is aimed at.
fn target(action: Action) -> IncidentTarget {
    match action {
        Action::Restart(id)
        | Action::ScaleUp(id)
        | Action::ScaleDown(id)
        | Action::Rollback(id)
        | Action::OpenBreaker(id)
        | Action::CloseBreaker(id)
        | Action::FlushQueue(id)
        | Action::FailOver(id)
        | Action::RotateSecret(id) => IncidentTarget::Service(id),
        Action::Drain(id) | Action::Return(id) | Action::ClearDisk(id) => IncidentTarget::Node(id),
        Action::Rebalance(id) => IncidentTarget::Zone(id),
        _ => IncidentTarget::Global,
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{Scenario, ServiceId};

    use super::*;
    use crate::detector::Severity;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn incident(rule: &str, target: &str, severity: Severity, tick_id: u64, resolved: bool) -> Incident {
        Incident {
            severity,
            title: String::new(),
            description: String::new(),
            rule_name: rule.to_owned(),
            target_kind: "service",
            target: target.to_owned(),
            detected_at: tick_id as f64,
            tick_id,
            resolved,
        }
    }

    #[test]
    fn an_action_succeeds_when_its_incident_is_resolved_in_time_and_fails_when_it_is_not() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let name = topology.service_names()[0].clone();
        let restart = topology.action_index(Action::Restart(ServiceId(0))).ok_or("no restart")?;
        let open = |tick| [incident("errors", &name, Severity::High, tick, false)];
        for (resolved_at_s, expected) in [(30.0, Some(1.0)), (60.0, Some(1.0)), (65.0, Some(0.0))] {
            let mut tracker = ActionSuccess::new(60.0);
            tracker.act(&topology, restart, 0.0, &open(0));
            let mut now_s = 0.0;
            while now_s < 100.0 {
                now_s += 5.0;
                // What comes back after it was resolved is another incident.
                let seen = if now_s < resolved_at_s { open(0) } else { open(50) };
                tracker.observe(now_s, &seen);
            }
            assert_eq!(tracker.rate(), expected, "{resolved_at_s}");
        }
        Ok(())
    }

    #[test]
    fn an_action_answers_its_target_first_and_else_the_gravest_and_nothing_where_nothing_is_open() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let names = topology.service_names();
        let (own, other) = (names[0].as_str(), names[1].as_str());
        let restart = topology.action_index(Action::Restart(ServiceId(0))).ok_or("no restart")?;
        let both = [incident("a", own, Severity::Low, 0, false), incident("b", other, Severity::Critical, 0, false)];
        let mut tracker = ActionSuccess::new(60.0);
        tracker.act(&topology, restart, 0.0, &both);
        tracker.observe(5.0, &both[1..]);
        assert_eq!(tracker.counts(), (1, 0, 0));
        tracker.act(&topology, restart, 5.0, &both[1..]);
        assert_eq!(tracker.counts(), (1, 0, 1));
        tracker.observe(70.0, &both[1..]);
        assert_eq!((tracker.counts(), tracker.rate()), ((1, 1, 0), Some(0.5)));
        tracker.act(&topology, restart, 70.0, &[]);
        tracker.act(&topology, 0, 70.0, &both);
        tracker.act(&topology, restart, 70.0, &[incident("c", own, Severity::Low, 0, true)]);
        assert_eq!(tracker.counts(), (1, 1, 0));
        Ok(())
    }
}
