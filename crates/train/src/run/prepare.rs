//! From a configuration to everything a run on a scenario needs.

use std::path::Path;
use std::sync::Arc;

use microcloud_core::{Scenario, ScenarioError, Split, Topology};
use microcloud_policy::network::{CheckpointError, schema_hash};

use super::checkpoint::PolicyLabels;
use super::folder::{Placement, RunFolder};
use super::provenance::Provenance;
use crate::cluster_task::ClusterTask;
use crate::config::TrainConfig;
use crate::error::TrainError;

/// A run whose folder and scenario stand.
pub struct PreparedRun {
    /// The folder.
    pub folder: RunFolder,
    /// Whether the folder held the run before.
    pub resumed: bool,
    /// The scenario's constants.
    pub topology: Arc<Topology>,
    /// What policy files are labelled with.
    pub labels: PolicyLabels,
    /// Clusters to learn in.
    pub task: ClusterTask,
    /// Clusters to choose the best checkpoint in.
    pub evaluation_task: ClusterTask,
}

impl PreparedRun {
    /// Loads the scenario and creates or opens the folder; nothing is created where the scenario is wrong.
    ///
    /// # Errors
    /// A scenario that cannot be used, a folder that cannot be written, threads that the system does not give.
    pub fn new(config: &TrainConfig, placement: &Placement, command_line: Vec<String>) -> Result<Self, TrainError> {
        let scenario = match placement {
            Placement::Fresh(_) => Scenario::load(&config.scenario).map_err(TrainError::Scenario)?,
            Placement::Resumed(path) => saved_scenario(&path.join("scenario.toml"))?,
        };
        let scenario_toml = scenario.to_toml();
        let topology = Topology::new(scenario).map_err(TrainError::Scenario)?;
        enough_levels(&topology, config)?;
        let name = &topology.scenario().name;
        let labels = PolicyLabels {
            algo: config.algo.clone(),
            scenario: name.clone(),
            observation_schema: schema_hash(topology.observation_names()),
            action_schema: schema_hash(topology.action_meanings()),
        };
        let clusters = |num_envs: usize, staggered: bool| {
            ClusterTask::new(topology.clone(), num_envs, config.threads, staggered)
                .map_err(|error| TrainError::Usage(error.to_string()))
        };
        let (task, evaluation_task) = (clusters(config.ppo.num_envs, true)?, clusters(config.eval_episodes, false)?);
        let (folder, resumed) = match placement {
            Placement::Resumed(path) => (RunFolder::create(path)?, true),
            Placement::Fresh(path) => {
                let provenance = Provenance::new(command_line, config.seed, name, &scenario_toml);
                let manifest = serde_json::to_vec_pretty(&provenance).unwrap_or_default();
                let folder = RunFolder::create(path)?;
                folder.write("scenario.toml", scenario_toml.as_bytes())?;
                folder.write("manifest.json", &manifest)?;
                folder.write("config.toml", config.to_toml().as_bytes())?;
                (folder, false)
            }
        };
        Ok(Self { folder, resumed, labels, task, evaluation_task, topology })
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

fn saved_scenario(path: &Path) -> Result<Scenario, TrainError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CheckpointError::Unreadable { path: path.to_owned(), source })?;
    Scenario::from_toml(&text, &path.display().to_string()).map_err(|error: ScenarioError| {
        CheckpointError::Corrupt { path: path.to_owned(), reason: error.to_string() }.into()
    })
}
