//! Which incident is answered, and with what.

use std::cmp::Reverse;

use super::{HostRank, Order, RulesAgent, RulesState, agent::Choosing};
use crate::detector::{Alarm, IncidentTarget, Severity};

impl RulesAgent {
    /// The action that answers the worst incident, or the next one where that has none left and falling through is on.
    pub(crate) fn answer(&self, state: &RulesState, observation: &[f32], mask: &[bool]) -> Option<Choosing> {
        let now_s = self.detector.time_s(&state.detector);
        let mut alarms: Vec<Alarm> = self
            .detector
            .alarms(&state.detector)
            .filter(|alarm| {
                self.responses[alarm.rule].is_some() && now_s - alarm.since_s >= self.config.choice.patience_s
            })
            .collect();
        while !alarms.is_empty() {
            let culprit = self.culprit(&alarms)?;
            let action = self.remedy(state, &alarms, culprit, observation, mask);
            if action.is_some() || !self.config.choice.fall_through {
                return action;
            }
            alarms.retain(|alarm| alarm.target != culprit);
        }
        None
    }

    /// The service, node or zone to act on.
    fn culprit(&self, alarms: &[Alarm]) -> Option<IncidentTarget> {
        let worst = alarms.iter().max_by(|a, b| self.rank(a).cmp(&self.rank(b)).then(a.excess.total_cmp(&b.excess)))?;
        match (self.config.choice.order, worst.target) {
            (Order::Path, IncidentTarget::Service(service)) => {
                let mut at = service;
                // The graph has no cycles, so the way down ends.
                while let Some(next) = self.alarming_callee(alarms, at.index()) {
                    at = next;
                }
                Some(IncidentTarget::Service(at))
            }
            _ => Some(worst.target),
        }
    }

    /// Greater is answered sooner; among equals the rule that comes first in the set.
    fn rank(&self, alarm: &Alarm) -> (bool, Severity, usize, Severity, Reverse<usize>) {
        let severity = self.detector.rules()[alarm.rule].severity;
        let (host, depth) = match alarm.target {
            IncidentTarget::Service(id) => (false, self.targets.depths[id.index()]),
            IncidentTarget::Node(_) | IncidentTarget::Zone(_) => (true, usize::MAX),
            IncidentTarget::Global => (false, 0),
        };
        let first = match self.config.choice.hosts {
            HostRank::First => host,
            HostRank::BySeverity => false,
            HostRank::Last => !host,
        };
        let leading = if self.config.choice.order == Order::Downstream { Severity::Low } else { severity };
        (first, leading, depth, severity, Reverse(alarm.rule))
    }

    fn alarming_callee(&self, alarms: &[Alarm], caller: usize) -> Option<microcloud_core::ServiceId> {
        let callees = &self.targets.callees[caller];
        let alarming = alarms.iter().filter_map(|alarm| match alarm.target {
            IncidentTarget::Service(id) if callees.contains(&id.index()) => Some((alarm, id)),
            _ => None,
        });
        alarming
            .max_by(|a, b| self.rank(a.0).cmp(&self.rank(b.0)).then(a.0.excess.total_cmp(&b.0.excess)))
            .map(|(_, id)| id)
    }

    /// The first remedy for the culprit's incidents that is legal and not cooling down.
    fn remedy(
        &self,
        state: &RulesState,
        alarms: &[Alarm],
        culprit: IncidentTarget,
        observation: &[f32],
        mask: &[bool],
    ) -> Option<Choosing> {
        let now_s = self.detector.time_s(&state.detector);
        let settling = |target| now_s - state.acted_s[self.targets.place(target)] < self.config.choice.settle_s;
        if settling(culprit) {
            return None;
        }
        let mut own: Vec<&Alarm> = alarms.iter().filter(|alarm| alarm.target == culprit).collect();
        own.sort_by_key(|alarm| (self.symptom_ranks[alarm.rule], Reverse(self.rank(alarm))));
        for alarm in own {
            let Some(response) = &self.responses[alarm.rule] else { continue };
            for &remedy in &response.actions {
                let action = self.targets.aim(remedy, culprit, observation, mask);
                let Some(action) = action.and_then(|action| self.targets.legal(action, mask)) else { continue };
                let aimed_at = self.targets.of_action(action).map(|(_, target)| target);
                let cooling = now_s - state.sent_s[action] < response.cooldown_s;
                if !cooling && !aimed_at.is_some_and(settling) {
                    return Some(Choosing::answering(action, alarm));
                }
            }
        }
        None
    }
}
