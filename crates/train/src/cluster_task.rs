//! The simulated clusters as the trainer's task.

use std::sync::Arc;

use microcloud_core::{Autoreset, LevelDraws, Split, Start, StepBuffers, Topology, VectorEnvironment, VectorError};
use serde::{Deserialize, Serialize};

use microcloud_policy::network::BlockLayout;

use crate::task::{TaskBuffers, VectorTask};

/// A batch of clusters that plays train levels.
pub struct ClusterTask {
    clusters: VectorEnvironment,
    staggered: bool,
    sums: Sums,
}

/// More environments than memory is likely to hold.
const MOST_ENVS: usize = 1 << 20;
/// More episodes than any run draws.
const MOST_DRAWN: u64 = 1 << 40;

/// A saved batch.
#[derive(Serialize, Deserialize)]
struct Saved {
    sums: Sums,
    rows: Vec<SavedRow>,
}

/// A saved environment of a batch.
#[derive(Serialize, Deserialize)]
struct SavedRow {
    snapshot: Vec<u8>,
    draws: LevelDraws,
    ended: bool,
}

/// What the last decisions added up to.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Sums {
    offered: f64,
    bad: f64,
    p99_ms: f64,
    replicas: f64,
    actions: f64,
    decisions: f64,
}

impl ClusterTask {
    /// `num_envs` clusters over `threads` threads.
    ///
    /// Where `staggered`, environment `i` begins `i / num_envs` into its first episode, after no-ops: rollouts then mix
    /// beginnings and ends of episodes instead of holding one or the other.
    ///
    /// # Errors
    /// As [`VectorEnvironment::new`].
    pub fn new(topology: Arc<Topology>, num_envs: usize, threads: usize, staggered: bool) -> Result<Self, VectorError> {
        if num_envs > MOST_ENVS {
            return Err(VectorError::NumEnvs(num_envs));
        }
        // They are reset here, after the masks of their last observations were taken.
        let clusters = VectorEnvironment::mixed(&vec![topology; num_envs], Split::Train, Autoreset::Disabled, threads)?;
        Ok(Self { clusters, staggered, sums: Sums::default() })
    }

    fn stagger(&mut self, observations: &mut [f32], action_masks: &mut [bool]) {
        let topology = self.clusters.topology().clone();
        let (width, num_actions) = (topology.observation_size(), topology.num_actions());
        let decisions = topology.scenario().episode_decisions as usize;
        let num_envs = self.clusters.num_envs();
        for (index, cluster) in self.clusters.environments_mut().iter_mut().enumerate() {
            let level = cluster.level();
            for _ in 0..index * decisions / num_envs {
                let transition = cluster.step(0);
                if transition.terminated || transition.truncated {
                    cluster.reset(level);
                    break;
                }
            }
            cluster.observe(&mut observations[index * width..(index + 1) * width]);
            cluster.action_mask(&mut action_masks[index * num_actions..(index + 1) * num_actions]);
        }
    }
}

/// Copies the rows in which an episode ended.
fn keep<T: Copy>(terminated: &[bool], truncated: &[bool], from: &[T], to: &mut [T]) {
    let width = from.len() / terminated.len().max(1);
    let rows = from.chunks_exact(width).zip(to.chunks_exact_mut(width));
    for ((from, to), (terminated, truncated)) in rows.zip(terminated.iter().zip(truncated)) {
        if *terminated || *truncated {
            to.copy_from_slice(from);
        }
    }
}

impl Sums {
    fn is_finite(&self) -> bool {
        let Self { offered, bad, p99_ms, replicas, actions, decisions } = *self;
        [offered, bad, p99_ms, replicas, actions, decisions].iter().all(|sum| sum.is_finite())
    }
}

impl VectorTask for ClusterTask {
    fn num_envs(&self) -> usize {
        self.clusters.num_envs()
    }

    fn observation_size(&self) -> usize {
        self.clusters.topology().observation_size()
    }

    fn num_actions(&self) -> usize {
        self.clusters.topology().num_actions()
    }

    fn block_layout(&self) -> Option<BlockLayout> {
        BlockLayout::of(self.clusters.topology())
    }

    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        // Seeds of neighbouring runs must not share levels: environment i draws with the batch's seed plus i.
        self.clusters.reset(seed << 20, observations, action_masks);
        if self.staggered {
            self.stagger(observations, action_masks);
        }
        self.sums = Sums::default();
    }

    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        let mut step = StepBuffers {
            observations: buffers.observations,
            action_masks: buffers.action_masks,
            rewards: buffers.rewards,
            terminated: buffers.terminated,
            truncated: buffers.truncated,
            final_observations: buffers.final_observations,
        };
        self.clusters.step(actions, &mut step);
        let (terminated, truncated) = (&*buffers.terminated, &*buffers.truncated);
        keep(terminated, truncated, buffers.observations, buffers.final_observations);
        keep(terminated, truncated, buffers.action_masks, buffers.final_action_masks);
        let flags = terminated.iter().zip(truncated);
        for (cluster, (terminated, truncated)) in self.clusters.environments().iter().zip(flags) {
            if !terminated && !truncated {
                let metrics = cluster.metrics();
                self.sums.offered += metrics.offered;
                self.sums.bad += metrics.bad;
                self.sums.p99_ms += if metrics.p99_ms.is_nan() { 0.0 } else { metrics.p99_ms };
                self.sums.replicas += metrics.replicas;
                self.sums.actions += f64::from(metrics.actions);
                self.sums.decisions += 1.0;
            }
        }
        if terminated.contains(&true) || truncated.contains(&true) {
            let next = |row: usize| (terminated[row] || truncated[row]).then_some(Start::Next);
            self.clusters.reset_rows(next, buffers.observations, buffers.action_masks);
        }
    }

    fn save(&self) -> Vec<u8> {
        let rows = self.clusters.environments().iter().zip(self.clusters.draws()).zip(self.clusters.ended());
        let rows = rows.map(|((cluster, &draws), &ended)| SavedRow { snapshot: cluster.snapshot(), draws, ended });
        // Only sequences of unknown length cannot be encoded, and there are none; what is empty would not be restored.
        postcard::to_allocvec(&Saved { sums: self.sums, rows: rows.collect() }).unwrap_or_default()
    }

    fn restore(&mut self, bytes: &[u8], observations: &mut [f32], action_masks: &mut [bool]) -> Result<(), String> {
        let (saved, rest) = postcard::take_from_bytes::<Saved>(bytes).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow the environments", rest.len()));
        }
        if saved.rows.len() != self.num_envs() {
            return Err(format!("{} environments instead of {}", saved.rows.len(), self.num_envs()));
        }
        if !saved.sums.is_finite() {
            return Err("sums of metrics that are not finite".into());
        }
        for (row, SavedRow { snapshot, draws, ended }) in saved.rows.iter().enumerate() {
            if draws.split() != Split::Train || draws.drawn() > MOST_DRAWN {
                return Err(format!("environment {row} has drawn {} levels of {}", draws.drawn(), draws.split()));
            }
            let restored = self.clusters.restore_row(row, snapshot, *draws, *ended);
            restored.map_err(|error| format!("environment {row}: {error}"))?;
        }
        let (width, num_actions) = (self.observation_size(), self.num_actions());
        let rows = observations.chunks_exact_mut(width).zip(action_masks.chunks_exact_mut(num_actions));
        for (cluster, (observation, mask)) in self.clusters.environments().iter().zip(rows) {
            cluster.observe(observation);
            cluster.action_mask(mask);
        }
        self.sums = saved.sums;
        Ok(())
    }

    fn drain_scalars(&mut self) -> Vec<(&'static str, f64)> {
        let sums = std::mem::take(&mut self.sums);
        if sums.decisions == 0.0 || sums.offered == 0.0 {
            return Vec::new();
        }
        let scenario = self.clusters.topology().scenario();
        let decisions = f64::from(scenario.episode_decisions);
        let decision_s = f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0;
        let bad_ratio = sums.bad / sums.offered;
        let budget = 1.0 - f64::from(scenario.slo.availability);
        vec![
            ("slo/availability", 1.0 - bad_ratio),
            ("slo/p99_ms", sums.p99_ms / sums.decisions),
            ("slo/error_budget_burn", bad_ratio / budget),
            ("cost/replica_hours", sums.replicas / sums.decisions * decisions * decision_s / 3600.0),
            ("cost/actions", sums.actions / sums.decisions * decisions),
        ]
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    const NUM_ENVS: usize = 3;

    struct Played {
        task: ClusterTask,
        observations: Vec<f32>,
        action_masks: Vec<bool>,
        rewards: Vec<f64>,
        last: Vec<f32>,
        last_masks: Vec<bool>,
    }

    impl Played {
        fn new(topology: &Arc<Topology>) -> Self {
            let task = ClusterTask::new(topology.clone(), NUM_ENVS, 1, true).unwrap();
            let (observations, action_masks) = (NUM_ENVS * task.observation_size(), NUM_ENVS * task.num_actions());
            let mut played = Self {
                task,
                observations: vec![0.0; observations],
                action_masks: vec![false; action_masks],
                rewards: Vec::new(),
                last: vec![0.0; observations],
                last_masks: vec![true; action_masks],
            };
            played.task.reset(7, &mut played.observations, &mut played.action_masks);
            played
        }

        fn step(&mut self, decision: usize) -> Vec<usize> {
            let num_actions = self.task.num_actions();
            let masks = self.action_masks.chunks_exact(num_actions);
            let legal = |mask: &[bool]| (0..num_actions).map(|k| (k + decision * 5) % num_actions).find(|&k| mask[k]);
            let actions: Vec<usize> = masks.map(|mask| legal(mask).unwrap()).collect();
            let (mut rewards, mut terminated, mut truncated) = ([0.0; NUM_ENVS], [false; NUM_ENVS], [false; NUM_ENVS]);
            self.task.step(
                &actions,
                &mut TaskBuffers {
                    observations: &mut self.observations,
                    action_masks: &mut self.action_masks,
                    rewards: &mut rewards,
                    terminated: &mut terminated,
                    truncated: &mut truncated,
                    final_observations: &mut self.last,
                    final_action_masks: &mut self.last_masks,
                },
            );
            self.rewards.extend(rewards);
            actions
        }

        fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
            self.task.restore(bytes, &mut self.observations, &mut self.action_masks)
        }
    }

    #[test]
    fn a_restored_batch_goes_on_with_the_same_bits_over_the_ends_of_episodes() {
        let topology = Topology::new(Scenario::load("spine12").unwrap()).unwrap();
        let (mut first, mut second) = (Played::new(&topology), Played::new(&topology));
        (0..50).for_each(|decision| drop(first.step(decision)));
        second.restore(&first.task.save()).unwrap();
        assert_eq!((&first.observations, &first.action_masks), (&second.observations, &second.action_masks));
        first.rewards.clear();
        for decision in 50..350 {
            first.step(decision);
            second.step(decision);
            assert_eq!(first.observations, second.observations, "decision {decision}");
        }
        assert_eq!(first.rewards, second.rewards);
        assert_eq!(first.task.drain_scalars(), second.task.drain_scalars());
        assert!(first.task.save() == second.task.save());
    }

    #[test]
    fn episodes_follow_each_other_as_in_a_batch_that_resets_itself_and_last_masks_are_the_clusters() {
        let topology = Topology::new(Scenario::load("spine12").unwrap()).unwrap();
        let mut played = Played::new(&topology);
        played.task.staggered = false;
        played.task.reset(7, &mut played.observations, &mut played.action_masks);
        let mut other = VectorEnvironment::new(topology.clone(), Split::Train, NUM_ENVS, 1).unwrap();
        let mut alone =
            VectorEnvironment::mixed(&vec![topology.clone(); NUM_ENVS], Split::Train, Autoreset::Disabled, 1).unwrap();
        let (mut observations, mut masks) = (played.observations.clone(), played.action_masks.clone());
        let (mut unended, mut unended_masks) = (observations.clone(), masks.clone());
        other.reset(7 << 20, &mut observations, &mut masks);
        alone.reset(7 << 20, &mut unended, &mut unended_masks);
        let decisions = topology.scenario().episode_decisions as usize;
        for decision in 0..decisions + 20 {
            assert_eq!((&played.observations, &played.action_masks), (&observations, &masks), "decision {decision}");
            let actions = played.step(decision);
            let step = |clusters: &mut VectorEnvironment, observations: &mut [f32], masks: &mut [bool]| {
                let mut last = observations.to_vec();
                clusters.step(
                    &actions,
                    &mut StepBuffers {
                        observations,
                        action_masks: masks,
                        rewards: &mut [0.0; NUM_ENVS],
                        terminated: &mut [false; NUM_ENVS],
                        truncated: &mut [false; NUM_ENVS],
                        final_observations: &mut last,
                    },
                );
                last
            };
            let last = step(&mut other, &mut observations, &mut masks);
            if decision < decisions {
                step(&mut alone, &mut unended, &mut unended_masks);
            }
            if decision + 1 == decisions {
                assert_eq!(played.last, last);
                assert_eq!((&played.last, &played.last_masks), (&unended, &unended_masks));
            }
        }
    }

    #[test]
    fn bytes_that_no_batch_has_written_are_refused() {
        let topology = Topology::new(Scenario::load("spine12").unwrap()).unwrap();
        let mut played = Played::new(&topology);
        played.step(0);
        let bytes = played.task.save();
        for end in (0..bytes.len()).step_by(101) {
            assert!(played.restore(&bytes[..end]).is_err(), "{end} bytes");
        }
        assert!(played.restore(&[&bytes[..], &[0]].concat()).unwrap_err().contains("follow"));
        // Altered draws and sums may be sound; whatever they are, nothing panics.
        for place in (0..bytes.len()).step_by(37) {
            let mut altered = bytes.clone();
            altered[place] ^= 0xff;
            let _ = played.restore(&altered);
        }
        let two = ClusterTask::new(topology.clone(), 2, 1, false).unwrap().save();
        assert!(played.restore(&two).unwrap_err().contains("2 environments instead of 3"));
        let test = VectorEnvironment::new(topology, Split::Test, NUM_ENVS, 1).unwrap();
        let test = ClusterTask { clusters: test, staggered: false, sums: Sums::default() }.save();
        assert!(played.restore(&test).unwrap_err().contains("of test"));
        played.restore(&bytes).unwrap();
    }
}
