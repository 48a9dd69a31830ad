//! The baseline bandit: answers an incident with what went best in past incidents of its class.
//!
//! A class is the rule that found the incident, whether users suffer, and whether the target was on trial not long ago. What
//! is chosen is judged after a bounded time; its outcome, how few users got errors in it and, where asked for, how soon the
//! incident closed, goes into the class's tallies. What was learned on train levels (`cargo run --release --example learn_bandit`) is shipped
//! in `bandit.toml`; an episode starts from it, weighed as few enough trials that what happens in the episode counts, and
//! leaves nothing to the next, so that results do not depend on the order of episodes.

mod outcomes;

use std::{cmp::Reverse, sync::Arc};

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use outcomes::{ARM_NAMES, ARMS, Outcomes, Tally, upper_confidence_arm};

use crate::{
    detector::{Alarm, IncidentTarget},
    nearest_name,
    per_environment::Agent,
    threshold_rules::{RulesAgent, RulesState, ThresholdRulesConfig, ThresholdRulesError, Why, targets::value},
};

/// The file that the default is read from.
const DEFAULT: &str = include_str!("../bandit.toml");
/// What a class's name adds to its rule's: whether users suffer, and whether something was tried on the target not long ago.
const CONTEXTS: [&str; 4] = ["calm", "suffering", "calm-again", "suffering-again"];

/// How incidents are judged, and what was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanditConfig {
    /// Seconds that an incident stays open before it is answered.
    pub patience_s: f64,
    /// Seconds after which a trial is judged.
    pub bound_s: f64,
    /// Seconds between two trials on the same target.
    pub settle_s: f64,
    /// Share of the outcome that is the time for which the incident was closed; the rest is the share of good requests.
    pub closed_share: f64,
    /// What an action takes off its outcome.
    pub action_price: f64,
    /// Ratio of bad requests at the edge above which users suffer.
    pub suffering_above: f64,
    /// UCB1's exploration.
    pub exploration: f64,
    /// Trials that what was learned before counts as at most.
    pub memory: f64,
    /// Trials that an outcome of this episode counts as.
    pub weight: f64,
    /// What was learned.
    #[serde(default)]
    pub outcomes: Outcomes,
}

/// Why a bandit could not be made.
#[derive(Debug, Error)]
pub enum BanditError {
    /// Its detection rules do not fit the topology.
    #[error(transparent)]
    Rules(#[from] ThresholdRulesError),
    /// A value outside its range.
    #[error("{key} = {value}; allowed: {allowed}")]
    Range {
        /// The key.
        key: String,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A class or an action that does not exist.
    #[error("outcomes: unknown {what} `{name}`{nearest}")]
    Unknown {
        /// `class` or `action`.
        what: &'static str,
        /// What stands there.
        name: String,
        /// The nearest name as a question, or nothing.
        nearest: String,
    },
}

/// A configuration compiled for one topology; shared by all its environments.
pub struct Bandit {
    config: BanditConfig,
    rules: RulesAgent,
    ranks: Vec<usize>,
    edge_errors: Option<usize>,
    learned: Vec<[Tally; ARMS.len()]>,
}

/// One environment's memory of its episode.
#[derive(Clone, Debug)]
pub struct BanditState {
    rules: RulesState,
    tallies: Vec<[Tally; ARMS.len()]>,
    trials: Vec<Trial>,
    /// By target: when its last trial began.
    tried_s: Vec<f64>,
    judged: Vec<(usize, usize, f64)>,
    why: Option<Reason>,
}

/// What made the bandit act.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// An incident of this class on this target, and the place in [`ARMS`] of what was tried.
    Incident { class: usize, target: IncidentTarget, arm: usize },
    /// Calm.
    Rules(Why),
}

/// An action, or waiting, whose outcome is not known yet.
#[derive(Clone, Debug)]
struct Trial {
    class: usize,
    rule: usize,
    arm: usize,
    target: IncidentTarget,
    since_s: f64,
    looks: f64,
    closed: f64,
    errors: f64,
}

impl BanditConfig {
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

    fn check(&self) -> Result<(), BanditError> {
        let values = [
            ("patience_s", self.patience_s, self.patience_s >= 0.0, "at least 0"),
            ("bound_s", self.bound_s, self.bound_s > 0.0, "above 0"),
            ("settle_s", self.settle_s, self.settle_s >= 0.0, "at least 0"),
            ("closed_share", self.closed_share, (0.0..=1.0).contains(&self.closed_share), "0 to 1"),
            ("action_price", self.action_price, (0.0..=1.0).contains(&self.action_price), "0 to 1"),
            ("suffering_above", self.suffering_above, (0.0..=1.0).contains(&self.suffering_above), "0 to 1"),
            ("exploration", self.exploration, self.exploration >= 0.0, "at least 0"),
            ("memory", self.memory, self.memory >= 0.0, "at least 0"),
            ("weight", self.weight, self.weight >= 0.0, "at least 0"),
        ];
        let wrong = values.into_iter().find(|(_, value, fine, _)| !fine || !value.is_finite());
        if let Some((key, value, _, allowed)) = wrong {
            return Err(BanditError::Range { key: key.to_owned(), value, allowed });
        }
        for (class, arms) in &self.outcomes {
            for (arm, tally) in arms {
                let (trials, successes) = (tally.trials, tally.successes);
                if !(trials.is_finite() && trials >= 0.0 && (0.0..=trials).contains(&successes)) {
                    let key = format!("outcomes.{class}.{arm}.successes");
                    return Err(BanditError::Range { key, value: successes, allowed: "0 to the number of trials" });
                }
            }
        }
        Ok(())
    }
}

impl Default for BanditConfig {
    fn default() -> Self {
        let untaught = Self {
            patience_s: 10.0,
            bound_s: 60.0,
            settle_s: 20.0,
            closed_share: 0.3,
            action_price: 0.01,
            suffering_above: 0.02,
            exploration: 0.0,
            memory: 50.0,
            weight: 5.0,
            outcomes: Outcomes::new(),
        };
        // The file is part of the program, and a test reads it: the other value is unreachable.
        Self::from_toml(DEFAULT).unwrap_or(untaught)
    }
}

impl Bandit {
    /// Compiles a configuration for a topology; incidents are those of threshold-rules.
    ///
    /// # Errors
    /// Values out of range, classes or actions that do not exist, detection rules that do not fit the topology.
    pub fn new(config: BanditConfig, topology: &Arc<Topology>) -> Result<Self, BanditError> {
        config.check()?;
        let detection = ThresholdRulesConfig::default();
        let symptoms = detection.choice.symptoms.clone();
        let rank = |metric: &str| symptoms.iter().position(|symptom| symptom == metric).unwrap_or(symptoms.len());
        let ranks = detection.rules.iter().map(|rule| rank(&rule.metric_name)).collect();
        let rules = RulesAgent::new(detection, topology)?;
        let mut bandit = Self {
            learned: vec![Default::default(); rules.detector().rules().len() * CONTEXTS.len()],
            edge_errors: topology.observation_index("global.error_ratio"),
            ranks,
            rules,
            config,
        };
        bandit.learned = bandit.tallies_of(&bandit.config.outcomes)?;
        Ok(bandit)
    }

    /// The name of a class, e.g. `cpu_high/suffering`.
    pub fn class_name(&self, class: usize) -> String {
        format!("{}/{}", self.rules.detector().rules()[class / CONTEXTS.len()].name, CONTEXTS[class % CONTEXTS.len()])
    }

    /// What the episode has judged so far: class, place in [`ARMS`], outcome.
    pub fn judged<'a>(&self, state: &'a BanditState) -> &'a [(usize, usize, f64)] {
        &state.judged
    }

    fn tallies_of(&self, outcomes: &Outcomes) -> Result<Vec<[Tally; ARMS.len()]>, BanditError> {
        let mut tallies = self.learned.clone();
        let names: Vec<String> = (0..tallies.len()).map(|class| self.class_name(class)).collect();
        let unknown = |what, name: &str, allowed: &mut dyn Iterator<Item = &str>| BanditError::Unknown {
            what,
            name: name.to_owned(),
            nearest: nearest_name(name, allowed).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default(),
        };
        for (class, arms) in outcomes {
            let place = names.iter().position(|name| name == class);
            let place = place.ok_or_else(|| unknown("class", class, &mut names.iter().map(String::as_str)))?;
            for (arm, tally) in arms {
                let own = ARM_NAMES.iter().position(|name| name == arm);
                let own = own.ok_or_else(|| unknown("action", arm, &mut ARM_NAMES.into_iter()))?;
                tallies[place][own] = tally.capped(self.config.memory);
            }
        }
        Ok(tallies)
    }

    /// Trials go on by one look; those whose time is up are judged.
    fn judge(&self, state: &mut BanditState, observation: &[f32], now_s: f64) {
        let errors = f64::from(value(self.edge_errors, observation)).clamp(0.0, 1.0);
        let detector = self.rules.detector();
        let open: Vec<(usize, IncidentTarget)> =
            detector.alarms(state.rules.detector()).map(|alarm| (alarm.rule, alarm.target)).collect();
        let mut going = Vec::new();
        for mut trial in std::mem::take(&mut state.trials) {
            let is_open = open.contains(&(trial.rule, trial.target));
            trial.looks += 1.0;
            trial.closed += f64::from(u8::from(!is_open));
            trial.errors += errors;
            if now_s - trial.since_s < self.config.bound_s {
                going.push(trial);
                continue;
            }
            let share = self.config.closed_share;
            let price = if trial.arm == 0 { 0.0 } else { self.config.action_price };
            let good = share * trial.closed / trial.looks + (1.0 - share) * (1.0 - trial.errors / trial.looks);
            let outcome = (good - price).clamp(0.0, 1.0);
            state.tallies[trial.class][trial.arm].add(outcome, self.config.weight);
            state.judged.push((trial.class, trial.arm, outcome));
        }
        state.trials = going;
    }

    /// The incidents to answer, the cause first: hosts, then callees before callers; one a target, its first symptom.
    fn causes(&self, state: &BanditState, now_s: f64) -> Vec<Alarm> {
        let detector = self.rules.detector();
        let targets = &self.rules.targets;
        let mut alarms: Vec<Alarm> = detector
            .alarms(state.rules.detector())
            .filter(|alarm| now_s - alarm.since_s >= self.config.patience_s)
            .collect();
        let depth = |target: IncidentTarget| match target {
            IncidentTarget::Service(id) => targets.depths[id.index()],
            IncidentTarget::Global => 0,
            IncidentTarget::Node(_) | IncidentTarget::Zone(_) => usize::MAX,
        };
        alarms.sort_by_key(|alarm| {
            let severity = Reverse(detector.rules()[alarm.rule].severity);
            (Reverse(depth(alarm.target)), targets.place(alarm.target), self.ranks[alarm.rule], severity, alarm.rule)
        });
        alarms.dedup_by_key(|alarm| alarm.target);
        let alarming: Vec<IncidentTarget> = alarms.iter().map(|alarm| alarm.target).collect();
        let explained = |target: IncidentTarget| {
            match target {
            IncidentTarget::Service(id) => alarming.iter().any(|other| {
                matches!(other, IncidentTarget::Service(callee) if targets.callees[id.index()].contains(&callee.index()))
            }),
            _ => false,
        }
        };
        alarms.retain(|alarm| !explained(alarm.target));
        alarms
    }

    /// Answers the first incident that is not on trial with what UCB1 takes; waiting leaves the decision to the next one.
    fn answer(&self, state: &mut BanditState, observation: &[f32], mask: &[bool], now_s: f64) -> Option<usize> {
        let suffering = f64::from(value(self.edge_errors, observation)) > self.config.suffering_above;
        for alarm in self.causes(state, now_s) {
            let targets = &self.rules.targets;
            let since_s = now_s - state.tried_s[targets.place(alarm.target)];
            if since_s < self.config.settle_s {
                continue;
            }
            let again = since_s < 2.0 * self.config.bound_s;
            state.tried_s[targets.place(alarm.target)] = now_s;
            let class = alarm.rule * CONTEXTS.len() + usize::from(suffering) + 2 * usize::from(again);
            let actions = ARMS.map(|remedy| {
                let action = targets.aim(remedy?, alarm.target, observation, mask)?;
                targets.legal(action, mask)
            });
            let mut allowed = actions.map(|action| action.is_some());
            allowed[0] = true;
            let arm = upper_confidence_arm(&state.tallies[class], &allowed, self.config.exploration)?;
            let trial = Trial {
                class,
                rule: alarm.rule,
                arm,
                target: alarm.target,
                since_s: now_s,
                looks: 0.0,
                closed: 0.0,
                errors: 0.0,
            };
            state.trials.push(trial);
            if let Some(action) = actions[arm] {
                state.why = Some(Reason::Incident { class, target: alarm.target, arm });
                return Some(action);
            }
        }
        None
    }
}

impl Agent for Bandit {
    type State = BanditState;

    fn start(&self) -> BanditState {
        BanditState {
            rules: self.rules.start(),
            tallies: self.learned.clone(),
            trials: Vec::new(),
            tried_s: vec![f64::NEG_INFINITY; self.rules.targets.len()],
            judged: Vec::new(),
            why: None,
        }
    }

    fn decide(&self, state: &mut BanditState, observation: &[f32], mask: &[bool]) -> usize {
        self.rules.observe(&mut state.rules, observation);
        let now_s = self.rules.detector().time_s(state.rules.detector());
        self.judge(state, observation, now_s);
        state.why = None;
        let mut action = self.answer(state, observation, mask, now_s);
        if action.is_none()
            && let Some(chosen) = self.rules.tidied(&state.rules, observation, mask)
        {
            state.why = Some(Reason::Rules(chosen.why));
            action = Some(chosen.action);
        }
        let action = action.unwrap_or(0);
        self.rules.note(&mut state.rules, action);
        action
    }

    fn reason(&self, state: &BanditState) -> Option<String> {
        Some(match state.why? {
            Reason::Rules(why) => self.rules.words(why),
            Reason::Incident { class, target, arm } => {
                let (name, tally) = (self.rules.targets.name(target), &state.tallies[class][arm]);
                let on = if name.is_empty() { String::new() } else { format!(" on {name}") };
                let mean = tally.successes / tally.trials.max(f64::MIN_POSITIVE);
                format!("{}{on}: {} did {mean:.3} in past ones", self.class_name(class), ARM_NAMES[arm])
            }
        })
    }
}

#[cfg(test)]
mod tests;
