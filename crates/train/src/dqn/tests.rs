//! The replay against a log that forgets nothing.

use microcloud_core::{Scenario, Topology};

use super::*;
use crate::config::DqnConfig;
use crate::random::RandomStream;

const NUM_ENVS: usize = 3;
const NUM_ACTIONS: usize = 10;
const GAMMA: f64 = 0.9;

/// Everything that was pushed into a replay, step by step.
struct Log {
    random: RandomStream,
    steps: Vec<Logged>,
}

struct Logged {
    observations: Vec<f32>,
    action_masks: Vec<bool>,
    actions: Vec<usize>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    final_observations: Vec<f32>,
    final_action_masks: Vec<bool>,
}

impl Logged {
    fn view(&self) -> ReplayStep<'_> {
        ReplayStep {
            observations: &self.observations,
            action_masks: &self.action_masks,
            actions: &self.actions,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            final_observations: &self.final_observations,
            final_action_masks: &self.final_action_masks,
        }
    }
}

/// Return, discount, and, where it is not 0, next observation and mask.
type Expected = (f64, f64, Option<(Vec<f32>, Vec<bool>)>);

impl Log {
    fn new(seed: u64) -> Self {
        Self { random: RandomStream::from_seed(seed), steps: Vec::new() }
    }

    fn push_into(&mut self, replay: &mut Replay) {
        let random = &mut self.random;
        let mut below = |limit: usize| (random.uniform() * limit as f64) as usize;
        let ends: Vec<usize> = (0..NUM_ENVS).map(|_| below(9)).collect();
        let masks: Vec<bool> = (0..2 * NUM_ENVS * NUM_ACTIONS).map(|_| below(2) == 0).collect();
        let step = Logged {
            observations: (0..2 * NUM_ENVS).map(|_| random.uniform() as f32).collect(),
            action_masks: masks[..NUM_ENVS * NUM_ACTIONS].to_vec(),
            actions: (0..NUM_ENVS).map(|_| (random.uniform() * NUM_ACTIONS as f64) as usize).collect(),
            rewards: (0..NUM_ENVS).map(|_| random.uniform() - 0.5).collect(),
            // 2 is both at once, where termination wins.
            terminated: ends.iter().map(|&end| end == 0 || end == 2).collect(),
            truncated: ends.iter().map(|&end| end == 1 || end == 2).collect(),
            final_observations: (0..2 * NUM_ENVS).map(|_| random.uniform() as f32).collect(),
            final_action_masks: masks[NUM_ENVS * NUM_ACTIONS..].to_vec(),
        };
        replay.push(&step.view());
        self.steps.push(step);
    }

    /// The definition, without a ring.
    fn expected(&self, begin: usize, env: usize, n_step: usize, scale: RewardScale) -> Expected {
        let mut sum = 0.0;
        for power in 0..n_step {
            let step = &self.steps[begin + power];
            sum += GAMMA.powi(power as i32) * (step.rewards[env] * scale.factor).clamp(-scale.limit, scale.limit);
            if step.terminated[env] {
                return (sum, 0.0, None);
            }
            if step.truncated[env] {
                let next = row(&step.final_observations, &step.final_action_masks, env);
                return (sum, GAMMA.powi(power as i32 + 1), Some(next));
            }
        }
        let next = &self.steps[begin + n_step];
        (sum, GAMMA.powi(n_step as i32), Some(row(&next.observations, &next.action_masks, env)))
    }
}

fn row(observations: &[f32], masks: &[bool], env: usize) -> (Vec<f32>, Vec<bool>) {
    (observations[2 * env..2 * env + 2].to_vec(), masks[NUM_ACTIONS * env..NUM_ACTIONS * (env + 1)].to_vec())
}

fn replay(steps: usize) -> Replay {
    Replay::new(ReplayShape { steps, num_envs: NUM_ENVS, observation_size: 2, num_actions: NUM_ACTIONS }).unwrap()
}

#[test]
fn transitions_are_those_of_the_whole_log_however_often_the_ring_went_round() {
    let scale = RewardScale { factor: 3.0, limit: 1.2 };
    for (n_step, steps) in [(1, 2), (1, 7), (3, 4), (3, 11), (5, 40)] {
        let (mut replay, mut log) = (replay(steps), Log::new(5));
        let mut batch = TransitionBatch::default();
        for pushed in 1..=100 {
            log.push_into(&mut replay);
            let stored = steps.min(pushed);
            assert_eq!(replay.drawable_rows(n_step), stored.saturating_sub(n_step) * NUM_ENVS);
            let rows: Vec<usize> = (0..replay.drawable_rows(n_step)).map(|index| replay.drawable_row(index)).collect();
            replay.gather(&rows, n_step, GAMMA, scale, &mut batch);
            assert_eq!(batch.rows(), rows.len());
            for index in 0..rows.len() {
                let (begin, env) = (pushed - stored + index / NUM_ENVS, index % NUM_ENVS);
                let (sum, discount, next) = log.expected(begin, env, n_step, scale);
                assert_eq!(batch.actions[index], log.steps[begin].actions[env]);
                assert_eq!(batch.observations[2 * index..2 * index + 2], log.steps[begin].observations[2 * env..][..2]);
                assert!((f64::from(batch.returns[index]) - sum).abs() < 1e-6);
                assert!((f64::from(batch.discounts[index]) - discount).abs() < 1e-6);
                let (observation, mask) = next.unwrap_or_else(|| (vec![0.0; 2], vec![false; NUM_ACTIONS]));
                assert_eq!(batch.next_observations[2 * index..2 * index + 2], observation);
                assert_eq!(batch.next_action_masks[NUM_ACTIONS * index..][..NUM_ACTIONS], mask);
            }
        }
    }
}

#[test]
fn last_observations_are_forgotten_with_their_steps() {
    let (mut replay, mut log) = (replay(8), Log::new(6));
    for _ in 0..1000 {
        log.push_into(&mut replay);
    }
    let kept = log.steps[992..].iter().flat_map(|step| step.truncated.iter().zip(&step.terminated));
    assert_eq!(replay.finals.len(), kept.filter(|(truncated, terminated)| **truncated && !**terminated).count());
}

#[test]
fn a_replay_that_cannot_be_is_refused() {
    let shape = ReplayShape { steps: 1, num_envs: 1, observation_size: 1, num_actions: 1 };
    let refused = |shape: ReplayShape| Replay::new(shape).unwrap_err();
    assert!(refused(ReplayShape { steps: 0, ..shape }).contains("without steps"));
    assert!(refused(ReplayShape { num_actions: 1 << 17, ..shape }).contains("allowed: 1 to 65536"));
    assert!(refused(ReplayShape { steps: usize::MAX / 8, observation_size: 9, ..shape }).contains("memory"));
}

#[test]
fn a_million_transitions_of_spine12_take_less_than_one_and_a_half_gigabytes() {
    let topology = Topology::new(Scenario::load("spine12").unwrap()).unwrap();
    let config = DqnConfig { buffer_size: 1_000_000, ..DqnConfig::default() };
    let shape = ReplayShape {
        steps: config.replay_steps(),
        num_envs: config.num_envs,
        observation_size: topology.observation_size(),
        num_actions: topology.num_actions(),
    };
    let mut replay = Replay::new(shape).unwrap();
    assert_eq!(replay.bytes(), shape.rows() * shape.bytes_per_transition());
    // What is kept aside is counted on a step that truncates every episode.
    let (width, actions) = (shape.num_envs * shape.observation_size, shape.num_envs * shape.num_actions);
    let (observations, masks, flags) = (vec![0.0; width], vec![true; actions], vec![true; shape.num_envs]);
    let before = replay.bytes();
    replay.push(&ReplayStep {
        observations: &observations,
        action_masks: &masks,
        actions: &vec![0; shape.num_envs],
        rewards: &vec![0.0; shape.num_envs],
        terminated: &vec![false; shape.num_envs],
        truncated: &flags,
        final_observations: &observations,
        final_action_masks: &masks,
    });
    let aside = (replay.bytes() - before) / shape.num_envs;
    let ended = shape.rows() / topology.scenario().episode_decisions as usize;
    let tree = PrioritizedRows::new(shape.rows(), config.priority_alpha).bytes();
    let total = shape.rows() * shape.bytes_per_transition() + ended * aside + tree;
    println!("{} bytes per transition, {total} bytes in all", shape.bytes_per_transition());
    assert!(shape.rows() > 999_000 && total < 1_500_000_000, "{total}");
}

#[test]
fn only_complete_rows_are_drawn_and_in_proportion_to_their_errors() {
    let (n_step, steps) = (3, 9);
    let (mut replay, mut log) = (replay(steps), Log::new(7));
    let mut priorities = PrioritizedRows::new(replay.shape().rows(), 0.5);
    let mut drawn = DrawnRows::default();
    for pushed in 1..=40 {
        log.push_into(&mut replay);
        priorities.pushed(&replay, n_step);
        let mut complete: Vec<usize> =
            (0..replay.drawable_rows(n_step)).map(|index| replay.drawable_row(index)).collect();
        complete.sort_unstable();
        let with_priority = |row: &usize| priorities.tree.priority(*row) > 0.0;
        assert_eq!((0..replay.shape().rows()).filter(with_priority).collect::<Vec<_>>(), complete, "{pushed}");
        let mut random = RandomStream::from_seed(pushed);
        priorities.draw(&replay, n_step, 64, 0.4, &mut random, &mut drawn);
        assert_eq!(drawn.rows.len(), if complete.is_empty() { 0 } else { 64 });
        assert!(drawn.rows.iter().all(|row| complete.contains(row)));
        drawn.draw_evenly(&replay, n_step, 64, &mut random);
        assert_eq!((drawn.rows.len(), drawn.weights.len()), if complete.is_empty() { (0, 0) } else { (64, 64) });
        assert!(drawn.rows.iter().all(|row| complete.contains(row)));
    }

    // Errors of 4, 1 and nearly 0 under an exponent of one half: shares of 2 to 1 to 0.001.
    let rows: Vec<usize> = (0..18).map(|index| replay.drawable_row(index)).collect();
    priorities.update(&rows, &[[4.0; 6], [1.0; 6], [0.0; 6]].concat());
    priorities.draw(&replay, n_step, 30_000, 1.0, &mut RandomStream::from_seed(1), &mut drawn);
    let share = |part: usize| {
        let count = drawn.rows.iter().filter(|row| rows[part * 6..part * 6 + 6].contains(row)).count();
        count as f64 / drawn.rows.len() as f64
    };
    let total = 2.0 + 1.0 + 0.001;
    let expected = [2.0 / total, 1.0 / total, 0.001 / total];
    assert!((0..3).all(|part| (share(part) - expected[part]).abs() < 1e-3), "{:?}", [share(0), share(1), share(2)]);
    // With an exponent of 1 weights undo the draw: each is the least probable one's probability over its own.
    let weight = |part: usize| {
        let position = drawn.rows.iter().position(|row| rows[part * 6..part * 6 + 6].contains(row));
        f64::from(drawn.weights[position.unwrap()])
    };
    assert!((weight(2) - 1.0).abs() < 1e-6 && (weight(1) - 0.001).abs() < 1e-5 && (weight(0) - 0.0005).abs() < 1e-5);
    assert!((priorities.largest - (4.0f64 + 1e-6).sqrt()).abs() < 1e-12);
    log.push_into(&mut replay);
    priorities.pushed(&replay, n_step);
    let newest = replay.drawable_row(replay.drawable_rows(n_step) - 1);
    assert_eq!(priorities.tree.priority(newest), priorities.largest);
}

#[test]
fn even_draws_cover_all_complete_rows_evenly() {
    let (mut replay, mut log) = (replay(5), Log::new(8));
    (0..13).for_each(|_| log.push_into(&mut replay));
    let mut drawn = DrawnRows::default();
    drawn.draw_evenly(&replay, 2, 90_000, &mut RandomStream::from_seed(2));
    for index in 0..9 {
        let row = replay.drawable_row(index);
        let share = drawn.rows.iter().filter(|drawn| **drawn == row).count() as f64 / 90_000.0;
        assert!((share - 1.0 / 9.0).abs() < 0.004, "{share}");
    }
}

/// A replay whose ring went round, with priorities of rows that were learned from.
fn used_replay(log: &mut Log, steps: usize, n_step: usize, pushes: usize) -> (Replay, PrioritizedRows) {
    let mut replay = replay(steps);
    let mut priorities = PrioritizedRows::new(replay.shape().rows(), 0.6);
    for push in 0..pushes {
        log.push_into(&mut replay);
        priorities.pushed(&replay, n_step);
        if replay.drawable_rows(n_step) > 0 {
            let row = replay.drawable_row(push % replay.drawable_rows(n_step));
            priorities.update(&[row], &[push as f32 * 0.3]);
        }
    }
    (replay, priorities)
}

#[test]
fn a_replay_that_was_written_and_read_goes_on_bit_for_bit() {
    for pushes in [0, 2, 12, 13, 100] {
        let mut log = Log::new(11);
        let (mut replay, mut priorities) = used_replay(&mut log, 12, 3, pushes);
        let mut file = Vec::new();
        write_replay(&replay, Some(&priorities), &mut file).unwrap();
        let (mut read, restored) = read_replay(replay.shape(), 3, Some(0.6), &mut file.as_slice()).unwrap();
        let mut restored = restored.unwrap();
        assert_eq!((&read, &restored), (&replay, &priorities));
        log.push_into(&mut replay);
        priorities.pushed(&replay, 3);
        read.push(&log.steps.last().unwrap().view());
        restored.pushed(&read, 3);
        assert_eq!((&read, &restored), (&replay, &priorities));

        let mut file = Vec::new();
        write_replay(&replay, None, &mut file).unwrap();
        assert_eq!(read_replay(replay.shape(), 3, None, &mut file.as_slice()).unwrap(), (replay, None));
    }
}

#[test]
fn other_libraries_can_read_a_replay() {
    let (replay, priorities) = used_replay(&mut Log::new(12), 12, 3, 30);
    let mut file = Vec::new();
    write_replay(&replay, Some(&priorities), &mut file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    assert_eq!(tensors.len(), 11);
    let rewards = tensors.tensor("rewards").unwrap();
    assert_eq!(rewards.shape(), [12, NUM_ENVS]);
    assert_eq!(rewards.data()[..4], replay.rewards[0].to_le_bytes());
}

#[test]
fn a_damaged_replay_is_refused_or_is_another_sound_one() {
    let (replay, priorities) = used_replay(&mut Log::new(13), 12, 3, 30);
    let mut file = Vec::new();
    write_replay(&replay, Some(&priorities), &mut file).unwrap();
    let read = |bytes: &[u8]| read_replay(replay.shape(), 3, Some(0.6), &mut &*bytes);
    for length in 0..file.len() {
        assert!(read(&file[..length]).is_err(), "{length}");
    }
    assert!(read(&[file.as_slice(), &[0]].concat()).unwrap_err().contains("goes on"));
    let mut batch = TransitionBatch::default();
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // A flipped bit of a payload is for the file's checksum; what is read must be fit for use all the same.
        if let Ok((mut replay, priorities)) = read(&damaged) {
            let rows: Vec<usize> = (0..replay.drawable_rows(3)).map(|index| replay.drawable_row(index)).collect();
            replay.gather(&rows, 3, GAMMA, RewardScale::IDENTITY, &mut batch);
            Log::new(1).push_into(&mut replay);
            priorities.unwrap().pushed(&replay, 3);
        }
    }
    let other = ReplayShape { steps: 11, ..replay.shape() };
    assert!(read_replay(other, 3, Some(0.6), &mut file.as_slice()).unwrap_err().contains("12 steps"));
    assert!(read_replay(replay.shape(), 4, Some(0.6), &mut file.as_slice()).unwrap_err().contains("priorities"));
    assert!(read_replay(replay.shape(), 3, None, &mut file.as_slice()).unwrap_err().contains("tensors"));
}
