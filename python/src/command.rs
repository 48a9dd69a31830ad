//! The commands of the binaries, for `python -m microcloud_gym`.

use std::{ffi::OsString, iter::once};

use pyo3::{exceptions::PyValueError, prelude::*};

/// Runs a command as its binary would, with Ctrl-C as there, and gives the exit code; once in a process, which has nothing else
/// to do.
#[pyfunction]
pub fn run_command(py: Python<'_>, name: &str, arguments: Vec<OsString>) -> PyResult<u8> {
    use microcloud_cli::commands::{bench, evaluate, experiment, report, scenario};
    let words = once(OsString::from(format!("python -m microcloud_gym {name}"))).chain(arguments);
    py.detach(|| match name {
        "train" => Ok(microcloud_train::command::run(words)),
        "evaluate" => Ok(evaluate::run(words)),
        "scenario" => Ok(scenario::run(words)),
        "experiment" => Ok(experiment::run(words)),
        "report" => Ok(report::run(words)),
        "bench" => Ok(bench::run(words, None)),
        _ => Err(PyValueError::new_err(format!(
            "command {name:?}; allowed: train, evaluate, scenario, experiment, report, bench"
        ))),
    })
}
