//! Every single action near what a fault strikes, core or extended, against no action.

use std::{collections::BTreeMap, sync::Arc};

use microcloud_core::{
    Action, Environment, FaultId, FaultTarget, Level, Place, Remedy, SHED_PERCENT, Scenario, Step, Topology,
};
use rayon::prelude::*;

use super::{FaultTableError, only_fault, places::fault_of, plan, reference, words};
use crate::statistics::mean;

/// One action near what a fault strikes, sent once.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Which action, at which of its places.
    pub name: String,
    /// Mean loss with it, over the levels where it is legal at its time.
    pub loss: f64,
    /// Mean loss with no action over the same levels.
    pub no_op: f64,
}

/// A step, by its place in [`steps`], and which of its places.
type Key = (usize, usize);

/// What each action on the struck service, its neighbours, nodes and zone comes to when it is sent once so many seconds
/// after the onset; on the busiest services where the fault strikes the whole cluster. Only paging a human is left out.
///
/// # Errors
/// A fault that the scenario's catalogue lacks, or that strikes on too few levels.
pub fn rivals(scenario: &Scenario, id: FaultId, after_s: f32, levels: usize) -> Result<Vec<Rival>, FaultTableError> {
    let topology = Topology::new(only_fault(scenario, id)?)?;
    let drawn = reference::levels(id, &topology, levels)?;
    let steps = steps(after_s);
    let prototype = Environment::new(Arc::clone(&topology));
    let played: Vec<Vec<(Key, f64, f64)>> =
        drawn.par_iter().map(|&level| play_all(prototype.clone(), level, &steps, after_s)).collect();
    let mut losses: BTreeMap<Key, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (key, loss, no_op) in played.into_iter().flatten() {
        let (with, without) = losses.entry(key).or_default();
        with.push(loss);
        without.push(no_op);
    }
    let rival = |((index, k), (with, without)): (Key, (Vec<f64>, Vec<f64>))| {
        let name = format!("{} no. {}", words::what(&steps[index]), k + 1);
        mean(&with).zip(mean(&without)).map(|(loss, no_op)| Rival { name, loss, no_op })
    };
    Ok(losses.into_iter().filter_map(rival).collect())
}

fn steps(after_s: f32) -> Vec<Step> {
    let of_services = [
        Remedy::Restart,
        Remedy::ScaleUp,
        Remedy::ScaleDown,
        Remedy::Rollback,
        Remedy::OpenBreaker,
        Remedy::CloseBreaker,
        Remedy::FlushQueue,
        Remedy::FailOver,
        Remedy::RotateSecret,
    ];
    let services = [Place::Target, Place::Callers, Place::Callees, Place::Busiest];
    let mut grid: Vec<(Remedy, Place)> =
        services.iter().flat_map(|&place| of_services.map(|remedy| (remedy, place))).collect();
    grid.extend([Remedy::Drain, Remedy::Return, Remedy::ClearDisk].map(|remedy| (remedy, Place::Nodes)));
    grid.push((Remedy::Rebalance, Place::Zone));
    let of_all = [Remedy::RebalanceAll, Remedy::DisableRetries];
    let shed = SHED_PERCENT.map(Remedy::Shed);
    grid.extend(of_all.into_iter().chain(shed).map(|remedy| (remedy, Place::Cluster)));
    grid.into_iter().map(|(remedy, place)| Step { after_s, remedy, place, times: 1, every_s: 0.0 }).collect()
}

/// The loss of one level with each action that is legal at its time, and with none; what comes before is played once.
fn play_all(mut environment: Environment, level: Level, steps: &[Step], after_s: f32) -> Vec<(Key, f64, f64)> {
    environment.reset(level);
    let Some(fault) = fault_of(&environment) else { return Vec::new() };
    let mut before = 0.0;
    while environment.time_s() < fault.onset_s + f64::from(after_s) {
        let step = environment.step(0);
        before -= step.reward;
        if step.terminated || step.truncated {
            return Vec::new();
        }
    }
    let no_op = before + loss(environment.clone(), Action::NoOp);
    // A service can be a caller as well as a callee.
    let mut known: Vec<(Action, f64)> = Vec::new();
    let mut played = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if step.place == Place::Busiest && fault.target != FaultTarget::Cluster {
            continue;
        }
        for (k, action) in plan::actions(&environment, &fault, step).into_iter().enumerate() {
            if !environment.is_legal(action) {
                continue;
            }
            let own = known.iter().find(|(known, _)| *known == action).map(|&(_, loss)| loss);
            let own = own.unwrap_or_else(|| before + loss(environment.clone(), action));
            known.push((action, own));
            played.push(((index, k), own, no_op));
        }
    }
    played
}

/// The loss from here on with one action now and none after it.
fn loss(mut environment: Environment, action: Action) -> f64 {
    let mut action = environment.topology().action_index(action).unwrap_or(0);
    let mut sum = 0.0;
    loop {
        let step = environment.step(action);
        sum -= step.reward;
        if step.terminated || step.truncated {
            return sum;
        }
        action = 0;
    }
}
