//! What a picture needs of an episode beyond the environment's present: one row a decision, and what became of its faults.

use microcloud_core::{Environment, FaultReport, Topology, Transition};
use microcloud_policy::detector::Incident;

use super::{
    layout::Layout,
    words::{fault_words, is_active},
};
use crate::{
    episode::{Sample, Yardstick, outcome},
    play::{sample, yardstick},
};

/// Width over height of the field that the call graph is drawn in.
pub(super) const GRAPH_ASPECT: f32 = 3.0;

/// An episode so far, as its pictures show it: begun at a reset and told of each decision.
///
/// It holds at most one row for each of the scenario's `episode_decisions`, the open incidents and the level's faults.
///
/// ```
/// use microcloud_core::{Environment, Scenario, Topology};
/// use microcloud_eval::picture::{History, draw, text};
///
/// let mut environment = Environment::new(Topology::new(Scenario::load("spine12")?)?);
/// let mut history = History::begin(&environment);
/// let transition = environment.step(0);
/// history.push(&environment, &transition, 0, &[]);
/// let frame = draw(&environment, &history);
/// assert_eq!(frame.rgb.len(), frame.width * frame.height * 3);
/// assert!(text(&environment, &history).contains("spine12"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct History {
    yardstick: Yardstick,
    since_s: f64,
    samples: Vec<Sample>,
    moments: Vec<Moment>,
    faults: Vec<FaultSpan>,
    open: Vec<OpenIncident>,
    layout: Layout,
    /// Each service's 99th percentile of response time in seconds when the episode began.
    calm_p99_s: Vec<f64>,
    /// Where the observation has each node's `drained`.
    drained: Vec<Option<usize>>,
}

/// Good requests over offered ones in a decision; none where there were none.
pub(super) fn good_ratio(sample: &Sample) -> Option<f64> {
    (sample.offered > 0.0).then(|| 1.0 - (sample.bad / sample.offered).clamp(0.0, 1.0))
}

/// What a decision adds to its sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// The action sent, where it was not no-op.
    pub action: Option<usize>,
    /// Incidents that its observation opened, and those open after it.
    pub opened: usize,
    pub open: usize,
}

/// A fault as far as it has shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FaultSpan {
    pub report: FaultReport,
    /// Its id, name and target.
    pub words: String,
    /// When it ended, or the present while it is active.
    pub until_s: f64,
    pub is_active: bool,
}

/// An incident that has not been resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenIncident {
    rule: String,
    target: String,
    pub title: String,
    pub detected_s: f64,
}

/// When the first fault was injected, detected, acted upon and recovered from, in seconds from the episode's start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Story {
    pub injected_s: Option<f64>,
    pub detected_s: Option<f64>,
    pub acted_s: Option<f64>,
    pub recovered_s: Option<f64>,
}

impl History {
    /// The history of an episode that begins where the environment stands.
    pub fn begin(environment: &Environment) -> Self {
        let topology = environment.topology();
        let services = (0..topology.num_services() as u32).map(microcloud_core::ServiceId);
        let drained = |node: &String| topology.observation_index(&format!("node.{node}.drained"));
        Self {
            yardstick: yardstick(environment),
            since_s: 0.0,
            samples: Vec::new(),
            moments: Vec::new(),
            faults: Vec::new(),
            open: Vec::new(),
            layout: Layout::new(topology, GRAPH_ASPECT),
            calm_p99_s: services.map(|service| environment.service_metrics(service).p99_s).collect(),
            drained: topology.node_names().iter().map(drained).collect(),
        }
    }

    /// The history of an episode that is met under way, with the incidents open then: its pictures tell of what comes after,
    /// and say since when.
    pub fn resume(environment: &Environment, incidents: &[Incident]) -> Self {
        let mut history = Self { since_s: environment.time_s(), ..Self::begin(environment) };
        history.open = incidents.iter().filter(|incident| !incident.resolved).map(OpenIncident::new).collect();
        history.follow_faults(environment);
        history
    }

    /// Seconds from the episode's start to the first that is told of.
    pub fn since_s(&self) -> f64 {
        self.since_s
    }

    /// Takes in a decision: the environment after it, what it led to, the action sent, and the incidents that the
    /// observation after it opened or resolved. Incidents that stay open may be among them.
    pub fn push(&mut self, environment: &Environment, transition: &Transition, action: usize, incidents: &[Incident]) {
        if self.samples.len() >= self.yardstick.decisions {
            return;
        }
        let mut opened = 0;
        for incident in incidents {
            let known = self.open.iter().position(|own| own.is(incident));
            match (known, incident.resolved) {
                (Some(known), true) => {
                    self.open.remove(known);
                }
                (None, false) => {
                    self.open.push(OpenIncident::new(incident));
                    opened += 1;
                }
                _ => {}
            }
        }
        self.samples.push(sample(environment, transition, action, opened > 0));
        self.moments.push(Moment { action: (action != 0).then_some(action), opened, open: self.open.len() });
        self.follow_faults(environment);
    }

    /// Lengthens the spans of active faults, ends others, and notes those that have begun.
    fn follow_faults(&mut self, environment: &Environment) {
        let now_s = environment.time_s();
        let active = environment.active_faults();
        let begun = environment.faults().into_iter().filter(|fault| fault.onset_s < now_s);
        for (index, report) in begun.enumerate() {
            let is_active = is_active(&active, &report);
            let until_s = if is_active { now_s } else { now_s.min(report.end_s) };
            match self.faults.get_mut(index) {
                Some(span) if span.is_active => (span.until_s, span.is_active) = (until_s, is_active),
                Some(_) => {}
                None => {
                    let words = fault_words(environment.topology(), &report);
                    self.faults.push(FaultSpan { report, words, until_s, is_active });
                }
            }
        }
    }

    /// Sum of the rewards so far.
    pub fn total_reward(&self) -> f64 {
        self.samples.iter().map(|sample| sample.reward).sum()
    }

    /// Good requests over offered ones so far; none where there were none.
    pub fn availability(&self) -> Option<f64> {
        let sum = |figure: fn(&Sample) -> f64| self.samples.iter().map(figure).sum::<f64>();
        let offered = sum(|sample| sample.offered);
        (offered > 0.0).then(|| 1.0 - sum(|sample| sample.bad) / offered)
    }

    pub(super) fn story(&self) -> Story {
        let Some(onset_s) = self.yardstick.onset_s else { return Story::default() };
        let Some(last) = self.samples.last().filter(|last| last.end_s > onset_s) else { return Story::default() };
        let outcome = outcome(&self.yardstick, &self.samples);
        let acted = self.samples.iter().find(|sample| sample.acted && self.start_s(sample) >= onset_s);
        // Until it has left its objectives, and come back for a minute, there is no recovery to show.
        let ttr_s = outcome.ttr_s.filter(|&ttr_s| outcome.recovered == Some(true) && ttr_s > 0.0);
        Story {
            injected_s: Some(onset_s),
            detected_s: outcome.ttd_s.map(|ttd_s| onset_s + ttd_s),
            acted_s: acted.map(|sample| self.start_s(sample)),
            recovered_s: ttr_s.map(|ttr_s| onset_s + ttr_s).filter(|&recovered_s| recovered_s <= last.end_s),
        }
    }

    /// When a sample's decision was taken.
    pub(super) fn start_s(&self, sample: &Sample) -> f64 {
        sample.end_s - self.yardstick.decision_s
    }

    /// The last action and the seconds of simulated time since it was sent, at the last decision's end.
    pub(super) fn last_action(&self) -> Option<(usize, f64)> {
        let end_s = self.samples.last()?.end_s;
        let all = self.samples.iter().zip(&self.moments).rev();
        all.filter_map(|(sample, moment)| Some((moment.action?, end_s - self.start_s(sample)))).next()
    }

    pub(super) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub(super) fn faults(&self) -> &[FaultSpan] {
        &self.faults
    }

    pub(super) fn open(&self) -> &[OpenIncident] {
        &self.open
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn calm_p99_s(&self, service: usize) -> f64 {
        self.calm_p99_s.get(service).copied().unwrap_or(f64::INFINITY)
    }

    /// Whether each node is drained, as the observation says.
    pub(super) fn drained(&self, environment: &Environment) -> Vec<bool> {
        let mut observation = vec![0.0; environment.topology().observation_size()];
        environment.observe(&mut observation);
        let flag = |column: &Option<usize>| column.and_then(|column| observation.get(column)).is_some_and(|&x| x > 0.5);
        self.drained.iter().map(flag).collect()
    }

    /// Decisions of an episode that does not end early, and the seconds of each.
    pub(super) fn extent(&self) -> (usize, f64) {
        (self.yardstick.decisions, self.yardstick.decision_s)
    }

    /// Milliseconds that the 99th percentile of response time should not exceed.
    pub(super) fn slo_p99_ms(&self) -> f64 {
        self.yardstick.slo_p99_ms
    }

    /// Whether this is the history of an episode of a cluster of that size.
    pub(super) fn fits(&self, topology: &Topology) -> bool {
        self.layout.num_services == topology.num_services() && self.drained.len() == topology.num_nodes()
    }
}

impl OpenIncident {
    fn new(incident: &Incident) -> Self {
        Self {
            rule: incident.rule_name.clone(),
            target: incident.target.clone(),
            title: incident.title.clone(),
            detected_s: incident.detected_at,
        }
    }

    fn is(&self, incident: &Incident) -> bool {
        self.rule == incident.rule_name && self.target == incident.target
    }
}
