//! The rules compiled for one topology, and one environment's windows and open incidents.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use microcloud_core::{Topology, observation::BOUND, observation::latency_feature};
use serde::{Deserialize, Serialize};

use super::{
    Incident, IncidentTarget, Operator, Rule, RuleError,
    metric::{Metric, decision_s, latency_ms},
    rule::LONGEST_WINDOW_S,
};

/// A set of rules compiled for one topology; shared by all its environments.
#[derive(Clone)]
pub struct Detector {
    topology: Arc<Topology>,
    rules: Vec<Rule>,
    /// By rule.
    spans: Vec<Span>,
    checks: Vec<Check>,
    columns: Vec<usize>,
    capacity: usize,
    decision_s: f64,
}

/// What all checks of a rule share, and which those are.
#[derive(Clone)]
struct Span {
    checks: Range<usize>,
    threshold: f64,
    samples: usize,
    in_ms: bool,
}

/// One rule applied to one target.
#[derive(Clone)]
struct Check {
    rule: usize,
    target: IncidentTarget,
    series: usize,
}

/// One environment's windows and open incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorState {
    observations: u64,
    /// `[capacity, series]`: the last observations, each over the one that is as old as the longest window.
    windows: Vec<f32>,
    sums: Vec<f64>,
    open_since: Vec<Option<u64>>,
    resolved: Vec<(usize, u64)>,
    opened: bool,
}

/// An incident without words: [`Detector::describe`] finds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    check: usize,
    since: u64,
    /// The window's mean, in the observation's scale.
    mean: f64,
    resolved: bool,
}

impl Finding {
    /// Whether the rule has ceased to hold.
    pub fn is_resolved(&self) -> bool {
        self.resolved
    }
}

/// An open incident, as light as deciding on it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// Index of the rule in the detector's set.
    pub rule: usize,
    /// What the incident is about.
    pub target: IncidentTarget,
    /// Seconds from the episode's start at which the rule first held.
    pub since_s: f64,
    /// The window's mean over the threshold, both in the observation's scale; 1 where the threshold is 0.
    pub excess: f64,
}

impl Detector {
    /// Compiles rules for a topology.
    ///
    /// # Errors
    /// Names that occur twice, windows that are empty or longer than a day, thresholds that are not finite or that no value
    /// can pass, metrics that the observation does not have.
    pub fn new(rules: Vec<Rule>, topology: &Arc<Topology>) -> Result<Self, RuleError> {
        let decision_s = decision_s(topology);
        let mut names = BTreeSet::new();
        let (mut spans, mut checks, mut columns, mut capacity) = (Vec::new(), Vec::new(), Vec::new(), 1);
        for (index, rule) in rules.iter().enumerate() {
            if !names.insert(rule.name.as_str()) {
                return Err(RuleError::Duplicate(rule.name.clone()));
            }
            let metric = Metric::new(&rule.name, &rule.metric_name, topology)?;
            let threshold = threshold(rule, metric.in_ms)?;
            let samples = (f64::from(rule.window_seconds) / decision_s).round().max(1.0) as usize;
            capacity = capacity.max(samples);
            let before = checks.len();
            for &(target, column) in &metric.columns {
                let series = columns.iter().position(|&known| known == column).unwrap_or_else(|| {
                    columns.push(column);
                    columns.len() - 1
                });
                checks.push(Check { rule: index, target, series });
            }
            let in_ms = metric.in_ms;
            spans.push(Span { checks: before..checks.len(), threshold, samples, in_ms });
        }
        Ok(Self { topology: Arc::clone(topology), rules, spans, checks, columns, capacity, decision_s })
    }

    /// One rule applied to one target, for every check in order: the rule's index and the target.
    pub(super) fn checks(&self) -> impl ExactSizeIterator<Item = (usize, IncidentTarget)> + '_ {
        self.checks.iter().map(|check| (check.rule, check.target))
    }

    /// Whether a check's rule holds, and the window's mean in the observation's scale.
    pub(super) fn reading(&self, state: &DetectorState, check: usize) -> (bool, f64) {
        (state.open_since[check].is_some(), self.mean(state, check))
    }

    /// A check and its window's mean in words.
    pub(super) fn description(&self, check: usize, mean: f64) -> String {
        let Check { rule, target, .. } = self.checks[check];
        let (rule, name) = (&self.rules[rule], target.name(&self.topology));
        let value = if self.spans[self.checks[check].rule].in_ms { latency_ms(mean) } else { mean };
        format!(
            "{} of {} is {value:.3} over {} s ({} {})",
            rule.metric_name,
            if name.is_empty() { "the cluster" } else { name },
            rule.window_seconds,
            rule.operator.sign(),
            rule.threshold,
        )
    }

    /// The rules, in the order given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The state at an episode's start: empty windows, no incidents.
    pub fn start(&self) -> DetectorState {
        DetectorState {
            observations: 0,
            windows: vec![0.0; self.columns.len() * self.capacity],
            sums: vec![0.0; self.checks.len()],
            open_since: vec![None; self.checks.len()],
            resolved: Vec::new(),
            opened: false,
        }
    }

    /// Takes in the next observation: slides the windows, opens and resolves incidents.
    ///
    /// The first observation after [`Detector::start`] is the one at the episode's second 0; a window that is not full yet
    /// is averaged over what it holds.
    pub fn observe(&self, state: &mut DetectorState, observation: &[f32]) {
        let DetectorState { observations, windows, sums, open_since, resolved, opened } = state;
        let (now, num_series) = (*observations, self.columns.len());
        let slot = (now % self.capacity as u64) as usize;
        *opened = false;
        resolved.clear();
        for (rule, Span { checks, threshold, samples, .. }) in self.rules.iter().zip(&self.spans) {
            let leaving = (now >= *samples as u64).then(|| {
                let slot = (slot + self.capacity - samples) % self.capacity;
                &windows[slot * num_series..][..num_series]
            });
            let filled = (now + 1).min(*samples as u64) as f64;
            for index in checks.clone() {
                let series = self.checks[index].series;
                let mut sum = sums[index] + f64::from(observation[self.columns[series]]);
                if let Some(leaving) = leaving {
                    sum -= f64::from(leaving[series]);
                }
                sums[index] = sum;
                match (rule.operator.holds(sum / filled, *threshold), open_since[index]) {
                    (true, None) => {
                        open_since[index] = Some(now);
                        *opened = true;
                    }
                    (false, Some(since)) => {
                        open_since[index] = None;
                        resolved.push((index, since));
                    }
                    _ => {}
                }
            }
        }
        for (value, &column) in windows[slot * num_series..].iter_mut().zip(&self.columns) {
            *value = observation[column];
        }
        *observations += 1;
    }

    /// The open incidents, in the order of the rules and then of the targets.
    pub fn alarms<'a>(&'a self, state: &'a DetectorState) -> impl Iterator<Item = Alarm> + 'a {
        let checks = self.checks.iter().enumerate().zip(&state.open_since);
        checks.filter_map(|((index, check), since)| {
            since.map(|since| Alarm {
                rule: check.rule,
                target: check.target,
                since_s: since as f64 * self.decision_s,
                excess: match self.spans[check.rule].threshold {
                    0.0 => 1.0,
                    threshold => self.mean(state, index) / threshold,
                },
            })
        })
    }

    /// The open incidents and those that the last observation resolved, with their texts.
    pub fn incidents(&self, state: &DetectorState) -> Vec<Incident> {
        self.findings(state).map(|finding| self.describe(&finding)).collect()
    }

    /// The open incidents, in the order of the rules and then of the targets, and those that the last observation resolved.
    pub fn findings<'a>(&'a self, state: &'a DetectorState) -> impl Iterator<Item = Finding> + 'a {
        self.found(state, |_| true)
    }

    /// Those that the last observation opened or resolved.
    pub fn changes<'a>(&'a self, state: &'a DetectorState) -> impl Iterator<Item = Finding> + 'a {
        let now = state.observations;
        // Nothing has changed in most observations.
        let some = state.opened || !state.resolved.is_empty();
        some.then(|| self.found(state, move |since| since + 1 == now)).into_iter().flatten()
    }

    /// The incidents that opened at certain observations, and those that the last one resolved.
    fn found<'a>(
        &'a self,
        state: &'a DetectorState,
        opened: impl Fn(u64) -> bool + 'a,
    ) -> impl Iterator<Item = Finding> + 'a {
        let open = state.open_since.iter().enumerate();
        let open =
            open.filter_map(move |(index, since)| since.filter(|&since| opened(since)).map(|s| (index, s, false)));
        let resolved = state.resolved.iter().map(|&(index, since)| (index, since, true));
        open.chain(resolved).map(|(check, since, resolved)| {
            let mean = self.mean(state, check);
            Finding { check, since, resolved, mean }
        })
    }

    /// A finding in words.
    ///
    /// # Panics
    /// Where it is another detector's and this one has fewer checks.
    pub fn describe(&self, finding: &Finding) -> Incident {
        let check = &self.checks[finding.check];
        let rule = &self.rules[check.rule];
        let target = check.target.name(&self.topology);
        Incident {
            severity: rule.severity,
            title: if target.is_empty() { rule.name.clone() } else { format!("{} on {target}", rule.name) },
            description: self.description(finding.check, finding.mean),
            rule_name: rule.name.clone(),
            target_kind: check.target.kind(),
            target: target.to_owned(),
            detected_at: finding.since as f64 * self.decision_s,
            tick_id: finding.since * u64::from(self.topology.scenario().decision_ticks),
            resolved: finding.resolved,
        }
    }

    /// Whether a state is one that this detector can have reached: its sizes and places are this detector's.
    pub fn fits(&self, state: &DetectorState) -> bool {
        let place = |since: u64| since < state.observations;
        state.windows.len() == self.columns.len() * self.capacity
            && state.sums.len() == self.checks.len()
            && state.open_since.len() == self.checks.len()
            && state.open_since.iter().flatten().all(|&since| place(since))
            && state.resolved.iter().all(|&(index, since)| index < self.checks.len() && place(since))
            && state.windows.iter().all(|value| value.is_finite())
            && state.sums.iter().all(|value| value.is_finite())
    }

    /// Seconds from the episode's start to the last observation.
    pub fn time_s(&self, state: &DetectorState) -> f64 {
        state.observations.saturating_sub(1) as f64 * self.decision_s
    }

    fn mean(&self, state: &DetectorState, index: usize) -> f64 {
        state.sums[index] / state.observations.clamp(1, self.spans[self.checks[index].rule].samples as u64) as f64
    }
}

impl DetectorState {
    /// Whether the last observation opened an incident.
    pub fn opened_incident(&self) -> bool {
        self.opened
    }
}

/// A rule's threshold in the observation's scale.
fn threshold(rule: &Rule, in_ms: bool) -> Result<f64, RuleError> {
    if !rule.threshold.is_finite() {
        return Err(RuleError::Threshold { rule: rule.name.clone(), threshold: rule.threshold });
    }
    if !(1..=LONGEST_WINDOW_S).contains(&rule.window_seconds) {
        return Err(RuleError::Window { rule: rule.name.clone(), window_seconds: rule.window_seconds });
    }
    if in_ms {
        return Ok(f64::from(latency_feature(rule.threshold as f32)));
    }
    let bound = f64::from(BOUND);
    let possible = match rule.operator {
        Operator::Gt => rule.threshold < bound,
        Operator::Gte => rule.threshold <= bound,
        Operator::Lt => rule.threshold > -bound,
        Operator::Lte => rule.threshold >= -bound,
        Operator::Eq => rule.threshold.abs() <= bound,
    };
    if possible {
        return Ok(rule.threshold);
    }
    Err(RuleError::NeverHolds {
        rule: rule.name.clone(),
        metric_name: rule.metric_name.clone(),
        sign: rule.operator.sign(),
        threshold: rule.threshold,
    })
}

#[cfg(test)]
mod tests;
