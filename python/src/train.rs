//! Training runs, with a callback for every iteration.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
};

use microcloud_train::{
    ConfigSources, TrainConfig, TrainError,
    run::{OnExists, Outcome, Placement, RunFolder, RunListener, RunRequest, Snapshot, place, train as train_run},
};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBool, PyDict},
};

use crate::{
    background::in_background,
    errors::{self, PolicyError, TrainingError},
    scenario::Topology,
    toml_value::{self, Problem},
};

/// An iteration, and where it is said that the callback has returned.
struct Message {
    snapshot: Snapshot,
    heard: Sender<()>,
}

/// Waits for the callback after every iteration, so that a run which it stops has stopped there.
struct Told {
    messages: Sender<Message>,
    heard_by_nobody: bool,
}

impl RunListener for Told {
    fn progressed(&mut self, snapshot: &Snapshot) {
        if self.heard_by_nobody {
            return;
        }
        let (heard, hearing) = channel();
        if self.messages.send(Message { snapshot: *snapshot, heard }).is_ok() {
            // Nobody answers where the caller was interrupted.
            let _ = hearing.recv();
        }
    }
}

/// Trains, and gives the run's folder and whether it was completed. `settings` are `(key, value)`, of which later ones win;
/// `topology` stands for a scenario that has neither a name nor a file.
#[pyfunction]
#[pyo3(signature = (*, config_file, settings, topology, run_dir, on_exists, resume, command_line, progress))]
#[expect(clippy::too_many_arguments, reason = "they are what a run is asked for with, all of them named")]
pub fn train(
    py: Python<'_>,
    config_file: Option<PathBuf>,
    settings: Vec<(String, String, Bound<'_, PyAny>)>,
    topology: Option<Bound<'_, Topology>>,
    run_dir: Option<PathBuf>,
    on_exists: &str,
    resume: Option<PathBuf>,
    command_line: Vec<String>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(PathBuf, bool)> {
    let mut sources = ConfigSources::default();
    if let Some(file) = &config_file {
        sources.add_file(file).map_err(failed)?;
    }
    for (place, key, value) in &settings {
        sources.add_flag(&format!("{place} ="), key, setting(place, value)?).map_err(failed)?;
    }
    let scenario = topology.map(|topology| topology.get().topology.scenario().clone());
    let on_exists: OnExists =
        on_exists.parse().map_err(|problem: String| TrainingError::new_err(format!("on_exists: {problem}")))?;
    let (config, placement) = resolve(&sources, run_dir, on_exists, resume).map_err(failed)?;
    run(py, RunRequest { config, placement, scenario, command_line }, progress)
}

fn resolve(
    sources: &ConfigSources,
    run_dir: Option<PathBuf>,
    on_exists: OnExists,
    resume: Option<PathBuf>,
) -> Result<(TrainConfig, Placement), TrainError> {
    // A folder that is resumed has its own configuration, which may lack what these sources leave open.
    let placement = match (resume, &run_dir) {
        (Some(run), _) => Placement::Resumed(run),
        (None, _) => place(run_dir.as_deref(), on_exists, &sources.resolve()?)?,
    };
    let config = match &placement {
        Placement::Fresh(_) => sources.resolve()?,
        Placement::Resumed(run) => sources.resume(&RunFolder::open(run)?.1, run)?,
    };
    Ok((config, placement))
}

fn run(py: Python<'_>, request: RunRequest, progress: Option<Bound<'_, PyAny>>) -> PyResult<(PathBuf, bool)> {
    let stop = AtomicBool::new(false);
    let (messages, received) = channel();
    let told = Told { messages, heard_by_nobody: progress.is_none() };
    let (run, raised) = in_background(
        py,
        received,
        &stop,
        || {
            // Moved in, so that the channel closes when the run is over.
            let mut told = told;
            train_run(request, &mut told, &stop)
        },
        |message: Message| {
            let Some(progress) = &progress else { return Ok(()) };
            let answer = dictionary(py, &message.snapshot).and_then(|dict| progress.call1((dict,)));
            let refused = |answer: &Bound<'_, PyAny>| answer.cast::<PyBool>().is_ok_and(|answer| !answer.is_true());
            if answer.as_ref().map_or(true, refused) {
                // Before the run hears of it, so that it stops after this very iteration.
                stop.store(true, Ordering::Relaxed);
            }
            let _ = message.heard.send(());
            answer.map(|_| ())
        },
    )?;
    match (raised, run) {
        (None, Ok(run)) => Ok((run.folder.path().to_owned(), matches!(run.outcome, Outcome::Completed(_)))),
        (None, Err(error)) => Err(failed(error)),
        (Some(raised), run) => {
            if let Ok(run) = run {
                let note = format!("stopped with a checkpoint; go on with train(resume={:?})", run.folder.path());
                raised.value(py).call_method1("add_note", (note,))?;
            }
            Err(raised)
        }
    }
}

/// The numbers under the names that they have in `metrics.jsonl`.
fn dictionary<'py>(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("step", snapshot.step)?;
    dict.set_item("total_steps", snapshot.total_steps)?;
    dict.set_item("seconds_left", snapshot.seconds_left)?;
    dict.set_item("charts/SPS", snapshot.steps_per_s)?;
    dict.set_item("charts/episodic_return", snapshot.episodic_return)?;
    dict.set_item("slo/availability", snapshot.availability)?;
    dict.set_item("losses/policy_loss", snapshot.policy_loss)?;
    dict.set_item("losses/value_loss", snapshot.value_loss)?;
    dict.set_item("losses/td_loss", snapshot.td_loss)?;
    dict.set_item("losses/q_values", snapshot.q_values)?;
    Ok(dict)
}

/// A setting's value as TOML has it.
fn setting(place: &str, value: &Bound<'_, PyAny>) -> PyResult<toml::Value> {
    let refuse = |path: &str, problem: Problem| match problem {
        Problem::Kind(kind) => {
            PyTypeError::new_err(format!("{path} of type {kind}; allowed: numbers, strings and lists of them"))
        }
        Problem::Value(problem) => TrainingError::new_err(format!("{path}: {problem}")),
    };
    toml_value::value(value, place, &refuse)?.ok_or_else(|| refuse(place, Problem::Kind("NoneType".to_owned())))
}

fn failed(error: TrainError) -> PyErr {
    let text = as_python_says(&error.to_string());
    match error {
        TrainError::Scenario(error) => errors::scenario(error),
        TrainError::Checkpoint(_) => PolicyError::new_err(text),
        _ => TrainingError::new_err(text),
    }
}

/// A message of the command, with Python's words for its flags.
fn as_python_says(text: &str) -> String {
    [
        ("--run-dir: ", "run_dir: "),
        ("--run-dir ", "run_dir = "),
        ("--on-exists new", "on_exists=\"new\""),
        ("--on-exists resume", "on_exists=\"resume\""),
    ]
    .iter()
    .fold(text.to_owned(), |text, (flag, word)| text.replace(flag, word))
}
