//! F16, network loss: messages in one zone get lost or come late, while every host there is well.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    lanes::{f32x4, lane, one_hot},
    state::ClusterState,
    topology::Topology,
};

/// Calls answered in the zone suffer, whoever makes them: callers wait for what is lost until they give up, and try again.
pub(super) struct NetworkLoss;

const CARD: Card = Card {
    name: "network loss",
    what: "A zone's network loses messages and delays the others: calls answered there fail or wait, and no host's \
           metric moves.",
    magnitude: "share of the calls answered in the zone that is lost",
    time: "step",
    symptoms: &[symptom(Place::Zone, "error_ratio", Moves::Up), symptom(Place::Cluster, "p99_latency", Moves::Up)],
    right: &[
        Step::once(Remedy::Rebalance, Place::Zone),
        Step::once(Remedy::Rebalance, Place::Zone).after(60.0),
    ],
    right_words: "shift traffic out of the zone, in two or three steps",
    wrong: &[Step::once(Remedy::Restart, Place::Busiest)],
    wrong_words: "restart both ends: nothing is wrong with either",
    role: Role::Scored,
    source: "Chaos Mesh NetworkChaos (loss, delay); Litmus pod-network-loss",
};

/// Seconds that the zone's network adds to a call at a loss of one.
const DELAY_S: f32 = 0.1;

impl FaultModel for NetworkLoss {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let (Some(zone), false) = (event.zone(), event.mended) else { return };
        let lost = event.magnitude * event.strength(tick);
        for (table, call) in topology.calls.iter().zip(&mut state.calls) {
            let callee = &state.services[table.to];
            // Who calls from elsewhere meets the zone's network as far as the call spills into it.
            let here = one_hot(zone) * callee.local
                + (f32x4::ONE - callee.local) * f32x4::splat(lane(callee.spill, zone));
            call.loss = f32x4::ONE - (f32x4::ONE - call.loss) * (f32x4::ONE - here * f32x4::splat(lost));
            call.delay_s += here * f32x4::splat(lost * DELAY_S);
        }
    }
}
