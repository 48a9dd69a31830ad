//! Truncates and alters the latest checkpoint of a run in every way it is told to, and reads it each time:
//! `cargo run -p microcloud-train --example damage -- runs/x --every 64 --flips 10000`.

mod campaign;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Damages a copy of a run's latest checkpoint, and holds that every damage is refused as such.
#[derive(Debug, Parser)]
struct Arguments {
    /// The run's folder, which is left as it is
    run: PathBuf,
    /// Every file is cut at multiples of this many bytes
    #[arg(long, default_value_t = 64)]
    every: usize,
    /// How many random bits are flipped, one at a time
    #[arg(long, default_value_t = 10_000)]
    flips: u32,
    /// Decides which
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match campaign::play(&arguments.run, arguments.every, arguments.flips, arguments.seed) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
