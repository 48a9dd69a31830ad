//! Properties of playing: observations, masks, actions and rewards.

use std::sync::Arc;

use microcloud_core::{
    ActionSet, CounterRng, Environment, FaultId, FaultPlan, Level, Scenario, Split, Stream, Topology,
    observation::BOUND,
};

/// Every scenario that what holds for all is held to: the built-in ones, one that has every entity, and generated ones.
pub fn scenario_names() -> impl Iterator<Item = &'static str> {
    Scenario::builtin_names().iter().copied().chain(["everything", "random", "random-64"])
}

/// One of them.
pub fn scenario(name: &str) -> Scenario {
    match name {
        "everything" => Scenario::from_toml(include_str!("everything.toml"), "everything.toml"),
        _ => Scenario::load(name),
    }
    .unwrap_or_else(|error| panic!("{error}"))
}

pub fn topology(name: &str) -> Arc<Topology> {
    Topology::new(scenario(name)).expect("its topology")
}

/// A uniformly drawn legal action.
pub fn random_action(environment: &Environment, rng: &mut CounterRng) -> usize {
    let mut mask = vec![false; environment.topology().num_actions()];
    environment.action_mask(&mut mask);
    let legal: Vec<usize> = (0..mask.len()).filter(|&action| mask[action]).collect();
    legal[(rng.uniform() * legal.len() as f32) as usize]
}

#[test]
fn the_mask_says_of_every_action_whether_it_is_legal() {
    for name in scenario_names() {
        let scenario = Scenario { actions: ActionSet::Extended, ..scenario(name) };
        let topology = Topology::new(scenario).expect("its topology");
        let mut environment = Environment::new(topology.clone());
        environment.reset(Level::draw(Split::Train, 3, 0));
        let mut mask = vec![false; topology.num_actions()];
        let mut rng = CounterRng::new(4, Stream::Faults, 0);
        for _ in 0..200 {
            environment.action_mask(&mut mask);
            for (index, &legal) in mask.iter().enumerate() {
                let expected = topology.action(index).is_some_and(|action| environment.is_legal(action));
                assert_eq!(legal, expected, "{name}: {}", topology.action_meanings()[index]);
            }
            let action = random_action(&environment, &mut rng);
            environment.step(action);
        }
    }
}

#[test]
fn every_feature_varies_and_stays_within_its_bound() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        let mut observation = vec![0.0; topology.observation_size()];
        let mut range = vec![(f32::MAX, f32::MIN); observation.len()];
        let mut rng = CounterRng::new(1, Stream::Faults, 0);
        for k in 0..400 {
            environment.reset(Level::draw(Split::Train, 5, k));
            // Gentle play keeps the cluster alive; wild play shows its extremes.
            let eagerness = if k % 2 == 0 { 0.1 } else { 1.0 };
            loop {
                let action = if rng.uniform() < eagerness { random_action(&environment, &mut rng) } else { 0 };
                let transition = environment.step(action);
                environment.observe(&mut observation);
                for ((low, high), &value) in range.iter_mut().zip(&observation) {
                    assert!(value.is_finite() && value.abs() <= BOUND);
                    *low = low.min(value);
                    *high = high.max(value);
                }
                if transition.terminated || transition.truncated {
                    break;
                }
            }
        }
        let dead: Vec<&String> = range
            .iter()
            .zip(topology.observation_names())
            .filter(|((low, high), _)| high - low < 1e-3)
            .map(|(_, name)| name)
            .collect();
        assert!(dead.is_empty(), "{name}: features that never vary: {dead:?}");
    }
}

#[test]
fn every_action_is_sometimes_legal_and_sometimes_matters() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        let mut matters = vec![false; topology.num_actions()];
        matters[0] = true;
        let mut rng = CounterRng::new(2, Stream::Faults, 0);
        let mut mask = vec![false; topology.num_actions()];
        for k in 0..40 {
            environment.reset(Level::draw(Split::Train, 6, k));
            for _ in 0..80 {
                environment.action_mask(&mut mask);
                for action in 1..mask.len() {
                    if mask[action] && !matters[action] {
                        let (mut with, mut without) = (environment.clone(), environment.clone());
                        with.step(action);
                        without.step(0);
                        let later = |mut environment: Environment| {
                            (0..12).map(|_| environment.step(0).terms.bad_requests).sum::<f64>()
                        };
                        matters[action] = later(with) != later(without);
                    }
                }
                let action = random_action(&environment, &mut rng);
                if environment.step(action).terminated {
                    break;
                }
            }
        }
        let idle: Vec<&String> = topology
            .action_meanings()
            .iter()
            .zip(&matters)
            .filter(|(_, matters)| !**matters)
            .map(|(name, _)| name)
            .collect();
        assert!(idle.is_empty(), "{name}: actions without effect: {idle:?}");
    }
}

#[test]
fn scaling_down_to_the_minimum_leaves_every_zone_a_replica() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        let level = topology.draw_levels(Split::Train, 3, 1, true)[0];
        environment.reset(level);
        let mut mask = vec![false; topology.num_actions()];
        for _ in 0..topology.scenario().episode_decisions - 1 {
            environment.action_mask(&mut mask);
            let down = (0..mask.len())
                .find(|&action| mask[action] && topology.action_meanings()[action].starts_with("scale down"));
            environment.step(down.unwrap_or(0));
        }
        let mut observation = vec![0.0; topology.observation_size()];
        environment.observe(&mut observation);
        // Users who enter a zone without a gateway fail at once; a thin one only fails them when it is overloaded.
        let errors: Vec<f32> = topology
            .zone_names()
            .iter()
            .map(|zone| observation[topology.observation_index(&format!("zone.{zone}.ready")).expect("a feature")])
            .collect();
        assert!(errors.iter().all(|&ready| ready > 0.0), "{name}: {errors:?}");
        let skew = errors.iter().fold(0.0_f32, |most, &ready| most.max((ready - errors[0]).abs()));
        assert!(skew < 0.1, "{name}: zones shrink unevenly: {errors:?}");
    }
}

#[test]
fn the_first_scrape_shows_the_load_as_it_is() {
    let topology = topology("spine12");
    let mut environment = Environment::new(topology.clone());
    let mut observation = vec![0.0; topology.observation_size()];
    for level in topology.draw_levels(Split::Train, 4, 10, true) {
        environment.reset(level);
        environment.step(0);
        environment.observe(&mut observation);
        for service in topology.service_names() {
            let seen =
                observation[topology.observation_index(&format!("service.{service}.requests")).expect("a feature")];
            assert!((0.7..1.3).contains(&seen), "{service} on {level:?}: {seen}");
        }
    }
}

#[test]
fn a_masked_action_is_a_no_op_that_costs() {
    let topology = topology("spine12");
    let mut environment = Environment::new(topology.clone());
    environment.reset(Level::new(3).expect("a level"));
    let mut mask = vec![false; topology.num_actions()];
    environment.action_mask(&mut mask);
    let masked = (0..mask.len()).find(|&action| !mask[action]).expect("a masked action");
    for action in [masked, mask.len(), usize::MAX] {
        let (mut sent, mut idle) = (environment.clone(), environment.clone());
        let (first, second) = (sent.step(action), idle.step(0));
        assert_eq!(first.terms.bad_requests, second.terms.bad_requests);
        assert!((first.reward - second.reward + f64::from(topology.scenario().reward.action)).abs() < 1e-12);
        assert!(sent == idle, "a masked action changed the cluster");
    }
}

#[test]
fn rewards_lie_between_minus_one_and_zero_before_action_costs_and_are_the_sum_of_their_terms() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        let mut rng = CounterRng::new(3, Stream::Faults, 0);
        for k in 0..20 {
            environment.reset(Level::draw(Split::Test, 1, k));
            loop {
                let action = random_action(&environment, &mut rng);
                let transition = environment.step(action);
                let terms = transition.terms;
                assert_eq!(transition.reward, terms.sum());
                let before_costs = terms.bad_requests + terms.latency + terms.cost;
                assert!((-1.0001..=0.0).contains(&before_costs), "{terms:?}");
                assert_eq!(terms.termination != 0.0, transition.terminated);
                if transition.terminated {
                    let left = f64::from(topology.scenario().episode_decisions - environment.decision());
                    assert_eq!(terms.termination, -left);
                }
                assert!(!(transition.terminated && transition.truncated));
                if transition.terminated || transition.truncated {
                    break;
                }
            }
        }
    }
}

#[test]
fn on_control_levels_nothing_beats_no_op() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        for level in topology.draw_levels(Split::Train, 9, 3, true) {
            let mut play = |choose: &mut dyn FnMut(&Environment, u32) -> usize| {
                environment.reset(level);
                let mut sum = 0.0;
                loop {
                    let action = choose(&environment, environment.decision());
                    let transition = environment.step(action);
                    sum += transition.reward;
                    if transition.terminated || transition.truncated {
                        return sum;
                    }
                }
            };
            let idle = play(&mut |_, _| 0);
            assert!(idle > -0.5, "{name}: no-op alone costs {idle} on control level {level:?}");
            for action in 1..topology.num_actions() {
                let once = play(&mut |_, decision| if decision == 10 { action } else { 0 });
                assert!(once < idle, "{name}: {} beats no-op", topology.action_meanings()[action]);
            }
            let mut rng = CounterRng::new(4, Stream::Faults, 0);
            let random = play(&mut |environment, _| random_action(environment, &mut rng));
            assert!(random < idle);
        }
    }
}

#[test]
fn an_action_that_no_control_plane_carries_out_is_told_of_when_its_time_comes() {
    for (name, wait) in [("spine12", 0), ("quorum", 1)] {
        for (magnitude, expected) in [(None, true), (Some(1.0), true), (Some(4.0), false)] {
            let topology = topology(name);
            let mut environment = Environment::new(Arc::clone(&topology));
            let fault = magnitude.map(|of| FaultPlan::new(FaultId::F27, None, of, 1.0, 1000.0));
            environment.reset_with_faults(Level::draw(Split::Train, 3, 0), fault.as_slice()).expect("its fault");
            for _ in 0..10 {
                environment.step(0);
                assert_eq!(environment.carried_out().count(), 0, "no-op is no action");
            }
            environment.step(1);
            for _ in 0..wait {
                assert_eq!(environment.carried_out().count(), 0, "{name}: its time has not come");
                environment.step(0);
            }
            assert_eq!(environment.carried_out().collect::<Vec<_>>(), [expected], "{name} under {magnitude:?}");
            environment.step(0);
            assert_eq!(environment.carried_out().count(), 0);
        }
    }
}
