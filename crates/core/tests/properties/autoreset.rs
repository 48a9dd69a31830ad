//! When an environment of a batch begins its next episode, and which one it is.

use microcloud_core::{
    Autoreset, Environment, Level, LevelDraws, RewardTerms, Scenario, Split, Start, StepBuffers, Topology,
    VectorEnvironment, VectorError,
};

use crate::play::{scenario, topology};

/// `spine12` with episodes of this many decisions.
fn short(decisions: u32) -> std::sync::Arc<Topology> {
    Topology::new(Scenario { episode_decisions: decisions, ..scenario("spine12") }).expect("its topology")
}

/// A batch with the buffers that it writes into.
struct Batch {
    vector: VectorEnvironment,
    observations: Vec<f32>,
    masks: Vec<bool>,
    last: Vec<f32>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
}

impl Batch {
    fn new(topologies: &[std::sync::Arc<Topology>], autoreset: Autoreset) -> Self {
        let vector = VectorEnvironment::mixed(topologies, Split::Test, autoreset, 1).expect("a batch");
        let n = topologies.len();
        let (width, actions) = (topologies[0].observation_size(), topologies[0].num_actions());
        let mut batch = Self {
            vector,
            observations: vec![0.0; n * width],
            masks: vec![false; n * actions],
            last: vec![0.0; n * width],
            rewards: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
        };
        batch.vector.reset(5, &mut batch.observations, &mut batch.masks);
        batch
    }

    fn step(&mut self, action: usize) {
        let actions = vec![action; self.rewards.len()];
        self.vector.step(
            &actions,
            &mut StepBuffers {
                observations: &mut self.observations,
                action_masks: &mut self.masks,
                rewards: &mut self.rewards,
                terminated: &mut self.terminated,
                truncated: &mut self.truncated,
                final_observations: &mut self.last,
            },
        );
    }
}

/// Observations of an episode of a level without actions, the first included.
fn episode(topology: &std::sync::Arc<Topology>, level: Level, decisions: usize) -> Vec<Vec<f32>> {
    let mut environment = Environment::new(topology.clone());
    environment.reset(level);
    let look = |environment: &Environment| {
        let mut observation = vec![0.0; topology.observation_size()];
        environment.observe(&mut observation);
        observation
    };
    let mut seen = vec![look(&environment)];
    for _ in 0..decisions {
        environment.step(0);
        seen.push(look(&environment));
    }
    seen
}

#[test]
fn the_next_step_resets_and_ignores_the_action() {
    let topology = short(3);
    let mut batch = Batch::new(std::slice::from_ref(&topology), Autoreset::NextStep);
    let (first, second) =
        (episode(&topology, Level::draw(Split::Test, 5, 0), 3), episode(&topology, Level::draw(Split::Test, 5, 1), 3));
    assert_eq!(batch.observations, first[0]);
    for decision in 1..=3 {
        batch.step(0);
        assert_eq!(batch.observations, first[decision]);
        assert_eq!(batch.truncated, [decision == 3]);
    }
    assert_eq!(batch.vector.ended(), [true]);
    batch.step(1);
    assert_eq!(batch.observations, second[0]);
    assert_eq!((batch.rewards[0], batch.terminated[0], batch.truncated[0]), (0.0, false, false));
    assert_eq!(batch.vector.transitions()[0].terms, RewardTerms::default());
    batch.step(0);
    assert_eq!(batch.observations, second[1]);
}

#[test]
fn the_same_step_resets_and_keeps_the_last_observation() {
    let topology = short(2);
    let mut batch = Batch::new(std::slice::from_ref(&topology), Autoreset::SameStep);
    let (first, second) =
        (episode(&topology, Level::draw(Split::Test, 5, 0), 2), episode(&topology, Level::draw(Split::Test, 5, 1), 2));
    batch.step(0);
    batch.step(0);
    assert_eq!(batch.truncated, [true]);
    assert_eq!(batch.last, first[2]);
    assert_eq!(batch.observations, second[0]);
    assert_eq!(batch.vector.ended(), [false]);
}

#[test]
fn without_autoreset_an_episode_ends_until_its_row_is_reset() {
    let topology = short(2);
    let mut batch = Batch::new(&[topology.clone(), topology.clone()], Autoreset::Disabled);
    batch.step(0);
    batch.step(0);
    assert_eq!(batch.vector.ended(), [true, true]);
    let width = topology.observation_size();
    let other = batch.observations[width..].to_vec();
    let Batch { vector, observations, masks, .. } = &mut batch;
    vector.reset_rows(&[Some(Start::Next), None], observations, masks);
    assert_eq!(batch.vector.ended(), [false, true]);
    assert_eq!(batch.observations[..width], episode(&topology, Level::draw(Split::Test, 5, 1), 0)[0]);
    assert_eq!(batch.observations[width..], other);
}

#[test]
fn a_named_level_stands_for_the_one_that_would_have_been_drawn() {
    let mut draws = LevelDraws::new(Split::Heldout, 0);
    let named = Level::new(17).expect("a level");
    assert_eq!(draws.begin(Start::Seed(9)), Level::draw(Split::Heldout, 9, 0));
    assert_eq!(draws.begin(Start::Level(named)), named);
    assert_eq!(draws.begin(Start::Next), Level::draw(Split::Heldout, 9, 2));
}

#[test]
fn topologies_of_equal_sizes_play_in_one_batch_as_they_do_alone() {
    let topologies = [topology("random"), topology("random-64"), topology("random")];
    let mut batch = Batch::new(&topologies, Autoreset::SameStep);
    for _ in 0..20 {
        batch.step(0);
    }
    let width = topologies[0].observation_size();
    for (row, topology) in topologies.iter().enumerate() {
        let alone = episode(topology, Level::draw(Split::Test, 5 + row as u64, 0), 20);
        assert_eq!(batch.observations[row * width..][..width], alone[20], "row {row}");
    }
}

#[test]
fn topologies_of_other_sizes_are_refused_by_their_row() {
    let topologies = [topology("random"), topology("random"), topology("spine12")];
    let refused = VectorEnvironment::mixed(&topologies, Split::Train, Autoreset::SameStep, 1);
    assert!(matches!(refused, Err(VectorError::Shapes { row: 2, .. })));
}

#[test]
fn threads_that_are_started_anew_change_no_bit() {
    let topologies = vec![topology("spine12"); 40];
    let vector = || VectorEnvironment::mixed(&topologies, Split::Test, Autoreset::SameStep, 2).expect("a batch");
    let mut batch = Batch::new(&topologies, Autoreset::SameStep);
    let mut again = Batch { vector: vector(), ..Batch::new(&topologies, Autoreset::SameStep) };
    again.vector.reset(5, &mut again.observations, &mut again.masks);
    for action in 0..6 {
        again.vector.restart_threads().expect("threads");
        batch.step(action);
        again.step(action);
        assert_eq!(batch.observations, again.observations);
    }
}

#[test]
fn actions_taken_at_once_are_each_taken_and_each_paid() {
    let topology = topology("spine12");
    let index = |meaning: &str| topology.action_meanings().iter().position(|own| own == meaning).expect("an action");
    let (first, second) = (index("scale up(auth)"), index("scale up(database)"));
    let level = Level::new(3).expect("a level");
    let play = |actions: &[usize]| {
        let mut environment = Environment::new(topology.clone());
        environment.reset(level);
        let transition = environment.step_jointly(actions);
        (0..4).for_each(|_| {
            environment.step(0);
        });
        (transition, environment)
    };
    let (one, alone) = play(&[first]);
    let (both, joint) = play(&[first, 0, second]);
    let price = f64::from(topology.scenario().reward.action);
    assert_eq!((one.terms.action, both.terms.action), (-price, -2.0 * price));
    assert!(joint.metrics().replicas > alone.metrics().replicas);
    let mut single = Environment::new(topology.clone());
    single.reset(level);
    assert_eq!(single.step(first), one);
}
