//! Fluid against exact on every family of scenarios, without a fault and with each fault of its catalogue.

mod duel;
mod summary;

use std::sync::Arc;

use microcloud_core::{FaultId, Level, Scenario, Split, Topology};
use rayon::prelude::*;

use self::duel::{Duel, Outcome, duel};
use super::{Effort, Engine, Row, Section, ValidationError};
use crate::{FaultTableError, only_fault};

/// Seconds from the start at which every fault strikes here, so that the time without it is short.
const ONSET_S: f32 = 60.0;
/// Minutes that are played.
const MINUTES: u32 = 10;
/// Levels of each fault, and without one.
const LEVELS: usize = 2;
/// Distance in availability, and in the queue relative to its length, that passes where nothing goes wrong.
const CALM_AVAILABILITY: f64 = 0.002;
const CALM_QUEUE: f64 = 0.01;
/// What levels are drawn from.
const SEED: u64 = 11;

/// One fault of a family, or none, over some levels.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    /// The scenario's name.
    pub family: String,
    /// The fault that strikes.
    pub fault: Option<FaultId>,
    /// One for each level.
    pub duels: Vec<Duel>,
}

/// The section on families: all of them with every fault, or the first with a few.
pub(super) fn section(effort: Effort, rules_off: &[String]) -> Result<Section, ValidationError> {
    let cases = cases(effort, rules_off)?;
    Ok(Section {
        title: "Fluid against exact, fault by fault".to_owned(),
        meaning: summary::MEANING.to_owned(),
        rows: cases.iter().flat_map(Case::rows).collect(),
        details: summary::details(&cases),
        plots: vec![summary::plot(&cases)],
    })
}

fn cases(effort: Effort, rules_off: &[String]) -> Result<Vec<Case>, FaultTableError> {
    let families: &[&str] = match effort {
        Effort::Quick => &["spine12"],
        Effort::Full => &["spine12", "online-boutique", "random"],
    };
    let mut plans = Vec::new();
    for name in families {
        let mut scenario = Scenario::load(name).map_err(FaultTableError::from)?;
        scenario.rules_off.extend_from_slice(rules_off);
        let faults = FaultId::all().filter(|id| scenario.faults.catalogue.iter().any(|fault| fault.id == *id));
        let faults: Vec<FaultId> = match effort {
            Effort::Quick => vec![FaultId::F04, FaultId::F13],
            Effort::Full => faults.filter(|id| !id.is_herring()).collect(),
        };
        plans.push((scenario.clone(), None));
        plans.extend(faults.into_iter().map(|id| (scenario.clone(), Some(id))));
    }
    plans.into_par_iter().map(|(scenario, fault)| case(&scenario, fault)).collect()
}

fn case(scenario: &Scenario, fault: Option<FaultId>) -> Result<Case, FaultTableError> {
    let family = scenario.name.clone();
    let mut scenario = match fault {
        Some(id) => only_fault(scenario, id)?,
        None => scenario.clone(),
    };
    scenario.episode_decisions *= scenario.decision_ticks;
    scenario.decision_ticks = 1;
    scenario.faults.herring_ratio = 0.0;
    if fault.is_none() {
        scenario.faults.control_ratio = 1.0;
    }
    for struck in &mut scenario.faults.catalogue {
        struck.onset_s = [ONSET_S, ONSET_S];
    }
    let split = if fault.is_some_and(FaultId::is_heldout) { Split::Heldout } else { Split::Train };
    let topology = Topology::new(scenario)?;
    let drawn: Vec<Level> = match fault {
        Some(_) => topology.draw_levels(split, SEED, LEVELS, false),
        None => (0..LEVELS as u64).map(|k| Level::draw(split, SEED, k)).collect(),
    };
    let duels = drawn.into_par_iter().map(|level| duel(&Arc::clone(&topology), level, MINUTES)).collect();
    Ok(Case { family, fault, duels })
}

impl Case {
    /// The case's name in the table: the family and the fault.
    fn name(&self) -> String {
        self.fault.map_or_else(|| format!("{}, no fault", self.family), |id| format!("{}, {id}", self.family))
    }

    /// Mean over the levels of a quantity of the fluid and of the exact engine.
    fn mean(&self, of: impl Fn(&Outcome) -> f64) -> [f64; 2] {
        let count = self.duels.len().max(1) as f64;
        [
            self.duels.iter().map(|duel| of(&duel.exact)).sum::<f64>() / count,
            self.duels.iter().map(|duel| of(&duel.fluid)).sum::<f64>() / count,
        ]
    }

    /// The rows of the case: the exact engine is what is expected.
    fn rows(&self) -> Vec<Row> {
        let source = "the exact engine on the same levels";
        let row =
            |quantity: &str, values: [f64; 2]| Row::informing(self.name(), Engine::Fluid, quantity, values, source);
        let held = |quantity: &str, values: [f64; 2], tolerance: f64| {
            if self.fault.is_some() {
                return row(quantity, values);
            }
            Row::held(self.name(), Engine::Fluid, quantity, values, tolerance, source)
        };
        let queue = self.mean(|outcome| outcome.queue);
        vec![
            held("availability", self.mean(|outcome| outcome.availability), CALM_AVAILABILITY),
            row("p99 [ms]", self.mean(|outcome| outcome.p99_ms)),
            held("queue", queue, CALM_QUEUE * queue[0]),
        ]
    }
}
