//! Kills a training run with SIGKILL at random moments, resumes it, and compares what it leaves with an uninterrupted run:
//! `cargo run -p microcloud-train --example kill_and_resume -- --kills 20 --algo ppo --threads 1,2`.

mod campaign;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use campaign::{Campaign, play};
use clap::Parser;

/// Kills and resumes training runs, and compares them with uninterrupted ones.
#[derive(Debug, Parser)]
struct Arguments {
    /// Kills of each run
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// The algorithm
    #[arg(long, default_value = "ppo")]
    algo: String,
    /// Numbers of threads, a run each
    #[arg(long, default_value = "1,2", value_delimiter = ',')]
    threads: Vec<usize>,
    /// Environment steps of a run
    #[arg(long, default_value_t = 65_536)]
    steps: u64,
    /// Decides the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the runs are left; a folder that does not exist yet
    #[arg(long, default_value = "runs/kill_and_resume")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    // The runs are this very program, so that it needs no other one.
    if words.get(1).is_some_and(|word| word == "train") {
        return microcloud_train::command::run(words[1..].iter().cloned()).into();
    }
    let arguments = Arguments::parse();
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let trainer = || {
        let mut command = Command::new(&program);
        command.arg("train");
        command
    };
    for &threads in &arguments.threads {
        let campaign = Campaign {
            trainer: &trainer,
            folder: arguments.folder.join(format!("{}-{threads}", arguments.algo)),
            algo: arguments.algo.clone(),
            threads,
            steps: arguments.steps,
            kills: arguments.kills,
            seed: arguments.seed + threads as u64,
        };
        match play(&campaign, &mut |line| println!("{line}")) {
            Ok(report) => println!("{} at {threads} threads: {report}", arguments.algo),
            Err(problem) => {
                eprintln!("error: {} at {threads} threads: {problem}", arguments.algo);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
