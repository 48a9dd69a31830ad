//! The command `evaluate`: policies on the same drawn levels, as a table and as JSON.

use std::{ffi::OsString, path::PathBuf};

use clap::Parser;
use microcloud_core::Split;
use microcloud_eval::{Contender, EvaluationConfig, EvaluationLevels, EvaluationReport, Recorder};
use microcloud_policy::BASELINE_NAMES;

use crate::{Destination, Failure, ProgressLine, arguments::in_range, contender, finish, load_scenarios, parse, print};

/// Runs policies on the same levels and reports return, score, availability, detection and recovery.
///
/// The score is 0 for no-op and 1 for oracle, which are always run; every policy plays the same levels.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  cargo run --bin evaluate -- no-op threshold-rules --scenario spine12 --episodes 20 --control-episodes 5"
)]
struct Arguments {
    /// Baselines (no-op, threshold-rules, oracle, …; `all` stands for every one), YAML files or folders under policies/,
    /// checkpoint or run folders; approval(SECONDS[,ROLE.toml][,COOLDOWN]):POLICY has its actions approved after a delay,
    /// authority(ROLE.toml):POLICY limits them to a role's
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<String>,
    /// Built-in scenario, TOML file, or `all`; repeatable
    #[arg(long, value_name = "NAME|FILE.toml|all", default_value = "spine12")]
    scenario: Vec<String>,
    /// Levels to draw from: train, test or heldout
    #[arg(long, default_value = "test")]
    split: Split,
    /// Levels with faults
    #[arg(long, default_value_t = 200, allow_negative_numbers = true)]
    episodes: i64,
    /// Levels without faults
    #[arg(long, default_value_t = 50, allow_negative_numbers = true)]
    control_episodes: i64,
    /// Draws the levels
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; 0 takes as many as the machine has
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    threads: i64,
    /// Add every policy's difference to this one, with the interval of a bootstrap over the levels that both play; it is
    /// played too where it is not among the policies
    #[arg(long, value_name = "POLICY")]
    against: Option<String>,
    /// Write the report here as JSON, and what each level came to beside it (out_levels.json for out.json); `-` is
    /// standard output, and nothing else is printed there
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write the table here as a Markdown page that names its command; `-` is standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<String>,
    /// Write one .jsonl file per episode of the policies named into this folder
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    finish(parse(arguments).and_then(|parsed| parsed.map_or(Ok(()), |arguments| evaluate(&arguments))))
}

fn evaluate(arguments: &Arguments) -> Result<(), Failure> {
    let episodes = in_range("episodes", arguments.episodes, 1, 1_000_000)?;
    let control_episodes = in_range("control-episodes", arguments.control_episodes, 0, 1_000_000)?;
    let threads = in_range("threads", arguments.threads, 0, 1024)?;
    let json = arguments.json.as_deref().map(Destination::from);
    let topologies = load_scenarios(&arguments.scenario)?;
    let contenders = policies(&arguments.policies);
    let mut contenders = contenders.iter().map(|policy| contender(policy)).collect::<Result<Vec<Contender>, _>>()?;
    let against = arguments.against.as_deref().map(contender).transpose()?;
    if let Some(against) = &against
        && contenders.iter().all(|contender| contender.name() != against.name())
    {
        contenders.push(against.clone());
    }
    once("policy", contenders.iter().map(Contender::name))?;
    once("scenario", topologies.iter().map(|topology| topology.scenario().name.as_str()))?;
    let markdown = arguments.markdown.as_deref().map(Destination::from);
    for destination in json.iter().chain(&markdown) {
        destination.check()?;
    }
    let recorder = arguments.record.as_deref().map(Recorder::new).transpose()?;
    let config = EvaluationConfig { split: arguments.split, episodes, control_episodes, seed: arguments.seed, threads };
    let progress = ProgressLine::new(config.total_episodes(topologies.len(), &contenders), "episodes")?;
    let report = microcloud_eval::evaluate(&config, &topologies, &contenders, recorder.as_ref(), &progress);
    progress.clear();
    let mut report = report?;
    if let Some(against) = &against {
        report.compare_with(against.name()).map_err(Failure::usage)?;
    }
    if let Some(json) = &json {
        // The levels first: where the report stands, they do.
        if let Some(levels) = json.beside(EvaluationLevels::beside) {
            levels.write(&report.levels.to_json())?;
        }
        json.write(&report.to_json())?;
    }
    if let Some(markdown) = &markdown {
        markdown.write(&page(arguments, &report))?;
    }
    let taken = [&json, &markdown].iter().any(|place| **place == Some(Destination::Stdout));
    if taken { Ok(()) } else { print(&report.to_string()) }
}

/// The policies asked for, `all` standing for every baseline.
fn policies(asked: &[String]) -> Vec<&str> {
    let mut policies: Vec<&str> = Vec::new();
    for policy in asked {
        match policy.as_str() {
            "all" => policies.extend(BASELINE_NAMES.iter().filter(|name| !asked.iter().any(|own| own == *name))),
            policy => policies.push(policy),
        }
    }
    policies
}

/// The table as a page that says how it was made.
fn page(arguments: &Arguments, report: &EvaluationReport) -> String {
    let scenarios = arguments.scenario.iter().map(|scenario| format!(" --scenario {scenario}")).collect::<String>();
    let (split, seed) = (arguments.split, arguments.seed);
    let (episodes, control) = (arguments.episodes, arguments.control_episodes);
    let policies = arguments.policies.join(" ");
    let against = arguments.against.as_ref().map(|policy| format!(" --against {policy}")).unwrap_or_default();
    format!(
        "# Policies compared\n\n\
         Written by `cargo run --bin evaluate -- {policies}{scenarios} --split {split} --episodes {episodes} \
         --control-episodes {control} --seed {seed}{against} --markdown FILE`.\n\n\
         Every policy plays the same levels of a scenario, {episodes} with a fault and {control} without, of the split \
         `{split}`. The score is 0 for no-op and 1 for oracle, a reference that knows the faults; it is missing where \
         oracle does not beat no-op for certain. Intervals are 95 % bootstraps over levels.\n\n{}",
        report.to_markdown()
    )
}

/// Refuses a name given twice: rows and episode files are told apart by names.
fn once<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Failure::usage(format!("{kind} `{name}` is given twice; allowed: once")));
        }
    }
    Ok(())
}
