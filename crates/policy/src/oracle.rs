//! The reference policy that knows which faults are active and simulates its choices ahead.

use std::sync::Arc;

use microcloud_core::{Action, Environment, FaultReport, FaultTarget, NodeId, ServiceId, Topology};

use crate::{
    Agent,
    calibrated_rules::{CalibratedAgent, CalibratedConfig, CalibratedError, CalibratedState},
};

/// Decisions between two searches while a fault is active.
const SEARCH_EVERY: u32 = 6;
/// Decisions that a search simulates ahead.
const HORIZON: u32 = 24;
/// Most actions that a search tries besides no-op.
const MAX_CANDIDATES: usize = 8;

/// A policy that may look at the environment itself; every other policy sees the observation and the mask.
pub trait PrivilegedPolicy: Send {
    /// The name under which results are reported.
    fn name(&self) -> &str;

    /// The action for one environment at its current decision; an environment at decision 0 starts an episode.
    fn act(&mut self, environment: &Environment) -> usize;

    /// Why the last action was chosen, in words; none where it was no-op or the policy cannot say.
    fn reason(&self) -> Option<String> {
        None
    }
}

/// Follows the rules, and at a fault's onset and every six decisions while one is active takes what a simulation of the
/// next 24 decisions finds best: no-op or one of at most eight actions near the fault, each followed by the rules.
///
/// It is a reference, not an upper bound.
pub struct Oracle {
    agent: CalibratedAgent,
    state: CalibratedState,
    seen: usize,
    searched: Option<u32>,
    why: Option<String>,
    observation: Vec<f32>,
    mask: Vec<bool>,
}

impl Oracle {
    /// An oracle whose rules are these.
    ///
    /// # Errors
    /// Rules that do not fit the topology.
    pub fn new(rules: CalibratedConfig, topology: &Arc<Topology>) -> Result<Self, CalibratedError> {
        let agent = CalibratedAgent::new(rules, topology)?;
        Ok(Self {
            state: agent.start(),
            agent,
            seen: 0,
            searched: None,
            why: None,
            observation: vec![0.0; topology.observation_size()],
            mask: vec![false; topology.num_actions()],
        })
    }

    /// Actions on the faulty targets and their neighbours, nearest first, those of several faults in turn.
    fn candidates(&self, environment: &Environment, faults: &[FaultReport]) -> Vec<usize> {
        let topology = environment.topology();
        let near: Vec<Vec<Action>> = faults.iter().map(|fault| near(environment, fault)).collect();
        let longest = near.iter().map(Vec::len).max().unwrap_or(0);
        let mut candidates = Vec::new();
        for rank in 0..longest {
            for action in near.iter().filter_map(|actions| actions.get(rank)) {
                let index = topology.action_index(*action).filter(|&index| self.mask[index]);
                if let Some(index) = index.filter(|index| !candidates.contains(index)) {
                    candidates.push(index);
                }
            }
        }
        candidates.truncate(MAX_CANDIDATES);
        candidates
    }

    /// The best of no-op and the candidates by summed reward; ties go to the earlier, no-op first.
    fn search(&self, environment: &Environment, faults: &[FaultReport]) -> usize {
        let mut best = (0, self.simulate(environment, 0));
        for action in self.candidates(environment, faults) {
            let value = self.simulate(environment, action);
            if value > best.1 + 1e-9 {
                best = (action, value);
            }
        }
        best.0
    }

    /// The reward over the horizon of one action followed by the rules.
    fn simulate(&self, environment: &Environment, action: usize) -> f64 {
        let mut environment = environment.clone();
        let mut state = self.state.clone();
        let mut observation = vec![0.0; self.observation.len()];
        let mut mask = vec![false; self.mask.len()];
        self.agent.note(&mut state, action);
        let mut next = action;
        let mut total = 0.0;
        for _ in 0..HORIZON {
            let transition = environment.step(next);
            total += transition.reward;
            if transition.terminated || transition.truncated {
                break;
            }
            environment.observe(&mut observation);
            environment.action_mask(&mut mask);
            next = self.agent.decide(&mut state, &observation, &mask);
        }
        total
    }
}

/// Actions on a faulty target and its neighbours, nearest first.
fn near(environment: &Environment, fault: &FaultReport) -> Vec<Action> {
    let topology = environment.topology();
    let nodes = || (0..topology.num_nodes() as u32).map(NodeId);
    match fault.target {
        FaultTarget::Service(service) => near_service(environment, fault, service),
        FaultTarget::Node(node) => {
            let zone = topology.node_zone(node);
            let own = [Action::Drain(node), Action::Return(node), Action::Rebalance(zone), Action::RebalanceAll];
            own.into_iter().chain(nodes().filter(|&other| other != node).map(Action::Return)).collect()
        }
        FaultTarget::Zone(zone) => {
            let inside = nodes().filter(|&node| topology.node_zone(node) == zone);
            let hosts = inside.flat_map(|node| [Action::Drain(node), Action::Return(node)]);
            [Action::Rebalance(zone), Action::RebalanceAll].into_iter().chain(hosts).collect()
        }
        FaultTarget::Cluster => {
            let entry = topology.service(&topology.scenario().workload.entry);
            let callees = entry.into_iter().flat_map(|entry| topology.callees(entry));
            let mut actions: Vec<Action> = entry.into_iter().chain(callees).map(Action::ScaleUp).collect();
            actions.insert(1.min(actions.len()), Action::RebalanceAll);
            actions
        }
    }
}

/// The service itself, one node that hosts struck replicas and its zone, then callers to restart and callees to scale in
/// turn.
fn near_service(environment: &Environment, fault: &FaultReport, service: ServiceId) -> Vec<Action> {
    let topology = environment.topology();
    let mut actions = vec![Action::Restart(service), Action::ScaleUp(service)];
    if let Some(&node) = environment.struck_nodes(fault).first() {
        actions.extend([Action::Drain(node), Action::Rebalance(topology.node_zone(node))]);
    }
    let (callers, callees): (Vec<_>, Vec<_>) =
        (topology.callers(service).collect(), topology.callees(service).collect());
    for place in 0..callers.len().max(callees.len()) {
        actions.extend(callers.get(place).map(|&id| Action::Restart(id)));
        actions.extend(callees.get(place).map(|&id| Action::ScaleUp(id)));
    }
    actions.extend(callers.iter().map(|&id| Action::ScaleUp(id)));
    actions.extend(callees.iter().map(|&id| Action::Restart(id)));
    actions.push(Action::ScaleDown(service));
    actions
}

impl PrivilegedPolicy for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn act(&mut self, environment: &Environment) -> usize {
        let decision = environment.decision();
        if decision == 0 {
            (self.state, self.seen, self.searched) = (self.agent.start(), 0, None);
        }
        environment.observe(&mut self.observation);
        environment.action_mask(&mut self.mask);
        self.agent.observe(&mut self.state, &self.observation);
        let now_s = environment.time_s();
        let begun = environment.faults().iter().filter(|fault| fault.onset_s <= now_s).count();
        let active = environment.active_faults();
        let onset = begun > self.seen;
        self.seen = begun;
        let due = self.searched.is_none_or(|searched| decision >= searched + SEARCH_EVERY);
        let action = if !active.is_empty() && (onset || due) {
            self.searched = Some(decision);
            let action = self.search(environment, &active);
            let faults: Vec<String> = active.iter().map(|fault| fault.id.to_string()).collect();
            self.why = Some(format!("a search of {HORIZON} decisions under {}", faults.join(" and ")));
            action
        } else if begun > 0 {
            let (action, why) = self.agent.explained(&self.state, &self.observation, &self.mask);
            self.why = why;
            action
        } else {
            0
        };
        if action == 0 {
            self.why = None;
        }
        self.agent.note(&mut self.state, action);
        action
    }

    fn reason(&self) -> Option<String> {
        self.why.clone()
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{Level, Scenario, Split};

    use super::*;
    use crate::calibrated_rules::calibrated_for;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn play(level: Level, topology: &Arc<Topology>, oracle: &mut Oracle) -> Vec<usize> {
        let mut environment = Environment::new(Arc::clone(topology));
        environment.reset(level);
        let mut actions = Vec::new();
        loop {
            actions.push(oracle.act(&environment));
            let transition = environment.step(actions[actions.len() - 1]);
            if transition.terminated || transition.truncated {
                return actions;
            }
        }
    }

    #[test]
    fn it_stays_its_hand_until_a_fault_begins_and_plays_a_level_the_same_each_time() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let mut oracle = Oracle::new(calibrated_for("spine12"), &topology)?;
        let levels = topology.draw_levels(Split::Train, 1, 2, false);
        let first = play(levels[0], &topology, &mut oracle);
        play(levels[1], &topology, &mut oracle);
        assert_eq!(play(levels[0], &topology, &mut oracle), first);
        let mut environment = Environment::new(Arc::clone(&topology));
        environment.reset(levels[0]);
        let onset_s = environment.faults().iter().map(|fault| fault.onset_s).fold(f64::INFINITY, f64::min);
        for &action in &first {
            if environment.time_s() < onset_s {
                assert_eq!(action, 0);
            }
            environment.step(action);
        }
        Ok(())
    }

    #[test]
    fn it_never_intervenes_on_a_level_without_faults() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let mut oracle = Oracle::new(calibrated_for("spine12"), &topology)?;
        let level = topology.draw_levels(Split::Train, 1, 1, true)[0];
        assert!(play(level, &topology, &mut oracle).iter().all(|&action| action == 0));
        Ok(())
    }

    #[test]
    fn a_search_tries_at_most_eight_legal_actions() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let mut oracle = Oracle::new(calibrated_for("spine12"), &topology)?;
        oracle.mask.fill(true);
        for level in topology.draw_levels(Split::Train, 2, 40, false) {
            let mut environment = Environment::new(Arc::clone(&topology));
            environment.reset(level);
            let candidates = oracle.candidates(&environment, &environment.faults());
            assert!(!candidates.is_empty() && candidates.len() <= MAX_CANDIDATES && !candidates.contains(&0));
        }
        Ok(())
    }
}
