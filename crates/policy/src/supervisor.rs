//! The baseline supervisor: run-length health checks of every service, and restarts with a back-off.

use std::sync::Arc;

use microcloud_core::{Action, ServiceId, Topology};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    detector::IncidentTarget,
    per_environment::Agent,
    threshold_rules::targets::{Targets, value},
};

/// The file that the default is read from.
const DEFAULT: &str = include_str!("supervisor.toml");

/// What a look at a service takes for bad, how many looks count, and how long a restart waits after the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisorConfig {
    /// A look is bad where the ratio of failed requests is above this.
    pub error_ratio_above: f64,
    /// A look is bad where the 99th percentile of the response time, in seconds, is above this.
    pub latency_s_above: f64,
    /// A look is bad where the replicas in rotation are fewer than this share of those that run.
    pub ready_below: f64,
    /// Bad looks in a row after which a service is off, and is restarted.
    pub bad_looks: u32,
    /// Good looks in a row after which it is on again, and its back-off forgotten.
    pub good_looks: u32,
    /// Seconds from the first restart to the next; each later one doubles them.
    pub back_off_s: f64,
    /// What the back-off grows to.
    pub most_back_off_s: f64,
    /// Whether a service waits while one that it calls is off: its checks fail because of the other.
    pub blame_callees: bool,
}

/// Why a supervisor's configuration cannot be used.
#[derive(Debug, Error, PartialEq)]
#[error("{key} = {value}; allowed: {allowed}")]
pub struct SupervisorError {
    key: &'static str,
    value: f64,
    allowed: &'static str,
}

/// A configuration compiled for one topology; shared by all its environments.
pub struct Supervisor {
    config: SupervisorConfig,
    targets: Targets,
    decision_s: f64,
    latency_above: f64,
    columns: Vec<Columns>,
}

struct Columns {
    errors: Option<usize>,
    latency: Option<usize>,
    ready: Option<usize>,
    running: Option<usize>,
}

/// One environment's memory of its episode.
#[derive(Clone, Debug)]
pub struct SupervisorState {
    observations: u64,
    checks: Vec<Check>,
    /// The service that the last decision restarted, and the bad looks in a row that it had.
    restarted: Option<(usize, u32)>,
}

/// A service's runs of looks and its back-off.
#[derive(Clone, Debug, Default)]
struct Check {
    bad: u32,
    good: u32,
    off: bool,
    restarts: u32,
    allowed_at_s: f64,
}

impl SupervisorConfig {
    /// The configuration in a TOML text.
    ///
    /// # Errors
    /// What serde finds wrong with it, on one line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().replace('\n', " "))
    }

    /// The configuration as a TOML text that reads again to an equal one.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    fn check(&self) -> Result<(), SupervisorError> {
        let whole = |value: u32| (f64::from(value), value >= 1, "at least 1");
        let positive = |value: f64| (value, value > 0.0 && value.is_finite(), "above 0");
        let ratio = |value: f64| (value, (0.0..=1.0).contains(&value), "0 to 1");
        let most = self.most_back_off_s;
        let values = [
            ("error_ratio_above", ratio(self.error_ratio_above)),
            ("latency_s_above", positive(self.latency_s_above)),
            ("ready_below", ratio(self.ready_below)),
            ("bad_looks", whole(self.bad_looks)),
            ("good_looks", whole(self.good_looks)),
            ("back_off_s", positive(self.back_off_s)),
            ("most_back_off_s", (most, most.is_finite() && most >= self.back_off_s, "at least back_off_s")),
        ];
        match values.into_iter().find(|(_, (_, fine, _))| !fine) {
            Some((key, (value, _, allowed))) => Err(SupervisorError { key, value, allowed }),
            None => Ok(()),
        }
    }
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        let kept = Self {
            error_ratio_above: 0.1,
            latency_s_above: 2.0,
            ready_below: 0.7,
            bad_looks: 3,
            good_looks: 5,
            back_off_s: 60.0,
            most_back_off_s: 300.0,
            blame_callees: true,
        };
        // The file is part of the program, and a test reads it: the other value is unreachable.
        Self::from_toml(DEFAULT).unwrap_or(kept)
    }
}

impl Supervisor {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Values out of range.
    pub fn new(config: SupervisorConfig, topology: &Arc<Topology>) -> Result<Self, SupervisorError> {
        config.check()?;
        let scenario = topology.scenario();
        let columns = |name: &String| {
            let column = |feature: &str| topology.observation_index(&format!("service.{name}.{feature}"));
            Columns {
                errors: column("error_ratio"),
                latency: column("p99_latency"),
                ready: column("ready"),
                running: column("running"),
            }
        };
        let latency_ms = (config.latency_s_above * 1000.0) as f32;
        Ok(Self {
            latency_above: f64::from(microcloud_core::observation::latency_feature(latency_ms)),
            config,
            targets: Targets::new(topology),
            decision_s: f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0,
            columns: topology.service_names().iter().map(columns).collect(),
        })
    }

    /// Whether a look at a service is bad.
    fn is_bad(&self, columns: &Columns, observation: &[f32]) -> bool {
        let seen = |column| f64::from(value(column, observation));
        seen(columns.errors) > self.config.error_ratio_above
            || seen(columns.latency) > self.latency_above
            || seen(columns.ready) < self.config.ready_below * seen(columns.running)
    }

    /// Runs of looks go on; a service goes off or on where one is long enough.
    fn look(&self, checks: &mut [Check], observation: &[f32]) {
        for (check, columns) in checks.iter_mut().zip(&self.columns) {
            if self.is_bad(columns, observation) {
                (check.bad, check.good) = (check.bad + 1, 0);
                check.off |= check.bad >= self.config.bad_looks;
            } else {
                (check.bad, check.good) = (0, check.good + 1);
                if check.good >= self.config.good_looks {
                    (check.off, check.restarts, check.allowed_at_s) = (false, 0, 0.0);
                }
            }
        }
    }

    /// The service to restart now: off and bad, past its back-off, callees before callers.
    fn culprit(&self, checks: &[Check], now_s: f64, mask: &[bool]) -> Option<(usize, usize)> {
        let due = checks.iter().enumerate().filter(|(service, check)| {
            let blames = self.config.blame_callees && self.targets.callees[*service].iter().any(|&c| checks[c].off);
            check.off && check.bad > 0 && now_s >= check.allowed_at_s && !blames
        });
        let legal = due.filter_map(|(service, _)| {
            let action = self.targets.legal(Action::Restart(ServiceId(service as u32)), mask)?;
            Some((service, action))
        });
        legal.max_by_key(|&(service, _)| (self.targets.depths[service], std::cmp::Reverse(service)))
    }
}

impl Agent for Supervisor {
    type State = SupervisorState;

    fn start(&self) -> SupervisorState {
        SupervisorState { observations: 0, checks: vec![Check::default(); self.columns.len()], restarted: None }
    }

    fn decide(&self, state: &mut SupervisorState, observation: &[f32], mask: &[bool]) -> usize {
        let now_s = state.observations as f64 * self.decision_s;
        state.observations += 1;
        state.restarted = None;
        self.look(&mut state.checks, observation);
        let Some((service, action)) = self.culprit(&state.checks, now_s, mask) else { return 0 };
        let check = &mut state.checks[service];
        let doubled = self.config.back_off_s * f64::from(1_u32 << check.restarts.min(16));
        check.allowed_at_s = now_s + doubled.min(self.config.most_back_off_s);
        check.restarts += 1;
        state.restarted = Some((service, check.bad));
        action
    }

    fn reason(&self, state: &SupervisorState) -> Option<String> {
        let (service, bad) = state.restarted?;
        let name = self.targets.name(IncidentTarget::Service(ServiceId(service as u32)));
        Some(format!("{name} is off: {bad} bad looks in a row, off from {}", self.config.bad_looks))
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn config() -> SupervisorConfig {
        SupervisorConfig {
            error_ratio_above: 0.1,
            latency_s_above: 2.0,
            ready_below: 0.7,
            bad_looks: 3,
            good_looks: 5,
            back_off_s: 10.0,
            most_back_off_s: 40.0,
            blame_callees: true,
        }
    }

    /// The decisions, of those given, in which the service is restarted, where `bad` says at which its looks are bad.
    fn restarts(bad: &[(&str, std::ops::Range<usize>)], decisions: usize) -> Result<Vec<(usize, String)>, String> {
        let topology = Scenario::load("spine12").and_then(Topology::new).map_err(|error| error.to_string())?;
        let agent = Supervisor::new(config(), &topology).map_err(|error| error.to_string())?;
        let mut state = agent.start();
        let mask = vec![true; topology.num_actions()];
        let mut sent = Vec::new();
        for decision in 0..decisions {
            let mut seen = vec![0.0; topology.observation_size()];
            for (service, when) in bad {
                let name = format!("service.{service}.error_ratio");
                let place = topology.observation_index(&name).ok_or(name)?;
                seen[place] = f32::max(seen[place], f32::from(u8::from(when.contains(&decision))));
            }
            let action = agent.decide(&mut state, &seen, &mask);
            if action != 0 {
                sent.push((decision, topology.action_meanings()[action].clone()));
            }
        }
        Ok(sent)
    }

    #[test]
    fn the_shipped_file_reads_and_is_in_range() {
        let shipped = SupervisorConfig::from_toml(DEFAULT);
        assert!(shipped.as_ref().is_ok_and(|config| config.check().is_ok()), "{shipped:?}");
        assert_eq!(SupervisorConfig::from_toml(&SupervisorConfig::default().to_toml()), shipped);
    }

    #[test]
    fn three_bad_looks_restart_and_two_do_not() -> Outcome {
        assert_eq!(restarts(&[("auth", 4..6)], 12)?, []);
        assert_eq!(restarts(&[("auth", 4..7)], 12)?, [(6, "restart(auth)".to_owned())]);
        Ok(())
    }

    #[test]
    fn the_back_off_doubles_to_its_bound() -> Outcome {
        let decisions: Vec<usize> =
            restarts(&[("auth", 0..40)], 40)?.into_iter().map(|(decision, _)| decision).collect();
        // 10, 20, 40 and 40 s after the one before, at 5 s a decision.
        assert_eq!(decisions, [2, 4, 8, 16, 24, 32]);
        Ok(())
    }

    #[test]
    fn five_good_looks_forget_the_back_off_and_four_do_not() -> Outcome {
        let after = |good: usize| -> Result<Vec<usize>, String> {
            let sent = restarts(&[("auth", 0..5), ("auth", 5 + good..5 + good + 3)], 20)?;
            Ok(sent.into_iter().map(|(decision, _)| decision).collect())
        };
        // Restarts at looks 2 and 4 leave a back-off of 20 s, until look 8. Where it counts still, the service has been off
        // all the time and is restarted at its first bad look; where it is forgotten, three bad looks come first.
        assert_eq!(after(4)?, [2, 4, 9]);
        assert_eq!(after(5)?, [2, 4, 12]);
        Ok(())
    }

    #[test]
    fn a_caller_waits_while_its_callee_is_off() -> Outcome {
        let sent = restarts(&[("gateway", 0..6), ("auth", 0..3)], 6)?;
        assert_eq!(sent.first(), Some(&(2, "restart(auth)".to_owned())));
        assert!(!sent.iter().any(|(_, action)| action == "restart(gateway)"), "{sent:?}");
        Ok(())
    }

    #[test]
    fn values_out_of_range_are_named() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let wrong = SupervisorConfig { back_off_s: -1.0, ..config() };
        let Err(error) = Supervisor::new(wrong, &topology) else { return Err("accepted".into()) };
        assert_eq!(error.to_string(), "back_off_s = -1; allowed: above 0");
        Ok(())
    }
}
