//! Every single core action near what a fault strikes, against no action.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, FaultTarget, Level, Place, Remedy, Scenario, Step, Topology};
use rayon::prelude::*;

use super::{
    FaultTableError, only_fault,
    places::fault_of,
    plan::{self, Plan},
    reference, words,
};
use crate::{Contender, EpisodeOutcome, EvaluationError, play, statistics::mean};

/// Seconds after the onset at which the action is sent.
const AFTER_S: f32 = 20.0;

/// One action near what a fault strikes, sent once.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Which action, at which of its places.
    pub name: String,
    /// Mean loss with it.
    pub loss: f64,
    /// Mean loss with no action over the same levels.
    pub no_op: f64,
}

/// What each core action on the struck service, its neighbours, nodes and zone comes to when it is sent once 20 s after
/// the onset; on the busiest services where the fault strikes the whole cluster.
///
/// # Errors
/// A fault that the scenario's catalogue lacks, or that strikes on too few levels.
pub fn rivals(scenario: &Scenario, id: FaultId, levels: usize) -> Result<Vec<Rival>, FaultTableError> {
    let topology = Topology::new(only_fault(scenario, id)?)?;
    let drawn = reference::levels(id, &topology, levels)?;
    let no_op = outcomes(&topology, || Plan::new(&[]), &drawn)?;
    let mut wanted = Vec::new();
    for step in steps() {
        let counts = counts(&topology, &drawn, &step);
        for k in 0..counts.iter().copied().max().unwrap_or(0) {
            let has = |index: &usize| counts[*index] > k;
            wanted.push((step, k, (0..drawn.len()).filter(has).collect::<Vec<usize>>()));
        }
    }
    let rival = |(step, k, indices): (Step, usize, Vec<usize>)| {
        let levels: Vec<Level> = indices.iter().map(|&index| drawn[index]).collect();
        let played = outcomes(&topology, move || Plan::single(step, k), &levels)?;
        // Where the action is masked throughout, it is none.
        let pairs = || played.iter().zip(&indices).filter(|(own, _)| own.actions > 0.0);
        let with: Vec<f64> = pairs().map(|(own, _)| -own.total_reward).collect();
        let without: Vec<f64> = pairs().map(|(_, &index)| -no_op[index].total_reward).collect();
        let name = format!("{} no. {}", words::what(&step), k + 1);
        Ok(mean(&with).zip(mean(&without)).map(|(loss, no_op)| Rival { name, loss, no_op }))
    };
    let rivals: Result<Vec<Option<Rival>>, FaultTableError> = wanted.into_par_iter().map(rival).collect();
    Ok(rivals?.into_iter().flatten().collect())
}

fn steps() -> Vec<Step> {
    let of_services = [Remedy::Restart, Remedy::ScaleUp, Remedy::ScaleDown];
    let services = [Place::Target, Place::Callers, Place::Callees, Place::Busiest];
    let mut grid: Vec<(Remedy, Place)> =
        services.iter().flat_map(|&place| of_services.map(|remedy| (remedy, place))).collect();
    grid.extend([
        (Remedy::Drain, Place::Nodes),
        (Remedy::Rebalance, Place::Zone),
        (Remedy::RebalanceAll, Place::Cluster),
    ]);
    let step = |(remedy, place)| Step { after_s: AFTER_S, remedy, place, times: 1, every_s: 0.0 };
    grid.into_iter().map(step).collect()
}

/// How many actions a step is on each level.
fn counts(topology: &Arc<Topology>, levels: &[Level], step: &Step) -> Vec<usize> {
    let prototype = Environment::new(Arc::clone(topology));
    let count = |&level: &Level| {
        let mut environment = prototype.clone();
        environment.reset(level);
        let Some(fault) = fault_of(&environment) else { return 0 };
        if step.place == Place::Busiest && fault.target != FaultTarget::Cluster {
            return 0;
        }
        while environment.time_s() <= fault.onset_s {
            environment.step(0);
        }
        plan::actions(&environment, &fault, step).len()
    };
    levels.par_iter().map(count).collect()
}

fn outcomes(
    topology: &Arc<Topology>,
    make: impl Fn() -> Plan + Send + Sync + 'static,
    levels: &[Level],
) -> Result<Vec<EpisodeOutcome>, EvaluationError> {
    play(topology, &Contender::privileged("plan", make), levels, None, &())
}
