//! A trained network as a policy.

use std::path::Path;

use ndarray::ArrayView2;

use super::{
    ActorCritic, CheckpointError, POLICY_FILE, PolicyFile, Workspace, counter_uniform, greedy, resolve, sample,
    schema_hash, verified_file,
};
use crate::Policy;

/// Takes the legal action with the largest logit, or draws from the distribution where asked to.
#[derive(Debug)]
pub struct CheckpointPolicy {
    name: String,
    network: ActorCritic,
    workspace: Workspace,
    sampling: Option<Sampling>,
}

#[derive(Debug)]
struct Sampling {
    seed: u64,
    calls: u64,
}

impl CheckpointPolicy {
    /// Loads a checkpoint folder, a run's best checkpoint or a released policy for an environment with these
    /// observations and actions; the policy's name is `ppo:<path>`.
    ///
    /// # Errors
    /// See [`CheckpointError`]; a checksum, a shape, a value that is not finite and another environment's schema are
    /// all found here.
    pub fn load(
        path: &Path,
        observation_names: &[String],
        action_meanings: &[String],
    ) -> Result<Self, CheckpointError> {
        let folder = resolve(path)?;
        let bytes = verified_file(&folder, POLICY_FILE)?;
        let path_in_errors = folder.join(POLICY_FILE);
        let file = PolicyFile::from_bytes(&bytes, &path_in_errors)?;
        let checks = [
            ("observation", &file.observation_schema, file.network.observation_size(), observation_names),
            ("action", &file.action_schema, file.network.num_actions(), action_meanings),
        ];
        for (what, found, found_size, names) in checks {
            let expected = schema_hash(names);
            if *found != expected || found_size != names.len() {
                let short = |hash: &str| hash.chars().take(12).collect::<String>();
                let reason = format!(
                    "its {what} schema is {} ({found_size} {what}s, scenario {}), the environment's is {} ({} {what}s)",
                    short(found),
                    file.scenario,
                    short(&expected),
                    names.len()
                );
                return Err(CheckpointError::Schema { path: path_in_errors, reason });
            }
        }
        let name = format!("{}:{}", file.algo, path.display());
        Ok(Self::from_network(name, file.network))
    }

    /// A greedy policy from a network that is already in memory.
    pub fn from_network(name: impl Into<String>, network: ActorCritic) -> Self {
        Self { name: name.into(), network, workspace: Workspace::default(), sampling: None }
    }

    /// Draws actions from the distribution instead of taking the likeliest; equal seeds draw equally.
    #[must_use]
    pub fn sampling(mut self, seed: u64) -> Self {
        self.sampling = Some(Sampling { seed, calls: 0 });
        self
    }

    /// The network.
    pub fn network(&self) -> &ActorCritic {
        &self.network
    }
}

impl Policy for CheckpointPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        _episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        let logits = self.network.logits(observations, &mut self.workspace);
        let rows = logits.rows().into_iter().zip(action_masks.rows()).zip(actions);
        for (index, ((logits, mask), action)) in rows.enumerate() {
            let logits = logits.to_slice().unwrap_or_default();
            let copied;
            let mask = match mask.to_slice() {
                Some(mask) => mask,
                None => {
                    copied = mask.to_vec();
                    &copied
                }
            };
            *action = match &self.sampling {
                None => greedy(logits, mask),
                Some(Sampling { seed, calls }) => sample(logits, mask, counter_uniform(*seed, *calls, index as u64)).0,
            };
        }
        if let Some(sampling) = &mut self.sampling {
            sampling.calls += 1;
        }
    }
}
