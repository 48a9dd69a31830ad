//! The experience of one iteration: `num_steps` decisions in each of `num_envs` environments, with advantages.

/// Preallocated experience; every vector is row-major with row `step * num_envs + environment`.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// Decisions per environment.
    pub num_steps: usize,
    /// Environments.
    pub num_envs: usize,
    /// Features per observation.
    pub observation_size: usize,
    /// Actions.
    pub num_actions: usize,
    /// Normalised observations, `[rows, observation_size]`.
    pub observations: Vec<f32>,
    /// Whether an episode begins with the observation.
    pub episode_starts: Vec<bool>,
    /// What was remembered before the first step, `[num_envs, memory]`; it is cleared where an episode begins.
    pub first_states: Vec<f32>,
    /// Legal actions, `[rows, num_actions]`.
    pub action_masks: Vec<bool>,
    /// Actions taken.
    pub actions: Vec<usize>,
    /// Their log-probabilities when they were taken.
    pub log_probs: Vec<f32>,
    /// The critic's values of the observations.
    pub values: Vec<f32>,
    /// Rewards, scaled where the configuration says so.
    pub rewards: Vec<f32>,
    /// True where the step ended its episode and nothing follows.
    pub terminated: Vec<bool>,
    /// True where the step's episode was cut off.
    pub truncated: Vec<bool>,
    /// The critic's value of the last observation of the episode that a truncated step ended; else unused.
    pub final_values: Vec<f32>,
    /// The critic's values of the observations after the last step, `[num_envs]`.
    pub next_values: Vec<f32>,
    /// Advantages, once computed.
    pub advantages: Vec<f32>,
    /// Returns (advantage plus value), once computed.
    pub returns: Vec<f32>,
}

impl Rollout {
    /// An empty rollout of this shape.
    pub fn new(num_steps: usize, num_envs: usize, observation_size: usize, num_actions: usize) -> Self {
        let rows = num_steps * num_envs;
        Self {
            num_steps,
            num_envs,
            observation_size,
            num_actions,
            observations: vec![0.0; rows * observation_size],
            episode_starts: vec![false; rows],
            first_states: Vec::new(),
            action_masks: vec![true; rows * num_actions],
            actions: vec![0; rows],
            log_probs: vec![0.0; rows],
            values: vec![0.0; rows],
            rewards: vec![0.0; rows],
            terminated: vec![false; rows],
            truncated: vec![false; rows],
            final_values: vec![0.0; rows],
            next_values: vec![0.0; num_envs],
            advantages: vec![0.0; rows],
            returns: vec![0.0; rows],
        }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.num_steps * self.num_envs
    }

    /// Computes generalised advantages (Schulman et al., 2016, equation 16) and returns.
    ///
    /// After a terminated step nothing follows; after a truncated one follows the value of the episode's last
    /// observation; neither carries advantages over from the next episode.
    pub fn compute_advantages(&mut self, gamma: f32, gae_lambda: f32) {
        for env in 0..self.num_envs {
            let mut next_advantage = 0.0;
            let mut next_value = self.next_values[env];
            for step in (0..self.num_steps).rev() {
                let row = step * self.num_envs + env;
                if self.terminated[row] {
                    (next_value, next_advantage) = (0.0, 0.0);
                } else if self.truncated[row] {
                    (next_value, next_advantage) = (self.final_values[row], 0.0);
                }
                let error = self.rewards[row] + gamma * next_value - self.values[row];
                next_advantage = error + gamma * gae_lambda * next_advantage;
                next_value = self.values[row];
                self.advantages[row] = next_advantage;
                self.returns[row] = next_advantage + self.values[row];
            }
        }
    }

    /// How much of the returns' variance the values explain: `1 - Var(returns - values) / Var(returns)`.
    pub fn explained_variance(&self) -> f64 {
        let errors = self.returns.iter().zip(&self.values).map(|(r, v)| f64::from(r - v));
        let total = variance(self.returns.iter().map(|&r| f64::from(r)));
        if total > 0.0 { 1.0 - variance(errors) / total } else { 0.0 }
    }
}

fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean).powi(2)).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAMMA: f32 = 0.9;
    const LAMBDA: f32 = 0.8;

    fn rollout() -> Rollout {
        let mut rollout = Rollout::new(6, 2, 1, 1);
        for row in 0..rollout.rows() {
            rollout.rewards[row] = (row as f32 * 0.7).sin();
            rollout.values[row] = (row as f32 * 1.3).cos();
            rollout.final_values[row] = 5.0 + row as f32;
        }
        rollout.next_values = vec![0.3, -0.6];
        rollout
    }

    /// The definition: the sum over the rest of the episode of `(gamma lambda)^k` times the temporal differences.
    fn closed_form(rollout: &Rollout, step: usize, env: usize) -> f32 {
        let mut sum = 0.0;
        for (power, later) in (step..rollout.num_steps).enumerate() {
            let row = later * rollout.num_envs + env;
            let next = if rollout.terminated[row] {
                0.0
            } else if rollout.truncated[row] {
                rollout.final_values[row]
            } else if later + 1 < rollout.num_steps {
                rollout.values[row + rollout.num_envs]
            } else {
                rollout.next_values[env]
            };
            let error = rollout.rewards[row] + GAMMA * next - rollout.values[row];
            sum += (GAMMA * LAMBDA).powi(power as i32) * error;
            if rollout.terminated[row] || rollout.truncated[row] {
                break;
            }
        }
        sum
    }

    #[test]
    fn advantages_equal_their_closed_form_with_terminations_and_truncations_apart() {
        let mut rollout = rollout();
        rollout.terminated[2 * 2] = true;
        rollout.truncated[3 * 2 + 1] = true;
        rollout.truncated[5 * 2] = true;
        rollout.compute_advantages(GAMMA, LAMBDA);
        for step in 0..6 {
            for env in 0..2 {
                let row = step * 2 + env;
                assert!((rollout.advantages[row] - closed_form(&rollout, step, env)).abs() < 1e-5);
                assert!((rollout.returns[row] - rollout.advantages[row] - rollout.values[row]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn truncation_bootstraps_where_termination_does_not() {
        let (mut ended, mut cut) = (rollout(), rollout());
        ended.terminated[4] = true;
        cut.truncated[4] = true;
        ended.compute_advantages(GAMMA, LAMBDA);
        cut.compute_advantages(GAMMA, LAMBDA);
        assert!((cut.advantages[4] - ended.advantages[4] - GAMMA * cut.final_values[4]).abs() < 1e-5);
    }
}
