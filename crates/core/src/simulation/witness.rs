//! Those who look at every tick: an audit does, ordinary play does not and pays nothing for it.

use crate::{state::ClusterState, topology::Topology};

/// A part of a step, in the order of a tick; the first and the last four come once per decision or episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The state is fetched from memory.
    Fetch,
    /// Actions take effect.
    Actions,
    /// Faults begin, last and end.
    Faults,
    /// Databases, disks and autoscalers.
    Controllers,
    /// Replicas start, warm up, restart, crash.
    Replicas,
    /// Users arrive.
    Arrivals,
    /// Requests go from callers to callees.
    Forward,
    /// Answers come back.
    Backward,
    /// Leaks, ejections and health checks.
    Health,
    /// Scrapes.
    Telemetry,
    /// An action is accepted, rewards and metrics are drawn up.
    Decision,
    /// The observation is written.
    Observation,
    /// The action mask is written.
    Mask,
    /// A level begins.
    Reset,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 14] = [
        Self::Fetch,
        Self::Actions,
        Self::Faults,
        Self::Controllers,
        Self::Replicas,
        Self::Arrivals,
        Self::Forward,
        Self::Backward,
        Self::Health,
        Self::Telemetry,
        Self::Decision,
        Self::Observation,
        Self::Mask,
        Self::Reset,
    ];
}

/// Is told when a phase of a step has ended, as a stopwatch would be.
pub trait PhaseWatch {
    /// The phase that ended.
    fn ended(&mut self, phase: Phase);
}

/// Sees the state at the moments of a tick at which its balances can be drawn up.
pub(crate) trait Witness {
    /// Before anything has happened.
    fn begins(&mut self, _state: &ClusterState) {}
    /// After requests went from callers to callees.
    fn forwarded(&mut self, _topology: &Topology, _state: &ClusterState) {}
    /// After answers went from callees to callers.
    fn answered(&mut self, _topology: &Topology, _state: &ClusterState) {}
    /// After everything has happened.
    fn ended(&mut self, _topology: &Topology, _state: &ClusterState) {}
    /// After a phase.
    fn after(&mut self, _phase: Phase) {}
}

/// Looks at nothing.
pub(crate) struct Nobody;

impl Witness for Nobody {}

/// Looks at the clock only.
pub(crate) struct Watched<'a, W>(pub &'a mut W);

impl<W: PhaseWatch> Witness for Watched<'_, W> {
    fn after(&mut self, phase: Phase) {
        self.0.ended(phase);
    }
}
