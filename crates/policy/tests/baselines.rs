//! Properties of every baseline that sees the observation and the mask: legal actions, rows on their own, memory cleared where
//! an episode starts, the same actions each time.

use std::{error::Error, sync::Arc};

use microcloud_core::{Environment, Scenario, Split, Topology};
use microcloud_policy::{BASELINE_NAMES, Baseline, Policy, baseline};
use ndarray::{Array2, Axis};

type Outcome = Result<(), Box<dyn Error>>;

/// Observations and masks of several episodes, played side by side.
struct Episodes {
    /// By decision: `[num_envs, observation_size]` and `[num_envs, num_actions]`.
    seen: Vec<(Array2<f32>, Array2<bool>)>,
}

fn observing(name: &str, topology: &Arc<Topology>) -> Result<Option<Box<dyn Policy>>, Box<dyn Error>> {
    Ok(match baseline(name, topology)? {
        Baseline::Observing(policy) => Some(policy),
        Baseline::Privileged(_) => None,
    })
}

/// Plays a baseline on train levels with faults, checks every action, and keeps what it saw.
fn play(
    name: &str,
    topology: &Arc<Topology>,
    rows: usize,
    decisions: usize,
) -> Result<Option<Episodes>, Box<dyn Error>> {
    let Some(mut policy) = observing(name, topology)? else { return Ok(None) };
    let levels = topology.draw_levels(Split::Train, 3, rows, false);
    let mut environments = vec![Environment::new(Arc::clone(topology)); rows];
    for (environment, &level) in environments.iter_mut().zip(&levels) {
        environment.reset(level);
    }
    let mut seen = Vec::new();
    for decision in 0..decisions {
        let mut observations = Array2::zeros((rows, topology.observation_size()));
        let mut masks = Array2::from_elem((rows, topology.num_actions()), false);
        for (row, environment) in environments.iter().enumerate() {
            environment.observe(observations.row_mut(row).as_slice_mut().ok_or("rows lie together")?);
            environment.action_mask(masks.row_mut(row).as_slice_mut().ok_or("rows lie together")?);
        }
        let mut actions = vec![usize::MAX; rows];
        policy.act(observations.view(), masks.view(), &vec![decision == 0; rows], &mut actions);
        for (row, (&action, environment)) in actions.iter().zip(&mut environments).enumerate() {
            let legal = masks.get((row, action)).copied();
            assert_eq!(legal, Some(true), "{name}, decision {decision}, row {row}: {action}");
            environment.step(action);
        }
        seen.push((observations, masks));
    }
    Ok(Some(Episodes { seen }))
}

/// What a baseline sends when it is shown some rows; an episode starts where `starts` says.
fn shown(
    policy: &mut dyn Policy,
    episodes: &Episodes,
    rows: &[usize],
    starts: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let act = |(decision, (observations, masks)): (usize, &(Array2<f32>, Array2<bool>))| {
        let mut actions = vec![0; rows.len()];
        let (seen, legal) = (observations.select(Axis(0), rows), masks.select(Axis(0), rows));
        policy.act(seen.view(), legal.view(), &vec![starts(decision); rows.len()], &mut actions);
        actions
    };
    episodes.seen.iter().enumerate().map(act).collect()
}

#[test]
fn every_action_of_every_baseline_is_legal_and_most_act_in_some_episode() -> Outcome {
    for scenario in Scenario::builtin_names() {
        let topology = Topology::new(Scenario::load(scenario)?)?;
        for name in BASELINE_NAMES {
            let Some(episodes) = play(name, &topology, 12, 150)? else { continue };
            let Some(mut policy) = observing(name, &topology)? else { continue };
            let rows: Vec<usize> = (0..12).collect();
            let sent = shown(policy.as_mut(), &episodes, &rows, |decision| decision == 0);
            let acts = sent.iter().flatten().any(|&action| action != 0);
            assert!(acts || name == "no-op", "{scenario}: {name} never acts");
        }
    }
    Ok(())
}

#[test]
fn a_row_of_every_baseline_does_not_depend_on_the_batch_around_it() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    for name in BASELINE_NAMES {
        let Some(episodes) = play(name, &topology, 5, 120)? else { continue };
        let (Some(mut together), Some(mut alone)) = (observing(name, &topology)?, observing(name, &topology)?) else {
            continue;
        };
        let all = shown(together.as_mut(), &episodes, &[0, 1, 2, 3, 4], |decision| decision == 0);
        for row in 0..5 {
            let own = shown(alone.as_mut(), &episodes, &[row], |decision| decision == 0);
            let expected: Vec<Vec<usize>> = all.iter().map(|actions| vec![actions[row]]).collect();
            assert_eq!(own, expected, "{name}, row {row}");
        }
    }
    Ok(())
}

#[test]
fn an_episodes_start_clears_what_every_baseline_remembers() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let mut remembering = 0;
    for name in BASELINE_NAMES {
        let Some(episodes) = play(name, &topology, 4, 120)? else { continue };
        let Some(mut policy) = observing(name, &topology)? else { continue };
        let rows = [0, 1, 2, 3];
        // The second half of the episodes, where faults are active, as an episode of its own.
        let tail = Episodes { seen: episodes.seen[60..].to_vec() };
        let afresh = shown(policy.as_mut(), &tail, &rows, |decision| decision == 0);
        shown(policy.as_mut(), &episodes, &rows, |decision| decision == 0);
        assert_eq!(shown(policy.as_mut(), &tail, &rows, |decision| decision == 0), afresh, "{name}");
        shown(policy.as_mut(), &episodes, &rows, |decision| decision == 0);
        remembering += usize::from(shown(policy.as_mut(), &tail, &rows, |_| false) != afresh);
    }
    // Without the start the memory of the episode before shows in most of them: the test can fail.
    assert!(remembering >= 5, "{remembering} baselines remember anything");
    Ok(())
}
