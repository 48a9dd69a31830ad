//! Properties of memory: once they are warm, environments allocate nothing while they are played.
//!
//! Counted are the allocations of the thread that plays. A batch on more threads hands its work over through rayon's queue,
//! which takes a new block for every 63 steps: 28 allocations of 1,520 bytes in 1,800 steps of 32, 256 or 1,024 environments
//! on two threads, over all threads, and no others.

use std::sync::Arc;

use allocation_counter::measure;
use microcloud_core::{
    ActionSet, CounterRng, Environment, Level, Scenario, Split, StepBuffers, Stream, Topology, VectorEnvironment,
};

/// Episodes that are played before anything is counted, of one environment or of each of a batch.
const WARM_UP: u64 = 2;
/// Episodes in which nothing may be allocated.
const COUNTED: u64 = 30;
/// Environments that are stepped together.
const BATCH: usize = 8;

/// Every scenario of the crate, one that has every entity, and generated ones, each with the core and the extended actions.
fn topologies() -> impl Iterator<Item = (String, Arc<Topology>)> {
    let names = Scenario::builtin_names().iter().copied().chain(["everything", "random", "random-64"]);
    names.flat_map(|name| [ActionSet::Core, ActionSet::Extended].map(|set| (name, set))).map(|(name, set)| {
        let mut scenario = match name {
            "everything" => Scenario::from_toml(include_str!("properties/everything.toml"), "everything.toml"),
            _ => Scenario::load(name),
        }
        .unwrap_or_else(|error| panic!("{error}"));
        scenario.actions = set;
        (format!("{name} with {set:?} actions"), Topology::new(scenario).expect("its topology"))
    })
}

/// One of the legal actions, each as likely as any other; it allocates nothing either.
fn draw(mask: &[bool], rng: &mut CounterRng) -> usize {
    let legal = mask.iter().filter(|&&legal| legal).count();
    let rank = (rng.uniform() * legal as f32) as usize;
    mask.iter().enumerate().filter(|&(_, &legal)| legal).nth(rank).map_or(0, |(action, _)| action)
}

#[test]
fn what_allocates_is_counted() {
    let topology = Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology");
    let environment = Environment::new(topology);
    assert!(measure(|| drop(environment.snapshot())).count_total > 0);
    assert!(measure(|| drop(environment.clone())).count_total > 0);
}

#[test]
fn one_environment_allocates_nothing_per_reset_step_observation_and_mask() {
    for (name, topology) in topologies() {
        let mut environment = Environment::new(topology.clone());
        let mut observation = vec![0.0; topology.observation_size()];
        let mut mask = vec![false; topology.num_actions()];
        let mut rng = CounterRng::new(1, Stream::Faults, 0);
        for episode in 0..WARM_UP + COUNTED {
            let counted = |what: &str, work: &mut dyn FnMut()| {
                let allocations = measure(work).count_total;
                assert!(episode < WARM_UP || allocations == 0, "{name}: {allocations} in {what} of episode {episode}");
            };
            // Wild play shows the extremes; gentle play lasts.
            let eagerness = if episode % 2 == 0 { 1.0 } else { 0.1 };
            counted("the reset", &mut || environment.reset(Level::draw(Split::Train, 7, episode)));
            let mut ended = false;
            while !ended {
                counted("an observation", &mut || environment.observe(&mut observation));
                counted("a mask", &mut || environment.action_mask(&mut mask));
                let action = if rng.uniform() < eagerness { draw(&mask, &mut rng) } else { 0 };
                counted("a step", &mut || {
                    let transition = environment.step(action);
                    ended = transition.terminated || transition.truncated;
                });
            }
        }
    }
}

#[test]
fn a_batch_on_one_thread_allocates_nothing_per_reset_and_step_and_across_the_ends_of_episodes() {
    for (name, topology) in topologies() {
        let mut environments =
            VectorEnvironment::new(topology.clone(), Split::Train, BATCH, 1).expect("a vector environment");
        let mut observations = vec![0.0; BATCH * topology.observation_size()];
        let mut final_observations = observations.clone();
        let mut action_masks = vec![false; BATCH * topology.num_actions()];
        let mut rewards = vec![0.0; BATCH];
        let (mut terminated, mut truncated) = (vec![false; BATCH], vec![false; BATCH]);
        let mut actions = vec![0; BATCH];
        let mut rng = CounterRng::new(2, Stream::Faults, 0);
        let decisions = u64::from(topology.scenario().episode_decisions);
        let mut ends = 0;
        for round in 0..2 {
            let reset = measure(|| environments.reset(round, &mut observations, &mut action_masks)).count_total;
            assert!(round == 0 || reset == 0, "{name}: {reset} in a reset");
            for step in 0..WARM_UP * decisions {
                let rows = action_masks.chunks_exact(topology.num_actions());
                for (action, mask) in actions.iter_mut().zip(rows) {
                    *action = draw(mask, &mut rng);
                }
                let stepped = measure(|| {
                    environments.step(
                        &actions,
                        &mut StepBuffers {
                            observations: &mut observations,
                            action_masks: &mut action_masks,
                            rewards: &mut rewards,
                            terminated: &mut terminated,
                            truncated: &mut truncated,
                            final_observations: &mut final_observations,
                        },
                    );
                });
                let allocations = stepped.count_total;
                assert!(round == 0 || allocations == 0, "{name}: {allocations} in step {step}");
                ends += terminated.iter().zip(&truncated).filter(|&(&lost, &over)| round > 0 && (lost || over)).count();
            }
        }
        assert!(ends >= BATCH, "{name}: {ends} episodes ended, too few to show anything");
    }
}
