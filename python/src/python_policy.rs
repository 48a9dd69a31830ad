//! Policies written in Python, as an evaluation plays them: always on the thread that called, one batch of episodes at a time.

use std::sync::mpsc::{Sender, channel};

use microcloud_eval::Contender;
use microcloud_policy::{BASELINE_NAMES, Policy as CorePolicy};
use ndarray::{Array2, ArrayView2};
use numpy::{PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::{exceptions::PyTypeError, prelude::*};

use crate::{
    errors::{EvaluationError, PolicyError},
    evaluate::Message,
};

/// The objects of an evaluation that act, in the order given.
#[derive(Default)]
pub struct PythonPolicies {
    objects: Vec<Py<PyAny>>,
}

/// What one of them is asked, and where the answer goes.
pub struct Question {
    place: usize,
    name: String,
    observations: Array2<f32>,
    action_masks: Array2<bool>,
    episode_starts: Vec<bool>,
    answer: Sender<Vec<usize>>,
}

impl PythonPolicies {
    /// Takes in an object, and gives what plays for it.
    pub fn add(&mut self, policy: &Bound<'_, PyAny>, messages: &Sender<Message>) -> PyResult<Contender> {
        let name: Option<String> = policy.getattr("name").ok().and_then(|name| name.extract().ok());
        let acts = policy.getattr("act").is_ok_and(|act| act.is_callable());
        let (Some(name), true) = (name, acts) else {
            let kind = policy.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a policy of type {kind}; allowed: a name, a path, what load_policy() gives, or an object with a string \
                 `name` and a method `act(observations, action_masks, episode_starts)`"
            )));
        };
        if BASELINE_NAMES.contains(&name.as_str()) {
            let problem =
                format!("policies: `{name}` is a baseline's name; allowed: any other for a policy of your own");
            return Err(EvaluationError::new_err(problem));
        }
        let (place, messages) = (self.objects.len(), messages.clone());
        self.objects.push(policy.clone().unbind());
        let contender = Contender::new(name.clone(), move |_| {
            Ok(Box::new(Asking { place, name: name.clone(), messages: messages.clone() }))
        });
        Ok(contender.in_turn())
    }

    /// Asks the object that a question is for.
    ///
    /// # Errors
    /// What the object raises, and `PolicyError` where it answers with anything but one legal action per row.
    pub fn answer(&self, py: Python<'_>, question: Question) -> PyResult<()> {
        let Question { place, name, observations, action_masks, episode_starts, answer } = question;
        let legal = action_masks.clone();
        let arguments = (
            PyArray2::from_owned_array(py, observations),
            PyArray2::from_owned_array(py, action_masks),
            PyArray1::from_vec(py, episode_starts),
        );
        let answered = self.objects[place].bind(py).call_method1("act", arguments)?;
        let actions = actions(&answered, &legal)
            .map_err(|problem| PolicyError::new_err(format!("policy `{name}`: act() gave {problem}")))?;
        // An evaluation that has ended needs no answer.
        let _ = answer.send(actions);
        Ok(())
    }
}

/// One legal action per row of `legal`, or what is wrong with the answer.
fn actions(answered: &Bound<'_, PyAny>, legal: &Array2<bool>) -> Result<Vec<usize>, String> {
    let (rows, num_actions) = legal.dim();
    let due = format!("allowed: integers of shape ({rows},), each a legal action of its row");
    let array = answered.py().import("numpy").and_then(|numpy| numpy.call_method1("asarray", (answered,)));
    let array = array.map_err(|error| format!("what is no array ({error}); {due}"))?;
    let untyped = array.cast::<PyUntypedArray>().map_err(|_| format!("what is no array; {due}"))?;
    if !matches!(untyped.dtype().kind(), b'i' | b'u') {
        return Err(format!("an array of dtype {}; {due}", untyped.dtype()));
    }
    if untyped.shape() != [rows] {
        let found: Vec<String> = untyped.shape().iter().map(ToString::to_string).collect();
        return Err(format!("an array of shape ({}); {due}", found.join(", ")));
    }
    let unreadable = |error: &dyn ToString| format!("an array that cannot be read ({}); {due}", error.to_string());
    let array = array.call_method1("astype", ("int64",)).map_err(|error| unreadable(&error))?;
    let array = array.cast::<PyArray1<i64>>().map_err(|error| unreadable(&error))?.readonly();
    let checked = array.as_array().into_iter().enumerate().map(|(row, &action)| {
        let index = usize::try_from(action).ok().filter(|&index| index < num_actions);
        match index {
            Some(index) if legal[[row, index]] => Ok(index),
            Some(_) => Err(format!("action {action} in row {row}, where it is not legal; {due}")),
            None => Err(format!("action {action} in row {row}; allowed: 0 to {}", num_actions - 1)),
        }
    });
    checked.collect()
}

/// Stands for an object on the threads that play.
struct Asking {
    place: usize,
    name: String,
    messages: Sender<Message>,
}

impl CorePolicy for Asking {
    fn name(&self) -> &str {
        &self.name
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        let (answer, answered) = channel();
        let question = Question {
            place: self.place,
            name: self.name.clone(),
            observations: observations.to_owned(),
            action_masks: action_masks.to_owned(),
            episode_starts: episode_starts.to_vec(),
            answer,
        };
        let sent = self.messages.send(Message::Question(question));
        match sent.ok().and_then(|()| answered.recv().ok()) {
            Some(chosen) => actions.copy_from_slice(&chosen),
            // The object has raised: the evaluation stops at the next decision, whatever this one is.
            None => actions.fill(0),
        }
    }
}
