//! What every fault costs under no action, the right plan and the wrong one, and where it shows: its card, measured.

mod page;
mod places;
mod plan;
mod reference;
mod rivals;
mod symptoms;
mod words;

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, Level, Scenario, Step, Topology};
use rayon::prelude::*;

pub use page::fault_page;
pub use reference::{FAULT_LEVELS, FaultTableError, REFERENCE, only_fault};
pub use rivals::{Rival, rivals};
pub use symptoms::{LEAST_SHARE, LEAST_SHIFT, SymptomRow, WINDOW_S, symptoms};

use self::plan::Plan;
use crate::{Contender, EpisodeOutcome, EvaluationError, play, statistics::mean};

/// What a fault comes to under one plan, over the same levels as under the others.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// Mean of minus the return.
    pub loss: f64,
    /// Mean seconds from the onset to recovery, censored at the episode's end; none for red herrings.
    pub ttr_s: Option<f64>,
    /// Share of the levels in which the cluster recovers.
    pub recovered_ratio: Option<f64>,
    /// Mean number of actions that it sends.
    pub actions: f64,
}

/// A fault's card, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRow {
    /// The fault.
    pub id: FaultId,
    /// Mean loss over the same levels with the fault switched off.
    pub without: f64,
    /// Under no action.
    pub no_op: PlanRow,
    /// Under the card's right plan; what no action gives where that plan is to wait.
    pub right: PlanRow,
    /// Under the card's wrong plan.
    pub wrong: PlanRow,
    /// Where it shows.
    pub symptoms: Vec<SymptomRow>,
    /// Steps of either plan that are no action of the scenario on any level.
    pub unresolved: Vec<String>,
}

/// Measures every fault of a scenario's catalogue on so many levels, over the current rayon pool.
///
/// # Errors
/// A fault that strikes on too few levels.
pub fn fault_table(scenario: &Scenario, levels: usize) -> Result<Vec<FaultRow>, FaultTableError> {
    let has = |id: &FaultId| scenario.faults.catalogue.iter().any(|fault| fault.id == *id);
    let ids: Vec<FaultId> = FaultId::all().filter(has).collect();
    ids.into_par_iter().map(|id| fault_row(scenario, id, levels)).collect()
}

/// Measures one fault on so many levels.
///
/// # Errors
/// A fault that the scenario's catalogue lacks, or that strikes on too few levels.
pub fn fault_row(scenario: &Scenario, id: FaultId, levels: usize) -> Result<FaultRow, FaultTableError> {
    let scenario = only_fault(scenario, id)?;
    let topology = Topology::new(scenario.clone())?;
    let drawn = reference::levels(id, &topology, levels)?;
    let card = id.card();
    let no_op = under(&topology, &[], &drawn)?;
    let plan = |steps: &[Step]| if steps.is_empty() { Ok(no_op.clone()) } else { under(&topology, steps, &drawn) };
    let (right, wrong) = (plan(card.right)?, plan(card.wrong)?);
    let mut off = scenario.clone();
    off.rules_off.push(id.to_string());
    Ok(FaultRow {
        id,
        without: under(&Topology::new(off)?, &[], &drawn)?.loss,
        no_op,
        right,
        wrong,
        symptoms: symptoms(id, &scenario, levels)?,
        unresolved: unresolved(&topology, &drawn, card.right.iter().chain(card.wrong)),
    })
}

fn under(topology: &Arc<Topology>, steps: &[Step], levels: &[Level]) -> Result<PlanRow, EvaluationError> {
    let steps = steps.to_vec();
    let outcomes = play(topology, &Contender::privileged("plan", move || Plan::new(&steps)), levels, None, &())?;
    Ok(plan_row(&outcomes))
}

fn plan_row(outcomes: &[EpisodeOutcome]) -> PlanRow {
    let losses: Vec<f64> = outcomes.iter().map(|outcome| -outcome.total_reward).collect();
    let ttr_s: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.ttr_s).collect();
    let recovered = outcomes.iter().filter_map(|outcome| outcome.recovered);
    let recovered: Vec<f64> = recovered.map(|recovered| f64::from(u8::from(recovered))).collect();
    let actions: Vec<f64> = outcomes.iter().map(|outcome| outcome.actions).collect();
    PlanRow {
        loss: mean(&losses).unwrap_or(0.0),
        ttr_s: mean(&ttr_s),
        recovered_ratio: mean(&recovered),
        actions: mean(&actions).unwrap_or(0.0),
    }
}

/// The steps that no level has an action for: the remedy is no action of the scenario, or not one of such a place.
fn unresolved<'a>(topology: &Arc<Topology>, levels: &[Level], steps: impl Iterator<Item = &'a Step>) -> Vec<String> {
    let mut environment = Environment::new(Arc::clone(topology));
    let mut steps: Vec<&Step> = steps.collect();
    for &level in levels {
        environment.reset(level);
        let Some(fault) = places::fault_of(&environment) else { continue };
        while !steps.is_empty() && environment.time_s() <= fault.onset_s {
            environment.step(0);
        }
        steps.retain(|step| plan::actions(&environment, &fault, step).is_empty());
    }
    steps.into_iter().map(words::step).collect()
}
