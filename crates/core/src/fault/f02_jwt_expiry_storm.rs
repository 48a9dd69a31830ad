//! F02, JWT expiry storm: tokens that were issued together expire together, and go on expiring too soon.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Issuing a token is more work than checking one. While tokens live too short, a service that cannot issue them as fast
/// as they expire does ever more of the expensive work.
pub(super) struct JwtExpiryStorm;

const CARD: Card = Card {
    name: "JWT expiry storm",
    what: "Most tokens expire at once, and new ones live for seconds only: the service that issues them saturates, and \
           the fewer it issues in time the more it is asked for.",
    magnitude: "share of the sessions that expires at the onset",
    time: "step; lifetimes of an hour are compressed to seconds, as is the time in which every user asks once",
    symptoms: &[
        symptom(Place::Target, "utilisation", Moves::Up),
        symptom(Place::Target, "p99_latency", Moves::Up),
        symptom(Place::Callers, "error_ratio", Moves::Up),
    ],
    right: &[Step::repeated(Remedy::ScaleUp, Place::Target, 4, 5.0)],
    right_words: "scale the issuing service up several times; shed",
    wrong: &[Step::repeated(Remedy::Restart, Place::Target, 3, 200.0)],
    wrong_words: "restart it: every session is lost, which is a second storm",
    role: Role::Scored,
    source: "SREGym secret_rotation_stale_env, expired_tls",
};

/// Seconds that a token lives while the fault lasts.
const LIFETIME_S: f32 = 3.5;

impl FaultModel for JwtExpiryStorm {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Sessions
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::RotateSecret)
    }

    fn begin(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            state.services[service].sessions *= 1.0 - event.magnitude;
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let (Some(service), false) = (event.service(), event.mended) {
            let own = &mut state.services[service];
            let left = LIFETIME_S / (LIFETIME_S + topology.tick_s);
            own.sessions *= left;
            own.condition.sessions_left *= left;
        }
    }
}
