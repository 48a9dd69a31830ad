//! A cluster's state before anything happens, and how one state becomes a copy of another.

use crate::{
    lanes::{NODE_LANES, f32x4},
    level::{Level, Split},
    state::{
        Accounts, AutoscalerState, CacheKnobs, CallState, ClusterCondition, ClusterState, DatabaseState, Impairment,
        NEVER, NodeState, Placement, Population, Prompt, Remedies, ServiceCondition, ServiceState, ServiceTelemetry,
        Shed, parts::RECOMMENDATIONS,
    },
    topology::{DELAY_STAGES, MOST_RETRIES, STARTUP_STAGES, Topology},
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
            outlier: zero,
            ejections: zero,
            answered: f32x4::ONE,
            share: zero,
            own_mean_s: zero,
            own_sd_s: zero,
            mean_s: zero,
            sd_s: zero,
        };
        let call = |retries: u8, budgeted: bool, guarded: bool| CallState {
            waiting: [zero; DELAY_STAGES],
            backing_off: zero,
            tried: [zero; MOST_RETRIES],
            most_tried: 0,
            retrying: false,
            due_per_s: zero,
            loss: zero,
            delay_s: zero,
            stale_secret: 0.0,
            trickles: false,
            asked_per_s: 0.0,
            accepted_per_s: 0.0,
            throttle: 1.0,
            wrong: zero,
            granted_per_s: zero,
            granted_at_once_per_s: zero,
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
            held_open: false,
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
                crash_backoff_s: topology.crash_backoff_s.0,
                condition: ServiceCondition::NONE,
                scaling: 1.0,
                left: 0.0,
                finished: 0.0,
                charged: 0.0,
                membership: 0.0,
                local: table.present,
                spill: table.present,
                all_local: table.everywhere,
                inflow: zero,
                offered_per_s: zero,
                admitted_per_s: zero,
                taken: f32x4::ONE,
                own_success: f32x4::ONE,
                unseen: zero,
                write_error: zero,
                lasting: zero,
                wrong: zero,
                failure: zero,
                calls_mean_s: zero,
                calls_success: f32x4::ONE,
                prompt: Prompt { longest_s: f32::MAX, failure: zero, held_s: zero, variance: zero },
                hit_ratio: table.hit_ratio,
                hit_limit: table.hit_ratio,
                cache_knobs: CacheKnobs::default(),
                sessions: 1.0,
                pause_s: 0.0,
                dropped: 0.0,
                depth: zero,
                refused: zero,
                consumed_per_s: zero,
                pull_per_s: zero,
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
        // One action a decision, until its delay has passed, and none twice.
        let ticks = u64::from(topology.scenario().decision_ticks.max(1));
        let most_pending = topology.num_actions().min(topology.actuation_ticks.div_ceil(ticks) as usize + 1);
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
            has_stale_secrets: false,
            entries: topology.entries.iter().map(|table| call(table.retries, false, false)).collect(),
            nodes: topology
                .nodes
                .iter()
                .map(|_| NodeState {
                    up: true,
                    drained: false,
                    stuck: false,
                    steal: 0.0,
                    disk: DISK_AT_START,
                    filling: 0.0,
                    notice: 0.0,
                    mismatch: 0.0,
                    cpu_pressure: 0.0,
                    seen_disk: DISK_AT_START,
                    seen_mismatch: 0.0,
                })
                .collect(),
            zone_weight: weights,
            zone_target: weights,
            load_factor: 1.0,
            condition: ClusterCondition::NONE,
            disturbed: false,
            remedies: Remedies::default(),
            bad_ratio: 0.0,
            databases: topology
                .databases
                .iter()
                .map(|database| DatabaseState {
                    primary: topology.services[database.service].zones[0] as u32,
                    term: 1,
                    failover_left_s: 0.0,
                    lag_s: database.lag_s,
                    diverged: 0.0,
                    backup_age_s: 0.0,
                    lost_writes_s: 0.0,
                    down: false,
                    restore_left_s: 0.0,
                })
                .collect(),
            autoscalers: topology
                .autoscalers
                .iter()
                .map(|_| AutoscalerState { recommended: [0.0; RECOMMENDATIONS], looks: 0 })
                .collect(),
            cycle_phase: 0.0,
            arrivals_per_s: zero,
            turned_away_per_s: zero,
            tenants: vec![Shed::default(); topology.tenants.len()],
            p99_s: 0.0,
            faults: Vec::with_capacity(crate::fault::MAX_DRAWN_FAULTS),
            scrape_phase: vec![0; topology.num_services()],
            next_check_us: vec![[1; 2]; topology.num_services()],
            pass_runs: vec![zero; topology.num_pass_runs],
            pending: Vec::with_capacity(most_pending),
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
        macro_rules! keep_memory {
            ($($field:ident),*) => {{
                $(let mut $field = std::mem::take(&mut self.$field); $field.clone_from(&other.$field);)*
                *self = Self {
                    $($field,)*
                    remedies: other.remedies,
                    accounts: other.accounts.clone(),
                    level: other.level,
                    tick: other.tick,
                    decision: other.decision,
                    has_stale_secrets: other.has_stale_secrets,
                    zone_weight: other.zone_weight,
                    zone_target: other.zone_target,
                    load_factor: other.load_factor,
                    condition: other.condition,
                    disturbed: other.disturbed,
                    bad_ratio: other.bad_ratio,
                    cycle_phase: other.cycle_phase,
                    arrivals_per_s: other.arrivals_per_s,
                    turned_away_per_s: other.turned_away_per_s,
                    p99_s: other.p99_s,
                    acted_at: other.acted_at,
                    cores_used: other.cores_used,
                    seen_error_ratio: other.seen_error_ratio,
                    seen_zone_error: other.seen_zone_error,
                    seen_p99: other.seen_p99,
                    seen_load: other.seen_load,
                };
            }};
        }
        keep_memory!(
            services,
            calls,
            entries,
            nodes,
            databases,
            autoscalers,
            tenants,
            faults,
            scrape_phase,
            next_check_us,
            pass_runs,
            pending
        );
    }
}

/// Share of a node's disk in use before anything has been logged.
pub(crate) const DISK_AT_START: f32 = 0.35;
