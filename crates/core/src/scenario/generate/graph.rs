//! Who calls whom in a generated cluster: roles, then a tree, then further callers of the services that are popular.

use super::draw::{below, chance, weighted};
use crate::{rng::CounterRng, scenario::CallMode};

/// Calls per service, the tree's included (a design value).
const CALLS_PER_SERVICE: f32 = 2.0;
/// Most calls on the way from an entry to a middle service that serves requests; a worker lies one deeper.
const MAX_LEVEL: usize = 3;
/// Chances that a middle service is a cache, or a broker with its worker, where there is room for one.
const CACHE_CHANCE: f32 = 0.15;
const BROKER_CHANCE: f32 = 0.12;
/// Chances that a leaf is a database or somebody else's; the others are stateless.
const DATABASE_CHANCE: f32 = 0.4;
const EXTERNAL_CHANCE: f32 = 0.1;
/// Chances that a service is shared: one that gets further callers.
const SHARED_MIDDLE_CHANCE: f32 = 0.25;
const SHARED_LEAF_CHANCE: f32 = 0.45;

/// What a service does in the call graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Called by users alone.
    Entry,
    /// Called and calling.
    Middle,
    /// Called for every request that it can answer, and calls a database for the others.
    Cache,
    /// Called to publish, and read by the worker that follows it.
    Broker,
    /// Reads a broker.
    Worker,
    /// Keeps data and calls nobody.
    Database,
    /// Somebody else's, and calls nobody that we know of.
    External,
    /// Stateless, and calls nobody.
    Leaf,
}

impl Role {
    /// Whether it makes calls of every kind.
    fn calls(self) -> bool {
        matches!(self, Role::Entry | Role::Middle | Role::Worker)
    }

    fn is_leaf(self) -> bool {
        matches!(self, Role::Database | Role::External | Role::Leaf)
    }
}

/// One service calls another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    pub mode: CallMode,
}

/// Services by role, and their calls; a caller's index is less than its callee's.
pub(super) struct Graph {
    pub roles: Vec<Role>,
    pub edges: Vec<Edge>,
    /// Calls on the way from an entry, by which callers come before callees.
    levels: Vec<usize>,
    callers: Vec<Vec<usize>>,
    callees: Vec<usize>,
}

impl Graph {
    pub fn draw(services: usize, rng: &mut CounterRng) -> Self {
        let roles = roles(services, rng);
        let mut graph = Self {
            levels: vec![0; services],
            callers: vec![Vec::new(); services],
            callees: vec![0; services],
            edges: Vec::new(),
            roles,
        };
        graph.grow_tree(rng);
        graph.share(rng);
        graph
    }

    fn connect(&mut self, from: usize, to: usize, mode: CallMode) {
        self.edges.push(Edge { from, to, mode });
        self.callers[to].push(from);
        self.callees[from] += 1;
    }

    /// Gives every service but the entries its first caller, so that all are reached from an entry.
    fn grow_tree(&mut self, rng: &mut CounterRng) {
        let entries = self.roles.iter().filter(|&&role| role == Role::Entry).count();
        for service in entries..self.roles.len() {
            let role = self.roles[service];
            let (parent, mode) = if role == Role::Worker {
                (service - 1, CallMode::Consume)
            } else if service < 2 * entries {
                (service - entries, CallMode::Sync)
            } else {
                (self.parent(service, rng), CallMode::Sync)
            };
            self.levels[service] = match role {
                Role::Cache => MAX_LEVEL + 2,
                role if role.is_leaf() => MAX_LEVEL + 3,
                _ => self.levels[parent] + 1,
            };
            self.connect(parent, service, mode);
        }
        let databases: Vec<usize> = self.with(|role| role == Role::Database);
        let leaves: Vec<usize> = self.with(Role::is_leaf);
        for service in 0..self.roles.len() {
            if self.roles[service] == Role::Cache {
                self.connect(service, databases[below(rng, databases.len())], CallMode::Miss);
            } else if self.roles[service].calls() && self.callees[service] == 0 {
                self.connect(service, leaves[below(rng, leaves.len())], CallMode::Sync);
            }
        }
    }

    /// The first caller of a service: the more a caller calls already, the likelier, which makes sizes heavy-tailed. A
    /// leaf goes to a caller that calls nobody yet, as long as there is one.
    fn parent(&self, service: usize, rng: &mut CounterRng) -> usize {
        let leaf = self.roles[service].is_leaf();
        let deep = leaf || self.roles[service] == Role::Cache;
        let able = |&caller: &usize| self.roles[caller].calls() && (deep || self.levels[caller] < MAX_LEVEL);
        let callers: Vec<usize> = (0..service).filter(able).collect();
        let idle = callers.iter().copied().find(|&caller| self.callees[caller] == 0);
        if let (true, Some(caller)) = (leaf, idle) {
            return caller;
        }
        let weights: Vec<f32> = callers.iter().map(|&caller| 1.0 + self.callees[caller] as f32).collect();
        callers[weighted(rng, &weights)]
    }

    /// Gives shared services further callers until there are as many calls as there should be: the more callers a
    /// service has already, the likelier (preferential attachment).
    fn share(&mut self, rng: &mut CounterRng) {
        let can_share = |role: Role| !matches!(role, Role::Entry | Role::Worker);
        let mut weights: Vec<f32> = Vec::with_capacity(self.roles.len());
        for &role in &self.roles {
            let deep = role.is_leaf() || role == Role::Cache;
            let shared = chance(rng, if deep { SHARED_LEAF_CHANCE } else { SHARED_MIDDLE_CHANCE });
            weights.push(if shared && can_share(role) { 1.0 } else { 0.0 });
        }
        let mut unshared: Vec<usize> =
            (0..weights.len()).filter(|&service| can_share(self.roles[service]) && weights[service] == 0.0).collect();
        let wanted = (CALLS_PER_SERVICE * self.roles.len() as f32).round() as usize;
        let mut taken = vec![usize::MAX; self.roles.len()];
        while self.edges.len() < wanted {
            if weights.iter().all(|&weight| weight == 0.0) {
                if unshared.is_empty() {
                    return;
                }
                weights[unshared.swap_remove(below(rng, unshared.len()))] = 1.0;
            }
            let service = weighted(rng, &weights);
            for &caller in &self.callers[service] {
                taken[caller] = service;
            }
            let able = |&caller: &usize| {
                self.roles[caller].calls() && self.levels[caller] < self.levels[service] && taken[caller] != service
            };
            let callers: Vec<usize> = (0..service).filter(able).collect();
            if callers.is_empty() {
                weights[service] = 0.0;
                continue;
            }
            self.connect(callers[below(rng, callers.len())], service, CallMode::Sync);
            weights[service] += 1.0;
        }
    }

    fn with(&self, wanted: impl Fn(Role) -> bool) -> Vec<usize> {
        (0..self.roles.len()).filter(|&service| wanted(self.roles[service])).collect()
    }
}

/// Entries, then middle services with caches last, then leaves: 13, 48 and 39 %.
fn roles(services: usize, rng: &mut CounterRng) -> Vec<Role> {
    let ratio = |ratio: f32| ((services as f32 * ratio).round() as usize).max(1);
    let (entries, leaves) = (ratio(0.13), ratio(0.39));
    let middles = services - entries - leaves;
    let mut roles = vec![Role::Entry; entries];
    let mut caches = 0;
    while roles.len() + caches < entries + middles {
        // The first are plain, so that every entry has one to call.
        let plain = roles.len() < 2 * entries;
        let room = entries + middles - roles.len() - caches;
        if !plain && chance(rng, CACHE_CHANCE) {
            caches += 1;
        } else if !plain && room >= 2 && chance(rng, BROKER_CHANCE) {
            roles.extend([Role::Broker, Role::Worker]);
        } else {
            roles.push(Role::Middle);
        }
    }
    roles.extend(vec![Role::Cache; caches]);
    roles.push(Role::Database);
    for _ in 1..leaves {
        let draw = rng.uniform();
        roles.push(match draw {
            draw if draw < DATABASE_CHANCE => Role::Database,
            draw if draw < DATABASE_CHANCE + EXTERNAL_CHANCE => Role::External,
            _ => Role::Leaf,
        });
    }
    roles
}
