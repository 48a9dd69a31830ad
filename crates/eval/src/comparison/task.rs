//! Trained policies and baselines of a scenario and split, with what they share: the levels.

use std::path::PathBuf;

use super::{
    evaluation::trained,
    run::{Inputs, identity},
};
use crate::{EvaluationRow, PolicyLevels, mean};

/// A scenario and a split: what rliable calls a task.
pub(super) struct Task {
    pub scenario: String,
    pub split: String,
    /// Lists of levels that were played; evaluations of the same list share one.
    pub sets: Vec<LevelSet>,
    /// Runs of trained policies, in the order given.
    pub trials: Vec<Trial>,
    /// Baselines, in the order met.
    pub baselines: Vec<Trial>,
}

/// Levels, and what baselines came to on them.
pub(super) struct LevelSet {
    pub levels: Vec<u64>,
    pub baselines: Vec<PolicyLevels>,
}

/// A policy's row, and its levels where they are there.
pub(super) struct Trial {
    /// The group, or the baseline.
    pub name: String,
    /// What tells a trained policy from others.
    pub identity: PathBuf,
    pub row: EvaluationRow,
    /// The place of its levels in the task, and its outcomes on them.
    pub levels: Option<(usize, PolicyLevels)>,
}

impl LevelSet {
    /// A baseline's returns.
    pub fn returns(&self, name: &str) -> Option<&Vec<f64>> {
        self.baselines.iter().find(|policy| policy.policy == name).map(|policy| &policy.returns)
    }
}

impl Trial {
    /// The score of its row.
    pub fn score(&self) -> Option<f64> {
        self.row.score.as_ref().map(|score| score.value)
    }
}

impl Task {
    /// The runs of a group.
    pub fn group(&self, name: &str) -> Vec<&Trial> {
        self.trials.iter().filter(|trial| trial.name == name).collect()
    }

    /// What a run gained over no-op on each level, in units of what oracle gains on average: their mean is the score. The
    /// place of the levels in the task comes with it; none without a score or without levels.
    pub fn level_scores(&self, trial: &Trial) -> Option<(usize, Vec<f64>)> {
        trial.score()?;
        let (set, levels) = trial.levels.as_ref()?;
        let (no_op, oracle) = (self.sets[*set].returns("no-op")?, self.sets[*set].returns("oracle")?);
        let gap = mean(oracle)? - mean(no_op)?;
        Some((*set, levels.returns.iter().zip(no_op).map(|(own, no_op)| (own - no_op) / gap).collect()))
    }
}

/// The tasks of all evaluations, in the order met, and what is odd about them; `groups` names each run's group.
pub(super) fn tasks(inputs: &Inputs, groups: &[String]) -> (Vec<Task>, Vec<String>) {
    let mut tasks: Vec<Task> = Vec::new();
    let mut notes = Vec::new();
    let runs: Vec<PathBuf> = inputs.runs.iter().map(|run| identity(&run.path)).collect();
    for (evaluation, run) in &inputs.evaluations {
        let split = &evaluation.report.split;
        let file = evaluation.file.display();
        if evaluation.levels.is_none() {
            notes.push(format!(
                "{file}: no levels stand beside it, so that it has neither differences nor distributions; `evaluate \
                 --json` and `train` write them."
            ));
        }
        for row in &evaluation.report.rows {
            let place = tasks.iter().position(|task| task.scenario == row.scenario && task.split == *split);
            let place = place.unwrap_or_else(|| {
                let (scenario, split) = (row.scenario.clone(), split.clone());
                tasks.push(Task { scenario, split, sets: Vec::new(), trials: Vec::new(), baselines: Vec::new() });
                tasks.len() - 1
            });
            let task = &mut tasks[place];
            let scenario = evaluation.scenario(&row.scenario);
            let set = scenario.map(|scenario| task.set(&scenario.levels));
            let own = scenario.and_then(|scenario| scenario.policy(&row.policy)).cloned();
            if let (Some(scenario), Some(set)) = (scenario, set) {
                for policy in scenario.policies.iter().filter(|policy| trained(&policy.policy).is_none()) {
                    match task.sets[set].baselines.iter().find(|known| known.policy == policy.policy) {
                        None => task.sets[set].baselines.push(policy.clone()),
                        Some(known) if known.returns != policy.returns => {
                            let name = &policy.policy;
                            let note = format!(
                                "{name} on {} differs in {file} from what an earlier file says of the same levels: they \
                                 come from different versions of the program or the scenario. The earlier one is used.",
                                row.scenario
                            );
                            if !notes.contains(&note) {
                                notes.push(note);
                            }
                        }
                        Some(_) => {}
                    }
                }
            }
            let levels = set.zip(own);
            let Some((algo, folder)) = trained(&row.policy) else {
                if task.baselines.iter().all(|baseline| baseline.name != row.policy) {
                    let name = row.policy.clone();
                    task.baselines.push(Trial { name, identity: PathBuf::new(), row: row.clone(), levels });
                }
                continue;
            };
            let identity = run.map_or_else(|| identity(folder), |run| runs[run].clone());
            let known = runs.iter().position(|run| *run == identity);
            let name = known.map_or_else(|| algo.to_owned(), |run| groups[run].clone());
            if task.trials.iter().any(|trial| trial.identity == identity) {
                notes.push(format!(
                    "{file}: {} on {} ({split}) was met before and is counted once.",
                    row.policy, row.scenario
                ));
            } else {
                task.trials.push(Trial { name, identity, row: row.clone(), levels });
            }
        }
    }
    (tasks, notes)
}

impl Task {
    /// The place of a list of levels.
    fn set(&mut self, levels: &[u64]) -> usize {
        self.sets.iter().position(|set| set.levels == levels).unwrap_or_else(|| {
            self.sets.push(LevelSet { levels: levels.to_vec(), baselines: Vec::new() });
            self.sets.len() - 1
        })
    }
}
