//! What a plan undoes when all is calm: drained nodes return, traffic is spread again, services shrink.

use super::{ScriptedPlanner, script::Draft, situation::GROWN};
use crate::{
    detector::Operator,
    plan::{OnTimeout, Precondition, Step},
};

impl ScriptedPlanner {
    /// Adds steps for whatever has been calm for long enough to be undone.
    pub(super) fn tidy(&self, draft: &mut Draft<'_>) {
        let quiet = &self.config.quiet;
        let situation = draft.situation;
        let long = |since_s: f64, wait: Option<f64>| wait.is_some_and(|wait| since_s >= wait);
        if long(situation.calm_s, quiet.return_after_s) {
            for node in &situation.nodes {
                self.undo(draft, format!("return({})", node.name), "all is calm", Vec::new());
            }
        }
        if is_shifted(draft) && long(situation.calm_s, quiet.rebalance_after_s) {
            self.undo(draft, "rebalance(all)".to_owned(), "traffic was shifted and all is calm", Vec::new());
        }
        let mut grown: Vec<_> = situation.grown.iter().collect();
        grown.sort_by(|a, b| b.times.total_cmp(&a.times));
        for service in grown {
            let name = &service.service;
            let acted = ["restart", "scale up", "scale down"].map(|verb| draft.ago_s(&format!("{verb}({name})")));
            let since_s = acted.into_iter().flatten().fold(service.calm_s, f64::min);
            if service.busy < quiet.scale_down_below && long(since_s, quiet.scale_down_after_s) {
                let idle = Precondition {
                    metric: format!("service.{name}.utilisation_30s"),
                    operator: Operator::Lt,
                    threshold: quiet.scale_down_below,
                };
                let above = Precondition {
                    metric: format!("service.{name}.running"),
                    operator: Operator::Gte,
                    threshold: f64::from(GROWN),
                };
                self.undo(
                    draft,
                    format!("scale down({name})"),
                    "it has more replicas than it needs",
                    vec![idle, above],
                );
            }
        }
    }

    fn undo(&self, draft: &mut Draft<'_>, action: String, reason: &str, preconditions: Vec<Precondition>) {
        if !draft.may_send(&action, self.config.limits.cooldown_s) {
            return;
        }
        draft.steps.push(Step {
            id: format!("undo-{}", draft.steps.len() + 1),
            action,
            after: Vec::new(),
            preconditions,
            wait_s: 0.0,
            timeout_s: 0.0,
            on_timeout: OnTimeout::Skip,
            reason: reason.to_owned(),
        });
    }
}

/// Whether traffic was taken off a zone after it was last spread over all.
fn is_shifted(draft: &Draft<'_>) -> bool {
    let spread = draft.ago_s("rebalance(all)").unwrap_or(f64::INFINITY);
    let zones = draft.situation.zones.iter();
    zones.filter_map(|zone| draft.ago_s(&format!("rebalance({})", zone.name))).any(|ago_s| ago_s < spread)
}
