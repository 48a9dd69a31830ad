//! What a checkpoint keeps of DQN, and going on from it.

use std::io::Read;

use super::learner::DqnLearner;
use super::replay_file::read_replay;
use crate::optimizer::Adam;
use crate::saved_learner::SavedLearner;

/// Counters of a saved learner.
const ITERATION: &str = "iteration";
const OPTIMIZER_STEPS: &str = "optimizer_steps";

impl DqnLearner {
    /// Networks, optimizer, environments and replay.
    pub(super) fn save_parts(&self) -> SavedLearner {
        let mut saved = SavedLearner::new(self.network.clone());
        saved.put_counter(ITERATION, self.iteration);
        let (optimizer, layout) = (self.dqn.optimizer(), self.dqn.layout());
        saved.put_counter(OPTIMIZER_STEPS, optimizer.time);
        for (name, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            saved.put(format!("target.{name}"), self.dqn.target()[place.clone()].to_vec());
            saved.put(format!("adam.{name}.first"), optimizer.first[place.clone()].to_vec());
            saved.put(format!("adam.{name}.second"), optimizer.second[place].to_vec());
        }
        self.collector.save(&mut saved);
        saved
    }

    /// Goes on from [`Self::save_parts`], of which nothing is trusted.
    pub(super) fn restore_parts(&mut self, mut saved: SavedLearner) -> Result<(), String> {
        let layout = self.dqn.layout();
        let parameters =
            layout.parameters(&saved.network).ok_or("its network has other layers than the configuration")?;
        self.iteration = saved.take_counter(ITERATION)?;
        if self.iteration > self.num_iterations {
            return Err(format!("iteration {} is after the run's last, {}", self.iteration, self.num_iterations));
        }
        let mut optimizer = Adam::new(parameters.len());
        optimizer.time = saved.take_counter(OPTIMIZER_STEPS)?;
        let steps = self.iteration * (self.config.num_steps * self.replay.shape().num_envs) as u64;
        let most = (steps / self.config.train_frequency).saturating_mul(self.config.gradient_steps as u64);
        if optimizer.time > most {
            return Err(format!("optimizer_steps is {} after {steps} steps", optimizer.time));
        }
        let mut target = vec![0.0; parameters.len()];
        for (name, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            target[place.clone()].copy_from_slice(&saved.take_f32(&format!("target.{name}"), place.len())?);
            let first = saved.take_f32(&format!("adam.{name}.first"), place.len())?;
            let second = saved.take_f32(&format!("adam.{name}.second"), place.len())?;
            if second.iter().any(|&square| square < 0.0) {
                return Err(format!("adam.{name}.second has a negative value"));
            }
            optimizer.first[place.clone()].copy_from_slice(&first);
            optimizer.second[place].copy_from_slice(&second);
        }
        self.collector.restore(&mut saved)?;
        saved.is_used_up()?;
        self.dqn.restore(parameters, target, optimizer);
        self.network = saved.network;
        Ok(())
    }

    /// Takes up the replay that belongs to what was restored.
    pub(super) fn read_replay_part(&mut self, input: &mut dyn Read) -> Result<(), String> {
        let alpha = self.config.prioritized_replay.then_some(self.config.priority_alpha);
        let (replay, priorities) = read_replay(self.replay.shape(), self.config.n_step, alpha, input)?;
        let due = self.iteration * self.config.num_steps as u64;
        if replay.pushed() != due {
            return Err(format!("pushed is {} where {due} was due", replay.pushed()));
        }
        (self.replay, self.priorities) = (replay, priorities);
        Ok(())
    }
}
