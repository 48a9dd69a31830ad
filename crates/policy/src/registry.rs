//! The baselines by the names that users type.

use std::sync::Arc;

use microcloud_core::Topology;
use ndarray::ArrayView2;
use thiserror::Error;

use crate::{
    Agent, NoOp, Oracle, PerEnvironment, Planner, PlannerConfig, Policy, PrivilegedPolicy, RandomPolicy,
    ThresholdRules, ThresholdRulesConfig,
    approval::ActionRecord,
    bandit::{Bandit, BanditConfig, BanditError},
    calibrated_rules::{CalibratedAgent, CalibratedConfig, CalibratedError, calibrated_for},
    planner::PlannerError,
    policy_engine::{PolicyEngine, PolicyEngineError, PolicySet},
    scaler::{Scaler, ScalerConfig, ScalerError},
    supervisor::{Supervisor, SupervisorConfig, SupervisorError},
    threshold_rules::ThresholdRulesError,
};

/// The names that [`baseline`] knows.
pub const BASELINE_NAMES: [&str; 11] = [
    "no-op",
    "random",
    "threshold-rules",
    "policy-engine",
    "supervisor",
    "autoscaler",
    "predictive-scaler",
    "planner",
    "bandit",
    "calibrated-rules",
    "oracle",
];

/// A baseline made for one topology.
pub enum Baseline {
    /// Sees the observation and the mask, nothing else.
    Observing(Box<dyn Policy>),
    /// Sees the environment itself.
    Privileged(Box<dyn PrivilegedPolicy>),
}

/// Why a baseline could not be made.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// No baseline has that name.
    #[error("unknown policy `{name}`{}; allowed: {}", did_you_mean(.nearest), BASELINE_NAMES.join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The name nearest to it.
        nearest: Option<&'static str>,
    },
    /// The topology's observation lacks what the policy's rules look at.
    #[error(transparent)]
    Rules(#[from] ThresholdRulesError),
    /// Calibrated rules that do not fit the topology.
    #[error(transparent)]
    Calibrated(#[from] CalibratedError),
    /// The bandit's configuration does not fit the topology.
    #[error(transparent)]
    Bandit(#[from] BanditError),
    /// A policy of the engine does not fit the topology.
    #[error(transparent)]
    PolicyEngine(#[from] PolicyEngineError),
    /// A scaler's configuration is out of range.
    #[error(transparent)]
    Scaler(#[from] ScalerError),
    /// The supervisor's configuration is out of range.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The topology's observation lacks what the planner's agents look at.
    #[error(transparent)]
    Planner(#[from] PlannerError),
}

/// The baseline of that name for a topology.
///
/// # Errors
/// An unknown name (the error lists the allowed ones and the nearest), or rules that do not fit the topology.
pub fn baseline(name: &str, topology: &Arc<Topology>) -> Result<Baseline, RegistryError> {
    Ok(match name {
        "no-op" => Baseline::Observing(Box::new(NoOp)),
        "random" => Baseline::Observing(Box::new(RandomPolicy::new(0))),
        "threshold-rules" => {
            Baseline::Observing(Box::new(ThresholdRules::new(ThresholdRulesConfig::default(), topology)?))
        }
        "policy-engine" => observing(
            "policy-engine",
            PolicyEngine::new(PolicySet::shipped().map_err(PolicyEngineError::from)?, topology)?,
        ),
        "supervisor" => observing("supervisor", Supervisor::new(SupervisorConfig::default(), topology)?),
        "autoscaler" => observing("autoscaler", Scaler::new(ScalerConfig::autoscaler(), topology)?),
        "predictive-scaler" => {
            observing("predictive-scaler", Scaler::new(ScalerConfig::predictive_scaler(), topology)?)
        }
        "bandit" => observing("bandit", Bandit::new(BanditConfig::default(), topology)?),
        "planner" => Baseline::Observing(Box::new(Planner::new(PlannerConfig::default(), topology)?)),
        "calibrated-rules" => calibrated(own_rules(topology), topology)?,
        "oracle" => Baseline::Privileged(Box::new(Oracle::new(followed_rules(topology), topology)?)),
        _ => return Err(unknown(name)),
    })
}

/// Calibrated rules as a policy, or the baseline that they play instead, under their name.
///
/// # Errors
/// Rules that do not fit the topology.
pub fn calibrated(config: CalibratedConfig, topology: &Arc<Topology>) -> Result<Baseline, RegistryError> {
    const NAME: &str = "calibrated-rules";
    let Some(rival) = config.instead else { return Ok(observing(NAME, CalibratedAgent::new(config, topology)?)) };
    Ok(match baseline(rival.name(), topology)? {
        Baseline::Observing(policy) => Baseline::Observing(Box::new(Renamed { name: NAME, policy })),
        privileged @ Baseline::Privileged(_) => privileged,
    })
}

/// A policy under another name.
struct Renamed {
    name: &'static str,
    policy: Box<dyn Policy>,
}

impl Policy for Renamed {
    fn name(&self) -> &str {
        self.name
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        self.policy.act(observations, action_masks, episode_starts, actions);
    }

    fn reason(&self, row: usize) -> Option<String> {
        self.policy.reason(row)
    }

    fn action_history(&self, row: usize) -> Option<&[ActionRecord]> {
        self.policy.action_history(row)
    }
}

/// What was calibrated for a topology's scenario.
fn own_rules(topology: &Topology) -> CalibratedConfig {
    calibrated_for(&topology.scenario().name)
}

/// The rules that the oracle follows: a topology's own, or threshold-rules where those serve it better.
fn followed_rules(topology: &Topology) -> CalibratedConfig {
    let own = own_rules(topology);
    if own.oracle_follows_threshold_rules { ThresholdRulesConfig::default().into() } else { own }
}

fn observing<A: Agent + 'static>(name: &'static str, agent: A) -> Baseline {
    Baseline::Observing(Box::new(PerEnvironment::new(name, agent)))
}

/// Checks that a baseline of that name exists, where there is no topology yet.
///
/// # Errors
/// An unknown name; the error lists the allowed ones and the nearest.
pub fn check_baseline_name(name: &str) -> Result<(), RegistryError> {
    if BASELINE_NAMES.contains(&name) { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> RegistryError {
    RegistryError::UnknownName { name: name.to_owned(), nearest: nearest_name(name, BASELINE_NAMES) }
}

/// The candidate that is most like `name`, whatever the case, and none where nothing is alike.
pub fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    let mut best_likeness = 0.6;
    for candidate in candidates {
        let likeness = strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
        if likeness > best_likeness {
            (best, best_likeness) = (Some(candidate), likeness);
        }
    }
    best
}

fn did_you_mean(nearest: &Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    #[test]
    fn every_listed_name_makes_a_baseline_of_that_name() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        for name in BASELINE_NAMES {
            let made = match baseline(name, &topology)? {
                Baseline::Observing(policy) => policy.name().to_owned(),
                Baseline::Privileged(policy) => policy.name().to_owned(),
            };
            assert_eq!(made, name);
        }
        Ok(())
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_the_allowed_ones() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let Err(error) = baseline("treshold-rules", &topology) else { return Err("accepted".into()) };
        let message = error.to_string();
        assert!(message.contains("did you mean `threshold-rules`"), "{message}");
        assert!(message.contains("no-op, random"), "{message}");
        Ok(())
    }
}
