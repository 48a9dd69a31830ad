//! The commands as calls of a library: any number of them in one process, each with the exit code of the program.

use std::{error::Error, ffi::OsString, fs};

use microcloud_cli::commands::{bench, evaluate, scenario};

type Outcome = Result<(), Box<dyn Error>>;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

#[test]
fn one_process_runs_several_commands_one_after_another() -> Outcome {
    let folder = tempfile::tempdir()?;
    let json = |name: &str| folder.path().join(name);
    for name in ["one.json", "two.json"] {
        let mut line = words("evaluate no-op --episodes 2 --control-episodes 1 --json");
        line.push(json(name).into_os_string());
        assert_eq!(evaluate::run(line), 0);
    }
    assert_eq!(fs::read(json("one.json"))?, fs::read(json("two.json"))?);
    assert_eq!(scenario::run(words("scenario list")), 0);
    assert_eq!(bench::run(words("bench --num-envs 2 --threads 1 --seconds 0.05"), None), 0);
    Ok(())
}

#[test]
fn mistakes_are_exit_codes_and_never_the_end_of_the_process() {
    assert_eq!(evaluate::run(words("evaluate nobody")), 2);
    assert_eq!(evaluate::run([]), 2);
    assert_eq!(scenario::run(words("scenario show spine13")), 2);
    assert_eq!(bench::run(words("bench --seconds 0"), None), 2);
}

#[test]
fn instructions_are_not_counted_of_a_program_that_is_not_bench() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut line = words("bench --record");
    line.push(folder.path().join("counts.json").into_os_string());
    assert_eq!(bench::run(line, None), 2);
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
