//! What is undone when all is calm: drained nodes return, traffic is spread again, services shrink.

use microcloud_core::{Action, NodeId};

use super::{RulesAgent, RulesState, targets::value};

/// A service is above its initial size from this ratio on; noise in the observation stays below it.
const ABOVE_INITIAL: f32 = 1.05;

impl RulesAgent {
    /// The first thing that has been calm for long enough to be undone.
    pub(crate) fn tidy(&self, state: &RulesState, observation: &[f32], mask: &[bool]) -> Option<usize> {
        let quiet = &self.config.quiet;
        let now_s = self.detector.time_s(&state.detector);
        let calm_s = now_s - state.alarmed_s.iter().copied().fold(0.0, f64::max);
        let long = |since: f64, wait: Option<f64>| wait.is_some_and(|wait| since >= wait);
        if long(calm_s, quiet.return_after_s) {
            let returning = (0..self.targets.node_zones.len() as u32)
                .filter_map(|node| self.targets.legal(Action::Return(NodeId(node)), mask))
                .next();
            if returning.is_some() {
                return returning;
            }
        }
        if state.shifted
            && long(calm_s, quiet.rebalance_after_s)
            && let Some(action) = self.targets.legal(Action::RebalanceAll, mask)
        {
            return Some(action);
        }
        let above = self.targets.services().filter_map(|service| {
            let index = service.index();
            let since_s = now_s - state.alarmed_s[index].max(state.acted_s[index]).max(0.0);
            let size = value(self.targets.running[index], observation);
            let busy = value(self.targets.utilisation[index], observation);
            if size < ABOVE_INITIAL
                || f64::from(busy) >= quiet.scale_down_below
                || !long(since_s, quiet.scale_down_after_s)
            {
                return None;
            }
            self.targets.legal(Action::ScaleDown(service), mask).map(|action| (size, action))
        });
        above.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, action)| action)
    }
}
