//! What `experiment sweep` does: random search over settings with successive halving (Jamieson and Talwalkar, 2016).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use microcloud_eval::Progress;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Destination, Failure, ProgressLine, print, trainer::TrainingArguments};

/// A sweep's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweep {
    scenario: String,
    algo: String,
    /// Draws the trials; the runs' own seed, too.
    #[serde(default = "one")]
    seed: u32,
    trials: usize,
    /// Share of the trials that goes on after a rung.
    #[serde(default = "third")]
    keep: f64,
    /// Steps after which trials are compared, rising; the last one ends the sweep.
    rungs: Vec<u64>,
    /// Steps over which schedules fall; the last rung where absent.
    total_timesteps: Option<u64>,
    /// Settings of all trials, as `train --set KEY=VALUE` takes them.
    #[serde(default)]
    set: Vec<String>,
    /// Settings that are searched, by key.
    space: BTreeMap<String, Dimension>,
}

fn one() -> u32 {
    1
}

fn third() -> f64 {
    1.0 / 3.0
}

/// The values that a setting is drawn from.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Dimension {
    /// One of these.
    Values {
        /// Values as TOML has them.
        values: Vec<toml::Value>,
    },
    /// A number between two, evenly, or by its logarithm.
    Range {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
    },
}

/// One trial and what it came to.
#[derive(Debug, Serialize)]
struct Trial {
    number: usize,
    /// Assignments of the searched settings.
    settings: Vec<String>,
    /// Mean return over fixed train levels after the rungs that it took part in.
    returns: Vec<f64>,
    #[serde(skip)]
    folder: PathBuf,
}

/// Draws the trials, trains them rung by rung, and lists them.
pub(crate) fn run_sweep(arguments: &TrainingArguments) -> Result<(), Failure> {
    let sweep = read(&arguments.file)?;
    let trainer = arguments.trainer()?;
    arguments.create_folder()?;
    let mut trials: Vec<Trial> = (0..sweep.trials)
        .map(|number| Trial {
            number,
            settings: draw(&sweep, number),
            returns: Vec::new(),
            folder: arguments.output.join(format!("trial-{number:03}")),
        })
        .collect();
    let mut left: Vec<usize> = (0..trials.len()).collect();
    let progress = ProgressLine::new(total_trainings(&sweep), "trainings")?;
    for (rung, &steps) in sweep.rungs.iter().enumerate() {
        for &number in &left {
            let trial = &mut trials[number];
            if reached(&trial.folder) < steps {
                trainer.train(&trial.folder, words(&sweep, trial, steps))?;
            }
            trial.returns.push(evaluated(&trial.folder, steps).unwrap_or(f64::NEG_INFINITY));
            progress.advance(1);
            if progress.is_cancelled() {
                return Err(Failure::interrupted());
            }
        }
        // Stable, so that equal trials keep the order of their numbers.
        left.sort_by(|a, b| trials[*b].returns[rung].total_cmp(&trials[*a].returns[rung]));
        if rung + 1 < sweep.rungs.len() {
            left.truncate(survivors(left.len(), sweep.keep));
        }
    }
    progress.clear();
    trials.sort_by(|a, b| {
        let last = |trial: &Trial| trial.returns.last().copied().unwrap_or(f64::NEG_INFINITY);
        b.returns.len().cmp(&a.returns.len()).then(last(b).total_cmp(&last(a)))
    });
    let json = serde_json::to_string_pretty(&trials).unwrap_or_default() + "\n";
    Destination::File(arguments.output.join("sweep.json")).write(&json)?;
    print(&table(&trials))
}

fn read(file: &Path) -> Result<Sweep, Failure> {
    let name = file.display();
    let refuse = |what: String| Failure::usage(format!("{name}: {what}"));
    let text = fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    let sweep: Sweep = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
    if !(1..=10_000).contains(&sweep.trials) {
        return Err(refuse(format!("trials = {}; allowed: 1 to 10000", sweep.trials)));
    }
    if !(sweep.keep > 0.0 && sweep.keep <= 1.0) {
        return Err(refuse(format!("keep = {}; allowed: above 0, up to 1", sweep.keep)));
    }
    if sweep.rungs.is_empty() || sweep.rungs[0] == 0 || !sweep.rungs.is_sorted_by(|a, b| a < b) {
        return Err(refuse(format!("rungs = {:?}; allowed: rising steps, such as [250000, 1000000]", sweep.rungs)));
    }
    if sweep.space.is_empty() {
        return Err(refuse("space is empty; allowed: at least one setting".into()));
    }
    for (key, dimension) in &sweep.space {
        let sound = match dimension {
            Dimension::Values { values } => !values.is_empty(),
            Dimension::Range { low, high, log } => low < high && high.is_finite() && (!log || *low > 0.0),
        };
        if !sound {
            return Err(refuse(format!(
                "space.\"{key}\": allowed: values = [..] with one at least, or low below high, above 0 with log = true"
            )));
        }
    }
    Ok(sweep)
}

fn survivors(trials: usize, keep: f64) -> usize {
    ((trials as f64 * keep).ceil() as usize).clamp(1, trials)
}

fn total_trainings(sweep: &Sweep) -> usize {
    let mut left = sweep.trials;
    sweep.rungs.iter().fold(0, |total, _| {
        let total = total + left;
        left = survivors(left, sweep.keep);
        total
    })
}

/// The searched settings of a trial; they depend on the sweep's seed and the trial's number alone.
fn draw(sweep: &Sweep, number: usize) -> Vec<String> {
    let uniform = |index: usize| {
        let stream = microcloud_core::mix_bits(u64::from(sweep.seed) << 32 | number as u64);
        let bits = microcloud_core::mix_bits(stream.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        (bits >> 11) as f64 / (1u64 << 53) as f64
    };
    let values = sweep.space.iter().enumerate().map(|(index, (key, dimension))| match dimension {
        Dimension::Values { values } => {
            let place = (uniform(index) * values.len() as f64) as usize;
            format!("{key}={}", values[place.min(values.len() - 1)])
        }
        Dimension::Range { low, high, log: true } => {
            format!("{key}={:e}", low * (high / low).powf(uniform(index)))
        }
        Dimension::Range { low, high, log: false } => format!("{key}={:e}", low + (high - low) * uniform(index)),
    });
    values.collect()
}

/// The step of a run's latest checkpoint.
fn reached(folder: &Path) -> u64 {
    let latest = fs::read_to_string(folder.join("checkpoints/latest")).unwrap_or_default();
    latest.trim().parse().unwrap_or(0)
}

/// The mean return of the first evaluation from a step on, for a rung ends with a whole rollout; of the last one where none is.
fn evaluated(folder: &Path, steps: u64) -> Option<f64> {
    let metrics = fs::read_to_string(folder.join("metrics.jsonl")).ok()?;
    let lines = metrics.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let evaluations: Vec<(u64, f64)> =
        lines.filter_map(|line| Some((line["step"].as_u64()?, line["eval/episodic_return"].as_f64()?))).collect();
    let found = evaluations.iter().find(|(step, _)| *step >= steps).or(evaluations.last());
    found.map(|(_, mean)| *mean)
}

/// The words after the program's name that train a trial up to a rung.
fn words(sweep: &Sweep, trial: &Trial, steps: u64) -> Vec<String> {
    let folder = trial.folder.display().to_string();
    let mut flags = vec![("--stop-at", steps.to_string())];
    if trial.folder.join("config.toml").exists() {
        flags.push(("--resume", folder));
    } else {
        let last = sweep.rungs.last().copied().unwrap_or(steps);
        flags.extend([
            ("--scenario", sweep.scenario.clone()),
            ("--algo", sweep.algo.clone()),
            ("--seed", sweep.seed.to_string()),
            ("--total-timesteps", sweep.total_timesteps.unwrap_or(last).to_string()),
            // Every rung ends with an evaluation.
            ("--eval-every", sweep.rungs[0].to_string()),
            ("--run-dir", folder),
        ]);
        flags.extend(sweep.set.iter().chain(&trial.settings).map(|assignment| ("--set", assignment.clone())));
    }
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}

fn table(trials: &[Trial]) -> String {
    let mut text = "trial  mean return after each rung  settings\n".to_owned();
    for Trial { number, returns, settings, .. } in trials {
        let returns: Vec<String> = returns.iter().map(|mean| format!("{mean:.2}")).collect();
        let _ = writeln!(text, "{number:>5}  {:<27}  {}", returns.join(", "), settings.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "scenario = 'spine12'\nalgo = 'ppo'\ntrials = 9\nrungs = [10, 20, 40]\n[space]\n\
                         'ppo.learning_rate' = { low = 1e-4, high = 1e-2, log = true }\n\
                         'ppo.gamma' = { low = 0.9, high = 0.99 }\n'ppo.hidden' = { values = [[64], [128, 128]] }";

    #[test]
    fn trials_are_drawn_within_the_space_and_differ() {
        let sweep: Sweep = toml::from_str(SPACE).unwrap();
        let mut all: Vec<Vec<String>> = (0..200).map(|number| draw(&sweep, number)).collect();
        let mut small = 0;
        for settings in &all {
            let number = |place: usize| settings[place].split_once('=').unwrap().1.parse::<f64>().unwrap();
            assert!((0.9..0.99).contains(&number(0)));
            assert!(["ppo.hidden=[64]", "ppo.hidden=[128, 128]"].contains(&settings[1].as_str()), "{settings:?}");
            assert!((1e-4..1e-2).contains(&number(2)));
            small += usize::from(number(2) < 1e-3);
        }
        // Half of a logarithmic range lies below its geometric mean.
        assert!((70..130).contains(&small), "{small}");
        assert_eq!(draw(&sweep, 3), all[3]);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 200);
    }

    #[test]
    fn a_third_goes_on_from_rung_to_rung() {
        let sweep: Sweep = toml::from_str(SPACE).unwrap();
        assert_eq!((survivors(9, sweep.keep), survivors(3, sweep.keep), survivors(1, 0.1)), (3, 1, 1));
        assert_eq!(total_trainings(&sweep), 9 + 3 + 1);
    }

    #[test]
    fn the_first_evaluation_from_a_rung_on_counts() {
        let folder = tempfile::tempdir().unwrap();
        let lines = "{\"step\": 10, \"eval/episodic_return\": -5.0}\n{\"step\": 15}\n{\"step\": 20, \"eval/episodic_return\": -3.0}\n";
        fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
        let at = |steps| evaluated(folder.path(), steps);
        assert_eq!((at(10), at(11), at(20), at(99)), (Some(-5.0), Some(-3.0), Some(-3.0), Some(-3.0)));
        assert_eq!(evaluated(Path::new("nowhere"), 10), None);
    }

    #[test]
    fn a_space_or_a_budget_that_makes_no_sweep_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        for (from, to, part) in [
            ("trials = 9", "trials = 0", "allowed: 1 to 10000"),
            ("[10, 20, 40]", "[10, 10]", "rising steps"),
            ("low = 1e-4", "low = 0.0", "log = true"),
            ("[[64], [128, 128]]", "[]", "values = [..]"),
            ("algo = 'ppo'\n", "", "missing field `algo`"),
        ] {
            fs::write(&file, SPACE.replace(from, to)).unwrap();
            let message = read(&file).unwrap_err().to_string();
            assert!(message.contains(part) && message.lines().count() == 1, "{message}");
        }
    }
}
