//! The command `bench`: how fast environments step under random legal actions, and how many instructions that takes.

use std::{ffi::OsString, fmt::Write, path::Path};

use clap::Parser;
use microcloud_eval::{Progress, Throughput, measure_throughput};
use serde_json::json;

use crate::{
    Destination, Failure, ProgressLine, finish, instructions::InstructionArguments, load_topology, parse, print,
    speed::SpeedArguments,
};

/// Measures how fast environments step: random legal actions on train levels, with faults, telemetry, masks and autoreset.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  cargo run --bin bench -- --num-envs 1,64 --threads 1 --seconds 1 --json")]
struct Arguments {
    /// Built-in scenario or TOML file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "spine12")]
    scenario: String,
    /// Environments stepped together [default: 1,16,256,4096; 1,1024 with --profile, --floor and --reset; 64 with --play]
    #[arg(long, value_delimiter = ',')]
    num_envs: Vec<usize>,
    /// Threads they are stepped on
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Seconds that each pair of the two is measured for
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Print JSON to standard output, and nothing else there
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    speed: SpeedArguments,
    #[command(flatten)]
    instructions: InstructionArguments,
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code.
///
/// `program` is the file of a program whose main function is this one: `--compare` and `--record` start it under callgrind,
/// and are refused where there is none.
pub fn run(arguments: impl IntoIterator<Item = OsString>, program: Option<&Path>) -> u8 {
    let parsed = parse::<Arguments>(arguments);
    finish(parsed.and_then(|parsed| parsed.map_or(Ok(()), |arguments| bench(&arguments, program))))
}

fn bench(arguments: &Arguments, program: Option<&Path>) -> Result<(), Failure> {
    if arguments.instructions.is_asked() {
        return arguments.instructions.run(program);
    }
    if !(arguments.seconds > 0.0 && arguments.seconds <= 3600.0) {
        return Err(Failure::usage(format!("--seconds {}; allowed: above 0, at most 3600", arguments.seconds)));
    }
    for (key, values, most) in [("num-envs", &arguments.num_envs, 1 << 20), ("threads", &arguments.threads, 1024)] {
        if let Some(value) = values.iter().find(|value| !(1..=most).contains(*value)) {
            return Err(Failure::usage(format!("--{key} {value}; allowed: 1 to {most}")));
        }
    }
    if let Some(done) = arguments.speed.run(&arguments.scenario, &arguments.num_envs, arguments.seconds, arguments.json)
    {
        return done;
    }
    let num_envs = if arguments.num_envs.is_empty() { &[1, 16, 256, 4096][..] } else { &arguments.num_envs };
    let topology = load_topology(&arguments.scenario)?;
    let progress = ProgressLine::new(num_envs.len() * arguments.threads.len(), "measurements")?;
    let mut rows = Vec::new();
    for &threads in &arguments.threads {
        for &num_envs in num_envs {
            rows.push(measure_throughput(&topology, num_envs, threads, arguments.seconds, &progress)?);
            progress.advance(1);
        }
    }
    progress.clear();
    if arguments.json {
        return Destination::Stdout.write(&format!("{:#}\n", json!({"schema": 1, "rows": rows})));
    }
    print(&table(&rows))
}

fn table(rows: &[Throughput]) -> String {
    let mut text = String::new();
    if let Some(row) = rows.first() {
        let _ = writeln!(
            text,
            "{}: {} groups, {} calls, observations of {} numbers, {} ticks a step, {} bytes of state",
            row.scenario, row.groups, row.edges, row.observation_size, row.ticks_per_step, row.state_bytes
        );
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:>8}  {:>7}  {:>11}  {:>14}  {:>11}  {:>9}",
        "num_envs", "threads", "ticks/s", "group ticks/s", "steps/s", "ns/tick"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:>8}  {:>7}  {:>11.0}  {:>14.0}  {:>11.0}  {:>9.1}",
            row.num_envs,
            row.threads,
            row.ticks_per_s,
            row.group_ticks_per_s,
            row.steps_per_s,
            1e9 / row.ticks_per_s.max(1e-9)
        );
    }
    text
}
