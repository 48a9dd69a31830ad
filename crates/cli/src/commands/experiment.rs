//! The command `experiment`: injects faults one after another and reports detection and recovery, or lets a user do so live.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs,
    io::{self, BufRead},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use microcloud_core::{Level, Split, Topology};
use microcloud_eval::{
    EvaluationError, Progress,
    experiment::{
        EPISODES, ExperimentConfig, ExperimentError, ExperimentFile, ExperimentReport, FaultSetting, LabCommand,
        Laboratory, default_detectors, fault_names, page, run_experiment,
    },
    replace_file,
};
use serde_json::json;

use crate::{
    Destination, Failure, ProgressLine,
    arguments::in_range,
    calibrate::{CalibrateArguments, run_calibration},
    campaign::{CampaignArguments, run_campaign},
    contender, finish, load_topology, parse, print,
    sweep::run_sweep,
    trainer::TrainingArguments,
};

/// Plays a scenario without a fault and then with one fault after another, on the same levels, and reports what was
/// detected, done and recovered, as a page and as JSON.
///
/// Without --fault: crash, latency, intermittent and incorrect, as far as the scenario can have them.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  cargo run --bin experiment -- spine12 -o report --episodes 4 --fault crash@auth --fault latency:1200@database"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    steps: StepArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Plays one episode with an experiment file's timeline of commands, such as `crash @auth`, `clear` and `status`
    #[command(after_help = "Example:\n  cargo run --bin experiment -- run crates/eval/experiments/timeline.toml")]
    Run(RunArguments),
    /// Plays one episode with the commands that standard input brings, one a line, `step 10` among them
    #[command(
        after_help = "Example:\n  printf 'step 60\\ncrash@auth\\nstep 30\\nstatus\\nclear\\nhistory\\n' | cargo run --bin experiment -- live spine12"
    )]
    Live(LiveArguments),
    /// Searches train levels for the best rules within a budget of steps, and compares them with every rival
    #[command(
        after_help = "Example:\n  cargo run --bin experiment -- calibrate --scenario spine12 --total-timesteps 300_000 --levels 8 -o rules.toml"
    )]
    Calibrate(CalibrateArguments),
    /// Trains the runs that a file lists, goes on with those that were stopped, and compares them
    #[command(
        after_help = "Example:\n  cargo build --bin train\n  cargo run --bin experiment -- campaign experiments/campaign.toml -o runs/campaign --dry-run"
    )]
    Campaign(CampaignArguments),
    /// Searches settings of training at random, and goes on with the best of them from rung to rung
    #[command(
        after_help = "Example:\n  cargo build --bin train\n  cargo run --bin experiment -- sweep experiments/sweep.toml -o runs/sweep"
    )]
    Sweep(TrainingArguments),
    /// Lists the names of the faults, and what each does
    #[command(after_help = "Example:\n  cargo run --bin experiment -- faults")]
    Faults,
}

#[derive(Args)]
struct StepArguments {
    /// Built-in scenario or experiment, or a TOML file of either
    #[arg(required = true, value_name = "NAME|FILE.toml")]
    experiment: Option<String>,
    /// Write report.html and report.json to this folder
    #[arg(short, long, required = true, value_name = "DIR")]
    output: Option<PathBuf>,
    /// A fault to inject, in place of the experiment's; repeatable
    #[arg(long, value_name = "ID|NAME[:magnitude][@target]")]
    fault: Vec<String>,
    /// Who acts: a baseline (no-op where the experiment names none), a folder under policies/, a checkpoint or run folder
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Levels that every step is played on; 20 where the experiment says nothing
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    episodes: Option<i64>,
    /// Draws the levels; 0 where the experiment says nothing
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Levels to draw from: train (where the experiment says nothing), test or heldout
    #[arg(long)]
    split: Option<Split>,
    /// Seconds from an episode's start to its fault; a tenth of the episode where nothing says it
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    onset: Option<f32>,
    /// Seconds that a fault lasts
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    duration: Option<f32>,
    /// Ratio of the target's replicas that a fault strikes, at least one
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    blast_radius: Option<f32>,
    /// Availability of a minute below which a fault is called off
    #[arg(long, value_name = "AVAILABILITY", allow_negative_numbers = true)]
    abort: Option<f32>,
    /// Threads; 0 takes as many as the machine has
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    threads: i64,
    /// Replace the report that the folder holds
    #[arg(long)]
    force: bool,
    /// Write the report here as JSON, too; `-` is standard output, and nothing else is printed there
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

#[derive(Args)]
struct RunArguments {
    /// Experiment with a timeline
    #[arg(value_name = "FILE.toml")]
    file: String,
    #[command(flatten)]
    live: LiveOptions,
    /// Print the run as JSON instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LiveArguments {
    /// Built-in scenario or experiment, or a TOML file of either
    #[arg(value_name = "NAME|FILE.toml")]
    scenario: String,
    #[command(flatten)]
    live: LiveOptions,
}

#[derive(Args)]
struct LiveOptions {
    /// Who acts; no-op where the experiment names none
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Draws the level
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Greatest share of a target's replicas that an injection may strike
    #[arg(long, value_name = "RATIO", default_value_t = 1.0, allow_negative_numbers = true)]
    most_blast_radius: f32,
    /// Availability of a minute below which every fault is called off
    #[arg(long, value_name = "AVAILABILITY", default_value_t = 0.0, allow_negative_numbers = true)]
    abort: f32,
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    finish(parse::<Arguments>(arguments).and_then(|parsed| parsed.map_or(Ok(()), dispatch)))
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        None => report(&arguments.steps),
        Some(Command::Run(run)) => play_timeline(&run),
        Some(Command::Live(live)) => play_live(&live),
        Some(Command::Calibrate(arguments)) => run_calibration(&arguments),
        Some(Command::Campaign(arguments)) => run_campaign(&arguments),
        Some(Command::Sweep(arguments)) => run_sweep(&arguments),
        Some(Command::Faults) => list_faults(),
    }
}

fn report(arguments: &StepArguments) -> Result<(), Failure> {
    let (Some(name), Some(folder)) = (&arguments.experiment, &arguments.output) else {
        return Err(Failure::usage("NAME|FILE.toml and -o DIR are missing; see `--help`"));
    };
    let threads = in_range("threads", arguments.threads, 0, 1024)?;
    let config = ExperimentConfig { threads, ..config(arguments, ExperimentFile::find(name)?)? };
    let json = arguments.json.as_deref().map(Destination::from);
    if let Some(json) = &json {
        json.check()?;
    }
    prepare(folder, arguments.force)?;
    let progress = ProgressLine::new(config.total_episodes(), "episodes")?;
    let report = run_experiment(&config, &progress);
    progress.clear();
    let report = report?;
    write(folder, &report)?;
    if let Some(json) = &json {
        json.write(&report.to_json())?;
    }
    if json == Some(Destination::Stdout) {
        return Ok(());
    }
    print(&format!("{report}\n{} and {} hold the report\n", html(folder).display(), data(folder).display()))
}

/// What an experiment's file says, as far as no argument says otherwise.
fn config(arguments: &StepArguments, file: ExperimentFile) -> Result<ExperimentConfig, Failure> {
    for (key, value, most) in [
        ("onset", arguments.onset, 1e6),
        ("duration", arguments.duration, 1e7),
        ("blast-radius", arguments.blast_radius, 1.0),
        ("abort", arguments.abort, 1.0),
    ] {
        if let Some(value) = value.filter(|value| !(0.0..=most).contains(value)) {
            return Err(Failure::usage(format!("--{key} {value}; allowed: 0 to {most}")));
        }
    }
    let own = file.episodes.map(|episodes| i64::try_from(episodes).unwrap_or(i64::MAX));
    let episodes =
        arguments.episodes.or(own).map(|episodes| in_range("episodes", episodes, 1, 1_000_000)).transpose()?;
    let topology = load_topology(&file.scenario)?;
    let policy = arguments.policy.clone().or(file.policy).unwrap_or_else(|| "no-op".to_owned());
    let split = match (arguments.split, file.split) {
        (Some(split), _) => split,
        (None, Some(split)) => split.parse().map_err(Failure::usage)?,
        (None, None) => Split::Train,
    };
    let given = arguments.fault.iter().map(|fault| fault.parse()).collect::<Result<Vec<FaultSetting>, _>>()?;
    let replaced = !given.is_empty();
    let mut faults = if replaced { given } else { file.faults };
    let skips_unfit = faults.is_empty();
    if skips_unfit {
        faults = FaultSetting::described();
    }
    for fault in &mut faults {
        fault.onset_s = arguments.onset.or(fault.onset_s).or(file.onset_s);
        fault.duration_s = arguments.duration.or(fault.duration_s).or(file.duration_s);
        fault.blast_radius = arguments.blast_radius.or(fault.blast_radius);
        fault.abort_availability = arguments.abort.or(fault.abort_availability);
    }
    Ok(ExperimentConfig {
        description: file.description,
        detectors: file.detectors.unwrap_or_else(default_detectors),
        faults,
        skips_unfit,
        episodes: episodes.unwrap_or(EPISODES),
        seed: arguments.seed.or(file.seed).unwrap_or(0),
        split,
        calm_s: file.calm_s,
        // What a description says of its own faults says nothing of others.
        expectations: if replaced { Vec::new() } else { file.expectations },
        ..ExperimentConfig::new(topology, contender(&policy)?)
    })
}

fn html(folder: &Path) -> PathBuf {
    folder.join("report.html")
}

fn data(folder: &Path) -> PathBuf {
    folder.join("report.json")
}

/// Makes the folder, and finds out whether reports can be written there, before minutes are spent on them.
fn prepare(folder: &Path, force: bool) -> Result<(), Failure> {
    if let Some(old) = [html(folder), data(folder)].into_iter().find(|file| file.exists() && !force) {
        return Err(Failure::usage(format!(
            "{}: there is a report already; allowed: another folder, or --force to replace it",
            old.display()
        )));
    }
    fs::create_dir_all(folder)
        .map_err(|error| Failure::disk(format!("{}: cannot write: {error}", folder.display())))?;
    [html(folder), data(folder)].into_iter().try_for_each(|file| Destination::File(file).check())
}

fn write(folder: &Path, report: &ExperimentReport) -> Result<(), Failure> {
    let put = |file: PathBuf, text: &str| {
        replace_file(&file, text.as_bytes())
            .map_err(|error| Failure::disk(format!("{}: cannot write: {error}", file.display())))
    };
    put(data(folder), &report.to_json())?;
    put(html(folder), &page(report)?)
}

fn list_faults() -> Result<(), Failure> {
    let names = fault_names();
    let width = names.iter().map(|(name, _, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, id, what) in names {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<width$}  {id}  {what}");
    }
    print(&text)
}

/// A laboratory as the options ask for it.
fn laboratory(
    file: &ExperimentFile,
    policy: Option<&str>,
    seed: u64,
    options: &LiveOptions,
) -> Result<Laboratory, Failure> {
    for (key, value) in [("most-blast-radius", options.most_blast_radius), ("abort", options.abort)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(Failure::usage(format!("--{key} {value}; allowed: 0 to 1")));
        }
    }
    let topology: Arc<Topology> = load_topology(&file.scenario)?;
    let contender = contender(policy.unwrap_or("no-op"))?;
    let laboratory = Laboratory::new(&topology, &contender, Level::draw(Split::Train, seed, 0))?;
    let laboratory = laboratory.limited(options.most_blast_radius, options.abort);
    Ok(match &file.detectors {
        Some(detectors) => laboratory.with_detectors(detectors)?,
        None => laboratory,
    })
}

fn play_timeline(arguments: &RunArguments) -> Result<(), Failure> {
    let file = ExperimentFile::find(&arguments.file)?;
    let mut timeline = Vec::new();
    for entry in &file.timeline {
        let command: LabCommand = entry.command.parse()?;
        if !(0.0..=1e9).contains(&entry.at_s) || matches!(command, LabCommand::Step(_)) {
            return Err(Failure::usage(format!(
                "{}: timeline: `{}` at {} s; allowed: any command but step, from 0 to 1e9 s",
                arguments.file, entry.command, entry.at_s
            )));
        }
        timeline.push((entry.at_s, entry.command.clone(), command));
    }
    if timeline.is_empty() {
        return Err(Failure::usage(format!(
            "{}: there is no timeline; allowed: a file with [[timeline]] at_s and do",
            arguments.file
        )));
    }
    timeline.sort_by(|a, b| a.0.total_cmp(&b.0));
    let options = &arguments.live;
    let policy = options.policy.as_deref().or(file.policy.as_deref());
    let seed = options.seed.or(file.seed).unwrap_or(0);
    let mut laboratory = laboratory(&file, policy, seed, options)?;
    let progress = ProgressLine::new(1, "episodes")?;
    let mut said = Vec::new();
    let mut due = timeline.iter().peekable();
    loop {
        let now_s = laboratory.environment().time_s();
        while let Some((at_s, text, command)) =
            due.next_if(|(at_s, _, _)| *at_s <= now_s + 1e-9 || laboratory.is_over())
        {
            if laboratory.is_over() {
                progress.clear();
                return Err(Failure::usage(format!(
                    "{}: timeline: `{text}` at {at_s} s; allowed: up to {now_s} s, when the episode is over",
                    arguments.file
                )));
            }
            let answer = laboratory.obey(command)?;
            let status = matches!(command, LabCommand::Status).then(|| laboratory.status());
            said.push((now_s, text.clone(), answer, status));
        }
        if progress.is_cancelled() {
            progress.clear();
            return Err(ExperimentError::from(EvaluationError::Interrupted).into());
        }
        if laboratory.advance().is_none() {
            break;
        }
    }
    progress.clear();
    if arguments.json {
        let answers: Vec<_> = said
            .iter()
            .map(|(time_s, command, answer, status)| json!({"time_s": time_s, "command": command, "answer": answer, "status": status}))
            .collect();
        let run = json!({
            "schema": 1, "scenario": laboratory.environment().topology().scenario().name, "seed": seed,
            "level": laboratory.environment().level().number(), "commands": answers, "faults": laboratory.faults(),
            "history": laboratory.history(), "end": laboratory.status(),
        });
        return print(&format!("{}\n", serde_json::to_string_pretty(&run).map_err(Failure::disk)?));
    }
    let mut text = String::new();
    for (_, command, answer, _) in &said {
        text += &format!("> {command}\n{answer}");
    }
    text += "> history\n";
    text += &laboratory.obey(&LabCommand::History)?;
    print(&text)
}

fn play_live(arguments: &LiveArguments) -> Result<(), Failure> {
    let options = &arguments.live;
    let file = ExperimentFile::find(&arguments.scenario)?;
    let policy = options.policy.as_deref().or(file.policy.as_deref());
    let mut laboratory = laboratory(&file, policy, options.seed.or(file.seed).unwrap_or(0), options)?;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::usage(format!("standard input: cannot read: {error}")))?;
        let words = line.trim();
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        if words == "quit" {
            break;
        }
        let command: LabCommand = words.parse()?;
        print(&laboratory.obey(&command)?)?;
    }
    Ok(())
}
