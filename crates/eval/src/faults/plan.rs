//! A plan as a policy: a fault's remedies, sent at their times after its onset.

use microcloud_core::{Action, Environment, FaultReport, Step};
use microcloud_policy::PrivilegedPolicy;

use super::places::{action, fault_of, resolve};

/// Seconds for which an action that is masked is tried again.
const PATIENCE_S: f64 = 30.0;

/// Sends what a plan says, one action a decision; it knows the fault's onset and target, and looks at nothing else.
pub(super) struct Plan {
    steps: Vec<Step>,
    /// Only the so manieth of a step's places, where it is not sent to all.
    only: Option<usize>,
    /// What is still to send, by its time; none before the onset.
    queue: Option<Vec<Pending>>,
}

struct Pending {
    at_s: f64,
    action: Action,
    masked_since_s: Option<f64>,
}

impl Plan {
    pub(super) fn new(steps: &[Step]) -> Self {
        Self { steps: steps.to_vec(), only: None, queue: None }
    }

    /// A single step sent to the `k`-th of its places only.
    pub(super) fn single(step: Step, k: usize) -> Self {
        Self { steps: vec![step], only: Some(k), queue: None }
    }
}

/// The actions that a step is, by place in turn, after the fault's onset.
pub(super) fn actions(environment: &Environment, fault: &FaultReport, step: &Step) -> Vec<Action> {
    let places = resolve(environment, fault, step.place);
    places.into_iter().filter_map(|place| action(environment.topology(), step.remedy, place)).collect()
}

fn schedule(environment: &Environment, fault: &FaultReport, steps: &[Step], only: Option<usize>) -> Vec<Pending> {
    let mut queue = Vec::new();
    for step in steps {
        let actions = actions(environment, fault, step);
        let wanted = || actions.iter().enumerate().filter(|&(k, _)| only.is_none_or(|only| only == k));
        for time in 0..step.times {
            let at_s = fault.onset_s + f64::from(step.after_s) + f64::from(time) * f64::from(step.every_s);
            queue.extend(wanted().map(|(_, &action)| Pending { at_s, action, masked_since_s: None }));
        }
    }
    // Stable: what is due at the same time keeps the plan's order.
    queue.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    queue
}

impl PrivilegedPolicy for Plan {
    fn name(&self) -> &str {
        "plan"
    }

    fn act(&mut self, environment: &Environment) -> usize {
        if environment.decision() == 0 {
            self.queue = None;
        }
        let now_s = environment.time_s();
        let Some(fault) = fault_of(environment).filter(|fault| fault.onset_s < now_s) else { return 0 };
        let queue = self.queue.get_or_insert_with(|| schedule(environment, &fault, &self.steps, self.only));
        queue.retain(|send| send.masked_since_s.is_none_or(|since_s| now_s - since_s < PATIENCE_S));
        for index in 0..queue.len() {
            let send = &mut queue[index];
            if send.at_s > now_s {
                return 0;
            }
            if environment.is_legal(send.action) {
                return environment.topology().action_index(queue.remove(index).action).unwrap_or(0);
            }
            send.masked_since_s.get_or_insert(now_s);
        }
        0
    }
}
