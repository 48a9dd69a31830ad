//! A scenario with one fault on every level and no other, and its levels.

use std::sync::Arc;

use microcloud_core::{ActionSet, FaultId, Level, Scenario, ScenarioError, Split, Topology};
use thiserror::Error;

use crate::EvaluationError;

/// The built-in scenario that the catalogue's page is measured in: it has every fault.
pub const REFERENCE: &str = "spine12";
/// Levels that the catalogue's page is measured on.
pub const FAULT_LEVELS: usize = 20;
/// Draws the levels.
const SEED: u64 = 5;

/// Why a fault could not be measured.
#[derive(Debug, Error)]
pub enum FaultTableError {
    /// The scenario's catalogue has no such fault.
    #[error("{id} is not in {scenario}'s [[faults.catalogue]]")]
    NotInCatalogue {
        /// The scenario.
        scenario: String,
        /// The fault.
        id: FaultId,
    },
    /// The scenario does not load.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The episodes could not be played.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

/// A scenario with one of its faults on every level, and every action there is.
///
/// # Errors
/// A fault that the scenario's catalogue lacks.
pub fn only_fault(scenario: &Scenario, id: FaultId) -> Result<Scenario, FaultTableError> {
    let mut scenario = scenario.clone();
    scenario.actions = ActionSet::Extended;
    let faults = &mut scenario.faults;
    faults.catalogue.retain(|fault| fault.id == id);
    if faults.catalogue.is_empty() {
        return Err(FaultTableError::NotInCatalogue { scenario: scenario.name, id });
    }
    // Faults that the scenario's own levels never have stand in its catalogue without weight.
    for fault in faults.catalogue.iter_mut().filter(|fault| fault.weight == 0.0) {
        fault.weight = 1.0;
    }
    (faults.control_ratio, faults.second_ratio) = (0.0, 0.0);
    faults.herring_ratio = f32::from(u8::from(id.is_herring()));
    Ok(scenario)
}

/// The levels that a fault is measured on.
pub(super) fn levels(id: FaultId, topology: &Arc<Topology>, count: usize) -> Result<Vec<Level>, EvaluationError> {
    let split = if id.is_heldout() { Split::Heldout } else { Split::Train };
    let levels = topology.draw_levels(split, SEED, count, id.is_herring());
    if levels.len() < count {
        let (scenario, kind) = (topology.scenario().name.clone(), "with the fault");
        return Err(EvaluationError::TooFewLevels { scenario, split, kind, asked: count, found: levels.len() });
    }
    Ok(levels)
}
