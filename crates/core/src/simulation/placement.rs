//! Where replicas go: scaling, placing on nodes, draining nodes.

use crate::{
    lanes::{NODE_LANES, ZONE_LANES, f32x8},
    simulation::replicas::{SPECK, Stop, stop},
    state::{ClusterState, HEALTHY, IMPAIRED, ServiceState},
    topology::{STARTUP_STAGES, ServiceTable, Topology},
};

/// Changes the number of replicas wanted: new ones start where there is most room, surplus ones stop.
pub(crate) fn scale(topology: &Topology, state: &mut ClusterState, service: usize, change: f32) {
    let own = &mut state.services[service];
    own.moving = true;
    own.wanted += change;
    if change > 0.0 {
        own.placement.unplaced += change;
        place(topology, state, service);
        return;
    }
    let mut left = -change;
    let from_unplaced = left.min(own.placement.unplaced);
    own.placement.unplaced -= from_unplaced;
    left -= from_unplaced;
    while left > SPECK {
        let own = &mut state.services[service];
        // The fullest zone gives first, and its fullest node: those not ready yet, then those whose checks fail, then any:
        // an error that checks do not see is no reason to be chosen.
        let Some(node) = fullest(topology, own) else { break };
        let mut unit = left.min(1.0);
        left -= unit;
        for stage in 0..STARTUP_STAGES {
            unit -= take(&mut own.placement.starting[stage][node], unit);
        }
        unit -= take(&mut own.placement.crashed[node], unit);
        let not_ready = own.impairment.check_failure >= 1.0;
        let [healthy, impaired] = own.placement.running.map(|running| running[node]);
        let share = if not_ready { 1.0 } else { (unit / (healthy + impaired).max(SPECK)).min(1.0) };
        let first = unit.min(impaired * share);
        for (kind, amount) in [(IMPAIRED, first), (HEALTHY, healthy.min(unit - first))] {
            stop(topology, own, service, node, kind, amount, Stop::Graceful);
            unit -= amount;
        }
        left += unit.max(0.0);
    }
    state.services[service].wanted += left;
    count_cores(topology, state);
}

fn take(from: &mut f32, most: f32) -> f32 {
    let taken = from.min(most).max(0.0);
    *from -= taken;
    taken
}

/// Starts replicas that are wanted and not placed, one by one, on the node where there is most room for them.
pub(crate) fn place(topology: &Topology, state: &mut ClusterState, service: usize) {
    let table = &topology.services[service];
    count_cores(topology, state);
    while state.services[service].placement.unplaced > SPECK {
        // A last speck goes with the last replica.
        let left = state.services[service].placement.unplaced;
        let unit = if left < 1.0 + SPECK { left } else { 1.0 };
        let Some(node) = roomiest(topology, state, service) else { break };
        let own = &mut state.services[service];
        own.placement.unplaced -= unit;
        own.placement.starting[0][node] += unit;
        own.moving = true;
        state.cores_used[node] += unit * table.cores;
    }
}

/// The fullest node of the service's fullest zone, if it has replicas at all.
fn fullest(topology: &Topology, own: &ServiceState) -> Option<usize> {
    let hosted = |node: usize| own.placement.on_node(node);
    let in_zone = |zone: usize| -> f32 {
        (0..topology.nodes.len()).filter(|&node| topology.nodes[node].zone == zone).map(hosted).sum()
    };
    (0..topology.nodes.len()).filter(|&node| hosted(node) > SPECK).max_by(|&a, &b| {
        let zones = in_zone(topology.nodes[a].zone).total_cmp(&in_zone(topology.nodes[b].zone));
        zones.then(hosted(a).total_cmp(&hosted(b))).then(b.cmp(&a))
    })
}

/// The node that can take one more replica: the service's thinnest zone, then the least requested node.
fn roomiest(topology: &Topology, state: &ClusterState, service: usize) -> Option<usize> {
    let table = &topology.services[service];
    let own = &state.services[service].placement;
    let in_zone = |zone: usize| -> f32 {
        (0..topology.nodes.len()).filter(|&n| topology.nodes[n].zone == zone).map(|n| own.on_node(n)).sum()
    };
    let load = |node: usize| state.cores_used[node] / topology.nodes[node].cores;
    let room = Room::new(topology, state);
    let takes = |&node: &usize| {
        let (host, own) = (&topology.nodes[node], &state.nodes[node]);
        let is_able = own.up && !own.stuck && own.disk < 1.0 && table.zone_bits >> host.zone & 1 != 0;
        is_able && has_room(&room.nodes[node], table.cores)
    };
    (0..topology.nodes.len()).filter(takes).min_by(|&a, &b| {
        let (zone_a, zone_b) = (topology.nodes[a].zone, topology.nodes[b].zone);
        in_zone(zone_a).total_cmp(&in_zone(zone_b)).then(load(a).total_cmp(&load(b))).then(a.cmp(&b))
    })
}

/// Cores that are left on the nodes that are not drained, and within their zones' quotas: what an operator can know.
pub(crate) struct Room {
    /// Requested, and allowed, on each node and in its zone.
    nodes: [[f32; 4]; NODE_LANES],
}

impl Room {
    pub(crate) fn new(topology: &Topology, state: &ClusterState) -> Self {
        let mut in_zone = [0.0; ZONE_LANES];
        for (node, cores) in topology.nodes.iter().zip(state.cores_used) {
            in_zone[node.zone % ZONE_LANES] += cores;
        }
        let mut nodes = [[0.0, -1.0, 0.0, -1.0]; NODE_LANES];
        for (index, (host, own)) in topology.nodes.iter().zip(&state.nodes).enumerate().take(NODE_LANES) {
            let zone = host.zone % ZONE_LANES;
            if !own.drained {
                let quota = topology.zone_quota[zone] + 1e-3;
                nodes[index] = [state.cores_used[index], host.cores + 1e-3, in_zone[zone], quota];
            }
        }
        Self { nodes }
    }

    /// Whether some node can take one more replica of a service.
    #[inline(always)]
    pub(crate) fn fits(&self, topology: &Topology, table: &ServiceTable) -> bool {
        let nodes = topology.nodes.iter().zip(&self.nodes);
        nodes.into_iter().any(|(host, node)| table.zone_bits >> host.zone & 1 != 0 && has_room(node, table.cores))
    }
}

#[inline(always)]
fn has_room(&[used, cores, in_zone, quota]: &[f32; 4], more: f32) -> bool {
    in_zone + more <= quota && used + more <= cores
}

/// Recounts the cores that replicas request of each node.
pub(crate) fn count_cores(topology: &Topology, state: &mut ClusterState) {
    let mut used = f32x8::ZERO;
    for (table, own) in topology.services.iter().zip(&state.services) {
        if table.is_managed() {
            used += own.placement.on_nodes() * f32x8::splat(table.cores);
        }
    }
    state.cores_used = used.to_array();
}

/// Moves every replica off a node: what runs stops gracefully, and as many start elsewhere.
pub(crate) fn drain(topology: &Topology, state: &mut ClusterState, node: usize) {
    state.nodes[node].drained = true;
    for service in 0..topology.services.len() {
        if !topology.services[service].is_managed() {
            continue;
        }
        let own = &mut state.services[service];
        let amount = own.placement.on_node(node);
        if amount <= 0.0 {
            continue;
        }
        for kind in [IMPAIRED, HEALTHY] {
            let running = own.placement.running[kind][node];
            stop(topology, own, service, node, kind, running, Stop::Graceful);
        }
        for stage in &mut own.placement.starting {
            stage[node] = 0.0;
        }
        own.placement.crashed[node] = 0.0;
        own.placement.unplaced += amount;
        own.moving = true;
        place(topology, state, service);
    }
    count_cores(topology, state);
}

/// Lets a drained node take replicas again, those that found no room first.
pub(crate) fn undrain(topology: &Topology, state: &mut ClusterState, node: usize) {
    state.nodes[node].drained = false;
    for service in 0..topology.services.len() {
        if state.services[service].placement.unplaced > 0.0 {
            place(topology, state, service);
        }
    }
}
