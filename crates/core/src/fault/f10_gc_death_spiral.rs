//! F10, GC death spiral: replicas hold so much memory that collection takes their time, and what queues holds more.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::f32x4, state::ClusterState, topology::Topology};

/// What is held goes with the replicas that hold it: a restarted one begins without.
pub(super) struct GcDeathSpiral;

const CARD: Card = Card {
    name: "GC death spiral",
    what: "A service's replicas hold most of their memory: collection takes their time, requests queue, and the queue \
           takes the rest of the memory.",
    magnitude: "share of a replica's memory that is held, idle use included",
    time: "step; until a restart, or until it is let go at the end",
    symptoms: &[
        symptom(Place::Target, "memory", Moves::Up),
        symptom(Place::Target, "utilisation", Moves::Up),
        symptom(Place::Target, "p99_latency", Moves::Up),
    ],
    right: &[Step::once(Remedy::Restart, Place::Target)],
    right_words: "restart in turn; shed meanwhile",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "scale down: more requests for each replica, and so more memory; restart all together",
    role: Role::Scored,
    source: "Huang et al., Metastable failures in the wild, OSDI'22, section 5.1; SREGym gc_capacity_degradation",
};

/// What the fault adds to a replica's memory.
fn held(topology: &Topology, service: usize, event: &FaultEvent) -> f32x4 {
    f32x4::splat((event.magnitude - topology.services[service].memory).max(0.0))
}

impl FaultModel for GcDeathSpiral {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            for population in &mut state.services[service].populations {
                let runs = population.ready.simd_gt(f32x4::ZERO);
                population.leaked += runs.bitselect(held(topology, service, event), f32x4::ZERO);
            }
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let (Some(service), true) = (event.service(), event.mended) {
            for population in &mut state.services[service].populations {
                population.leaked = f32x4::ZERO;
            }
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            for population in &mut state.services[service].populations {
                let left = population.leaked - held(topology, service, event);
                population.leaked = left.fast_max(f32x4::ZERO);
            }
        }
    }
}
