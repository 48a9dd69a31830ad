//! F24, slow third party: somebody else's service answers late, and can take less.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::f32x4, state::ClusterState, topology::Topology};

/// Its replicas work more slowly, and every answer takes longer on its way: callers hold their connections meanwhile.
/// They trickle in byte by byte, so that neither breakers nor fallbacks notice, unless somebody holds a breaker open.
pub(super) struct SlowThirdParty;

const CARD: Card = Card {
    name: "slow third party",
    what: "A third party slows down until its answers trickle in too late: nothing fails, so that nobody falls \
           back, and users give up.",
    magnitude: "factor by which its work slows down; half of what that adds to a request is added on the way as well",
    time: "step",
    symptoms: &[symptom(Place::Target, "p99_latency", Moves::Up), symptom(Place::Callers, "p99_latency", Moves::Up)],
    right: &[
        Step::once(Remedy::OpenBreaker, Place::Target),
        Step::once(Remedy::CloseBreaker, Place::Target).after(600.0),
    ],
    right_words: "hold the breaker open, so that callers fall back at once, and close it when it is usually over; shed",
    wrong: &[Step::repeated(Remedy::ScaleUp, Place::Callers, 2, 10.0)],
    wrong_words: "scale or restart the callers, or let them try more often",
    role: Role::Extended,
    source: "SREGym payment_service_unreachable; Chaos Mesh HTTPChaos (delay)",
};

impl FaultModel for SlowThirdParty {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::External
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1000.0)
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        let Some(service) = event.service().filter(|_| !event.mended) else { return };
        state.services[service].condition.speed /= event.magnitude;
        let added = 0.5 * topology.services[service].service_s * (event.magnitude - 1.0);
        for (table, call) in topology.calls.iter().zip(&mut state.calls) {
            if table.to == service {
                call.delay_s += f32x4::splat(added);
                call.guarded = false;
                call.trickles = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::Trial};

    #[test]
    fn a_breaker_that_is_held_open_ends_the_wait_for_a_third_party() {
        let mut trial = Trial::spine12(FaultId::F24, "external", 20.0, 0, 300);
        assert!(trial.run(9) < 0.01);
        trial.run(60);
        let mut opened = Trial(trial.0.clone());
        for from in ["gateway", "worker"] {
            let call = opened.call(from, "external");
            opened.0.state.calls[call].held_open = true;
        }
        let (waiting, falling_back) = (trial.run(100), opened.run(100));
        // One request in ten asks for it, and half of the fallbacks serve.
        assert!((waiting - 0.1).abs() < 0.02 && (falling_back - 0.05).abs() < 0.01, "{waiting} {falling_back}");
    }
}
