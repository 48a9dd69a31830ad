//! F28, stale DNS: a wrong record sends most users to one zone, until it has expired everywhere.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    lanes::{exp_scalar, one_hot},
    state::ClusterState,
    topology::Topology,
};

/// Resolvers drop the record one after another as it expires: the share of users who follow it falls exponentially.
pub(super) struct StaleDns;

const CARD: Card = Card {
    name: "stale DNS",
    what: "A wrong record sends a share of the users to one zone, whatever the zones' weights, until their resolvers \
           have dropped it one after another; a quarter of those who follow it find an address where nobody is left.",
    magnitude: "share of the users who follow the record at the onset",
    time: "step, then an exponential decay with a quarter of the duration as its time constant, the record's lifetime",
    symptoms: &[symptom(Place::Zone, "error_ratio", Moves::Up), symptom(Place::Cluster, "error_ratio", Moves::Up)],
    right: &[],
    right_words: "wait until the record has expired",
    wrong: &[Step::repeated(Remedy::Rebalance, Place::Zone, 4, 15.0)],
    wrong_words: "shift the other users away again and again: once it has expired, the other zones have them all",
    role: Role::Wait,
    source: "Chaos Mesh DNSChaos; SREGym stale_coredns_config",
};

/// Share of those who follow the record that find nobody.
const LOST: f32 = 0.25;
/// Time constants of the decay in the fault's duration.
const LIFETIMES: f32 = 4.0;

impl FaultModel for StaleDns {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let Some(zone) = event.zone().filter(|_| !event.mended) else { return };
        let lasts = (event.end_tick - event.onset_tick).max(1) as f32;
        let since = tick.saturating_sub(event.onset_tick) as f32;
        let share = event.magnitude * exp_scalar(-LIFETIMES * since / lasts);
        // Two records at once: the one that more users follow counts.
        if share > state.condition.stale_share {
            state.condition.stale_share = share;
            state.condition.stale_weight = one_hot(zone);
            state.condition.stale_lost = LOST;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::{FaultId, trial::{ONSET_S, Trial}},
        lanes::lane,
    };

    #[test]
    fn a_stale_record_sends_users_to_one_zone_until_it_expires() {
        let mut trial = Trial::spine12(FaultId::F28, "b", 0.8, 0, 400);
        let share = |trial: &Trial| {
            let arrivals = trial.0.state.arrivals_per_s;
            lane(arrivals, 1) / arrivals.reduce_add()
        };
        trial.run(ONSET_S + 1);
        assert!((share(&trial) - (0.8 + 0.2 * 0.5)).abs() < 1e-3);
        trial.run(100);
        assert!((share(&trial) - (0.5 + 0.5 * 0.8 * (-1.0_f32).exp())).abs() < 1e-3);
        trial.run(400);
        assert!((share(&trial) - 0.5).abs() < 1e-6);
        assert!(trial.run(10) < 0.001);
    }

    #[test]
    fn those_whom_it_leads_nowhere_count_as_turned_away() {
        let mut trial = Trial::spine12(FaultId::F28, "b", 0.8, 0, 4000);
        trial.run(ONSET_S);
        let bad = trial.run(5);
        assert!((bad - 0.8 * 0.25).abs() < 0.005, "{bad}");
    }
}
