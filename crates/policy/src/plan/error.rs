//! Why a plan is refused: one line each.

use thiserror::Error;

/// Why a plan is refused, or cannot be carried out.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PlanError {
    /// The text is too long to be read.
    #[error("plan: the text has {bytes} bytes; allowed: at most {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The text is not a plan.
    #[error("plan: {0}")]
    Json(String),
    /// The schema is one that nobody knows.
    #[error("plan: schema = {0}; allowed: 1")]
    Schema(u32),
    /// No steps, or too many.
    #[error("plan: {steps} steps; allowed: 1 to {most}")]
    Steps {
        /// How many there are.
        steps: usize,
        /// The limit.
        most: usize,
    },
    /// An id that cannot be referred to.
    #[error("plan: steps[{index}]: id `{id}`; allowed: 1 to {most} characters")]
    Id {
        /// The step's place, from 0.
        index: usize,
        /// The beginning of its id.
        id: String,
        /// Most characters.
        most: usize,
    },
    /// Two steps share an id.
    #[error("plan: step `{0}` stands there twice; allowed: once")]
    DuplicateId(String),
    /// A step waits for one that does not exist.
    #[error("plan: step `{step}`: after `{after}`: no such step{nearest}")]
    Dangling {
        /// The step that waits.
        step: String,
        /// What it waits for.
        after: String,
        /// The nearest id as a question, or nothing.
        nearest: String,
    },
    /// Steps wait for one another.
    #[error("plan: steps wait for one another: {}; allowed: an order without cycles", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// The scenario has no such action.
    #[error("plan: step `{step}`: unknown action `{action}`{nearest}; allowed: those of action_meanings()")]
    UnknownAction {
        /// The step.
        step: String,
        /// The action it names.
        action: String,
        /// The nearest action as a question, or nothing.
        nearest: String,
    },
    /// The action is never legal, or not permitted to this planner.
    #[error("plan: step `{step}`: action `{action}` {why}{nearest}")]
    IllegalAction {
        /// The step.
        step: String,
        /// The action it names.
        action: String,
        /// Why it is illegal.
        why: &'static str,
        /// The nearest action that is not, as a question, or nothing.
        nearest: String,
    },
    /// The observation has no such metric.
    #[error("plan: step `{step}`: unknown metric `{metric}`{nearest}; allowed: those of observation_names()")]
    UnknownMetric {
        /// The step.
        step: String,
        /// The metric it names.
        metric: String,
        /// The nearest metric as a question, or nothing.
        nearest: String,
    },
    /// A number that means nothing.
    #[error("plan: step `{step}`: {key} = {value}; allowed: {allowed}")]
    Number {
        /// The step.
        step: String,
        /// The number's key.
        key: &'static str,
        /// The number.
        value: f64,
        /// What is allowed.
        allowed: String,
    },
    /// More actions than a plan may have.
    #[error("plan: {actions} actions; allowed: at most {most} a plan")]
    PlanBudget {
        /// How many there are.
        actions: usize,
        /// The limit.
        most: usize,
    },
    /// More actions than are left in the episode.
    #[error("plan: {actions} actions after the {sent} sent in this episode; allowed: at most {most} an episode")]
    EpisodeBudget {
        /// How many the plan has.
        actions: usize,
        /// How many were sent.
        sent: usize,
        /// The limit.
        most: usize,
    },
    /// The same action too soon again.
    #[error(
        "plan: step `{step}`: `{action}` may follow {first} after {gap_s} s; allowed: at least {cooldown_s} s, e.g. by \
         `after` and `wait_s`"
    )]
    Cooldown {
        /// The step that may come too soon.
        step: String,
        /// Its action.
        action: String,
        /// What it follows.
        first: String,
        /// The shortest time between the two.
        gap_s: f64,
        /// The limit.
        cooldown_s: f64,
    },
    /// Another plan is being carried out.
    #[error("plan: another one is being carried out (`{0}`); allowed: one at a time, cancel it first")]
    Busy(String),
    /// An observation or mask of another scenario.
    #[error("{what} has {given} values; allowed: {expected}, as the scenario has")]
    Shape {
        /// `observation` or `mask`.
        what: &'static str,
        /// Its length.
        given: usize,
        /// The scenario's.
        expected: usize,
    },
}
