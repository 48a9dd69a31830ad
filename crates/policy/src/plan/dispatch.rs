//! One environment's plan under way: which steps wait, which were sent, and what may be sent now.

use serde::{Deserialize, Serialize};

use super::OnTimeout;
use crate::detector::Operator;

/// A step whose names are places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CompiledStep {
    pub id: String,
    pub action: usize,
    pub after: Vec<usize>,
    pub conditions: Vec<Condition>,
    pub wait_s: f64,
    pub timeout_s: f64,
    pub on_timeout: OnTimeout,
    pub reason: String,
}

/// A precondition on a column of the observation, in its scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Condition {
    pub column: usize,
    pub operator: Operator,
    pub threshold: f64,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Steps that it comes after have not ended.
    Blocked,
    /// It waits for its time, its preconditions, the mask, its cooldown or its turn.
    Waiting,
    /// Its action was sent.
    Sent,
    /// It was not ready in time and left out.
    Skipped,
    /// The plan ended before.
    Cancelled,
}

impl StepState {
    fn has_ended(self) -> bool {
        matches!(self, StepState::Sent | StepState::Skipped)
    }
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanState {
    /// Steps are left.
    Running,
    /// Every step was sent or skipped.
    Completed,
    /// A step that must not be skipped was not ready in time.
    Aborted,
    /// Somebody ended it.
    Cancelled,
}

/// A plan under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Running {
    pub incident: String,
    pub state: PlanState,
    /// Why it ended before its steps did.
    pub why: String,
    pub submitted_s: f64,
    pub steps: Vec<CompiledStep>,
    pub progress: Vec<Progress>,
}

/// How far a step is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub state: StepState,
    /// Seconds from the episode's start at which it entered the state.
    pub since_s: f64,
}

/// One environment's memory of its episode: the time, what was sent, and the plan under way; a plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DispatchState {
    pub(super) decisions: u64,
    /// When each action was last sent, in seconds from the episode's start.
    pub(super) sent_s: Vec<Option<f64>>,
    pub(super) actions: usize,
    pub(super) plan: Option<Running>,
    /// The step that the last decision sent.
    pub(super) last: Option<usize>,
}

/// What a decision sees.
pub(super) struct Sight<'a> {
    pub observation: &'a [f32],
    pub mask: &'a [bool],
    pub now_s: f64,
    pub cooldown_s: f64,
}

impl DispatchState {
    /// The memory at an episode's start.
    pub(super) fn start(num_actions: usize) -> Self {
        Self { decisions: 0, sent_s: vec![None; num_actions], actions: 0, plan: None, last: None }
    }

    /// Actions sent in the episode.
    pub fn actions_sent(&self) -> usize {
        self.actions
    }

    /// Seconds since an action was last sent, of decisions of `decision_s`; none where it was not.
    pub fn since_sent_s(&self, action: usize, decision_s: f64) -> Option<f64> {
        let sent_s = self.sent_s.get(action).copied().flatten()?;
        Some(self.decisions as f64 * decision_s - sent_s)
    }

    /// Whether a plan is being carried out.
    pub fn is_running(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.state == PlanState::Running)
    }

    /// The reason of the step that the last decision sent; none where it sent nothing.
    pub fn last_reason(&self) -> Option<&str> {
        let plan = self.plan.as_ref()?;
        plan.steps.get(self.last?).map(|step| step.reason.as_str())
    }

    pub(super) fn begin(&mut self, incident: String, steps: Vec<CompiledStep>, now_s: f64) {
        let progress = vec![Progress { state: StepState::Blocked, since_s: now_s }; steps.len()];
        let (state, why) = (PlanState::Running, String::new());
        self.plan = Some(Running { incident, state, why, submitted_s: now_s, steps, progress });
        self.last = None;
    }

    /// The plan's next action, 0 where none is ready; the decision is over with it.
    pub(super) fn advance(&mut self, sight: &Sight<'_>) -> usize {
        self.decisions += 1;
        self.last = None;
        let sent_s = &self.sent_s;
        let Some(plan) = self.plan.as_mut().filter(|plan| plan.state == PlanState::Running) else { return 0 };
        plan.settle(sight, sent_s);
        let ready = (0..plan.steps.len()).find(|&step| plan.is_ready(step, sight, sent_s));
        let Some(step) = ready.filter(|_| plan.state == PlanState::Running) else { return 0 };
        plan.progress[step] = Progress { state: StepState::Sent, since_s: sight.now_s };
        let action = plan.steps[step].action;
        plan.complete();
        self.last = Some(step);
        if action != 0 {
            self.actions += 1;
            if let Some(sent_s) = self.sent_s.get_mut(action) {
                *sent_s = Some(sight.now_s);
            }
        }
        action
    }

    pub(super) fn cancel(&mut self, why: &str, now_s: f64) {
        if let Some(plan) = self.plan.as_mut().filter(|plan| plan.state == PlanState::Running) {
            plan.end(PlanState::Cancelled, why.to_owned(), now_s);
        }
    }
}

impl Running {
    /// Unblocks, skips and aborts what is due; a step that is skipped may unblock others, and so on.
    fn settle(&mut self, sight: &Sight<'_>, sent_s: &[Option<f64>]) {
        let mut changed = true;
        while changed && self.state == PlanState::Running {
            changed = false;
            for step in 0..self.steps.len() {
                if self.progress[step].state == StepState::Blocked
                    && let Some(since_s) = self.unblocked_s(step)
                {
                    self.progress[step] = Progress { state: StepState::Waiting, since_s };
                    changed = true;
                }
                if self.is_late(step, sight, sent_s) {
                    match self.steps[step].on_timeout {
                        OnTimeout::Skip => {
                            self.progress[step] = Progress { state: StepState::Skipped, since_s: sight.now_s };
                            changed = true;
                        }
                        OnTimeout::Abort => {
                            let why = format!("step `{}` was not ready in time", self.steps[step].id);
                            self.end(PlanState::Aborted, why, sight.now_s);
                            return;
                        }
                    }
                }
            }
        }
        self.complete();
    }

    /// When the last step that this one comes after ended; none where one has not.
    fn unblocked_s(&self, step: usize) -> Option<f64> {
        self.steps[step].after.iter().try_fold(self.submitted_s, |latest, &before| {
            let progress = self.progress.get(before)?;
            progress.state.has_ended().then(|| latest.max(progress.since_s))
        })
    }

    fn is_due(&self, step: usize, now_s: f64) -> bool {
        let progress = self.progress[step];
        // Times are multiples of a decision and sums of waits: a thousandth of a second is rounding.
        progress.state == StepState::Waiting && now_s + 1e-3 >= progress.since_s + self.steps[step].wait_s
    }

    fn is_ready(&self, step: usize, sight: &Sight<'_>, sent_s: &[Option<f64>]) -> bool {
        let CompiledStep { action, conditions, .. } = &self.steps[step];
        let legal = *action == 0 || sight.mask.get(*action).copied().unwrap_or(false);
        let sent_s = sent_s.get(*action).copied().flatten();
        let cool = sent_s.is_none_or(|sent_s| sight.now_s - sent_s + 1e-3 >= sight.cooldown_s);
        let holds = |condition: &Condition| {
            let value = sight.observation.get(condition.column);
            value.is_some_and(|&value| condition.operator.holds(f64::from(value), condition.threshold))
        };
        self.is_due(step, sight.now_s) && legal && cool && conditions.iter().all(holds)
    }

    fn is_late(&self, step: usize, sight: &Sight<'_>, sent_s: &[Option<f64>]) -> bool {
        let CompiledStep { wait_s, timeout_s, .. } = &self.steps[step];
        self.is_due(step, sight.now_s)
            && sight.now_s + 1e-3 >= self.progress[step].since_s + wait_s + timeout_s
            && !self.is_ready(step, sight, sent_s)
    }

    fn complete(&mut self) {
        if self.progress.iter().all(|progress| progress.state.has_ended()) {
            self.state = PlanState::Completed;
        }
    }

    fn end(&mut self, state: PlanState, why: String, now_s: f64) {
        (self.state, self.why) = (state, why);
        for progress in self.progress.iter_mut().filter(|progress| !progress.state.has_ended()) {
            *progress = Progress { state: StepState::Cancelled, since_s: now_s };
        }
    }
}
