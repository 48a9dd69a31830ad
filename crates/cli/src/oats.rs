//! What `scenario oats` does: makes an array, plays it where a scenario is named, and writes its certificate.

use std::{fs, io, path::Path, path::PathBuf};

use microcloud_core::Split;
use microcloud_eval::{
    Contender,
    oats::{
        Array, Campaign, CampaignConfig, Certificate, Design, Effects, Factor, Factors, Tuples, campaign, design,
        effects, orthogonal, page, services_of,
    },
    replace_file,
};
use serde_json::{Map, Value, json};

use crate::{Destination, Failure, ProgressLine, arguments::in_range, contender, load_topology, print};

/// Which array, over what, and how it is played.
#[derive(clap::Args)]
pub struct OatsArguments {
    /// L9, L18, L27, L36, L81, L243 (orthogonal) or pairwise (covering)
    #[arg(long, value_name = "NAME")]
    array: String,
    /// Take factors and constraints from this file; without it and without --scenario, letters for an orthogonal array and
    /// the twelve factors of a failure scenario for pairwise
    #[arg(long, value_name = "FILE.toml")]
    factors: Option<PathBuf>,
    /// Play every row on this scenario: its services are healthy, degraded or down
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: Option<String>,
    /// Which services, comma-separated; as many of the scenario's as the array has columns for when absent
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    services: Vec<String>,
    /// Who plays, may be given again [default: threshold-rules]
    #[arg(long, value_name = "POLICY")]
    policy: Vec<String>,
    /// Levels on which every row is played; a level fixes load and noise
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    levels: i64,
    /// Levels to draw from: train, test or heldout
    #[arg(long, default_value = "test")]
    split: Split,
    /// Draws the levels
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; 0 takes as many as the machine has
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    threads: i64,
    /// Write certificate.json and rows.jsonl to this folder, and what was played: episodes.jsonl, effects.json
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write the main effects as a page to this file
    #[arg(long, value_name = "FILE.md")]
    page: Option<String>,
    /// Print everything as JSON to standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Names that mean nothing, factors that do not fit, files that cannot be read or written, an interruption.
pub fn run_oats(arguments: &OatsArguments) -> Result<(), Failure> {
    let array: Array = arguments.array.parse()?;
    let levels = in_range("levels", arguments.levels, 1, 100_000)?;
    let threads = in_range("threads", arguments.threads, 0, 1024)?;
    let Some(scenario) = &arguments.scenario else { return rows_alone(arguments, array) };
    let topology = load_topology(scenario)?;
    let factors = match &arguments.factors {
        Some(file) if arguments.services.is_empty() => Factors::load(file)?,
        Some(_) => return Err(Failure::usage("--services with --factors; allowed: one of them")),
        None => Factors::unconstrained(services_of(array, &topology, &arguments.services)?),
    };
    let design = design(array, &factors)?;
    let names = || arguments.policy.iter().map(String::as_str);
    let names: Vec<&str> = if arguments.policy.is_empty() { vec!["threshold-rules"] } else { names().collect() };
    if let Some(twice) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(Failure::usage(format!("policy `{}` is given twice; allowed: once", twice.1)));
    }
    let contenders = names.iter().map(|name| contender(name)).collect::<Result<Vec<Contender>, _>>()?;
    let page_file = arguments.page.as_deref().map(|file| Destination::File(file.into()));
    if let Some(file) = &page_file {
        file.check()?;
    }
    if let Some(folder) = &arguments.output {
        // Before minutes are spent on what goes into it.
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    let config =
        CampaignConfig { split: arguments.split, seed: arguments.seed, levels, threads, ..CampaignConfig::default() };
    let progress = ProgressLine::new(design.rows.len() * config.levels * contenders.len(), "episodes")?;
    let campaign = campaign(&topology, &design, &contenders, &config, &progress);
    progress.clear();
    let campaign = campaign?;
    let certificate = Certificate::new(&design, &factors, Some(&campaign))?;
    let effects = effects(&design, &campaign);
    let text = page(&certificate, &campaign, &effects, &command(arguments, &names));
    if let Some(folder) = &arguments.output {
        write(folder, &design, &certificate, Some((&campaign, &effects)))?;
    }
    if let Some(file) = &page_file {
        file.write(&text)?;
    }
    if arguments.json {
        let episodes: Vec<Value> = episodes(&design, &campaign).collect();
        return print(&pretty(
            &json!({"certificate": certificate, "rows": rows(&design, Some(&campaign)), "episodes": episodes, "effects": effects}),
        )?);
    }
    let left_out = topology.num_services().saturating_sub(design.factors.len());
    let left_out =
        if left_out > 0 { format!("\n{left_out} services have no column and stay healthy.\n") } else { String::new() };
    print(&format!("{}{left_out}\n{text}", summary(&certificate)))
}

/// What is printed and written where nothing is played.
fn rows_alone(arguments: &OatsArguments, array: Array) -> Result<(), Failure> {
    let needless = [
        ("--policy", !arguments.policy.is_empty()),
        ("--services", !arguments.services.is_empty()),
        ("--page", arguments.page.is_some()),
    ];
    if let Some((key, _)) = needless.iter().find(|(_, is_given)| *is_given) {
        return Err(Failure::usage(format!(
            "{key} without --scenario; allowed: with it, since nothing is played without"
        )));
    }
    let factors = match (&arguments.factors, array) {
        (Some(file), _) => Factors::load(file)?,
        (None, Array::Pairwise) => Factors::mixed()?,
        (None, _) => Factors::unconstrained(orthogonal(array, None)?.factors),
    };
    let design = design(array, &factors)?;
    let certificate = Certificate::new(&design, &factors, None)?;
    if let Some(folder) = &arguments.output {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        write(folder, &design, &certificate, None)?;
    }
    if arguments.json {
        return print(&pretty(&json!({"certificate": certificate, "rows": rows(&design, None)}))?);
    }
    print(&format!("{}\n{}", table(&design), summary(&certificate)))
}

/// The command that makes the page again.
fn command(arguments: &OatsArguments, policies: &[&str]) -> String {
    let mut words = vec!["cargo run --bin scenario -- oats --array".to_owned(), arguments.array.clone()];
    let mut push = |key: &str, value: Option<String>| words.extend(value.map(|value| format!("{key} {value}")));
    push("--factors", arguments.factors.as_ref().map(|file| file.display().to_string()));
    push("--scenario", arguments.scenario.clone());
    push("--services", (!arguments.services.is_empty()).then(|| arguments.services.join(",")));
    for policy in policies {
        push("--policy", Some((*policy).to_owned()));
    }
    push("--levels", (arguments.levels != 1).then(|| arguments.levels.to_string()));
    push("--split", (arguments.split != Split::Test).then(|| arguments.split.to_string()));
    push("--seed", (arguments.seed != 0).then(|| arguments.seed.to_string()));
    push("--page", arguments.page.clone());
    words.join(" ")
}

fn write(
    folder: &Path,
    design: &Design,
    certificate: &Certificate,
    played: Option<(&Campaign, &Effects)>,
) -> Result<(), Failure> {
    let put = |name: &str, text: String| {
        let file = folder.join(name);
        replace_file(&file, text.as_bytes()).map_err(|error| cannot_write(&file, &error))
    };
    let lines = |values: &mut dyn Iterator<Item = Value>| values.map(|value| format!("{value}\n")).collect::<String>();
    put("certificate.json", pretty(&json!(certificate))?)?;
    put("rows.jsonl", lines(&mut rows(design, played.map(|(campaign, _)| campaign)).into_iter()))?;
    if let Some((campaign, effects)) = played {
        put("episodes.jsonl", lines(&mut episodes(design, campaign)))?;
        put("effects.json", pretty(&json!(effects))?)?;
    }
    Ok(())
}

/// Each row by factor, with the faults that it stands for where it was played.
fn rows(design: &Design, campaign: Option<&Campaign>) -> Vec<Value> {
    let row = |(index, row): (usize, &Vec<u8>)| {
        let mut value = json!({"row": index + 1, "levels": named(design, row)});
        if let Some(campaign) = campaign {
            value["faults"] = json!(campaign.faults[index]);
        }
        value
    };
    design.rows.iter().enumerate().map(row).collect()
}

fn episodes<'a>(design: &'a Design, campaign: &'a Campaign) -> impl Iterator<Item = Value> + 'a {
    campaign.played.iter().map(|played| {
        let outcome = &played.outcome;
        json!({
            "policy": played.policy, "row": played.row + 1, "level": outcome.level.number(),
            "planned": named(design, &design.rows[played.row]), "executed": named(design, &played.executed),
            "return": outcome.total_reward, "availability": outcome.availability, "p99_ms": outcome.p99_ms,
            "ttd_s": outcome.ttd_s, "ttr_s": outcome.ttr_s, "recovered": outcome.recovered,
            "bad_minutes": outcome.bad_minutes, "actions": outcome.actions, "cost": outcome.cost,
        })
    })
}

/// A row's levels by factor; null where the factor has no such level.
fn named(design: &Design, row: &[u8]) -> Value {
    let each = design.factors.iter().zip(row);
    let level = |(factor, &level): (&Factor, &u8)| (factor.name.clone(), json!(factor.levels.get(usize::from(level))));
    Value::Object(each.map(level).collect::<Map<_, _>>())
}

/// The rows as a table, a column each.
fn table(design: &Design) -> String {
    let heading = design.factors.iter().map(|factor| factor.name.clone());
    let mut lines: Vec<Vec<String>> = vec![["row".to_owned()].into_iter().chain(heading).collect()];
    for (index, row) in design.rows.iter().enumerate() {
        let cells = design.factors.iter().zip(row).map(|(factor, &level)| factor.levels[usize::from(level)].clone());
        lines.push([(index + 1).to_string()].into_iter().chain(cells).collect());
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

/// The certificate in a few lines.
fn summary(certificate: &Certificate) -> String {
    let kind = json!(certificate.kind).as_str().unwrap_or_default().to_owned();
    let planned = &certificate.planned;
    let tuples = |what: &str, tuples: &Tuples| {
        let forbidden =
            if tuples.infeasible > 0 { format!(", {} forbidden", tuples.infeasible) } else { String::new() };
        format!(
            "{what}: {} of {} covered ({:.1} %), {} to {} times each{forbidden}\n",
            tuples.covered,
            tuples.total - tuples.infeasible,
            tuples.percent,
            tuples.min_count,
            tuples.max_count
        )
    };
    format!(
        "{}: {kind}, {} rows, {} factors, strength {}\n{}{}SHA-256 of the rows: {}\n",
        certificate.array,
        certificate.n,
        certificate.k,
        certificate.strength,
        tuples("pairs", &planned.pairs),
        tuples("triples", &planned.triples),
        planned.sha256,
    )
}

fn pretty(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::disk)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::disk(format!("{}: cannot write: {error}", path.display()))
}
