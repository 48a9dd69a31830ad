//! What `experiment campaign` does: trains the runs that a file lists, one after another, over as many sittings as it takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use microcloud_eval::{
    Progress,
    comparison::{ComparisonConfig, compare},
};
use serde::Deserialize;

use crate::{Destination, Failure, ProgressLine, print, trainer::TrainingArguments};

/// Arguments of `experiment campaign`.
#[derive(Args)]
pub(crate) struct CampaignArguments {
    #[command(flatten)]
    trainings: TrainingArguments,
    /// Print what would be trained, and stop
    #[arg(long)]
    dry_run: bool,
}

/// A campaign's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Campaign {
    runs: Vec<Configuration>,
}

/// One configuration, trained once for every seed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    /// Begins the folders' names; scenario and algorithm where it is absent.
    label: Option<String>,
    scenario: String,
    algo: String,
    seeds: Vec<u32>,
    total_timesteps: u64,
    /// Settings, as `train --set KEY=VALUE` takes them.
    #[serde(default)]
    set: Vec<String>,
}

/// One run of a campaign.
struct Planned<'a> {
    configuration: &'a Configuration,
    seed: u32,
    folder: PathBuf,
}

/// How far a planned run is, by its folder.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Absent,
    /// It has begun, and can go on.
    Begun,
    Completed,
    Diverged,
}

/// Trains what is not trained yet, and reports on all of it.
pub(crate) fn run_campaign(arguments: &CampaignArguments) -> Result<(), Failure> {
    let TrainingArguments { file, output, .. } = &arguments.trainings;
    let campaign = read(file)?;
    let planned = plan(&campaign, output)?;
    let trainer = arguments.trainings.trainer()?;
    if arguments.dry_run {
        let lines = planned.iter().map(|run| {
            let words: Vec<String> = words(run, state(&run.folder));
            format!("{:?}: train {}\n", state(&run.folder), words.join(" "))
        });
        return print(&lines.collect::<String>());
    }
    arguments.trainings.create_folder()?;
    let progress = ProgressLine::new(planned.len(), "runs")?;
    for run in &planned {
        let before = state(&run.folder);
        if !matches!(before, State::Completed | State::Diverged) {
            print(&format!("{}\n", run.folder.display()))?;
            trainer.train(&run.folder, words(run, before))?;
        }
        progress.advance(1);
        if progress.is_cancelled() {
            return Err(Failure::interrupted());
        }
    }
    progress.clear();
    report(&planned, output)
}

fn read(file: &Path) -> Result<Campaign, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let campaign: Campaign = toml::from_str(&text).map_err(|error| {
        Failure::usage(format!("{name}: {}", error.to_string().lines().collect::<Vec<_>>().join(" ")))
    })?;
    if campaign.runs.is_empty() || campaign.runs.iter().any(|run| run.seeds.is_empty()) {
        return Err(Failure::usage(format!(
            "{name}: it has no runs, or one without seeds; allowed: [[runs]] with seeds = [1, 2]"
        )));
    }
    Ok(campaign)
}

/// The first seed of every configuration, then the second one of each: what is there early says something about all.
fn plan<'a>(campaign: &'a Campaign, output: &Path) -> Result<Vec<Planned<'a>>, Failure> {
    let most = campaign.runs.iter().map(|run| run.seeds.len()).max().unwrap_or(0);
    let mut planned: Vec<Planned<'a>> = Vec::new();
    for index in 0..most {
        for configuration in &campaign.runs {
            let Some(&seed) = configuration.seeds.get(index) else { continue };
            let Configuration { label, scenario, algo, .. } = configuration;
            let label = label.clone().unwrap_or_else(|| {
                let stem = Path::new(scenario).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                format!("{}__{algo}", stem.unwrap_or_default())
            });
            if label.is_empty() || label.contains(['/', '\\']) || label.starts_with('.') {
                return Err(Failure::usage(format!("label = {label:?}; allowed: a name for a folder")));
            }
            let folder = output.join(format!("{label}__s{seed}"));
            if planned.iter().any(|known| known.folder == folder) {
                return Err(Failure::usage(format!(
                    "{}: two runs have this folder; give them labels",
                    folder.display()
                )));
            }
            planned.push(Planned { configuration, seed, folder });
        }
    }
    Ok(planned)
}

fn state(folder: &Path) -> State {
    if !folder.join("config.toml").exists() {
        return State::Absent;
    }
    let exit = fs::read(folder.join("exit.json")).unwrap_or_default();
    let exit: serde_json::Value = serde_json::from_slice(&exit).unwrap_or_default();
    match exit["status"].as_str() {
        Some("completed") => State::Completed,
        Some("diverged") => State::Diverged,
        _ => State::Begun,
    }
}

/// The words after the program's name that begin a run, or let it go on.
fn words(run: &Planned<'_>, state: State) -> Vec<String> {
    let folder = run.folder.display().to_string();
    let mut words: Vec<String> = match state {
        State::Absent => {
            let Configuration { scenario, algo, total_timesteps, .. } = run.configuration;
            let (seed, steps) = (run.seed.to_string(), total_timesteps.to_string());
            let named = [("--scenario", scenario), ("--algo", algo), ("--total-timesteps", &steps), ("--seed", &seed)];
            named.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.clone()]).collect()
        }
        _ => Vec::new(),
    };
    match state {
        State::Absent => {
            words.extend(run.configuration.set.iter().map(|assignment| format!("--set={assignment}")));
            words.extend(["--run-dir".to_owned(), folder]);
        }
        _ => words.extend(["--resume".to_owned(), folder]),
    }
    words
}

fn report(planned: &[Planned<'_>], output: &Path) -> Result<(), Failure> {
    let runs: Vec<PathBuf> = planned.iter().map(|run| run.folder.clone()).collect();
    let comparison = compare(&runs, &ComparisonConfig::default())?;
    for (name, text) in [
        ("report.html", comparison.to_html()?),
        ("report.md", comparison.to_markdown()),
        ("report.json", comparison.to_json()),
    ] {
        Destination::File(output.join(name)).write(&text)?;
    }
    print(&format!("{}: {} runs compared\n", output.join("report.html").display(), runs.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[runs]]\nscenario = 'spine12'\nalgo = 'ppo'\nseeds = [1, 2]\ntotal_timesteps = 64\n\
                       [[runs]]\nlabel = 'other'\nscenario = 'quorum'\nalgo = 'dqn'\nseeds = [7]\ntotal_timesteps = 32\n\
                       set = ['dqn.gamma=0.9']";

    #[test]
    fn first_seeds_come_first_and_what_has_begun_is_resumed() {
        let campaign: Campaign = toml::from_str(TWO).unwrap();
        let output = tempfile::tempdir().unwrap();
        let planned = plan(&campaign, output.path()).unwrap();
        let name = |run: &Planned<'_>| run.folder.file_name().unwrap().to_string_lossy().into_owned();
        let names: Vec<String> = planned.iter().map(name).collect();
        assert_eq!(names, ["spine12__ppo__s1", "other__s7", "spine12__ppo__s2"]);
        let begun = words(&planned[1], state(&planned[1].folder)).join(" ");
        assert!(
            begun.starts_with(
                "--scenario quorum --algo dqn --total-timesteps 32 --seed 7 --set=dqn.gamma=0.9 --run-dir "
            )
        );

        fs::create_dir(&planned[1].folder).unwrap();
        fs::write(planned[1].folder.join("config.toml"), "").unwrap();
        assert!(words(&planned[1], state(&planned[1].folder)).join(" ").starts_with("--resume "));
        for (status, expected) in [
            ("interrupted", State::Begun),
            ("failed", State::Begun),
            ("completed", State::Completed),
            ("diverged", State::Diverged),
        ] {
            fs::write(planned[1].folder.join("exit.json"), format!("{{\"status\": \"{status}\"}}")).unwrap();
            assert_eq!(state(&planned[1].folder), expected);
        }
    }

    #[test]
    fn two_runs_of_one_folder_and_labels_that_are_no_names_are_refused() {
        let refused = |text: &str| {
            let campaign: Campaign = toml::from_str(text).unwrap();
            plan(&campaign, Path::new("out")).map(|_| ()).unwrap_err().to_string()
        };
        assert!(refused(&format!("{TWO}\n{TWO}")).contains("two runs have this folder"));
        assert!(refused(&TWO.replace("'other'", "'../other'")).contains("allowed: a name for a folder"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        for (text, part) in
            [("runs = []", "it has no runs"), ("[[runs]]\nscenario = 3", "c.toml"), ("runs = [", "c.toml")]
        {
            fs::write(&file, text).unwrap();
            let message = read(&file).unwrap_err().to_string();
            assert!(message.contains(part) && message.lines().count() == 1, "{message}");
        }
    }
}
