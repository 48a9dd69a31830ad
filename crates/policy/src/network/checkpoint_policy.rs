//! A trained network as a policy.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use super::{
    CheckpointError, Network, POLICY_FILE, PolicyFile, Workspace, counter_uniform, greedy, resolve, sample,
    schema_hash, verified_file,
};
use crate::Policy;

/// Takes the legal action with the largest logit or value, or draws from the distribution where asked to.
#[derive(Debug)]
pub struct CheckpointPolicy {
    name: String,
    network: Network,
    origin: Option<Origin>,
    workspace: Workspace,
    /// What is remembered, `[rows, state_size]`.
    state: Array2<f32>,
    sampling: Option<Sampling>,
}

/// What a policy's file says about the environment that it was made for.
#[derive(Debug)]
struct Origin {
    file: PathBuf,
    scenario: String,
    observation_schema: String,
    action_schema: String,
}

#[derive(Debug)]
struct Sampling {
    seed: u64,
    calls: u64,
}

impl CheckpointPolicy {
    /// Loads a checkpoint folder, a run's best checkpoint or a released policy, where no environment is at hand; the
    /// policy's name is `<algo>:<path>`.
    ///
    /// # Errors
    /// See [`CheckpointError`]; a checksum, a shape and a value that is not finite are all found here.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = resolve(path)?.join(POLICY_FILE);
        let bytes = verified_file(file.parent().unwrap_or(path), POLICY_FILE)?;
        let read = PolicyFile::from_bytes(&bytes, &file)?;
        // Without a slash at its end, whoever typed it.
        let named: PathBuf = path.components().collect();
        let mut policy = Self::from_network(format!("{}:{}", read.algo, named.display()), read.network);
        policy.origin = Some(Origin {
            file,
            scenario: read.scenario,
            observation_schema: read.observation_schema,
            action_schema: read.action_schema,
        });
        Ok(policy)
    }

    /// [`Self::open`], and a check that the policy fits an environment with these observations and actions.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::check`].
    pub fn load(
        path: &Path,
        observation_names: &[String],
        action_meanings: &[String],
    ) -> Result<Self, CheckpointError> {
        let policy = Self::open(path)?;
        policy.check(observation_names, action_meanings)?;
        Ok(policy)
    }

    /// Refuses an environment whose observations or actions are not those that the policy was made for; a network that came
    /// from no file is held to their numbers alone.
    ///
    /// # Errors
    /// [`CheckpointError::Schema`].
    pub fn check(&self, observation_names: &[String], action_meanings: &[String]) -> Result<(), CheckpointError> {
        let origin = self.origin.as_ref();
        let checks = [
            ("observation", origin.map(|o| &o.observation_schema), self.observation_size(), observation_names),
            ("action", origin.map(|o| &o.action_schema), self.num_actions(), action_meanings),
        ];
        for (what, found, found_size, names) in checks {
            let expected = schema_hash(names);
            if found.is_some_and(|found| *found != expected) || found_size != names.len() {
                let short = |hash: &str| hash.chars().take(12).collect::<String>();
                let reason = format!(
                    "its {what} schema is {} ({found_size} {what}s, scenario {}), the environment's is {} ({} {what}s)",
                    found.map_or_else(|| "unknown".to_owned(), |found| short(found)),
                    self.scenario().unwrap_or("unknown"),
                    short(&expected),
                    names.len()
                );
                let path = origin.map(|origin| origin.file.clone()).unwrap_or_else(|| PathBuf::from(&self.name));
                return Err(CheckpointError::Schema { path, reason });
            }
        }
        Ok(())
    }

    /// A greedy policy from a network that is already in memory.
    pub fn from_network(name: impl Into<String>, network: Network) -> Self {
        let state = Array2::zeros((0, network.state_size()));
        Self { name: name.into(), network, origin: None, workspace: Workspace::default(), state, sampling: None }
    }

    /// Draws actions from the distribution instead of taking the likeliest; equal seeds draw equally.
    #[must_use]
    pub fn sampling(mut self, seed: u64) -> Self {
        self.sampling = Some(Sampling { seed, calls: 0 });
        self
    }

    /// The scenario that it was trained on; none for a network that came from no file.
    pub fn scenario(&self) -> Option<&str> {
        self.origin.as_ref().map(|origin| origin.scenario.as_str())
    }

    /// Number of observation features.
    pub fn observation_size(&self) -> usize {
        self.network.observation_size()
    }

    /// Number of actions.
    pub fn num_actions(&self) -> usize {
        self.network.num_actions()
    }

    /// The network.
    pub fn network(&self) -> &Network {
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
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        if self.state.nrows() != actions.len() {
            self.state = Array2::zeros((actions.len(), self.network.state_size()));
        }
        for (mut state, _) in self.state.rows_mut().into_iter().zip(episode_starts).filter(|(_, starts)| **starts) {
            state.fill(0.0);
        }
        let evaluation = self.network.act(observations, self.state.view(), &mut self.workspace);
        let logits = evaluation.actions;
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
        if let Some(next) = evaluation.next_state {
            self.state.assign(&next);
        }
        if let Some(sampling) = &mut self.sampling {
            sampling.calls += 1;
        }
    }
}
