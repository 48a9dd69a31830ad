//! One row played on one level, and what the environment reported as struck meanwhile.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, FaultPlan, Level, Topology};
use microcloud_policy::{Baseline, ThresholdRulesConfig, detector::Detector};
use ndarray::ArrayView2;

use super::{
    OatsError,
    campaign::{Conditions, DEGRADED, DOWN},
};
use crate::{
    Contender, EpisodeOutcome, EvaluationError, Progress,
    episode::outcome,
    play::{policy_error, sample, yardstick},
};

/// Share of a service's replicas from which it counts as down where they have crashed.
const ALL: f64 = 0.999;

/// The outcome of an episode of a row's faults, and the row that was struck.
pub(super) fn play_row(
    topology: &Arc<Topology>,
    contender: &Contender,
    level: Level,
    (row, faults): (usize, &[FaultPlan]),
    table: &Conditions,
    progress: &dyn Progress,
) -> Result<(EpisodeOutcome, Vec<u8>), OatsError> {
    let failed = |source| policy_error(contender.name(), topology, source);
    let mut policy = contender.make(topology).map_err(failed)?;
    let detector =
        Detector::new(ThresholdRulesConfig::default().rules, topology).map_err(|error| failed(error.into()))?;
    let mut environment = Environment::new(Arc::clone(topology));
    let scenario = &topology.scenario().name;
    environment.reset_with_faults(level, faults).map_err(|source| OatsError::Faults {
        scenario: scenario.clone(),
        row: row + 1,
        source,
    })?;
    let yardstick = yardstick(&environment);
    let mut incidents = detector.start();
    let mut observation = vec![0.0; topology.observation_size()];
    let mut mask = vec![false; topology.num_actions()];
    let mut worst = vec![0; topology.num_services()];
    let mut samples = Vec::new();
    environment.observe(&mut observation);
    detector.observe(&mut incidents, &observation);
    loop {
        if progress.is_cancelled() {
            return Err(EvaluationError::Interrupted.into());
        }
        environment.action_mask(&mut mask);
        let action = choose(&mut policy, &environment, &observation, &mask);
        let transition = environment.step(action);
        for struck in environment.struck_services() {
            let is_down = struck.id == FaultId::F04 && struck.share >= ALL;
            let own = &mut worst[struck.service.index()];
            *own = (*own).max(if is_down { DOWN } else { DEGRADED });
        }
        environment.observe(&mut observation);
        detector.observe(&mut incidents, &observation);
        samples.push(sample(&environment, &transition, action, incidents.opened_incident()));
        if transition.terminated || transition.truncated {
            return Ok((outcome(&yardstick, &samples), table.row(&worst)));
        }
    }
}

fn choose(policy: &mut Baseline, environment: &Environment, observation: &[f32], mask: &[bool]) -> usize {
    match policy {
        Baseline::Privileged(policy) => policy.act(environment),
        Baseline::Observing(policy) => {
            let mut actions = [0];
            let (observations, masks) = (
                ArrayView2::from_shape((1, observation.len()), observation),
                ArrayView2::from_shape((1, mask.len()), mask),
            );
            // One row of each has this shape.
            if let (Ok(observations), Ok(masks)) = (observations, masks) {
                policy.act(observations, masks, &[environment.decision() == 0], &mut actions);
            }
            actions[0]
        }
    }
}
