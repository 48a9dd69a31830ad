//! Nothing appears or vanishes, and every number stays one, in random clusters under random faults and actions.

use microcloud_core::{Audit, CounterRng, Environment, Level, Scenario, Split, Stream, Topology};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner},
};

use crate::{
    play,
    random_cluster::{Shape, scenario},
};

/// Plays random actions, legal ones and others, on one level.
fn audited(scenario: Scenario, level: Level, decisions: u32, seed: u64) -> Audit {
    let topology = Topology::new(scenario).expect("a topology");
    let mut environment = Environment::new(topology.clone());
    environment.reset(level);
    let mut rng = CounterRng::new(seed, Stream::Phases, u64::MAX);
    let mut audit = Audit::new();
    for _ in 0..decisions {
        let any = (rng.uniform() * (topology.num_actions() + 2) as f32) as usize;
        let action = if rng.uniform() < 0.5 { any } else { 0 };
        if environment.step_audited(action, &mut audit).terminated {
            break;
        }
    }
    audit
}

fn check(audit: &Audit) -> Result<(), TestCaseError> {
    prop_assert!(audit.violation().is_none(), "{}", audit.violation().unwrap_or_default());
    prop_assert!(audit.broken().next().is_none(), "{audit:?}");
    Ok(())
}

#[test]
fn random_clusters_conserve_what_flows_through_them() {
    let config = Config {
        cases: 1000,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(4),
        ..Config::default()
    };
    let shape = (1..=9_usize, 1..=4_usize, 0..=4_usize, any::<u64>());
    let cases = shape.prop_map(|(services, zones, more, seed)| Shape { services, zones, nodes: zones + more, seed });
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&cases, |shape| {
        let level = Level::draw([Split::Train, Split::Heldout][usize::from(shape.seed % 4 == 0)], shape.seed, 0);
        check(&audited(scenario(shape), level, 80, shape.seed))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn every_scenario_conserves_what_flows_through_it() {
    for name in play::scenario_names() {
        for k in 0..20 {
            let level = Level::draw([Split::Train, Split::Heldout][k % 2], 9, k as u64);
            let audit = audited(play::scenario(name), level, 240, k as u64);
            assert!(audit.violation().is_none() && audit.broken().next().is_none(), "{name}, {level:?}: {audit:?}");
        }
    }
}
