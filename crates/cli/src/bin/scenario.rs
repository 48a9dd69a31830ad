//! The command `scenario`: lists, shows and checks scenario files.

use std::{fmt::Write, process::ExitCode};

use clap::{Parser, Subcommand};
use microcloud_cli::{Failure, finish, load_topology, parse, print};
use microcloud_core::Scenario;

/// Lists, shows and checks scenarios.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  cargo run --bin scenario -- show spine12")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the built-in scenarios
    #[command(after_help = "Example:\n  cargo run --bin scenario -- list")]
    List,
    /// Prints a scenario as a TOML file that loads again
    #[command(after_help = "Example:\n  cargo run --bin scenario -- show spine12")]
    Show {
        /// Built-in scenario or TOML file
        #[arg(value_name = "NAME|FILE.toml")]
        name: String,
    },
    /// Checks a scenario file and says what it holds
    #[command(after_help = "Example:\n  cargo run --bin scenario -- check crates/core/scenarios/spine12.toml")]
    Check {
        /// TOML file
        #[arg(value_name = "FILE.toml")]
        file: String,
    },
}

fn main() -> ExitCode {
    finish(run())
}

fn run() -> Result<(), Failure> {
    let Some(arguments) = parse::<Arguments>()? else { return Ok(()) };
    match arguments.command {
        Command::List => list(),
        Command::Show { name } => print(&Scenario::load(&name)?.to_toml()),
        Command::Check { file } => check(&file),
    }
}

fn list() -> Result<(), Failure> {
    let names = Scenario::builtin_names();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for name in names {
        let scenario = Scenario::load(name)?;
        let (services, zones) = (scenario.services.len(), scenario.zones.len());
        let about = scenario.description.split('\n').next().unwrap_or_default().trim();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", format!("{name:<width$}  {services} services, {zones} zones  {about}").trim_end());
    }
    print(&text)
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
