//! How much a generated cluster has to do: the entries' shares, calls per request, and every service's nominal rate.

use super::{
    draw::{chance, rounded},
    graph::{Graph, Role},
};
use crate::{rng::CounterRng, scenario::CallMode};

/// User requests per second for each service of the cluster.
const USERS_PER_SERVICE: f32 = 60.0;
/// Calls per request, and most that are drawn to somebody else's service, which is dear.
const CALLS: [f32; 2] = [0.05, 2.0];
const EXTERNAL_CALLS: f32 = 0.5;
/// Least requests per second of a service, where its callers suffice, and most as a ratio of the users'.
const LEAST_PER_S: f32 = 12.0;
const MOST_RATIO: f32 = 1.5;

/// What users ask for and how it spreads over the call graph.
pub(super) struct Load {
    /// User requests per second.
    pub users_per_s: f32,
    /// Share of the users by entry.
    pub shares: Vec<f32>,
    /// Mean calls per request, by edge.
    pub calls: Vec<f32>,
    /// Requests per second, by service.
    pub per_s: Vec<f32>,
    /// Hit ratio, by service; 0 for what is no cache.
    pub hit_ratios: Vec<f32>,
}

impl Load {
    pub fn draw(graph: &Graph, rng: &mut CounterRng) -> Self {
        let services = graph.roles.len();
        let entries = graph.roles.iter().filter(|&&role| role == Role::Entry).count();
        let hit_ratios: Vec<f32> = graph
            .roles
            .iter()
            .map(|&role| if role == Role::Cache { rounded(rng.between(0.8, 0.95), 100.0) } else { 0.0 })
            .collect();
        let mut load = Self {
            users_per_s: USERS_PER_SERVICE * services as f32,
            shares: shares(entries),
            calls: graph.edges.iter().map(|edge| calls(edge.mode, graph.roles[edge.to], rng)).collect(),
            per_s: vec![0.0; services],
            hit_ratios,
        };
        let total: f32 = load.shares.iter().sum();
        for (entry, &share) in load.shares.iter().enumerate() {
            load.per_s[entry] = load.users_per_s * share / total;
        }
        let mut incoming = vec![Vec::new(); services];
        for (index, edge) in graph.edges.iter().enumerate() {
            incoming[edge.to].push(index);
        }
        // Callers come first, so that their rates are known.
        for (service, incoming) in incoming.iter().enumerate().skip(entries) {
            load.settle(graph, service, incoming);
        }
        load
    }

    /// Calls made for each request that an edge's caller gets.
    pub fn times(&self, graph: &Graph, index: usize) -> f32 {
        let edge = graph.edges[index];
        let missed = if edge.mode == CallMode::Miss { 1.0 - self.hit_ratios[edge.from] } else { 1.0 };
        self.calls[index] * missed
    }

    /// Brings the calls that a service gets to where its rate is neither idle nor an explosion.
    fn settle(&mut self, graph: &Graph, service: usize, incoming: &[usize]) {
        let rate = |load: &Self, index: usize| load.per_s[graph.edges[index].from] * load.times(graph, index);
        let fixed = |index: &&usize| graph.edges[**index].mode != CallMode::Sync;
        let given: f32 = incoming.iter().filter(fixed).map(|&index| rate(self, index)).sum();
        let drawn: f32 = incoming.iter().map(|&index| rate(self, index)).sum::<f32>() - given;
        let most = MOST_RATIO * self.users_per_s;
        let wanted = drawn.clamp((LEAST_PER_S - given).max(0.0), (most - given).max(LEAST_PER_S));
        for &index in incoming.iter().filter(|index| !fixed(index)) {
            // Rounding up keeps the least rate.
            let calls = (self.calls[index] * wanted / drawn).clamp(CALLS[0], CALLS[1]);
            self.calls[index] = if wanted > drawn { (calls * 100.0).ceil() / 100.0 } else { rounded(calls, 100.0) };
        }
        self.per_s[service] = incoming.iter().map(|&index| rate(self, index)).sum();
    }
}

/// Long-tailed shares: the k-th entry's is 1 / k^1.5 of the first one's.
fn shares(entries: usize) -> Vec<f32> {
    (1..=entries).map(|k| rounded(1.0 / (k as f32 * (k as f32).sqrt()), 10_000.0)).collect()
}

fn calls(mode: CallMode, to: Role, rng: &mut CounterRng) -> f32 {
    let often = if to == Role::External {
        rng.between(CALLS[0], EXTERNAL_CALLS)
    } else if chance(rng, 0.25) {
        rng.between(CALLS[0], 0.25)
    } else if chance(rng, 0.8) {
        rng.between(0.25, 1.0)
    } else {
        rng.between(1.0, CALLS[1])
    };
    if mode == CallMode::Sync { often } else { 1.0 }
}
