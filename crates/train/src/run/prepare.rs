//! From a configuration to everything a run on a scenario needs.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use microcloud_core::{Scenario, Split, Topology};
use microcloud_policy::network::{CheckpointError, schema_hash};

use super::checkpoint::PolicyLabels;
use super::folder::{Placement, RunFolder};
use super::lock::RunLock;
use super::provenance::Provenance;
use super::train::RunRequest;
use crate::algorithm;
use crate::cluster_task::ClusterTask;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::learner::Learner;

/// What the largest parts of a learner may take.
const MOST_BYTES: u128 = 64 << 30;

/// A run whose folder and scenario stand.
pub struct PreparedRun {
    /// The folder.
    pub folder: RunFolder,
    /// Keeps other processes out of the folder.
    pub lock: RunLock,
    /// Whether the folder held the run before.
    pub resumed: bool,
    /// The scenario's constants.
    pub topology: Arc<Topology>,
    /// What policy files are labelled with.
    pub labels: PolicyLabels,
    /// What learns, in clusters that play train levels.
    pub learner: Box<dyn Learner>,
    /// Clusters to choose the best checkpoint in.
    pub evaluation_task: ClusterTask,
}

impl PreparedRun {
    /// Loads the scenario and creates or opens the folder; nothing is created where the scenario is wrong.
    ///
    /// # Errors
    /// A scenario that cannot be used, a folder that cannot be written, threads that the system does not give.
    pub fn new(request: &RunRequest) -> Result<Self, TrainError> {
        let RunRequest { config, placement, command_line, .. } = request;
        let scenario = match (placement, &request.scenario) {
            (Placement::Fresh(_), Some(scenario)) => scenario.clone(),
            (Placement::Fresh(_), None) => Scenario::load(&config.scenario).map_err(TrainError::Scenario)?,
            (Placement::Resumed(path), _) => saved_scenario(&path.join("scenario.toml"))?,
        };
        let scenario_toml = scenario.to_toml();
        if let (Placement::Resumed(path), Some(other)) = (placement, &request.scenario)
            && other.to_toml() != scenario_toml
        {
            let path = path.display();
            return Err(TrainError::Usage(format!("scenario: it is not that of {path}; leave it out to resume")));
        }
        let topology = match placement {
            Placement::Fresh(_) => Topology::new(scenario).map_err(TrainError::Scenario)?,
            Placement::Resumed(path) => saved_topology(path)?,
        };
        enough_levels(&topology, config)?;
        small_enough(&topology, config)?;
        let name = &topology.scenario().name;
        let labels = labels_of(&topology, config);
        let evaluation_task = new_task(&topology, config, config.eval_episodes, false)?;
        let task = new_task(&topology, config, algorithm::num_envs(config)?, true)?;
        let learner = algorithm::new_learner(config, Box::new(task))?;
        let (folder, lock, resumed) = match placement {
            Placement::Resumed(path) => {
                let folder = RunFolder::create(path)?;
                let lock = RunLock::take(&folder)?;
                (folder, lock, true)
            }
            Placement::Fresh(path) => {
                let provenance = Provenance::new(command_line.clone(), config.seed, name, &scenario_toml);
                let manifest = serde_json::to_vec_pretty(&provenance).unwrap_or_default();
                let folder = RunFolder::create(path)?;
                let lock = RunLock::take(&folder)?;
                if folder.join("config.toml").exists() {
                    let path = path.display();
                    return Err(TrainError::Usage(format!("{path}: another process has put a run there")));
                }
                folder.write("scenario.toml", scenario_toml.as_bytes())?;
                folder.write("manifest.json", &manifest)?;
                folder.write("config.toml", config.to_toml().as_bytes())?;
                (folder, lock, false)
            }
        };
        Ok(Self { folder, lock, resumed, labels, learner, evaluation_task, topology })
    }
}

/// Refuses a scenario that has not the levels on which a run is evaluated at its end.
fn enough_levels(topology: &Topology, config: &TrainConfig) -> Result<(), TrainError> {
    for (key, wanted, control) in [
        ("final_episodes", config.final_episodes, false),
        ("final_control_episodes", config.final_control_episodes, true),
    ] {
        let found = topology.draw_levels(Split::Test, 0, wanted, control).len();
        if found < wanted {
            let kind = if control { "without a fault" } else { "with a fault" };
            return Err(TrainError::Usage(format!(
                "{key} = {wanted}: {} has {found} test levels {kind}; allowed: 0 to {found}, e.g. --set {key}={found}",
                topology.scenario().name
            )));
        }
    }
    Ok(())
}

/// Refuses a learner that would not fit into memory.
fn small_enough(topology: &Topology, config: &TrainConfig) -> Result<(), TrainError> {
    for (keys, bytes) in algorithm::memory(config, topology)? {
        if bytes > MOST_BYTES {
            let (found, most) = (bytes >> 30, MOST_BYTES >> 30);
            return Err(TrainError::Usage(format!("{keys}: these need {found} GiB; allowed: at most {most} GiB")));
        }
    }
    Ok(())
}

/// What the policy files of a run are labelled with.
pub(super) fn labels_of(topology: &Topology, config: &TrainConfig) -> PolicyLabels {
    PolicyLabels {
        algo: config.algo.clone(),
        scenario: topology.scenario().name.clone(),
        observation_schema: schema_hash(topology.observation_names()),
        action_schema: schema_hash(topology.action_meanings()),
    }
}

/// Clusters of a run.
pub(super) fn new_task(
    topology: &Arc<Topology>,
    config: &TrainConfig,
    num_envs: usize,
    staggered: bool,
) -> Result<ClusterTask, TrainError> {
    ClusterTask::new(topology.clone(), num_envs, config.threads, staggered)
        .map_err(|error| TrainError::Usage(error.to_string()))
}

/// The constants of the scenario in a run's folder.
pub(super) fn saved_topology(run: &Path) -> Result<Arc<Topology>, TrainError> {
    let path = run.join("scenario.toml");
    Topology::new(saved_scenario(&path)?).map_err(|error| TrainError::corrupt(&path, error))
}

fn saved_scenario(path: &Path) -> Result<Scenario, TrainError> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        ErrorKind::PermissionDenied => CheckpointError::Unreadable { path: path.to_owned(), source }.into(),
        _ => TrainError::corrupt(path, source),
    })?;
    Scenario::from_toml(&text, &path.display().to_string()).map_err(|error| TrainError::corrupt(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_into_memory_is_refused_by_its_keys() {
        let topology = Topology::new(Scenario::load("spine12").unwrap()).unwrap();
        let mut config = TrainConfig::default();
        small_enough(&topology, &config).unwrap();
        config.ppo.hidden = vec![1 << 20, 1 << 20];
        assert!(small_enough(&topology, &config).unwrap_err().to_string().starts_with("ppo.hidden: "));
        config.ppo.num_envs = 1 << 30;
        let error = small_enough(&topology, &config).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().starts_with("ppo.num_envs, ppo.num_steps: "), "{error}");
    }
}
