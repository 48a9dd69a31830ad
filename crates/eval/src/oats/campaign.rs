//! Rows as episodes: each row's services are struck, a policy plays, and the environment says what was struck.

use std::sync::Arc;

use microcloud_core::{FaultId, FaultPlan, Level, Split, Topology};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Array, Design, Factor, OatsError, episode::play_row, factors::unknown};
use crate::{Contender, EpisodeOutcome, EvaluationError, Progress, play::policy_error};

/// What a service is like in a row, in the order of severity.
pub(super) const CONDITIONS: [&str; 3] = ["healthy", "degraded", "down"];
/// Where these stand in [`CONDITIONS`].
pub(super) const DEGRADED: u8 = 1;
/// See [`DEGRADED`].
pub(super) const DOWN: u8 = 2;

/// What is done to the services of a row, to all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Seconds from the episode's start at which the services are struck.
    pub onset_s: f32,
    /// Seconds until what nobody has mended ends by itself.
    pub duration_s: f32,
    /// Milliseconds by which a degraded service's replicas take longer (F05).
    pub degraded_ms: f32,
    /// Ratio of its replicas that do, at least one. Of a service that is down all crash (F04).
    pub degraded_ratio: f32,
}

impl Default for Condition {
    /// Shorter than the five minutes of total loss that would end an episode: every row is played to its end.
    fn default() -> Self {
        Self { onset_s: 60.0, duration_s: 240.0, degraded_ms: 500.0, degraded_ratio: 0.5 }
    }
}

/// How a campaign is played.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignConfig {
    /// The split that the levels are drawn from, which fix load and noise; their own faults are left out.
    pub split: Split,
    /// Draws the levels.
    pub seed: u64,
    /// Levels on which every row is played.
    pub levels: usize,
    /// Threads; 0 takes as many as the machine has.
    pub threads: usize,
    /// What is done to the services.
    pub condition: Condition,
}

impl Default for CampaignConfig {
    fn default() -> Self {
        Self { split: Split::Test, seed: 0, levels: 1, threads: 0, condition: Condition::default() }
    }
}

/// One episode of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The row, from 0.
    pub row: usize,
    /// The policy.
    pub policy: String,
    /// The level of each factor as the environment reported it: of each service the worst that any decision's end showed.
    pub executed: Vec<u8>,
    /// What the episode came to.
    pub outcome: EpisodeOutcome,
}

/// A design that was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The scenario.
    pub scenario: String,
    /// The policies, in the order given.
    pub policies: Vec<String>,
    /// The levels on which every row was played.
    pub levels: Vec<u64>,
    /// What was done to the services.
    pub condition: Condition,
    /// The faults of each row.
    pub faults: Vec<Vec<FaultPlan>>,
    /// Every episode, by policy, row and level.
    pub played: Vec<Played>,
}

/// The scenario's services as factors with the levels healthy, degraded and down, as many as the array has columns for, in
/// the scenario's order or that of `names`. Where only columns of two levels are left, those are healthy and down.
///
/// # Errors
/// A name that no service has, or one given twice.
pub fn services_of(array: Array, topology: &Topology, names: &[String]) -> Result<Vec<Factor>, OatsError> {
    let all = topology.service_names();
    let problem = |problem: String| OatsError::Unplayable { scenario: topology.scenario().name.clone(), problem };
    for (place, name) in names.iter().enumerate() {
        if !all.contains(name) {
            let allowed: Vec<&str> = all.iter().map(String::as_str).collect();
            return Err(problem(unknown("services", name, "service", &allowed)));
        }
        if names[..place].contains(name) {
            return Err(problem(format!("services: `{name}` stands there twice; allowed: once")));
        }
    }
    let names = if names.is_empty() { all } else { names };
    let columns = |levels: u8| match array.rows() {
        Some(rows) => {
            (0..rows[0].len()).filter(|&column| rows.iter().map(|row| row[column] + 1).max() == Some(levels)).count()
        }
        None => {
            if levels == 3 {
                names.len()
            } else {
                0
            }
        }
    };
    let (three, two) = (columns(3), columns(2));
    let of_three = names.iter().take(three).map(|name| Factor::new(name, &CONDITIONS));
    let of_two = names.iter().skip(three).take(two).map(|name| Factor::new(name, &[CONDITIONS[0], CONDITIONS[2]]));
    Ok(of_three.chain(of_two).collect())
}

/// Plays every row of a design whose factors are services, on the same levels with every policy.
///
/// # Errors
/// Factors that are no services or have other levels than healthy, degraded and down, no levels to play, a policy that
/// does not fit, an interruption.
pub fn campaign(
    topology: &Arc<Topology>,
    design: &Design,
    contenders: &[Contender],
    config: &CampaignConfig,
    progress: &dyn Progress,
) -> Result<Campaign, OatsError> {
    if config.levels == 0 {
        return Err(EvaluationError::Zero { key: "levels" }.into());
    }
    let table = Conditions::new(topology, design)?;
    let faults: Vec<Vec<FaultPlan>> = design.rows.iter().map(|row| table.faults(row, &config.condition)).collect();
    let levels: Vec<Level> = (0..config.levels as u64).map(|k| Level::draw(config.split, config.seed, k)).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build()
        .map_err(|error| EvaluationError::Threads { threads: config.threads, problem: error.to_string() })?;
    let mut played = Vec::new();
    for contender in contenders {
        contender.make(topology).map_err(|source| policy_error(contender.name(), topology, source))?;
        let episodes: Vec<(usize, Level)> =
            (0..faults.len()).flat_map(|row| levels.iter().map(move |&level| (row, level))).collect();
        let play = |&(row, level): &(usize, Level)| {
            let (outcome, executed) = play_row(topology, contender, level, (row, &faults[row]), &table, progress)?;
            progress.advance(1);
            Ok(Played { row, policy: contender.name().to_owned(), executed, outcome })
        };
        let of_policy: Result<Vec<Played>, OatsError> = if contender.is_in_turn() {
            episodes.iter().map(play).collect()
        } else {
            pool.install(|| episodes.par_iter().map(play).collect())
        };
        played.extend(of_policy?);
    }
    Ok(Campaign {
        scenario: topology.scenario().name.clone(),
        policies: contenders.iter().map(|contender| contender.name().to_owned()).collect(),
        levels: levels.iter().map(|level| level.number()).collect(),
        condition: config.condition,
        faults,
        played,
    })
}

/// Which service each factor is, and which condition each of its levels.
pub(super) struct Conditions {
    names: Vec<String>,
    services: Vec<usize>,
    /// By factor and level, the condition's place in [`CONDITIONS`].
    conditions: Vec<Vec<u8>>,
}

impl Conditions {
    fn new(topology: &Topology, design: &Design) -> Result<Self, OatsError> {
        let problem = |problem: String| OatsError::Unplayable { scenario: topology.scenario().name.clone(), problem };
        let mut table = Self { names: Vec::new(), services: Vec::new(), conditions: Vec::new() };
        for factor in &design.factors {
            let allowed: Vec<&str> = topology.service_names().iter().map(String::as_str).collect();
            let service = topology.service(&factor.name);
            let service = service.ok_or_else(|| problem(unknown("factors", &factor.name, "service", &allowed)))?;
            let of_level = |level: &String| {
                let found = CONDITIONS.iter().position(|condition| condition == level);
                let key = format!("levels of `{}`", factor.name);
                found.map(|place| place as u8).ok_or_else(|| problem(unknown(&key, level, "condition", &CONDITIONS)))
            };
            table.names.push(factor.name.clone());
            table.services.push(service.index());
            table.conditions.push(factor.levels.iter().map(of_level).collect::<Result<_, _>>()?);
        }
        Ok(table)
    }

    fn faults(&self, row: &[u8], condition: &Condition) -> Vec<FaultPlan> {
        let of = |(place, &level): (usize, &u8)| {
            let plan = |id, magnitude| {
                FaultPlan::new(id, Some(&self.names[place]), magnitude, condition.onset_s, condition.duration_s)
            };
            match self.conditions[place][usize::from(level)] {
                DEGRADED => Some(plan(FaultId::F05, condition.degraded_ms).with_blast_radius(condition.degraded_ratio)),
                DOWN => Some(plan(FaultId::F04, 1.0)),
                _ => None,
            }
        };
        row.iter().enumerate().filter_map(of).collect()
    }

    /// The row that stands for the worst condition of each service; a level beyond the factor's where it has none such.
    pub(super) fn row(&self, worst: &[u8]) -> Vec<u8> {
        let each = self.services.iter().zip(&self.conditions);
        let level = |(&service, levels): (&usize, &Vec<u8>)| {
            levels.iter().position(|&condition| condition == worst[service]).map_or(u8::MAX, |level| level as u8)
        };
        each.map(level).collect()
    }
}
