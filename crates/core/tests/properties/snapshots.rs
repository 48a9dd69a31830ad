//! Snapshots: restored environments go on with the same bits, and whatever is no snapshot changes nothing.

use std::sync::Arc;

use microcloud_core::{
    Action, CounterRng, Environment, Level, Scenario, SnapshotError, Split, Stream, Topology, VectorEnvironment,
};

use crate::play::{random_action, scenario, scenario_names, topology};

/// An environment that has played random actions on a level.
fn played(topology: &Arc<Topology>, level: Level, decisions: u32, rng: &mut CounterRng) -> Environment {
    let mut environment = Environment::new(topology.clone());
    environment.reset(level);
    for _ in 0..decisions {
        let action = random_action(&environment, rng);
        environment.step(action);
    }
    environment
}

/// Everything that an environment shows, as bits.
fn shown(environment: &Environment) -> (Vec<u32>, Vec<bool>, [u64; 5], u32) {
    let mut observation = vec![0.0; environment.topology().observation_size()];
    let mut mask = vec![false; environment.topology().num_actions()];
    environment.observe(&mut observation);
    environment.action_mask(&mut mask);
    let seen = environment.metrics();
    let truth = [seen.offered, seen.bad, seen.p99_ms, seen.cost_ratio, seen.replicas].map(f64::to_bits);
    (observation.into_iter().map(f32::to_bits).collect(), mask, truth, seen.actions)
}

/// Plays both with the same random actions and asserts that no bit differs.
fn assert_equal_play(original: &mut Environment, restored: &mut Environment, decisions: u32, rng: &mut CounterRng) {
    assert!(shown(original) == shown(restored));
    for _ in 0..decisions {
        let action = random_action(original, rng);
        let (first, second) = (original.step(action), restored.step(action));
        assert_eq!(first, second);
        assert_eq!(first.reward.to_bits(), second.reward.to_bits());
        assert!(shown(original) == shown(restored), "decision {}", original.decision());
        if first.terminated || first.truncated {
            let level = Level::draw(Split::Test, 2, u64::from(original.decision()));
            original.reset(level);
            restored.reset(level);
        }
    }
    assert!(original.snapshot() == restored.snapshot());
}

#[test]
fn a_restored_environment_goes_on_with_the_same_bits_in_every_scenario() {
    for name in scenario_names() {
        let (here, elsewhere) = (topology(name), topology(name));
        let mut rng = CounterRng::new(21, Stream::Faults, 0);
        for k in 0..4 {
            let level = Level::draw(Split::Train, 21, k);
            let mut original = played(&here, level, 30 + 20 * k as u32, &mut rng);
            let bytes = original.snapshot();
            let mut restored = Environment::new(here.clone());
            restored.restore(&bytes).expect("it restores");
            assert!(original == restored, "{name}");
            assert!(restored.snapshot() == bytes, "{name}");
            // A topology of its own, as another process has.
            let mut abroad = Environment::new(elsewhere.clone());
            abroad.restore(&bytes).expect("it restores");
            let mut copy = original.clone();
            assert_equal_play(&mut original, &mut restored, 130, &mut rng);
            assert!(original == restored, "{name}");
            assert_equal_play(&mut copy, &mut abroad, 130, &mut rng);
        }
    }
}

#[test]
fn an_active_fault_and_pending_actions_survive_a_snapshot() {
    for name in scenario_names() {
        let mut scenario = scenario(name);
        // Longer than two decisions, so that what was accepted waits.
        scenario.actuation_delay_s = 12.0;
        let topology = Topology::new(scenario).expect("its topology");
        let rebalance = topology.action_index(Action::RebalanceAll).expect("an action");
        for level in topology.draw_levels(Split::Train, 5, 6, false) {
            let mut original = Environment::new(topology.clone());
            original.reset(level);
            while original.active_faults().is_empty() {
                assert!(!original.step(0).truncated, "{name}: no fault on {level:?}");
            }
            original.step(rebalance);
            assert!(!original.is_legal(Action::RebalanceAll), "{name}: the action does not wait");
            let mut restored = Environment::new(topology.clone());
            restored.restore(&original.snapshot()).expect("it restores");
            assert_eq!(original.active_faults(), restored.active_faults());
            assert!(!restored.is_legal(Action::RebalanceAll));
            let mut rng = CounterRng::new(22, Stream::Faults, 0);
            assert_equal_play(&mut original, &mut restored, 100, &mut rng);
        }
    }
}

#[test]
fn every_beginning_of_a_snapshot_is_refused_and_so_is_what_follows_one() {
    let topology = topology("spine12");
    let mut environment = played(&topology, Level::draw(Split::Train, 1, 0), 20, &mut rng());
    let bytes = environment.snapshot();
    let mut other = Environment::new(topology);
    for end in 0..bytes.len() {
        let refusal = other.restore(&bytes[..end]).expect_err("a refusal");
        assert!(matches!(refusal, SnapshotError::Truncated { found, .. } if found == end), "{end}: {refusal}");
        if end >= 28 {
            let message = refusal.to_string();
            assert!(message.contains(&format!("{end} bytes; allowed: {}", bytes.len())), "{message}");
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    let refusal = other.restore(&longer).expect_err("a refusal");
    assert_eq!(refusal, SnapshotError::Trailing { found: longer.len(), allowed: bytes.len() as u64 });
    assert!(environment.restore(&bytes).is_ok());
}

#[test]
fn every_altered_byte_is_noticed() {
    for name in Scenario::builtin_names() {
        let topology = topology(name);
        let mut bytes = played(&topology, Level::draw(Split::Train, 1, 1), 20, &mut rng()).snapshot();
        let mut other = Environment::new(topology);
        // Every byte of the header, and every seventh after it.
        for place in (0..28).chain((28..bytes.len()).step_by(7)).chain(bytes.len() - 8..bytes.len()) {
            for flip in [1 << (place % 8), 0xFF] {
                bytes[place] ^= flip;
                assert!(other.restore(&bytes).is_err(), "{name}: byte {place}");
                bytes[place] ^= flip;
            }
        }
        assert!(other.restore(&bytes).is_ok());
    }
}

#[test]
fn a_snapshot_of_another_scenario_is_refused() {
    let (mut spine, mut boutique) =
        (Environment::new(topology("spine12")), Environment::new(topology("online-boutique")));
    let (of_spine, of_boutique) = (spine.snapshot(), boutique.snapshot());
    for (bytes, into) in [(of_spine, &mut boutique), (of_boutique, &mut spine)] {
        let refusal = into.restore(&bytes).expect_err("a refusal");
        assert!(matches!(refusal, SnapshotError::OtherScenario { .. }));
        let name = &into.topology().scenario().name;
        assert!(refusal.to_string().contains("another scenario") && refusal.to_string().contains(name), "{refusal}");
    }
    // One value apart, with the same name and the same numbers of everything.
    let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
    scenario.workload.rate_per_s += 1.0;
    let mut busier = Environment::new(Topology::new(scenario).expect("its topology"));
    let refusal = busier.restore(&spine.snapshot()).expect_err("a refusal");
    assert!(matches!(refusal, SnapshotError::OtherScenario { .. }));
}

#[test]
fn a_failed_restore_leaves_the_environment_as_it_was_and_says_why_in_one_line() {
    let topology = topology("spine12");
    let mut environment = played(&topology, Level::draw(Split::Train, 1, 2), 40, &mut rng());
    let bytes = played(&topology, Level::draw(Split::Train, 1, 3), 10, &mut rng()).snapshot();
    let (before, snapshot) = (environment.clone(), environment.snapshot());
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    let other = Environment::new(crate::play::topology("online-boutique")).snapshot();
    let cases: [(&[u8], &str); 8] = [
        (b"", "truncated snapshot: 0 bytes; allowed: at least 36"),
        (b"MCGYM", "truncated snapshot: 5 bytes; allowed: at least 36"),
        (b"name = \"spine12\"", "not a snapshot: the bytes begin with \"name = \\\"\"; allowed: \"MCGYMENV\""),
        (b"\n", "not a snapshot: the bytes begin with \"\\n\""),
        (&bytes[..bytes.len() - 1], "truncated snapshot"),
        (&[&bytes[..], b"more"].concat(), "trailing bytes"),
        (&altered, "altered snapshot"),
        (&other, "another scenario"),
    ];
    for (case, words) in cases {
        let message = environment.restore(case).expect_err("a refusal").to_string();
        assert!(message.contains(words) && message.contains("allowed: ") && !message.contains('\n'), "{message}");
        assert!(environment == before && environment.snapshot() == snapshot, "{words}: the environment changed");
    }
    assert_equal_play(&mut environment, &mut before.clone(), 20, &mut rng());
}

#[test]
fn rows_of_a_vector_are_snapshot_and_restored_one_by_one() {
    let topology = topology("spine12");
    let (width, actions) = (topology.observation_size(), topology.num_actions());
    let mut vector = VectorEnvironment::new(topology, Split::Train, 6, 2).expect("a batch");
    let (mut observations, mut masks) = (vec![0.0; 6 * width], vec![false; 6 * actions]);
    vector.reset(3, &mut observations, &mut masks);
    let mut rng = rng();
    for environment in vector.environments_mut() {
        for _ in 0..25 {
            let action = random_action(environment, &mut rng);
            environment.step(action);
        }
    }
    let kept: Vec<(Environment, Vec<u8>)> =
        vector.environments().iter().map(|row| (row.clone(), row.snapshot())).collect();
    vector.reset(4, &mut observations, &mut masks);
    // In another order: a row's snapshot does not depend on its place.
    for (row, (_, bytes)) in vector.environments_mut().iter_mut().zip(kept.iter().rev()) {
        row.restore(bytes).expect("it restores");
    }
    for (row, (original, _)) in vector.environments_mut().iter_mut().zip(kept.iter().rev()) {
        assert!(row == original);
        assert_equal_play(row, &mut original.clone(), 20, &mut rng);
    }
}

fn rng() -> CounterRng {
    CounterRng::new(23, Stream::Faults, 0)
}
