//! What `experiment calibrate` does: searches for the best rules on train levels, and compares them with every rival.

use std::{fmt::Write, sync::Arc};

use clap::Args;
use microcloud_core::{Level, Split, Topology};
use microcloud_eval::{CalibrationConfig, Contender, bootstrap_ci95, calibrate, mean, play};
use microcloud_policy::{BASELINE_NAMES, calibrated_rules::CalibratedConfig};

use crate::{Destination, Failure, ProgressLine, load_scenarios, print};

/// Levels of each split on which what was found is compared with the rivals.
const COMPARED: usize = 200;
/// Draws the compared train levels: others than those that the search plays.
const COMPARED_SEED: u64 = 1000;

/// Which rules are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Family {
    /// Thresholds, windows, responses, cooldowns, order and a scaler.
    CalibratedRules,
    /// The same with thresholds as described, and without a scaler.
    ThresholdRules,
}

/// Arguments of `experiment calibrate`.
#[derive(Args)]
pub(crate) struct CalibrateArguments {
    /// Built-in scenario or TOML file; several are calibrated together, for one set of rules
    #[arg(long, required = true, value_name = "NAME|FILE.toml")]
    scenario: Vec<String>,
    /// Environment steps (decisions) to spend: by default as many as the released PPO policies were trained for
    #[arg(long, value_name = "STEPS", default_value = "12_000_000", value_parser = number)]
    total_timesteps: u64,
    /// Train levels with a fault that decide, over all scenarios
    #[arg(long, default_value_t = 96)]
    levels: usize,
    /// Draws levels, orders and restarts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which rules to search for
    #[arg(long, value_enum, default_value = "calibrated-rules")]
    family: Family,
    /// Write the rules here as TOML; `-` is standard output, and nothing else is printed there
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: String,
}

/// A whole number that may carry underscores.
fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| "allowed: a whole number, e.g. 2_000_000".to_owned())
}

/// Searches, writes what was found, and tells what was spent and what it is worth.
pub(crate) fn run_calibration(arguments: &CalibrateArguments) -> Result<(), Failure> {
    for (key, value, least, most) in [
        ("total-timesteps", arguments.total_timesteps, 1, 10_000_000_000),
        ("levels", arguments.levels as u64, 1, 100_000),
    ] {
        if !(least..=most).contains(&value) {
            return Err(Failure::usage(format!("--{key} {value}; allowed: {least} to {most}")));
        }
    }
    let topologies = load_scenarios(&arguments.scenario)?;
    let out = Destination::from(arguments.out.as_str());
    out.check()?;
    let config = CalibrationConfig {
        total_timesteps: arguments.total_timesteps,
        levels: arguments.levels,
        seed: arguments.seed,
        described_thresholds: arguments.family == Family::ThresholdRules,
    };
    let mut told = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(told, "budget: {} environment steps", arguments.total_timesteps);
    let progress = ProgressLine::new(episodes(&topologies, arguments.total_timesteps), "episodes")?;
    let found = calibrate(&topologies, &config, &progress);
    progress.clear();
    let found = found?;
    let _ = writeln!(
        told,
        "spent: {} steps on {} candidates in {} descents; mean return {:.3} on the levels that decided, {:.3} on other \
         train levels",
        found.timesteps, found.candidates, found.descents, found.train_return, found.unseen_return
    );
    let text = match arguments.family {
        Family::CalibratedRules => found.config.to_toml(),
        Family::ThresholdRules => found.config.threshold_rules.to_toml(),
    };
    out.write(&text)?;
    if out == Destination::Stdout {
        return Ok(());
    }
    for topology in &topologies {
        compare(topology, &found.config, &mut told)?;
    }
    print(&told)
}

/// A contender's name and its returns on train and on test levels.
type Row<'a> = (&'a str, Vec<f64>, Vec<f64>);

/// How many episodes a budget comes to.
fn episodes(topologies: &[Arc<Topology>], timesteps: u64) -> usize {
    let longest = topologies.iter().map(|topology| u64::from(topology.scenario().episode_decisions)).max().unwrap_or(1);
    (timesteps / longest.max(1)) as usize
}

/// The found rules beside every rival that sees no more than they do, on unseen train levels and on test levels.
fn compare(topology: &Arc<Topology>, config: &CalibratedConfig, told: &mut String) -> Result<(), Failure> {
    let mut contenders = vec![Contender::calibrated("found", config.clone())];
    for name in BASELINE_NAMES.iter().filter(|name| !matches!(**name, "oracle" | "random")) {
        contenders.push(Contender::baseline(name)?);
    }
    let levels = |split: Split, seed: u64| topology.draw_levels(split, seed, COMPARED, false);
    let (train, test) = (levels(Split::Train, COMPARED_SEED), levels(Split::Test, 0));
    let _ = writeln!(
        told,
        "\n{}: mean return [95 %] on {} train and {} test levels with a fault",
        topology.scenario().name,
        train.len(),
        test.len()
    );
    let mut rows = Vec::new();
    for contender in &contenders {
        let returns = |levels: &[Level]| -> Result<Vec<f64>, Failure> {
            Ok(play(topology, contender, levels, None, &())?.iter().map(|outcome| outcome.total_reward).collect())
        };
        let (train, test) = (returns(&train)?, returns(&test)?);
        let shown = |returns: &[f64]| match (mean(returns), bootstrap_ci95(returns, 0)) {
            (Some(mean), Some([low, high])) => format!("{mean:8.2} [{low:.2}, {high:.2}]"),
            _ => "-".to_owned(),
        };
        let _ = writeln!(told, "  {:<18} train {:<28} test {}", contender.name(), shown(&train), shown(&test));
        rows.push((contender.name(), train, test));
    }
    let Some(((_, train, test), rivals)) = rows.split_first() else { return Ok(()) };
    let best = |of: for<'r> fn(&'r Row<'_>) -> &'r Vec<f64>| {
        let rivals = rivals.iter().filter(|rival| rival.0 != "calibrated-rules");
        rivals.filter_map(|rival| Some((rival.0, mean(of(rival))?))).max_by(|a, b| a.1.total_cmp(&b.1))
    };
    for (split, own, rival) in [("train", train, best(|rival| &rival.1)), ("test", test, best(|rival| &rival.2))] {
        if let (Some(own), Some((name, value))) = (mean(own), rival) {
            let _ = writeln!(told, "  gap to the best rival on {split} levels: {:+.2} ({name})", own - value);
        }
    }
    Ok(())
}
