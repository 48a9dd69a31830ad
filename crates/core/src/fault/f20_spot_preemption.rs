//! F20, spot preemption: the provider takes a node back, after short notice.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments::{self, Release},
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// The ramp is the notice; from its end on the node is gone, with every replica that nobody moved off it, until the
/// provider has another one.
pub(super) struct SpotPreemption;

const CARD: Card = Card {
    name: "spot preemption",
    what: "The provider announces that it takes a node back, and does; what nobody moved off it is gone until it is \
           replaced.",
    magnitude: "unused (1)",
    time: "the ramp is the notice of two minutes, from half of that; then a step",
    symptoms: &[
        symptom(Place::Nodes, "notice", Moves::Up),
        symptom(Place::Zone, "ready", Moves::Down),
        symptom(Place::Zone, "error_ratio", Moves::Up),
    ],
    right: &[Step::once(Remedy::Drain, Place::Nodes).after(5.0)],
    right_words: "drain the node while there is time",
    wrong: &[Step::once(Remedy::Drain, Place::OtherNode).after(5.0)],
    wrong_words: "ignore the notice, or drain another node: its replicas may move to the one that goes",
    role: Role::Scored,
    source: "the two-minute notice of Amazon EC2's spot instances; Litmus node-drain",
};

const GONE: Impairment = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };

impl FaultModel for SpotPreemption {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::SpotNode
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let Some(node) = event.node().filter(|_| !event.mended) else { return };
        let gone_tick = event.onset_tick + event.ramp_ticks;
        state.nodes[node].notice = event.strength(tick);
        if tick == gone_tick {
            impairments::impair_node(topology, state, node, GONE, event.slot);
        }
        if tick >= gone_tick {
            state.nodes[node].up = false;
            impairments::hold_all(state, GONE, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        let how = if event.mended { Release::Recover } else { Release::Start };
        impairments::release_all(topology, state, how, event.slot);
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::Trial};

    #[test]
    fn a_node_that_was_drained_in_time_is_not_missed() {
        let bad = |action: Option<&str>| {
            let mut trial = Trial::spine12(FaultId::F20, "a1", 1.0, 120, 400);
            trial.run(20);
            assert!((0.01..0.2).contains(&trial.0.state.nodes[0].notice) && trial.0.state.nodes[0].up);
            if let Some(action) = action {
                trial.send(action);
            }
            trial.run(100);
            assert!(trial.0.state.nodes[0].up && trial.0.state.nodes[0].notice > 0.9);
            let bad = trial.run(200);
            assert!(!trial.0.state.nodes[0].up);
            trial.run(200);
            assert!(trial.0.state.nodes[0].up && trial.0.state.nodes[0].notice == 0.0);
            assert!(trial.run(10) < 0.01, "it is back");
            bad
        };
        let (ignored, drained, other) = (bad(None), bad(Some("drain(a1)")), bad(Some("drain(a2)")));
        assert!(drained < 0.01 && ignored > 0.02 && other > 2.0 * ignored, "{ignored} {drained} {other}");
    }
}
