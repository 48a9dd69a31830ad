//! Where a fault shows: features of the observation with the fault, against the same levels without it.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, FaultTarget, Level, Moves, Scenario, Symptom, Topology};
use rayon::prelude::*;

use super::{
    places::{fault_of, resolve},
    reference::{self, FaultTableError},
};
use crate::statistics::mean;

/// Seconds after the onset between which features are compared: the slowest ramps take three minutes.
pub const WINDOW_S: [f64; 2] = [20.0, 180.0];
/// Mean difference from which on a feature has moved.
pub const LEAST_SHIFT: f64 = 0.01;
/// Share of the levels in which it has to move as the card says.
pub const LEAST_SHARE: f64 = 0.8;

/// How far a symptom showed.
#[derive(Clone, Debug, PartialEq)]
pub struct SymptomRow {
    /// What the card says.
    pub symptom: Symptom,
    /// Mean over levels of the feature with the fault less the feature without it; none where no level has the place or
    /// no place the feature.
    pub shift: Option<f64>,
    /// Share of the levels in which it moved as the card says.
    pub share: f64,
}

impl SymptomRow {
    /// Whether it shows as the card says.
    pub fn shows(&self) -> bool {
        let far = |shift: f64| if self.symptom.moves == Moves::Up { shift } else { -shift };
        self.shift.is_some_and(|shift| far(shift) >= LEAST_SHIFT) && self.share >= LEAST_SHARE
    }
}

/// Seconds after which a fault strikes that no episode lasts long enough to see.
const NEVER_S: f32 = 1e5;

/// How far each symptom of a fault's card shows in a scenario that has the fault on every level, against the same levels
/// before it strikes, no action in either.
///
/// # Errors
/// A scenario without room for its replicas, or without levels.
pub fn symptoms(id: FaultId, scenario: &Scenario, levels: usize) -> Result<Vec<SymptomRow>, FaultTableError> {
    let mut without = scenario.clone();
    // Not by `rules_off`: whether that keeps a fault from acting is for tests to find out by this comparison. The number of
    // random draws is the same.
    without.faults.catalogue.iter_mut().for_each(|fault| fault.onset_s = [NEVER_S; 2]);
    let (with, without) = (Topology::new(scenario.clone())?, Topology::new(without)?);
    let levels = reference::levels(id, &with, levels)?;
    let (with, without) = (Environment::new(with), Environment::new(without));
    let card = id.card();
    let shifts: Vec<Vec<Option<f64>>> =
        levels.par_iter().map(|&level| shifts(&with, &without, level, card.symptoms)).collect();
    let row = |(index, &symptom): (usize, &Symptom)| {
        let seen: Vec<f64> = shifts.iter().filter_map(|level| level[index]).collect();
        let up = symptom.moves == Moves::Up;
        let right = seen.iter().filter(|&&shift| if up { shift > 0.0 } else { shift < 0.0 }).count();
        SymptomRow { symptom, shift: mean(&seen), share: right as f64 / seen.len().max(1) as f64 }
    };
    Ok(card.symptoms.iter().enumerate().map(row).collect())
}

/// Each symptom's shift in one level, where the level has the place and the place the feature.
fn shifts(with: &Environment, without: &Environment, level: Level, symptoms: &[Symptom]) -> Vec<Option<f64>> {
    let mut with = with.clone();
    with.reset(level);
    let mut without = without.clone();
    without.reset(level);
    let Some(fault) = fault_of(&with) else { return vec![None; symptoms.len()] };
    while with.time_s() <= fault.onset_s {
        with.step(0);
        without.step(0);
    }
    let topology = Arc::clone(with.topology());
    let features = |symptom: &Symptom| -> Vec<usize> {
        let places = resolve(&with, &fault, symptom.place);
        places.iter().filter_map(|&place| feature(&topology, place, symptom.feature)).collect()
    };
    let features: Vec<Vec<usize>> = symptoms.iter().map(features).collect();
    let mut sums = vec![0.0; topology.observation_size()];
    let mut observations = [vec![0.0; sums.len()], vec![0.0; sums.len()]];
    let mut decisions = 0.0;
    loop {
        let ended = [with.step(0), without.step(0)].iter().any(|step| step.terminated || step.truncated);
        let since_s = with.time_s() - fault.onset_s;
        if (WINDOW_S[0]..=WINDOW_S[1]).contains(&since_s) {
            with.observe(&mut observations[0]);
            without.observe(&mut observations[1]);
            for (sum, (with, without)) in sums.iter_mut().zip(observations[0].iter().zip(&observations[1])) {
                *sum += f64::from(with - without);
            }
            decisions += 1.0;
        }
        if ended || since_s >= WINDOW_S[1] {
            break;
        }
    }
    let shift = |features: &Vec<usize>| {
        let each: Vec<f64> = features.iter().map(|&index| sums[index] / f64::max(decisions, 1.0)).collect();
        mean(&each)
    };
    features.iter().map(shift).collect()
}

/// Where a place's feature stands in the observation.
fn feature(topology: &Topology, place: FaultTarget, feature: &str) -> Option<usize> {
    let name = match place {
        FaultTarget::Service(service) => format!("service.{}.{feature}", topology.service_names()[service.index()]),
        FaultTarget::Node(node) => format!("node.{}.{feature}", topology.node_names()[node.index()]),
        FaultTarget::Zone(zone) => format!("zone.{}.{feature}", topology.zone_names()[zone.index()]),
        FaultTarget::Cluster => format!("global.{feature}"),
    };
    topology.observation_index(&name)
}
