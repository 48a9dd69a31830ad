//! A cluster's state before anything happens, and how one state becomes a copy of another.

use crate::{
    lanes::{NODE_LANES, f32x4},
    level::{Level, Split},
    state::{
        Accounts, CRASH_BACKOFF_S, CallState, ClusterState, Impairment, NEVER, NodeState, Placement, Population,
        ServiceState, ServiceTelemetry,
    },
    topology::{DELAY_STAGES, STARTUP_STAGES, Topology},
};

impl ClusterState {
    /// A cluster that nothing has happened to.
    pub(crate) fn new(topology: &Topology) -> Self {
        let zero = f32x4::ZERO;
        let population = Population {
            in_system: zero,
            ready: zero,
            served_per_s: zero,
            capacity_per_s: zero,
            leaked: zero,
            check_runs: [f32x4::ONE, zero, zero, zero],
            ejected: zero,
            share: zero,
            own_mean_s: zero,
            own_sd_s: zero,
            mean_s: zero,
            sd_s: zero,
        };
        let call = |retries: u8, budgeted: bool, guarded: bool| CallState {
            waiting: [zero; DELAY_STAGES],
            retrying: false,
            granted_per_s: zero,
            tokens: zero,
            allowed: f32x4::ONE,
            attempts_per_s: zero,
            first_per_s: zero,
            failure: zero,
            retries,
            budgeted,
            guarded,
            failure_ewma: 0.0,
            pass: 1.0,
            breaker_wait_s: 0.0,
        };
        let services = topology
            .services
            .iter()
            .map(|table| ServiceState {
                populations: [population.clone(), population.clone()],
                impairment: Impairment::NONE,
                has_impaired: false,
                placement: Placement {
                    running: [table.placement, [0.0; NODE_LANES]],
                    starting: [[0.0; NODE_LANES]; STARTUP_STAGES],
                    crashed: [0.0; NODE_LANES],
                    unplaced: 0.0,
                },
                wanted: table.replicas,
                moving: false,
                restart_left: [0.0; 2],
                lost: zero,
                cold: zero,
                crash_wait_s: 0.0,
                crash_backoff_s: CRASH_BACKOFF_S.0,
                speed: 1.0,
                leak_per_s: 0.0,
                local: table.present,
                spill: table.present,
                all_local: table.everywhere,
                inflow: zero,
                offered_per_s: zero,
                own_success: f32x4::ONE,
                failure: zero,
                calls_mean_s: zero,
                hit_ratio: table.hit_ratio,
                depth: zero,
                refused: zero,
                consumed_per_s: zero,
                requests: zero,
                failures: zero,
                telemetry: ServiceTelemetry {
                    requests: 0.0,
                    error_ratio: 0.0,
                    p99_latency: 0.0,
                    utilisation: 0.0,
                    memory: table.memory,
                    queue: 0.0,
                    ready: 1.0,
                    error_ratio_mean: 0.0,
                    p99_latency_mean: 0.0,
                    utilisation_mean: 0.0,
                    memory_mean: table.memory,
                    scraped_at: 0,
                    counted_ticks: 0,
                    acted_at: NEVER,
                },
            })
            .collect();
        let zones = topology.num_zones();
        let weights = f32x4::from(std::array::from_fn(|zone| if zone < zones { 1.0 / zones as f32 } else { 0.0 }));
        Self {
            level: Level::draw(Split::Train, 0, 0),
            tick: 0,
            decision: 0,
            services,
            calls: topology
                .calls
                .iter()
                .map(|table| call(table.retries, table.budget.is_some(), table.breaker))
                .collect(),
            entry: call(topology.entry.retries, false, false),
            nodes: topology
                .nodes
                .iter()
                .map(|_| NodeState { up: true, drained: false, steal: 0.0, cpu_pressure: 0.0 })
                .collect(),
            zone_weight: weights,
            zone_target: weights,
            load_factor: 1.0,
            load_multiplier: 1.0,
            cycle_phase: 0.0,
            arrivals_per_s: zero,
            p99_s: 0.0,
            faults: Vec::with_capacity(crate::fault::MAX_FAULTS),
            scrape_phase: vec![0; topology.num_services()],
            next_check_us: vec![1; topology.num_services()],
            pending: Vec::with_capacity(64),
            acted_at: NEVER,
            cores_used: [0.0; NODE_LANES],
            accounts: Accounts::default(),
            seen_error_ratio: 0.0,
            seen_zone_error: [0.0; 4],
            seen_p99: 0.0,
            seen_load: 1.0,
        }
    }
}

impl ClusterState {
    /// Becomes a copy of another state of the same topology, in the memory it already has.
    pub(crate) fn clone_from_state(&mut self, other: &Self) {
        let kept = (
            std::mem::take(&mut self.services),
            std::mem::take(&mut self.calls),
            std::mem::take(&mut self.nodes),
            std::mem::take(&mut self.faults),
            std::mem::take(&mut self.scrape_phase),
            std::mem::take(&mut self.next_check_us),
            std::mem::take(&mut self.pending),
        );
        let (mut services, mut calls, mut nodes, mut faults, mut scrape_phase, mut next_check_us, mut pending) = kept;
        services.clone_from(&other.services);
        calls.clone_from(&other.calls);
        nodes.clone_from(&other.nodes);
        faults.clone_from(&other.faults);
        scrape_phase.clone_from(&other.scrape_phase);
        next_check_us.clone_from(&other.next_check_us);
        pending.clone_from(&other.pending);
        *self = Self {
            services,
            calls,
            nodes,
            faults,
            scrape_phase,
            next_check_us,
            pending,
            entry: other.entry.clone(),
            accounts: other.accounts.clone(),
            level: other.level,
            tick: other.tick,
            decision: other.decision,
            zone_weight: other.zone_weight,
            zone_target: other.zone_target,
            load_factor: other.load_factor,
            load_multiplier: other.load_multiplier,
            cycle_phase: other.cycle_phase,
            arrivals_per_s: other.arrivals_per_s,
            p99_s: other.p99_s,
            acted_at: other.acted_at,
            cores_used: other.cores_used,
            seen_error_ratio: other.seen_error_ratio,
            seen_zone_error: other.seen_zone_error,
            seen_p99: other.seen_p99,
            seen_load: other.seen_load,
        };
    }
}
