//! The command `scenario`: lists, shows, checks and generates scenarios, and validates the simulator.

use std::{ffi::OsString, fmt::Write};

use clap::{Parser, Subcommand};
use microcloud_core::Scenario;

use crate::{
    Failure, finish, load_topology,
    oats::{OatsArguments, run_oats},
    parse, print,
    validate::{ValidateArguments, run_validation},
};

/// Lists, shows, checks and generates scenarios, and validates the simulator that plays them.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  cargo run --bin scenario -- show spine12")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the scored scenarios, presets, and further names; `random` stands for `random-1`, `random-2` and so on as well
    #[command(after_help = "Example:\n  cargo run --bin scenario -- list")]
    List,
    /// Prints a scenario as a TOML file that loads again
    #[command(after_help = "Example:\n  cargo run --bin scenario -- show spine12")]
    Show {
        /// Built-in scenario or TOML file
        #[arg(value_name = "NAME|FILE.toml")]
        name: String,
    },
    /// Prints a random cluster as a TOML file; equal numbers print equal files
    #[command(after_help = "Example:\n  cargo run --bin scenario -- generate --seed 7 --services 24")]
    Generate {
        /// What the cluster is drawn from
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// How many services it has (3 to 1000)
        #[arg(long, value_name = "N", default_value_t = 24)]
        services: u32,
    },
    /// Checks a scenario file and says what it holds
    #[command(after_help = "Example:\n  cargo run --bin scenario -- check crates/core/scenarios/spine12.toml")]
    Check {
        /// TOML file
        #[arg(value_name = "FILE.toml")]
        file: String,
    },
    /// Prints an orthogonal or covering array with its certificate, or plays it on a scenario's services
    #[command(
        after_help = "Example:\n  cargo run --bin scenario -- oats --array L27 --scenario spine12 --policy no-op --policy threshold-rules"
    )]
    Oats(OatsArguments),
    /// Compares both engines with queueing theory, published outages and each other; exit code 1 where a row fails
    #[command(after_help = "Example:\n  cargo run --bin scenario -- validate --quick")]
    Validate(ValidateArguments),
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let parsed = parse::<Arguments>(arguments);
    finish(parsed.and_then(|parsed| parsed.map_or(Ok(()), |arguments| dispatch(arguments.command))))
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::List => list(),
        Command::Show { name } => print(&Scenario::load(&name)?.to_toml()),
        Command::Generate { seed, services } => generate(seed, services),
        Command::Check { file } => check(&file),
        Command::Oats(arguments) => run_oats(&arguments),
        Command::Validate(arguments) => run_validation(&arguments),
    }
}

fn list() -> Result<(), Failure> {
    let names = || Scenario::builtin_names().iter().chain(Scenario::generated_names()).chain(Scenario::preset_names());
    let aliases = Scenario::aliases().iter();
    let width = names().chain(aliases.clone().map(|(alias, _)| alias)).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for name in names() {
        let scenario = Scenario::load(name)?;
        let (services, zones) = (scenario.services.len(), scenario.zones.len());
        let about = scenario.description.split('\n').next().unwrap_or_default().trim();
        let preset = if Scenario::preset_names().contains(name) { "preset: " } else { "" };
        let line = format!("{name:<width$}  {services} services, {zones} zones  {preset}{about}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for (alias, name) in aliases {
        let _ = writeln!(text, "{alias:<width$}  alias of {name}");
    }
    print(&text)
}

fn generate(seed: u64, services: u32) -> Result<(), Failure> {
    if !Scenario::GENERATED_SERVICES.contains(&services) {
        let (least, most) = (Scenario::GENERATED_SERVICES.start(), Scenario::GENERATED_SERVICES.end());
        return Err(Failure::usage(format!("--services {services}; allowed: {least} to {most}")));
    }
    print(&Scenario::generate(seed, services)?.to_toml())
}

fn check(file: &str) -> Result<(), Failure> {
    let topology = load_topology(file)?;
    print(&format!(
        "{file}: sound: {} services, {} nodes, {} zones, {} calls; observations of {} numbers, {} actions\n",
        topology.num_services(),
        topology.num_nodes(),
        topology.num_zones(),
        topology.num_calls(),
        topology.observation_size(),
        topology.num_actions(),
    ))
}
