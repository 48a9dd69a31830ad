//! Every policy on the same drawn levels.

use std::sync::Arc;

use microcloud_core::{Level, Split, Topology};

use crate::{
    Contender, EpisodeOutcome, EvaluationError, EvaluationLevels, EvaluationReport, PolicyLevels, Progress, Recorder,
    ScenarioLevels,
    play::{play, policy_error},
    report::Scale,
};

/// Which levels are played, and on how many threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationConfig {
    /// The split that levels are drawn from.
    pub split: Split,
    /// Levels with faults.
    pub episodes: usize,
    /// Levels without.
    pub control_episodes: usize,
    /// Draws the levels; the same seed gives the same levels to every policy.
    pub seed: u64,
    /// Threads; 0 takes as many as the machine has.
    pub threads: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { split: Split::Test, episodes: 200, control_episodes: 50, seed: 0, threads: 0 }
    }
}

impl EvaluationConfig {
    /// Episodes that [`evaluate`] plays, those of the scale included: the length of a progress bar.
    pub fn total_episodes(&self, num_topologies: usize, contenders: &[Contender]) -> usize {
        let scale = ["no-op", "oracle"].iter().filter(|end| contenders.iter().all(|one| one.name() != **end)).count();
        let shown = contenders.len() * (self.episodes + self.control_episodes);
        num_topologies * (shown + scale * self.episodes)
    }
}

/// Plays every policy on the same levels of each topology, with no-op and oracle for the scale, and reports one row each.
///
/// `recorder` writes the episodes of the policies given; `progress` hears of every episode and may stop it all.
///
/// # Errors
/// No levels to play, a policy that does not fit a scenario, a record that cannot be written, an interruption.
pub fn evaluate(
    config: &EvaluationConfig,
    topologies: &[Arc<Topology>],
    contenders: &[Contender],
    recorder: Option<&Recorder>,
    progress: &dyn Progress,
) -> Result<EvaluationReport, EvaluationError> {
    if config.episodes == 0 {
        return Err(EvaluationError::Zero { key: "episodes" });
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build()
        .map_err(|error| EvaluationError::Threads { threads: config.threads, problem: error.to_string() })?;
    for topology in topologies {
        for contender in contenders {
            // A policy that does not fit is found before hours go into the ones that do.
            contender.make(topology).map_err(|source| policy_error(contender.name(), topology, source))?;
        }
    }
    let mut rows = Vec::new();
    let mut scenarios = Vec::new();
    tracing::debug!(split = %config.split, episodes = config.episodes, seed = config.seed, "evaluating");
    for topology in topologies {
        let levels = draw(config, topology, config.episodes, false)?;
        let control = draw(config, topology, config.control_episodes, true)?;
        let run = |contender: &Contender, levels: &[Level], recorder: Option<&Recorder>| {
            pool.install(|| play(topology, contender, levels, recorder, progress))
        };
        let mut played: Vec<Vec<EpisodeOutcome>> = Vec::new();
        for contender in contenders {
            played.push(run(contender, &levels, recorder)?);
        }
        let end_of_scale = |name: &str| match contenders.iter().position(|contender| contender.name() == name) {
            Some(shown) => Ok(played[shown].clone()),
            None => {
                let contender =
                    Contender::baseline(name).map_err(|error| policy_error(name, topology, error.into()))?;
                run(&contender, &levels, None)
            }
        };
        let (no_op, oracle) = (end_of_scale("no-op")?, end_of_scale("oracle")?);
        let scale = Scale::new(&no_op, &oracle, config.seed);
        let mut policies = Vec::new();
        for (contender, played) in contenders.iter().zip(&played) {
            let control = run(contender, &control, recorder)?;
            let row = scale.row(&topology.scenario().name, contender.name(), played, &control);
            tracing::debug!(scenario = row.scenario, policy = row.policy, r#return = row.returns.mean, "evaluated");
            policies.push(PolicyLevels::new(&row.policy, played, &control));
            rows.push(row);
        }
        for (name, played) in [("no-op", &no_op), ("oracle", &oracle)] {
            if contenders.iter().all(|contender| contender.name() != name) {
                policies.push(PolicyLevels::new(name, played, &[]));
            }
        }
        let numbers = |levels: &[Level]| levels.iter().map(|level| level.number()).collect();
        scenarios.push(ScenarioLevels {
            scenario: topology.scenario().name.clone(),
            levels: numbers(&levels),
            control_levels: numbers(&control),
            policies,
        });
    }
    let split = config.split.to_string();
    let levels = EvaluationLevels { schema: 1, split: split.clone(), seed: config.seed, scenarios };
    Ok(EvaluationReport { schema: 1, split, rows, levels })
}

fn draw(
    config: &EvaluationConfig,
    topology: &Topology,
    asked: usize,
    control: bool,
) -> Result<Vec<Level>, EvaluationError> {
    if asked == 0 {
        return Ok(Vec::new());
    }
    let levels = topology.draw_levels(config.split, config.seed, asked, control);
    if levels.len() < asked {
        return Err(EvaluationError::TooFewLevels {
            scenario: topology.scenario().name.clone(),
            split: config.split,
            kind: if control { "without a fault" } else { "with a fault" },
            asked,
            found: levels.len(),
        });
    }
    Ok(levels)
}
