//! F22, connection pool leak: some replicas of a service lose their connections until hardly any is left.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// What they may have open shrinks: requests queue in front of them, while those that they call have nothing to do.
pub(super) struct PoolLeak;

const CARD: Card = Card {
    name: "connection pool leak",
    what: "Some replicas of a service never give connections back: requests queue for the few that are left, and the \
           services behind have less and less to do.",
    magnitude: "share of a replica's connections that has leaked at full strength",
    time: "ramp of some minutes; the hours of a real leak are compressed some sixtyfold, so that a fresh replica's own \
           leak lies beyond the episode",
    symptoms: &[
        symptom(Place::Target, "queue", Moves::Up),
        symptom(Place::Target, "p99_latency", Moves::Up),
        symptom(Place::Callees, "utilisation", Moves::Down),
    ],
    right: &[Step::once(Remedy::Restart, Place::Target).after(60.0)],
    right_words: "restart the service that leaks",
    wrong: &[Step::repeated(Remedy::ScaleUp, Place::Callees, 1, 5.0).after(60.0)],
    wrong_words: "scale what it calls, which is idle; raise timeouts; scale it down",
    role: Role::Scored,
    source: "ITBench-AA; SREGym file_descriptor_exhaustion, ephemeral_port_range",
};

fn leaked(event: &FaultEvent, strength: f32) -> Impairment {
    Impairment { pool: 1.0 - event.magnitude * strength, ..Impairment::NONE }
}

impl FaultModel for PoolLeak {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 0.999)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            impairments::impair_some(topology, state, service, event.blast_radius, leaked(event, 0.0), event.slot);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if !event.mended {
            impairments::hold_all(state, leaked(event, event.strength(tick)), event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::Trial};

    #[test]
    fn a_leaking_pool_queues_in_front_of_an_idle_callee() {
        let mut trial = Trial::spine12(FaultId::F22, "gateway", 0.995, 100, 600);
        let idle = trial.service("auth").telemetry.utilisation;
        assert!(trial.run(30) < 0.01, "the ramp has only begun");
        assert!(trial.run(200) > 0.05);
        assert!(trial.service("auth").telemetry.utilisation < 0.8 * idle);
        assert!(trial.service("gateway").telemetry.queue > 0.6);
        let mut waited = Trial(trial.0.clone());
        trial.send("restart(gateway)");
        trial.run(150);
        assert!(trial.run(20) < 0.01, "fresh replicas have all their connections");
        waited.run(150);
        assert!(waited.run(20) > 0.05);
    }
}
