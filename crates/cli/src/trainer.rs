//! The program `train` as campaigns and sweeps run it, again and again.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;

use crate::Failure;

/// What both commands are told: what to train, and where.
#[derive(Args)]
pub(crate) struct TrainingArguments {
    /// What is trained, a TOML file
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The folder of the runs and of what is said of them; what was trained there is not trained again
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The program that trains, where it is not beside this one
    #[arg(long, value_name = "PROGRAM")]
    train: Option<PathBuf>,
}

/// The program that trains.
pub(crate) struct Trainer {
    program: PathBuf,
}

impl TrainingArguments {
    /// The program that was named, or the one beside this one.
    pub fn trainer(&self) -> Result<Trainer, Failure> {
        Ok(Trainer { program: self.train.clone().map_or_else(beside_this_one, Ok)? })
    }

    /// Makes the folder of the runs.
    pub fn create_folder(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.output).map_err(|error| Failure::disk(format!("{}: {error}", self.output.display())))
    }
}

impl Trainer {
    /// Trains the run of a folder with these words; a run that diverges is a result, too.
    pub fn train(&self, folder: &Path, words: Vec<String>) -> Result<(), Failure> {
        let program = self.program.display();
        let status = Command::new(&self.program).args(words).stdout(Stdio::null()).status().map_err(|error| {
            Failure::usage(format!("{program}: cannot be run: {error}; `cargo build --bin train` builds it"))
        })?;
        match status.code() {
            Some(0 | 4) => Ok(()),
            Some(130) | None => Err(Failure::interrupted()),
            Some(code) => {
                Err(Failure::with_code(code, format!("{}: its training ended with {code}", folder.display())))
            }
        }
    }
}

/// The program `train` in this program's folder.
fn beside_this_one() -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(|error| Failure::usage(format!("this program's path: {error}")))?;
    let train = own.with_file_name(format!("train{}", env::consts::EXE_SUFFIX));
    match train.is_file() {
        true => Ok(train),
        false => Err(Failure::usage(format!(
            "{}: there is no such program; `cargo build --bin train` builds it, or name one by --train",
            train.display()
        ))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_run_that_fails_gives_its_code_and_one_that_diverges_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("train");
        let with = |code: i32| {
            fs::write(&program, format!("#!/bin/sh\nexit {code}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Trainer { program: program.clone() }.train(folder.path(), Vec::new())
        };
        assert!(with(0).is_ok() && with(4).is_ok());
        assert!(with(130).unwrap_err().to_string().contains("interrupted"));
        assert!(with(5).unwrap_err().to_string().ends_with("its training ended with 5"));
        let missing = Trainer { program: folder.path().join("nothing") };
        let message = missing.train(folder.path(), Vec::new()).unwrap_err().to_string();
        assert!(message.contains("cargo build --bin train"), "{message}");
    }
}
