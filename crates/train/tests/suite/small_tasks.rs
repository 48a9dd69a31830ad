//! Tasks whose best policy is known: a bandit, one with a forbidden arm, and one that must be remembered.

use microcloud_train::{RandomStream, TaskBuffers, VectorTask};

/// Which task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// One state, one decision; arm 3 of 5 pays 1, the others nothing.
    Bandit,
    /// The same, and arm 4, which pays 10, is illegal.
    Forbidden,
    /// A cue of -1 or 1 is shown first and asked for in the second decision, where nothing is seen; arm 3 stands for 1 and arm 0
    /// for -1.
    Memory,
}

pub const ACTIONS: usize = 5;
const WIDTH: usize = 2;

pub struct SmallTask {
    kind: Kind,
    /// Cue and decisions taken, by environment.
    states: Vec<(f32, u32)>,
    random: RandomStream,
}

impl SmallTask {
    pub fn new(kind: Kind, num_envs: usize) -> Self {
        Self { kind, states: vec![(1.0, 0); num_envs], random: RandomStream::from_seed(0) }
    }

    fn observe(&self, env: usize, out: &mut [f32]) {
        let (cue, decisions) = self.states[env];
        let shown = self.kind == Kind::Memory && decisions == 0;
        out.copy_from_slice(&[if shown { cue } else { 0.0 }, decisions as f32]);
    }

    fn restart(&mut self, env: usize) {
        self.states[env] = (if self.random.uniform() < 0.5 { -1.0 } else { 1.0 }, 0);
    }
}

impl VectorTask for SmallTask {
    fn num_envs(&self) -> usize {
        self.states.len()
    }

    fn observation_size(&self) -> usize {
        WIDTH
    }

    fn num_actions(&self) -> usize {
        ACTIONS
    }

    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        self.random = RandomStream::from_seed(seed);
        for (index, legal) in action_masks.iter_mut().enumerate() {
            *legal = self.kind != Kind::Forbidden || index % ACTIONS != 4;
        }
        for (env, out) in observations.chunks_exact_mut(WIDTH).enumerate() {
            self.restart(env);
            self.observe(env, out);
        }
    }

    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        for (env, &action) in actions.iter().enumerate() {
            let (cue, decisions) = self.states[env];
            self.states[env].1 += 1;
            let last = self.kind != Kind::Memory || decisions == 1;
            let best = if self.kind == Kind::Memory && cue < 0.0 { 0 } else { 3 };
            buffers.rewards[env] = match (self.kind, action) {
                (Kind::Forbidden, 4) => 10.0,
                _ => f64::from(u8::from(last && action == best)),
            };
            buffers.terminated[env] = last;
            buffers.truncated[env] = false;
            let row = env * WIDTH..(env + 1) * WIDTH;
            if last {
                self.observe(env, &mut buffers.final_observations[row.clone()]);
                self.restart(env);
            }
            self.observe(env, &mut buffers.observations[row]);
        }
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8], _: &mut [f32], _: &mut [bool]) -> Result<(), String> {
        Err("these tasks are not resumed".into())
    }
}
