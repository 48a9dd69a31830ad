//! A plan as a policy: a fault's remedies, sent at their times after its onset.

use microcloud_core::{Action, Environment, FaultReport, Step};
use microcloud_policy::PrivilegedPolicy;

use super::places::{action, fault_of, resolve};

/// Seconds for which an action that is masked is tried again.
const PATIENCE_S: f64 = 30.0;

/// Sends what a plan says, one action a decision; it knows the fault's onset and target, and looks at nothing else.
pub(super) struct Plan {
    steps: Vec<Step>,
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
        Self { steps: steps.to_vec(), queue: None }
    }
}

/// The actions that a step is, by place in turn, after the fault's onset.
pub(super) fn actions(environment: &Environment, fault: &FaultReport, step: &Step) -> Vec<Action> {
    let places = resolve(environment, fault, step.place);
    places.into_iter().filter_map(|place| action(environment.topology(), step.remedy, place)).collect()
}

fn schedule(environment: &Environment, fault: &FaultReport, steps: &[Step]) -> Vec<Pending> {
    let mut queue = Vec::new();
    for step in steps {
        let actions = actions(environment, fault, step);
        for time in 0..step.times {
            let at_s = fault.onset_s + f64::from(step.after_s) + f64::from(time) * f64::from(step.every_s);
            queue.extend(actions.iter().map(|&action| Pending { at_s, action, masked_since_s: None }));
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
        let queue = self.queue.get_or_insert_with(|| schedule(environment, &fault, &self.steps));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use microcloud_core::{FaultId, Place, Remedy, Scenario, Topology};

    use super::*;
    use crate::faults::{only_fault, reference};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// What a plan sends on the first level of a spike, by seconds after the onset.
    fn sent(steps: &[Step]) -> Result<Vec<(f64, Action)>, Box<dyn std::error::Error>> {
        let topology = Topology::new(only_fault(&Scenario::load("spine12")?, FaultId::F13)?)?;
        let mut environment = Environment::new(Arc::clone(&topology));
        environment.reset(reference::levels(FaultId::F13, &topology, 1)?[0]);
        let onset_s = fault_of(&environment).ok_or("no fault")?.onset_s;
        let mut plan = Plan::new(steps);
        let mut sent = Vec::new();
        for _ in 0..topology.scenario().episode_decisions {
            let index = plan.act(&environment);
            let action = topology.action(index).filter(|&action| action != Action::NoOp);
            sent.extend(action.map(|action| (environment.time_s() - onset_s, action)));
            environment.step(index);
        }
        Ok(sent)
    }

    fn step(remedy: Remedy, place: Place, times: u32, every_s: f32) -> Step {
        Step { after_s: 20.0, remedy, place, times, every_s }
    }

    #[test]
    fn a_step_goes_to_every_place_in_turn_one_a_decision() -> Outcome {
        let sent = sent(&[step(Remedy::ScaleUp, Place::Busiest, 2, 60.0)])?;
        assert_eq!(sent.len(), 12);
        assert!(sent[0].0 >= 20.0 && sent[0].0 < 25.0 && sent[6].0 >= 80.0 && sent[6].0 < 85.0, "{sent:?}");
        assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 5.0), "{sent:?}");
        Ok(())
    }

    #[test]
    fn a_masked_action_is_tried_again_and_then_dropped() -> Outcome {
        let all = step(Remedy::DisableRetries, Place::Cluster, 1, 0.0);
        // The second one stays masked, and must not come back when nothing else is left to send.
        let sent = sent(&[all, Step { after_s: 25.0, ..all }, step(Remedy::RebalanceAll, Place::Cluster, 1, 0.0)])?;
        let actions: Vec<Action> = sent.iter().map(|&(_, action)| action).collect();
        assert_eq!(actions, [Action::DisableRetries, Action::RebalanceAll]);
        Ok(())
    }
}
