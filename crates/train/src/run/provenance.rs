//! `manifest.json` of a run: by which program, from which command, on which machine.

use std::path::Path;
use std::process::Command;

use microcloud_policy::network::sha256_hex;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What `manifest.json` of a run holds.
#[derive(Debug, Clone, Serialize)]
pub struct Provenance {
    /// The program's version.
    pub version: &'static str,
    /// The commit that the program's source stood at, where it is a git checkout.
    pub git_commit: Option<String>,
    /// The words of the command line.
    pub command_line: Vec<String>,
    /// When the run began, UTC.
    pub started: String,
    /// The run's seed.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// Hex SHA-256 of `scenario.toml`.
    pub scenario_sha256: String,
    /// The machine.
    pub machine: Machine,
}

/// The machine that a run was made on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Operating system.
    pub os: &'static str,
    /// Instruction set.
    pub arch: &'static str,
    /// The processor's name, where the system tells it.
    pub cpu: Option<String>,
    /// Processor threads that the program may use.
    pub threads: usize,
}

impl Provenance {
    /// Describes a run that begins now.
    pub fn new(command_line: Vec<String>, seed: u64, scenario: &str, scenario_toml: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            git_commit: git_commit(),
            command_line,
            started: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            seed,
            scenario: scenario.to_owned(),
            scenario_sha256: sha256_hex(scenario_toml.as_bytes()),
            machine: Machine {
                os: std::env::consts::OS,
                arch: std::env::consts::ARCH,
                cpu: cpu(),
                threads: std::thread::available_parallelism().map_or(1, usize::from),
            },
        }
    }
}

fn git_commit() -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("git").arg("-C").arg(source).args(["rev-parse", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
