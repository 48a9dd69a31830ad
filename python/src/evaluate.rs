//! Evaluation: policies by name and policies written in Python, on the same drawn levels.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
};

use microcloud_core::Topology as CoreTopology;
use microcloud_eval::{Contender, EvaluationConfig, EvaluationError as CoreError, Progress};
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*, types::PyString};

use crate::{
    background::in_background,
    errors::EvaluationError,
    policy::{self, Policy},
    python_policy::{PythonPolicies, Question},
    scenario::Topology,
};

/// What the thread that plays tells the one that called.
pub enum Message {
    /// A policy written in Python is asked.
    Question(Question),
    /// So many more episodes have ended.
    Ended(usize),
}

struct Told<'a> {
    messages: Sender<Message>,
    stop: &'a AtomicBool,
}

impl Progress for Told<'_> {
    fn advance(&self, episodes: usize) {
        // Nobody listens any more once the call is over.
        let _ = self.messages.send(Message::Ended(episodes));
    }

    fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// As many threads as a batch may have.
const MOST_THREADS: usize = 1024;

/// Plays every policy on the same levels of each scenario; gives the content of `evaluation.json`.
#[pyfunction]
#[pyo3(signature = (policies, topologies, *, episodes, control_episodes, split, seed, num_threads, progress=None))]
#[expect(clippy::too_many_arguments, reason = "they are the settings of an evaluation, all of them named")]
pub fn evaluate(
    py: Python<'_>,
    policies: Vec<Bound<'_, PyAny>>,
    topologies: Vec<Bound<'_, Topology>>,
    episodes: usize,
    control_episodes: usize,
    split: &str,
    seed: u64,
    num_threads: usize,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let split = split.parse().map_err(|problem: String| EvaluationError::new_err(format!("split: {problem}")))?;
    if num_threads > MOST_THREADS {
        return Err(EvaluationError::new_err(format!("num_threads = {num_threads}; allowed: 0 to {MOST_THREADS}")));
    }
    let config = EvaluationConfig { split, episodes, control_episodes, seed, threads: num_threads };
    let topologies: Vec<Arc<CoreTopology>> = topologies.iter().map(|one| Arc::clone(&one.get().topology)).collect();
    let (messages, received) = channel();
    let mut own = PythonPolicies::default();
    let contenders = policies.iter().map(|policy| contender(policy, &mut own, &messages));
    let contenders = contenders.collect::<PyResult<Vec<Contender>>>()?;
    once("policies", contenders.iter().map(Contender::name))?;
    once("scenarios", topologies.iter().map(|topology| topology.scenario().name.as_str()))?;
    let total = config.total_episodes(topologies.len(), &contenders);
    let stop = AtomicBool::new(false);
    let told = Told { messages, stop: &stop };
    let mut done = 0;
    let (report, raised) = in_background(
        py,
        received,
        &stop,
        move || {
            let report = microcloud_eval::evaluate(&config, &topologies, &contenders, None, &told);
            report.map(|report| report.to_json())
        },
        |message| match message {
            Message::Question(question) => own.answer(py, question),
            Message::Ended(episodes) => {
                done += episodes;
                progress.as_ref().map_or(Ok(()), |progress| progress.call1((done, total)).map(|_| ()))
            }
        },
    )?;
    match (raised, report) {
        (Some(raised), _) => Err(raised),
        (None, Ok(report)) => Ok(report),
        (None, Err(error)) => Err(failed(error)),
    }
}

/// What takes part for a name, a path, a loaded policy, or an object with `name` and `act`.
fn contender(policy: &Bound<'_, PyAny>, own: &mut PythonPolicies, messages: &Sender<Message>) -> PyResult<Contender> {
    if let Ok(name) = policy.cast::<PyString>() {
        return microcloud_cli::contender(&name.to_string()).map_err(policy::refused);
    }
    match policy.cast::<Policy>() {
        Ok(loaded) => loaded.get().contender(),
        Err(_) => own.add(policy, messages),
    }
}

/// Refuses none at all, and a name given twice: rows are told apart by names.
fn once<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> PyResult<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(EvaluationError::new_err(format!("{what}: `{name}` is given twice; allowed: once")));
        }
    }
    if seen.is_empty() {
        return Err(EvaluationError::new_err(format!("{what}: none is given; allowed: one or more")));
    }
    Ok(())
}

fn failed(error: CoreError) -> PyErr {
    match error {
        CoreError::Policy { .. } => policy::refused(error),
        // Only an exception stops an evaluation, and that is raised instead.
        CoreError::Interrupted => PyKeyboardInterrupt::new_err(()),
        _ => EvaluationError::new_err(error.to_string()),
    }
}
