//! What `bench --compare` and `bench --record` do: count instructions, and compare or store the counts.

use std::path::{Path, PathBuf};

use microcloud_eval::instructions::{
    COUNTED_SCENARIOS, GROWN_RATIO, InstructionCounts, Part, SHRUNK_RATIO, Verdict, count_instructions,
};

use crate::{Destination, Failure, ProgressLine, print};

/// Where the counts are stored, as seen from the repository's root.
const STORED: &str = "benches/instructions.json";

/// What is done with counts of instructions; each excludes every other argument.
#[derive(clap::Args)]
pub struct InstructionArguments {
    /// Count instructions under callgrind, and compare them with those that FILE holds; exit code 1 where one has grown by
    /// more than a quarter
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STORED, exclusive = true)]
    compare: Option<PathBuf>,
    /// Count instructions under callgrind, and store them in FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STORED, exclusive = true)]
    record: Option<PathBuf>,
    /// Do the work that is counted, as `--compare` and `--record` have it done under callgrind
    #[arg(long, num_args = 2, value_names = ["SCENARIO", "PART"], exclusive = true, hide = true)]
    count_work: Option<Vec<String>>,
}

impl InstructionArguments {
    /// Whether any of them was given.
    pub fn is_asked(&self) -> bool {
        self.compare.is_some() || self.record.is_some() || self.count_work.is_some()
    }

    /// Does what was asked for, with `program` as the program that counts are of.
    ///
    /// # Errors
    /// No valgrind, files that cannot be read or written, and counts that have grown.
    pub fn run(&self, program: Option<&Path>) -> Result<(), Failure> {
        if let Some([scenario, part]) = self.count_work.as_deref() {
            return Ok(part.parse::<Part>().map_err(Failure::usage)?.play(scenario)?);
        }
        if let Some(file) = &self.record {
            let destination = Destination::File(file.clone());
            destination.check()?;
            destination.write(&count(program)?.to_json())?;
        }
        self.compare.as_deref().map_or(Ok(()), |file| compare(file, program))
    }
}

/// Compares with the counts of a file, and prints the table.
fn compare(file: &Path, program: Option<&Path>) -> Result<(), Failure> {
    // Before half a minute is spent on what it is compared with.
    let stored = InstructionCounts::read(file)?;
    let comparison = count(program)?.compare(&stored, file)?;
    print(&format!("Instructions each, counted by callgrind\n{comparison}"))?;
    let fallen = comparison.count(Verdict::Shrunk);
    if fallen > 0 {
        let file = file.display();
        print(&format!(
            "{fallen} below {SHRUNK_RATIO} of what is stored; `bench --record {file}` records them anew\n"
        ))?;
    }
    match comparison.count(Verdict::Grown) {
        0 => Ok(()),
        grown => Err(Failure::not_held(format!(
            "{grown} of {} instruction counts are beyond {GROWN_RATIO} of what {} holds",
            comparison.rows().count(),
            file.display()
        ))),
    }
}

fn count(program: Option<&Path>) -> Result<InstructionCounts, Failure> {
    let Some(program) = program else {
        return Err(Failure::usage(
            "instructions are counted of the program `bench` alone; allowed: cargo run --bin bench -- --compare",
        ));
    };
    let progress = ProgressLine::new(COUNTED_SCENARIOS.len() * Part::ALL.len(), "runs")?;
    let counts = count_instructions(program, &progress);
    progress.clear();
    Ok(counts?)
}
