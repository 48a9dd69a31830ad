//! The command `report`: training runs compared, as a page, as tables or as numbers.

use std::{ffi::OsString, path::PathBuf};

use clap::Parser;
use microcloud_eval::comparison::{Comparison, ComparisonConfig, compare};

use crate::{Destination, Failure, finish, parse, print};

/// Compares training runs: learning curves, scores with intervals, probability of improvement, performance profiles, tables
/// beside the baselines, and the distributions of the times to detect and to recover.
///
/// A run that is not evaluated yet shows its curve. An evaluation's levels stand beside it (evaluation_levels.json beside
/// evaluation.json) and give differences and distributions.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  cargo run --bin evaluate -- no-op calibrated-rules --episodes 20 --control-episodes 5 --json evaluation.json\n  cargo run --bin report -- evaluation.json -o report.html\n\nOf several seeds:\n  cargo run --bin report -- runs/a runs/b runs/c -o report.html"
)]
struct Arguments {
    /// Run folders of `train`, folders with an evaluation.json, and evaluation.json files, in the order of the report
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Write the report here: a page (.html), tables (.md) or every number (.json)
    #[arg(short, long, required = true, value_name = "FILE.html|.md|.json")]
    output: PathBuf,
    /// Key of config.toml, such as ppo.learning_rate, whose values make groups; repeatable. Without it, groups are made by
    /// the keys in which runs of the same algorithm and scenario differ
    #[arg(long, value_name = "KEY")]
    group_by: Vec<String>,
    /// Policy that differences are to
    #[arg(long, value_name = "POLICY", default_value = "calibrated-rules")]
    against: String,
    /// Draws the resamples of the intervals
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    finish(parse(arguments).and_then(|parsed| parsed.map_or(Ok(()), |arguments| report(&arguments))))
}

fn report(arguments: &Arguments) -> Result<(), Failure> {
    let render = renderer(&arguments.output)?;
    let destination = Destination::File(arguments.output.clone());
    destination.check()?;
    let config = ComparisonConfig {
        group_by: arguments.group_by.clone(),
        reference: arguments.against.clone(),
        seed: arguments.seed,
    };
    let comparison = compare(&arguments.runs, &config)?;
    destination.write(&render(&comparison)?)?;
    let notes: String = comparison.notes.iter().map(|note| format!("note: {note}\n")).collect();
    print(&format!("{notes}{}: {} compared\n", arguments.output.display(), arguments.runs.len()))
}

type Render = fn(&Comparison) -> Result<String, Failure>;

/// What makes the text of a file with that ending.
fn renderer(output: &std::path::Path) -> Result<Render, Failure> {
    match output.extension().and_then(|ending| ending.to_str()) {
        Some("html") => Ok(|comparison| Ok(comparison.to_html()?)),
        Some("md") => Ok(|comparison| Ok(comparison.to_markdown())),
        Some("json") => Ok(|comparison| Ok(comparison.to_json())),
        _ => Err(Failure::usage(format!(
            "-o {}: its ending says no format; allowed: a file that ends in .html, .md or .json",
            output.display()
        ))),
    }
}
