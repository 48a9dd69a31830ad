//! The simulated clusters as the trainer's task.

use std::sync::Arc;

use microcloud_core::{Split, StepBuffers, Topology, VectorEnvironment, VectorError};

use microcloud_policy::network::BlockLayout;

use crate::task::{TaskBuffers, VectorTask};

/// A batch of clusters that plays train levels.
pub struct ClusterTask {
    clusters: VectorEnvironment,
    staggered: bool,
    sums: Sums,
}

/// What the last decisions added up to.
#[derive(Debug, Clone, Copy, Default)]
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
        let clusters = VectorEnvironment::new(topology, Split::Train, num_envs, threads)?;
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
        let mut buffers = StepBuffers {
            observations: buffers.observations,
            action_masks: buffers.action_masks,
            rewards: buffers.rewards,
            terminated: buffers.terminated,
            truncated: buffers.truncated,
            final_observations: buffers.final_observations,
        };
        self.clusters.step(actions, &mut buffers);
        let flags = buffers.terminated.iter().zip(buffers.truncated.iter());
        for (cluster, (terminated, truncated)) in self.clusters.environments().iter().zip(flags) {
            // Where an episode ended, the metrics are those of the next one's start.
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
