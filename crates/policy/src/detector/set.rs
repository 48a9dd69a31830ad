//! All detectors of a topology as one: one state per environment, one stream of incidents.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{
    BurnRate, Check, DeadMan, Detector, DetectorConfig, DetectorError, DetectorState, HealthCheck, Incident,
    IncidentTarget, ObservationDetector, Outlier, RuleError, Verdict, VoterMismatch, ZScore, dead_man::host_column,
    metric::decision_s,
};

/// Threshold rules and other detectors compiled for one topology; shared by all its environments.
///
/// A rule is added as data, in [`DetectorConfig::rules`] or in a file; a detector of another kind is a type that implements
/// [`ObservationDetector`] and is handed to [`DetectorSet::add`]:
///
/// ```
/// use microcloud_core::{Scenario, Topology};
/// use microcloud_policy::detector::{
///     Check, DetectorConfig, DetectorSet, IncidentTarget, ObservationDetector, Severity, Verdict,
/// };
///
/// /// Reports when the cluster costs twice what it began with.
/// struct TwiceTheCost {
///     checks: Vec<Check>,
///     column: usize,
/// }
///
/// impl ObservationDetector for TwiceTheCost {
///     fn checks(&self) -> &[Check] {
///         &self.checks
///     }
///     fn start(&self) -> Vec<f64> {
///         Vec::new()
///     }
///     fn look(&self, _: u64, observation: &[f32], _: &mut [f64], verdicts: &mut [Verdict]) {
///         let value = f64::from(observation[self.column]);
///         verdicts[0] = Verdict { holds: value > 2.0, value, expected: 1.0, score: value };
///     }
///     fn describe(&self, _: usize, verdict: &Verdict) -> String {
///         format!("{:.1} times the initial cost", verdict.value)
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let topology = Topology::new(Scenario::load("spine12")?)?;
/// let column = topology.observation_index("global.cost").ok_or("no such feature")?;
/// let (rule_name, metric_name) = ("twice_the_cost".to_owned(), "global.cost".to_owned());
/// let check = Check { rule_name, metric_name, severity: Severity::Low, target: IncidentTarget::Global };
/// let mut set = DetectorSet::new(&DetectorConfig::all(), &topology)?;
/// set.add(TwiceTheCost { checks: vec![check], column })?;
///
/// let mut state = set.start();
/// let mut observation = vec![0.0; topology.observation_size()];
/// observation[column] = 2.5;
/// set.observe(&mut state, &observation);
/// assert!(set.incidents(&state).iter().any(|incident| incident.rule_name == "twice_the_cost"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DetectorSet {
    topology: Arc<Topology>,
    rules: Detector,
    detectors: Vec<Arc<dyn ObservationDetector>>,
    /// The checks of the rules, then those of the detectors in turn.
    checks: Vec<Check>,
    /// Where the observation tells how much of the detecting service runs.
    host: Option<usize>,
    decision_s: f64,
}

/// One environment's windows, memories and open incidents; cheap to clone, and plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorSetState {
    looks: u64,
    rules: DetectorState,
    /// By detector.
    memories: Vec<Vec<f64>>,
    /// By check, as are the looks at which incidents opened.
    verdicts: Vec<Verdict>,
    open_since: Vec<Option<u64>>,
    resolved: Vec<(usize, u64)>,
    opened: bool,
    masked: bool,
}

/// An open incident, as light as deciding on it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenIncident<'a> {
    /// What opened it.
    pub check: &'a Check,
    /// What its detector said last.
    pub verdict: Verdict,
    /// Seconds from the episode's start at which it opened.
    pub since_s: f64,
}

impl DetectorSet {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Whatever does not fit the topology or could never work; one line each.
    pub fn new(config: &DetectorConfig, topology: &Arc<Topology>) -> Result<Self, DetectorError> {
        let rules = Detector::new(config.rules.clone(), topology)?;
        let check = |(rule, target): (usize, IncidentTarget)| {
            let rule = &rules.rules()[rule];
            let (rule_name, metric_name) = (rule.name.clone(), rule.metric_name.clone());
            Check { rule_name, metric_name, severity: rule.severity, target }
        };
        let host = config.runs_on.as_deref();
        let mut set = Self {
            topology: Arc::clone(topology),
            checks: rules.checks().map(check).collect(),
            rules,
            detectors: Vec::new(),
            host: host.map(|name| host_column(name, topology).map(|(_, column)| column)).transpose()?,
            decision_s: decision_s(topology),
        };
        if let Some(zscore) = &config.zscore {
            set.add(ZScore::new(zscore, topology)?)?;
        }
        if let Some(health_check) = &config.health_check {
            set.add(HealthCheck::new(health_check, topology)?)?;
        }
        if let Some(voter_mismatch) = &config.voter_mismatch {
            set.add(VoterMismatch::new(voter_mismatch, topology)?)?;
        }
        if let Some(outlier) = &config.outlier {
            set.add(Outlier::new(outlier, topology)?)?;
        }
        if let Some(burn_rate) = &config.burn_rate {
            set.add(BurnRate::new(burn_rate, topology)?)?;
        }
        if let Some(dead_man) = &config.dead_man {
            set.add(DeadMan::new(dead_man, host, topology)?)?;
        }
        Ok(set)
    }

    /// Compiles the configuration in a TOML, JSON or YAML file.
    ///
    /// # Errors
    /// As [`DetectorConfig::read`] and [`DetectorSet::new`].
    pub fn read(path: &Path, topology: &Arc<Topology>) -> Result<Self, DetectorError> {
        Self::new(&DetectorConfig::read(path)?, topology)
    }

    /// Adds a detector; states made before do not fit any more.
    ///
    /// # Errors
    /// A rule's name that the set already has.
    pub fn add(&mut self, detector: impl ObservationDetector + 'static) -> Result<(), DetectorError> {
        let known: BTreeSet<&str> = self.checks.iter().map(|check| check.rule_name.as_str()).collect();
        if let Some(check) = detector.checks().iter().find(|check| known.contains(check.rule_name.as_str())) {
            return Err(RuleError::Duplicate(check.rule_name.clone()).into());
        }
        self.checks.extend_from_slice(detector.checks());
        self.detectors.push(Arc::new(detector));
        Ok(())
    }

    /// Everything that is checked: the rules' checks first, then the detectors' in the order in which they were added.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The state at an episode's start.
    pub fn start(&self) -> DetectorSetState {
        DetectorSetState {
            looks: 0,
            rules: self.rules.start(),
            memories: self.detectors.iter().map(|detector| detector.start()).collect(),
            verdicts: vec![Verdict::default(); self.checks.len()],
            open_since: vec![None; self.checks.len()],
            resolved: Vec::new(),
            opened: false,
            masked: false,
        }
    }

    /// Takes in the next observation; the first after [`DetectorSet::start`] is the one at the episode's second 0.
    ///
    /// While the service that detection runs on is down, memories go on (they are what telemetry has stored) and nothing is
    /// reported; what still holds when it is back is reported then.
    pub fn observe(&self, state: &mut DetectorSetState, observation: &[f32]) {
        let look = state.looks;
        state.looks += 1;
        state.opened = false;
        state.resolved.clear();
        state.masked = self.host.is_some_and(|column| observation[column] <= 0.0);
        self.rules.observe(&mut state.rules, observation);
        let num_rule_checks = self.num_rule_checks();
        for (check, verdict) in state.verdicts[..num_rule_checks].iter_mut().enumerate() {
            let (holds, value) = self.rules.reading(&state.rules, check);
            *verdict = Verdict { holds, value, ..Verdict::default() };
        }
        self.report(state, 0..num_rule_checks, false, look);
        let mut from = num_rule_checks;
        for (index, detector) in self.detectors.iter().enumerate() {
            let checks = from..from + detector.checks().len();
            from = checks.end;
            detector.look(look, observation, &mut state.memories[index], &mut state.verdicts[checks.clone()]);
            self.report(state, checks, detector.is_external(), look);
        }
    }

    /// Opens and resolves the incidents of some checks by their verdicts.
    fn report(&self, state: &mut DetectorSetState, checks: std::ops::Range<usize>, external: bool, look: u64) {
        if state.masked && !external {
            return;
        }
        for check in checks {
            match (state.verdicts[check].holds, state.open_since[check]) {
                (true, None) => {
                    state.open_since[check] = Some(look);
                    state.opened = true;
                }
                (false, Some(since)) => {
                    state.open_since[check] = None;
                    state.resolved.push((check, since));
                }
                _ => {}
            }
        }
    }

    /// The open incidents, in the order of the checks.
    pub fn open<'a>(&'a self, state: &'a DetectorSetState) -> impl Iterator<Item = OpenIncident<'a>> + 'a {
        let checks = self.checks.iter().zip(&state.verdicts).zip(&state.open_since);
        checks.filter_map(|((check, &verdict), since)| {
            since.map(|since| OpenIncident { check, verdict, since_s: since as f64 * self.decision_s })
        })
    }

    /// The open incidents and those that the last observation resolved, with their texts.
    pub fn incidents(&self, state: &DetectorSetState) -> Vec<Incident> {
        self.described(state, |_| true)
    }

    /// The incidents that the last observation opened or resolved, with their texts: the stream to store.
    pub fn changes(&self, state: &DetectorSetState) -> Vec<Incident> {
        self.described(state, |since| since + 1 == state.looks)
    }

    fn described(&self, state: &DetectorSetState, wanted: impl Fn(u64) -> bool) -> Vec<Incident> {
        let open = state.open_since.iter().enumerate();
        let open = open.filter_map(|(check, since)| since.filter(|&since| wanted(since)).map(|s| (check, s, false)));
        let resolved = state.resolved.iter().map(|&(check, since)| (check, since, true));
        open.chain(resolved).map(|(check, since, resolved)| self.describe(state, check, since, resolved)).collect()
    }

    fn describe(&self, state: &DetectorSetState, index: usize, since: u64, resolved: bool) -> Incident {
        let check = &self.checks[index];
        let verdict = &state.verdicts[index];
        let target = check.target.name(&self.topology);
        Incident {
            severity: check.severity,
            title: if target.is_empty() { check.rule_name.clone() } else { format!("{} on {target}", check.rule_name) },
            description: self.text(index, verdict),
            rule_name: check.rule_name.clone(),
            target_kind: check.target.kind(),
            target: target.to_owned(),
            detected_at: since as f64 * self.decision_s,
            tick_id: since * u64::from(self.topology.scenario().decision_ticks),
            resolved,
        }
    }

    /// A verdict in the words of the detector that made it.
    fn text(&self, check: usize, verdict: &Verdict) -> String {
        let Some(mut own) = check.checked_sub(self.num_rule_checks()) else {
            return self.rules.description(check, verdict.value);
        };
        for detector in &self.detectors {
            let count = detector.checks().len();
            if own < count {
                return detector.describe(own, verdict);
            }
            own -= count;
        }
        String::new()
    }

    /// Whether a state is one that this set can have reached: its sizes and places are this set's.
    pub fn fits(&self, state: &DetectorSetState) -> bool {
        let place = |since: u64| since < state.looks;
        let finite = |verdict: &Verdict| [verdict.value, verdict.expected, verdict.score].iter().all(|x| x.is_finite());
        let memory = |(memory, detector): (&Vec<f64>, &Arc<dyn ObservationDetector>)| {
            memory.len() == detector.start().len() && memory.iter().all(|value| value.is_finite())
        };
        self.rules.fits(&state.rules)
            && state.memories.len() == self.detectors.len()
            && state.memories.iter().zip(&self.detectors).all(memory)
            && state.verdicts.len() == self.checks.len()
            && state.verdicts.iter().all(finite)
            && state.open_since.len() == self.checks.len()
            && state.open_since.iter().flatten().all(|&since| place(since))
            && state.resolved.iter().all(|&(check, since)| check < self.checks.len() && place(since))
    }

    /// Seconds from the episode's start to the last observation.
    pub fn time_s(&self, state: &DetectorSetState) -> f64 {
        state.looks.saturating_sub(1) as f64 * self.decision_s
    }

    fn num_rule_checks(&self) -> usize {
        self.rules.checks().len()
    }
}

impl DetectorSetState {
    /// Whether the last observation opened an incident.
    pub fn opened_incident(&self) -> bool {
        self.opened
    }

    /// Whether the service that detection runs on is down, so that only external detectors report.
    pub fn is_masked(&self) -> bool {
        self.masked
    }
}

#[cfg(test)]
mod tests;
