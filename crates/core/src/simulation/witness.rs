//! Those who look at every tick: an audit does, ordinary play does not and pays nothing for it.

use crate::{state::ClusterState, topology::Topology};

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
}

/// Looks at nothing.
pub(crate) struct Nobody;

impl Witness for Nobody {}
