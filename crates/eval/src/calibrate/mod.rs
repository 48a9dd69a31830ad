//! A search for the best rules on train levels, within a budget of environment steps.
//!
//! Coordinate descent: one setting after the other, in an order drawn anew in every round, is put to each of its options
//! while the rest stays as it is. A candidate is first played on a part of the levels, and on all of them where it is no
//! worse there. Where a whole round improves nothing, some settings of the best so far are shaken and the descent begins
//! again, until the budget is spent. The descents' results are then compared, with every other baseline by rules, on train
//! levels that none of them has seen.

mod coordinates;
mod judge;

use std::sync::Arc;

use microcloud_core::{CounterRng, Split, Stream, Topology};
use microcloud_policy::{
    ThresholdRulesConfig,
    calibrated_rules::{CalibratedConfig, Rival, calibrated_for},
    scaler::ScalerConfig,
};

use self::{
    coordinates::{Coordinate, coordinates},
    judge::Judge,
};
use crate::{EvaluationError, Progress};

/// Levels that a candidate is first played on, of those that decide: one in this many.
const SCREEN: usize = 4;
/// Results that are compared on unseen levels at the end.
const FINALISTS: usize = 4;
/// Improvements below this are noise of the last digits.
const LEAST_GAIN: f64 = 1e-6;

/// What a calibration may spend, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalibrationConfig {
    /// Environment steps (decisions), those of the final comparison included.
    pub total_timesteps: u64,
    /// Fault levels that decide; a sixth as many control levels join them, which punish needless actions.
    pub levels: usize,
    /// Draws levels, orders and restarts.
    pub seed: u64,
    /// Whether metrics, operators and thresholds stay those of the described system, and no scaler joins: the search for
    /// threshold-rules.
    pub described_thresholds: bool,
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self { total_timesteps: 12_000_000, levels: 96, seed: 1, described_thresholds: false }
    }
}

/// What a calibration found.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The best rules.
    pub config: CalibratedConfig,
    /// Their mean return on the levels that the descents went by; not a number for a baseline that is played instead.
    pub train_return: f64,
    /// Their mean return on train levels that none of the descents has seen.
    pub unseen_return: f64,
    /// Environment steps spent.
    pub timesteps: u64,
    /// Candidates played.
    pub candidates: u64,
    /// Descents from different starts.
    pub descents: u64,
}

/// Searches for the rules with the highest mean return over topologies, on the current rayon pool.
///
/// # Errors
/// A caller that asks to stop. Rules that do not fit a topology are passed over.
pub fn calibrate(
    topologies: &[Arc<Topology>],
    config: &CalibrationConfig,
    progress: &dyn Progress,
) -> Result<Calibration, EvaluationError> {
    // Seconds mean less where decisions are short.
    let decision_s = topologies.first().map_or(5.0, |topology| {
        f64::from(topology.scenario().tick_s()) * f64::from(topology.scenario().decision_ticks)
    });
    let coordinates = coordinates(decision_s / 5.0, config.described_thresholds);
    let mut judge = Judge::new(topologies, config.seed, config.levels, progress)?;
    let mut unseen = Judge::new(topologies, config.seed + 1, 2 * config.levels, progress)?;
    let mut starts = starts(config.described_thresholds, decision_s);
    if let [topology] = topologies
        && !config.described_thresholds
    {
        // A search goes on from what an earlier one has found for the scenario.
        starts.push(CalibratedConfig { instead: None, ..calibrated_for(&topology.scenario().name) });
    }
    // The comparison at the end, and the candidate that is under way when the budget is spent.
    let rivals: &[Rival] = if config.described_thresholds { &[] } else { &Rival::ALL };
    let reserve = (FINALISTS + rivals.len()) as u64 * unseen.timesteps_of_all() + judge.timesteps_of_all();
    let least = reserve + starts.len() as u64 * judge.timesteps_of_all();
    if config.total_timesteps < least {
        return Err(EvaluationError::Budget { asked: config.total_timesteps, least });
    }
    let budget = config.total_timesteps - reserve;

    let mut finalists: Vec<(f64, CalibratedConfig)> = Vec::new();
    let mut descents = 0;
    for start in starts {
        let screened = judge.screen(&start)?;
        finalists.push((judge.value(&start, screened)?, start));
    }
    loop {
        finalists.sort_by(|a, b| b.0.total_cmp(&a.0));
        let start = match descents {
            0 => finalists[0].1.clone(),
            1.. => shaken(&finalists[0].1, &coordinates, config.seed, descents),
        };
        let found =
            descend(start, &coordinates, &mut judge, budget, CounterRng::new(config.seed, Stream::Search, descents))?;
        finalists.push(found);
        descents += 1;
        tracing::info!(
            descents,
            timesteps = judge.timesteps(),
            best = finalists.iter().map(|f| f.0).fold(f64::NEG_INFINITY, f64::max),
            "calibrating"
        );
        if judge.timesteps() >= budget {
            break;
        }
    }
    finalists.sort_by(|a, b| b.0.total_cmp(&a.0));
    finalists.dedup_by(|a, b| a.1 == b.1);
    finalists.truncate(FINALISTS);
    let found = finalists.first().map_or_else(|| ThresholdRulesConfig::default().into(), |(_, config)| config.clone());
    // What other rules come to as they are: whoever cannot beat them plays them.
    finalists
        .extend(rivals.iter().map(|&rival| (f64::NAN, CalibratedConfig { instead: Some(rival), ..found.clone() })));
    let mut best = (f64::NAN, f64::NEG_INFINITY, found);
    for (train_return, candidate) in finalists {
        let screened = unseen.screen(&candidate)?;
        let unseen_return = unseen.value(&candidate, screened)?;
        if unseen_return > best.1 + LEAST_GAIN {
            best = (train_return, unseen_return, candidate);
        }
    }
    let (train_return, unseen_return, found) = best;
    Ok(Calibration {
        config: found,
        train_return,
        unseen_return,
        timesteps: judge.timesteps() + unseen.timesteps(),
        candidates: judge.candidates() + unseen.candidates(),
        descents,
    })
}

/// Where descents may begin: the shipped rules, rules that answer nothing, and both beside each scaler.
fn starts(described: bool, decision_s: f64) -> Vec<CalibratedConfig> {
    let shipped = coordinates::widened(ThresholdRulesConfig::default(), described, decision_s / 5.0);
    let mut silent = shipped.clone();
    silent.responses.values_mut().for_each(|response| response.actions.clear());
    if described {
        return vec![shipped.into()];
    }
    let mut starts = Vec::new();
    for rules in [shipped, silent] {
        for scaler in [None, Some(ScalerConfig::autoscaler()), Some(ScalerConfig::predictive_scaler())] {
            starts.push(CalibratedConfig { scaler, ..CalibratedConfig::from(rules.clone()) });
        }
    }
    starts
}

fn descend(
    start: CalibratedConfig,
    coordinates: &[Coordinate],
    judge: &mut Judge<'_>,
    budget: u64,
    mut rng: CounterRng,
) -> Result<(f64, CalibratedConfig), EvaluationError> {
    let mut best = start;
    let mut screened = judge.screen(&best)?;
    let mut value = judge.value(&best, screened)?;
    loop {
        let before = value;
        for index in order(coordinates.len(), &mut rng) {
            let from = best.clone();
            for option in &coordinates[index].options {
                let mut changed = from.clone();
                option(&mut changed);
                if changed == best {
                    continue;
                }
                if judge.timesteps() >= budget {
                    return Ok((value, best));
                }
                let changed_screened = judge.screen(&changed)?;
                if changed_screened.mean() < screened.mean() - LEAST_GAIN {
                    continue;
                }
                let changed_value = judge.value(&changed, changed_screened)?;
                if changed_value > value + LEAST_GAIN {
                    tracing::debug!(from = value, to = changed_value, by = coordinates[index].name, "calibrating");
                    (best, value, screened) = (changed, changed_value, changed_screened);
                }
            }
        }
        if value < before + LEAST_GAIN {
            return Ok((value, best));
        }
    }
}

/// A permutation of `0..len` (Fisher and Yates).
fn order(len: usize, rng: &mut CounterRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, below(rng, last + 1));
    }
    order
}

fn below(rng: &mut CounterRng, bound: usize) -> usize {
    ((rng.uniform() * bound as f32) as usize).min(bound.saturating_sub(1))
}

/// A fifth of the settings put to an option drawn by the descent's number.
fn shaken(best: &CalibratedConfig, coordinates: &[Coordinate], seed: u64, descent: u64) -> CalibratedConfig {
    let mut rng = CounterRng::new(seed ^ 0x5AAC, Stream::Search, descent);
    let mut config = best.clone();
    for coordinate in coordinates {
        if rng.uniform() < 0.2 {
            coordinate.options[below(&mut rng, coordinate.options.len())](&mut config);
        }
    }
    config
}

/// The split that a calibration plays.
const SPLIT: Split = Split::Train;
