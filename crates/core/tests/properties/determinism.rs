//! The same seed gives the same bits, whatever the batch, the threads or the moment of a snapshot.

use microcloud_core::{
    ActionSet, CounterRng, Environment, Level, Scenario, Split, StepBuffers, Stream, Topology, VectorEnvironment,
};

use crate::play::{random_action, scenario, scenario_names, topology};

/// A hash of everything that a batch's environment shows over some steps, by environment.
fn trace(name: &str, num_envs: usize, threads: usize, steps: u32, seed: u64) -> Vec<u64> {
    let topology = topology(name);
    let (width, actions) = (topology.observation_size(), topology.num_actions());
    let mut vector = VectorEnvironment::new(topology, Split::Train, num_envs, threads).expect("a batch");
    let mut observations = vec![0.0; num_envs * width];
    let mut masks = vec![false; num_envs * actions];
    let mut last = observations.clone();
    let (mut rewards, mut terminated, mut truncated) =
        (vec![0.0; num_envs], vec![false; num_envs], vec![false; num_envs]);
    vector.reset(seed, &mut observations, &mut masks);
    let mut hashes = vec![0xcbf2_9ce4_8422_2325_u64; num_envs];
    for step in 0..steps {
        let chosen: Vec<usize> = (0..num_envs)
            .map(|index| {
                // The choice depends on the environment's own seed, not on its place in the batch.
                let mut rng = CounterRng::new(seed + index as u64, Stream::Faults, u64::from(step));
                random_action(&vector.environments()[index], &mut rng)
            })
            .collect();
        vector.step(
            &chosen,
            &mut StepBuffers {
                observations: &mut observations,
                action_masks: &mut masks,
                rewards: &mut rewards,
                terminated: &mut terminated,
                truncated: &mut truncated,
                final_observations: &mut last,
            },
        );
        for (index, hash) in hashes.iter_mut().enumerate() {
            let mut add = |bits: u64| *hash = (*hash ^ bits).wrapping_mul(0x100_0000_01b3);
            observations[index * width..][..width].iter().for_each(|value| add(u64::from(value.to_bits())));
            masks[index * actions..][..actions].iter().for_each(|&legal| add(u64::from(legal)));
            add(rewards[index].to_bits());
            add(u64::from(terminated[index]) + 2 * u64::from(truncated[index]));
        }
    }
    hashes
}

#[test]
fn threads_and_batch_size_change_no_bit() {
    for name in scenario_names() {
        let reference = trace(name, 64, 1, 300, 11);
        for (num_envs, threads) in [(64, 2), (64, 4), (7, 1), (7, 4), (1, 1)] {
            assert_eq!(trace(name, num_envs, threads, 300, 11), reference[..num_envs], "{name} {num_envs} {threads}");
        }
    }
}

#[test]
fn environment_i_of_a_vector_equals_a_single_one_reset_with_s_plus_i() {
    for name in scenario_names() {
        let reference = trace(name, 9, 2, 300, 100);
        for index in [0, 3, 8] {
            assert_eq!(trace(name, 1, 1, 300, 100 + index)[0], reference[index as usize], "{name}");
        }
    }
}

#[test]
fn a_clone_goes_on_as_the_original_does() {
    let mut original = Environment::new(topology("spine12"));
    original.reset(Level::new(17).expect("a level"));
    let mut rng = CounterRng::new(8, Stream::Faults, 0);
    for _ in 0..100 {
        let action = random_action(&original, &mut rng);
        original.step(action);
    }
    let mut copy = original.clone();
    for _ in 0..100 {
        let action = random_action(&original, &mut rng);
        assert_eq!(original.step(action), copy.step(action));
        assert!(original == copy);
    }
}

#[test]
fn a_level_forgets_what_was_played_before_it() {
    for name in scenario_names() {
        let topology =
            Topology::new(Scenario { actions: ActionSet::Extended, ..scenario(name) }).expect("its topology");
        let (mut fresh, mut used) = (Environment::new(topology.clone()), Environment::new(topology));
        let mut rng = CounterRng::new(9, Stream::Faults, 0);
        for k in 0..12 {
            used.reset(Level::draw(Split::Heldout, 9, k));
            for _ in 0..150 {
                let action = random_action(&used, &mut rng);
                used.step(action);
            }
            let level = Level::draw(Split::Train, 9, k);
            fresh.reset(level);
            used.reset(level);
            assert!(fresh == used && fresh.snapshot() == used.snapshot(), "{name}, {level:?}");
            for _ in 0..20 {
                assert_eq!(fresh.step(0), used.step(0), "{name}, {level:?}");
            }
            assert!(fresh == used, "{name}, {level:?}");
        }
    }
}

/// One hash for every scenario of what two environments show over 240 decisions.
///
/// A change of one is a change of that scenario's dynamics: raise the version of the ids with it. A new scenario adds a
/// row; where any differs, the test prints all of them to put here. They are the same however the crate is compiled:
/// `cargo test --release -p microcloud-core --test properties golden` holds an optimised build to them.
const GOLDEN: &[(&str, &str)] = &[
    ("spine12", "9f577127a02e5f01"),
    ("microcloud-normal", "1b410c9545d00b15"),
    ("microcloud-high-load", "4fac087be467e87a"),
    ("microcloud-cascade", "6029607de33a2110"),
    ("multicloud", "ac5510d10c0beb9b"),
    ("autoscale", "7cdf7ce62e54f314"),
    ("reliability", "f68ff7a1dc23adaa"),
    ("quorum", "a89eadd52f05dbbe"),
    ("quorum-literal", "7e05d2170026bdde"),
    ("online-boutique", "ac5ac7ea95ae8563"),
    ("everything", "fbf854f4b233da5a"),
    ("random", "a9bfd84550c757d7"),
    ("random-64", "011b1a26ac3f00a3"),
];

#[test]
fn the_golden_hash_of_every_scenario_is_unchanged() {
    let row = |name| {
        let hash = trace(name, 2, 1, 240, 1).into_iter().fold(0, |all, hash| all ^ hash);
        (name, format!("{hash:016x}"))
    };
    let rows: Vec<(&str, String)> = scenario_names().map(row).collect();
    let golden = GOLDEN.iter().map(|&(name, hash)| (name, hash.to_owned()));
    let lines: String = rows.iter().map(|row| format!("    {row:?},\n")).collect();
    assert!(golden.eq(rows), "hashes differ; those of this build are\nconst GOLDEN: &[(&str, &str)] = &[\n{lines}];");
}
