//! Compares training runs: learning curves over seeds, scores with intervals, probability of improvement, performance
//! profiles, tables beside the baselines, and the distributions of detection and recovery.
//!
//! [`compare`] reads run folders and evaluations and returns a [`Comparison`], which renders as an HTML page
//! ([`Comparison::to_html`]), as Markdown ([`Comparison::to_markdown`]) and as JSON ([`Comparison::to_json`]). The statistics
//! are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021). Equal inputs
//! give equal bytes.

mod chart;
mod curves;
mod error;
mod evaluation;
mod figures;
mod group;
mod interquartile;
mod markdown;
mod page;
mod profiles;
mod report;
mod resampling;
mod run;
mod scalars;
mod scores;
mod standings;
mod tables;
mod task;
mod times;
mod words;

use std::path::PathBuf;

pub use error::ComparisonError;
pub use report::{
    Comparison, Curve, CurveSet, Distribution, GroupScore, Improvement, Profile, RunRow, ScenarioSection, SplitScores,
    Standing, Standings,
};

use microcloud_policy::nearest_name;
use run::{Inputs, identity};
use task::Task;

use crate::statistics::RESAMPLES;

/// How runs are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonConfig {
    /// Keys of config.toml that tell groups of an algorithm apart; where empty, those in which its runs of a scenario differ.
    pub group_by: Vec<String>,
    /// The policy that differences are to.
    pub reference: String,
    /// Draws the resamples.
    pub seed: u64,
}

impl Default for ComparisonConfig {
    fn default() -> Self {
        Self { group_by: Vec::new(), reference: "calibrated-rules".to_owned(), seed: 0 }
    }
}

/// Compares what the paths hold: run folders of `train`, folders with an evaluation.json, evaluation.json files.
///
/// # Errors
/// A path that holds none of these, a corrupt file, something given twice, a key that no run has.
pub fn compare(paths: &[PathBuf], config: &ComparisonConfig) -> Result<Comparison, ComparisonError> {
    let inputs = Inputs::read(paths)?;
    let of_runs = group::groups(&inputs.runs, &config.group_by)?;
    let (tasks, mut notes) = task::tasks(&inputs, &of_runs);
    notes.extend(oddities(&inputs, &of_runs));
    notes.extend(missing_reference(&tasks, &config.reference));
    let runs = run_rows(&inputs, &of_runs, &tasks);
    let mut groups: Vec<String> = Vec::new();
    for run in &runs {
        if !groups.contains(&run.group) {
            groups.push(run.group.clone());
        }
    }
    let mut splits: Vec<&str> = Vec::new();
    for task in tasks.iter().filter(|task| !task.trials.is_empty()) {
        if !splits.contains(&task.split.as_str()) {
            splits.push(&task.split);
        }
    }
    let splits = splits.into_iter().map(|split| split_scores(&tasks, split, &groups, config.seed)).collect();
    let mut names: Vec<&String> = Vec::new();
    for name in inputs.runs.iter().map(|run| &run.scenario).chain(tasks.iter().map(|task| &task.scenario)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let section = |scenario: &String| {
        let own = inputs.runs.iter().zip(&of_runs).filter(|(run, _)| run.scenario == *scenario).collect::<Vec<_>>();
        let tasks = tasks.iter().filter(|task| task.scenario == *scenario);
        let evaluations = tasks.map(|task| {
            let (detection, recovery) = times::distributions(task);
            let rows = standings::standings(task, &config.reference, config.seed);
            Standings { split: task.split.clone(), rows, detection, recovery }
        });
        ScenarioSection {
            scenario: scenario.clone(),
            curves: curves::curve_sets(&own, config.seed),
            evaluations: evaluations.collect(),
        }
    };
    let scenarios = names.into_iter().map(section).collect();
    let (seed, reference) = (config.seed, config.reference.clone());
    Ok(Comparison { schema: 1, seed, resamples: RESAMPLES, reference, runs, splits, scenarios, notes })
}

fn split_scores(tasks: &[Task], split: &str, groups: &[String], seed: u64) -> SplitScores {
    let own: Vec<&Task> = tasks.iter().filter(|task| task.split == split).collect();
    let pairs = groups.iter().enumerate().flat_map(|(place, group)| {
        let others = &groups[place + 1..];
        others.iter().filter_map(|over| scores::improvement(&own, group, over, seed)).collect::<Vec<_>>()
    });
    SplitScores {
        split: split.to_owned(),
        scores: groups.iter().filter_map(|group| scores::group_score(&own, group, seed)).collect(),
        improvements: pairs.collect(),
        run_profiles: profiles::run_profiles(&own, groups, seed),
        level_profiles: profiles::level_profiles(&own, groups, seed),
    }
}

/// A row for each run folder, then for each trained policy that was evaluated without one.
fn run_rows(inputs: &Inputs, groups: &[String], tasks: &[Task]) -> Vec<RunRow> {
    let folders: Vec<PathBuf> = inputs.runs.iter().map(|run| identity(&run.path)).collect();
    let trials = || tasks.iter().flat_map(|task| task.trials.iter().map(move |trial| (task, trial)));
    let mut rows = Vec::new();
    for ((run, group), folder) in inputs.runs.iter().zip(groups).zip(&folders) {
        let tested = trials().find(|(task, trial)| task.split == "test" && trial.identity == *folder);
        let evaluated = trials().any(|(_, trial)| trial.identity == *folder);
        let state = match (&run.ended, evaluated) {
            (_, true) => "evaluated".to_owned(),
            (Some(ended), false) if ended != "completed" => format!("unfinished: {ended}"),
            _ => "unfinished".to_owned(),
        };
        rows.push(RunRow {
            run: run.label(),
            scenario: run.scenario.clone(),
            group: group.clone(),
            seed: Some(run.seed),
            steps: Some(run.scalars.last_step),
            total_timesteps: run.total_timesteps,
            state,
            score: tested.and_then(|(_, trial)| trial.score()),
        });
    }
    for (task, trial) in trials().filter(|(_, trial)| !folders.contains(&trial.identity)) {
        let run = trial.row.policy.clone();
        if rows.iter().all(|row| row.run != run || row.scenario != task.scenario) {
            rows.push(RunRow {
                run,
                scenario: task.scenario.clone(),
                group: trial.name.clone(),
                seed: None,
                steps: None,
                total_timesteps: None,
                state: "evaluated".to_owned(),
                score: trial.score().filter(|_| task.split == "test"),
            });
        }
    }
    rows
}

/// Where differences are missing because the policy that they are to was not played, and the name that is nearest to it.
fn missing_reference(tasks: &[Task], reference: &str) -> Option<String> {
    let played: Vec<&str> = tasks
        .iter()
        .flat_map(|task| &task.sets)
        .flat_map(|set| set.baselines.iter().map(|policy| policy.policy.as_str()))
        .collect();
    let nearest = nearest_name(reference, played.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
    (!played.is_empty() && !played.contains(&reference)).then(|| {
        format!(
            "There are no differences to `{reference}`: no evaluation played it{}",
            nearest.unwrap_or(".".to_owned())
        )
    })
}

/// What is odd about the runs: seeds that are there twice, scenarios that changed between runs.
fn oddities(inputs: &Inputs, groups: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let runs: Vec<_> = inputs.runs.iter().zip(groups).collect();
    for (place, (run, group)) in runs.iter().enumerate() {
        for (earlier, other) in &runs[..place] {
            if run.scenario != earlier.scenario {
                continue;
            }
            let [one, two] = [run.label(), earlier.label()];
            if group == other && run.seed == earlier.seed {
                let seed = run.seed;
                notes.push(format!("{one} has the seed {seed} of {two}: equal runs make intervals too narrow."));
            }
            if run.scenario_sha256 != earlier.scenario_sha256 {
                notes.push(format!("{one} was trained on another version of {} than {two}.", run.scenario));
                break;
            }
        }
    }
    notes
}
