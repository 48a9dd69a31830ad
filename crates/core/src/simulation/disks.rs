//! Disks: replicas log what they do, logs are rotated, and nothing starts where a disk is full.

use crate::{
    state::{ClusterState, DISK_AT_START},
    topology::Topology,
};

/// Ticks between two looks at the disks, which change slowly.
const EVERY_TICKS: u64 = 4;
/// Share of a disk that is logged per second at the usual load, and seconds between two rotations.
const LOGGED_PER_S: f32 = 0.000_5;
const ROTATION_S: f32 = 300.0;

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    if !state.tick.is_multiple_of(EVERY_TICKS) {
        return;
    }
    let tick_s = topology.tick_s * EVERY_TICKS as f32;
    let (look, looks) = (state.tick / EVERY_TICKS, ((ROTATION_S / tick_s) as u64).max(1));
    let usual = topology.scenario().workload.rate_per_s.max(1e-6);
    let load = state.arrivals_per_s.reduce_add() / usual;
    for (index, node) in state.nodes.iter_mut().enumerate() {
        // Nodes rotate one after another, and not while something else keeps their files open.
        let turn = looks * index as u64 / topology.nodes.len() as u64;
        if node.filling == 0.0 && (look + turn).is_multiple_of(looks) {
            node.disk = DISK_AT_START;
        }
        if topology.disks_fill {
            node.disk = (node.disk + (LOGGED_PER_S * load + node.filling) * tick_s).min(1.0);
        }
    }
}
