//! F11, memory leak: a service's replicas lose memory until collection slows them down and they run out of it.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// A restarted replica starts anew, and leaks anew while the fault lasts.
pub(super) struct MemoryLeak;

const CARD: Card = Card {
    name: "memory leak",
    what: "A service's replicas leak memory until collection slows them down and all of them run out of it together.",
    magnitude: "seconds in which a replica's whole memory leaks at full strength",
    time: "ramp of up to a minute; the 10 to 60 minutes of a real leak are compressed sixfold",
    symptoms: &[symptom(Place::Target, "memory", Moves::Up)],
    right: &[Step::repeated(Remedy::Restart, Place::Target, 6, 150.0).after(100.0)],
    right_words: "restart in turn before memory is full, and again as long as it leaks",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "scale down; or wait until all run out of memory at the same moment",
    role: Role::Scored,
    source: "S1's rule memory_high; SREGym nightly_rebalance_oom",
};

impl FaultModel for MemoryLeak {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1e6)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if let Some(service) = event.service() {
            state.services[service].condition.leak_per_s += event.strength(tick) / event.magnitude;
        }
    }
}
