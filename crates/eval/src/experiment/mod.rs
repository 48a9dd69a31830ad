//! Fault-injection experiments: a baseline without a fault, then one fault after another over the same levels, and what was
//! detected, done and recovered, at the resolution of a tick.
//!
//! [`run_experiment`] plays the steps and returns an [`ExperimentReport`]; [`page`] writes it as a self-contained HTML page.
//! Every episode is played twice side by side: as any other is, with a decision every few ticks, and with the same actions
//! tick by tick, which is where figures are taken; both have the same dynamics to the bit. What health checks do is seen a
//! third time in a cluster that readmits nobody, since a share of replicas that leave and come back would hide how soon one
//! leaves for the first time. [`Laboratory`] is a cluster into which faults are injected while it runs.

mod error;
mod expectation;
mod fault_setting;
mod file;
mod laboratory;
mod latency;
mod measures;
mod page;
mod plots;
mod report;
mod spread;
mod table;
mod watch;

use std::sync::Arc;

use microcloud_core::{Level, Split, Topology};
use microcloud_policy::{ThresholdRulesConfig, detector::DetectorConfig};
use rayon::prelude::*;

pub use error::ExperimentError;
pub use expectation::{Expectation, Finding, QUANTITIES};
pub use fault_setting::{FaultSetting, fault_names};
pub use file::{ExperimentFile, TimelineEntry};
pub use laboratory::{LabCommand, LabEvent, LabFault, LabStatus, Laboratory};
pub use page::page;
pub use report::{Course, ExperimentReport, InjectedFault, StepReport};
pub use spread::Spread;

use crate::{Contender, EvaluationError, Progress};
use fault_setting::Injection;
use measures::Measures;
use watch::Watch;

/// The step without a fault.
pub const BASELINE: &str = "baseline";
/// Levels that every step is played on, where nothing else is said.
pub const EPISODES: usize = 20;
/// Longest stretch within the objectives that recovery asks for, in seconds, and the most of an episode that it may take.
const CALM_S: f64 = 60.0;
const CALM_RATIO: f64 = 0.1;

/// What is played.
#[derive(Clone, Debug)]
pub struct ExperimentConfig {
    /// The scenario.
    pub topology: Arc<Topology>,
    /// What the experiment is about.
    pub description: String,
    /// Who acts.
    pub contender: Contender,
    /// What finds that something is wrong, beside health checks.
    pub detectors: DetectorConfig,
    /// The faults; the described experiment's four, as far as the scenario can have them, where empty.
    pub faults: Vec<FaultSetting>,
    /// Whether faults that the scenario has no target for are left out and named in the report, and not refused.
    pub skips_unfit: bool,
    /// Levels that every step is played on.
    pub episodes: usize,
    /// Draws the levels.
    pub seed: u64,
    /// The split that they are drawn from.
    pub split: Split,
    /// Seconds within the objectives after which the cluster counts as recovered; a minute or a tenth of the episode, the
    /// shorter, where absent.
    pub calm_s: Option<f64>,
    /// Threads; 0 takes as many as the machine has.
    pub threads: usize,
    /// What a description says of it.
    pub expectations: Vec<Expectation>,
}

impl ExperimentConfig {
    /// The described experiment's four faults on a scenario under a policy, on [`EPISODES`] train levels.
    pub fn new(topology: Arc<Topology>, contender: Contender) -> Self {
        Self {
            topology,
            description: String::new(),
            contender,
            detectors: default_detectors(),
            faults: Vec::new(),
            skips_unfit: false,
            episodes: EPISODES,
            seed: 0,
            split: Split::Train,
            calm_s: None,
            threads: 0,
            expectations: Vec::new(),
        }
    }

    /// Episodes that [`run_experiment`] plays at most: the length of a progress bar.
    pub fn total_episodes(&self) -> usize {
        let faults = if self.faults.is_empty() { FaultSetting::described().len() } else { self.faults.len() };
        self.episodes * (1 + faults)
    }
}

/// Plays the baseline and every fault on the same levels, and reports a step for each.
///
/// # Errors
/// No levels, faults that do not fit the scenario, a policy that does not, an interruption.
pub fn run_experiment(config: &ExperimentConfig, progress: &dyn Progress) -> Result<ExperimentReport, ExperimentError> {
    if config.episodes == 0 {
        return Err(EvaluationError::Zero { key: "episodes" }.into());
    }
    let scenario = config.topology.scenario();
    let tick_s = f64::from(scenario.tick_ms) / 1000.0;
    let decision_s = tick_s * f64::from(scenario.decision_ticks);
    let episode_s = decision_s * f64::from(scenario.episode_decisions);
    let calm_s = config.calm_s.unwrap_or(CALM_S.min(CALM_RATIO * episode_s));
    if !(calm_s > 0.0 && calm_s < episode_s) {
        return Err(ExperimentError::OutOfRange {
            key: "calm_s".to_owned(),
            found: calm_s.to_string(),
            allowed: format!("more than 0, less than the episode's {episode_s} s"),
        });
    }
    let watch = Watch::new(&config.topology, &config.contender, &config.detectors)?;
    let (injections, skipped) = injections(config, &watch)?;
    for expectation in &config.expectations {
        let names = injections.iter().map(|injection| injection.name.as_str());
        expectation.check(std::iter::once(BASELINE).chain(names))?;
    }
    let levels = levels(config);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build()
        .map_err(|error| EvaluationError::Threads { threads: config.threads, problem: error.to_string() })?;
    let play = |injection: Option<&Injection>| -> Result<Vec<Measures>, ExperimentError> {
        let one = |(episode, &level): (usize, &Level)| {
            let plan = injection.map(|injection| injection.plan_of(episode));
            let trace = watch.play(level, plan.as_ref(), progress)?;
            progress.advance(1);
            let slo_p99_ms = f64::from(scenario.slo.p99_ms);
            Ok(measures::measure(&trace, slo_p99_ms, calm_s, scenario.decision_ticks as usize))
        };
        if config.contender.is_in_turn() {
            return levels.iter().enumerate().map(one).collect();
        }
        pool.install(|| levels.par_iter().enumerate().map(one).collect())
    };
    let mut steps = vec![report::step(BASELINE, None, &play(None)?, decision_s)];
    for injection in &injections {
        steps.push(report::step(&injection.name, Some(injection), &play(Some(injection))?, decision_s));
    }
    Ok(ExperimentReport {
        schema: 1,
        scenario: scenario.name.clone(),
        description: config.description.clone(),
        policy: config.contender.name().to_owned(),
        split: config.split.to_string(),
        seed: config.seed,
        episodes: config.episodes,
        tick_s,
        decision_s,
        episode_s,
        calm_s,
        slo_p99_ms: f64::from(scenario.slo.p99_ms),
        findings: config.expectations.iter().map(|expectation| expectation.beside(&steps)).collect(),
        steps,
        skipped,
    })
}

/// The faults with everything filled in, named apart, and those of the default list that the scenario cannot have.
fn injections(config: &ExperimentConfig, watch: &Watch<'_>) -> Result<(Vec<Injection>, Vec<String>), ExperimentError> {
    let (mut injections, mut skipped) = (Vec::new(), Vec::new());
    let described = config.faults.is_empty();
    let faults = if described { FaultSetting::described() } else { config.faults.clone() };
    for setting in &faults {
        let setting = fault_setting::aimed(setting, config.detectors.runs_on.as_deref())?;
        match fault_setting::resolve(&setting, watch.scratch()) {
            Ok(injection) => injections.push(injection),
            Err(error @ ExperimentError::NoTarget { .. }) if described || config.skips_unfit => {
                skipped.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    // A fault may be given twice with other targets or magnitudes: steps are told apart by names.
    let names: Vec<String> = injections.iter().map(|injection| injection.name.clone()).collect();
    for (place, injection) in injections.iter_mut().enumerate() {
        let earlier = names[..place].iter().filter(|name| **name == injection.name).count();
        if earlier > 0 {
            injection.name = format!("{} ({})", injection.name, earlier + 1);
        }
    }
    Ok((injections, skipped))
}

/// What finds that something is wrong where nothing else is said: the rules of the baseline threshold-rules.
pub fn default_detectors() -> DetectorConfig {
    DetectorConfig { rules: ThresholdRulesConfig::default().rules, ..DetectorConfig::default() }
}

/// The first distinct levels that the seed draws.
fn levels(config: &ExperimentConfig) -> Vec<Level> {
    let mut seen = std::collections::BTreeSet::new();
    let drawn = (0..).map(|k| Level::draw(config.split, config.seed, k));
    drawn.filter(|level| seen.insert(*level)).take(config.episodes).collect()
}
