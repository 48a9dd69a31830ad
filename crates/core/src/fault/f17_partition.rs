//! F17, partition: a zone and the others cannot reach each other, and databases have two sides.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::set_lane, state::ClusterState, topology::Topology};

/// Users still reach every zone; calls that would cross the cut are lost, and databases see to their primaries.
pub(super) struct Partition;

const CARD: Card = Card {
    name: "partition",
    what: "A zone and the others cannot reach each other: calls across are waited for in vain; the side without a \
           majority of a database cannot write, or where nothing fences it both sides write and disagree.",
    magnitude: "unused (1)",
    time: "step; 1 to 10 minutes",
    symptoms: &[symptom(Place::Zone, "error_ratio", Moves::Up), symptom(Place::Cluster, "error_ratio", Moves::Up)],
    right: &[
        Step::repeated(Remedy::Rebalance, Place::Zone, 1, 0.0),
        Step::once(Remedy::RebalanceAll, Place::Cluster).after(600.0),
    ],
    right_words: "drain the users of the side without a majority, fence it, wait, and bring them back",
    wrong: &[Step::once(Remedy::Restart, Place::Busiest)],
    wrong_words: "restart what the majority still has; fail over on both sides",
    role: Role::Scored,
    source: "Chaos Mesh NetworkChaos (partition); SREGym network_policy_block",
};

impl FaultModel for Partition {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(zone) = event.zone().filter(|_| !event.mended) {
            set_lane(&mut state.condition.cut_off, zone, 1.0);
        }
    }
}
