//! Random scenarios: any services, classes, calls, zones, users and faults that a file may describe.

use std::{fmt::Write, sync::OnceLock};

use microcloud_core::{CounterRng, FaultId, Rule, Scenario, Stream};

/// How large a random cluster is; everything else follows from the seed.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub services: usize,
    pub zones: usize,
    pub nodes: usize,
    pub seed: u64,
}

/// A sound scenario of this shape.
pub fn scenario(shape: Shape) -> Scenario {
    Scenario::from_toml(&text(shape), "random").unwrap_or_else(|error| panic!("{shape:?}: {error}"))
}

/// Draws for one scenario.
pub struct Draw(pub CounterRng);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(CounterRng::new(seed, Stream::Faults, u64::MAX))
    }

    pub fn chance(&mut self, probability: f32) -> bool {
        self.0.uniform() < probability
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.0.uniform() * end as f32) as usize).min(end - 1)
    }

    /// A number whose logarithm is uniform.
    pub fn scale(&mut self, low: f32, high: f32) -> f32 {
        (low.ln() + (high / low).ln() * self.0.uniform()).exp().clamp(low, high)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0.between(low, high)
    }

    fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }
}

const CLASSES: &[&str] = &["stateless", "stateless", "stateless", "cache", "broker", "database", "external"];

fn text(shape: Shape) -> String {
    let mut draw = Draw::new(shape.seed);
    let mut out = String::new();
    head(&mut out, &mut draw, shape);
    let classes: Vec<&str> = (0..shape.services).map(|_| draw.pick(CLASSES)).collect();
    let replicas: Vec<usize> = (0..shape.services).map(|_| shape.zones + draw.below(11 - shape.zones)).collect();
    for service in 0..shape.services {
        of_service(&mut out, &mut draw, shape, service, classes[service], replicas[service]);
    }
    let mut called = vec![false; shape.services];
    for to in 1..shape.services {
        // Users may have another way in.
        if draw.chance(0.15) {
            continue;
        }
        for from in 0..to {
            if draw.chance(0.3) || from + 1 == to && !called[to] {
                of_call(&mut out, &mut draw, (from, to), classes[from], replicas[to]);
                called[to] = true;
            }
        }
    }
    let entries: Vec<usize> = (0..shape.services).filter(|&service| !called[service]).collect();
    if draw.chance(0.4) {
        for tenant in 0..1 + draw.below(3) {
            let (share, priority) = (draw.scale(0.1, 10.0), draw.below(10));
            writeln!(out, "[[tenants]]\nname = \"t{tenant}\"\nshare = {share:?}\npriority = {priority}").unwrap();
            if draw.chance(0.5) {
                writeln!(out, "entry = \"s{}\"", entries[draw.below(entries.len())]).unwrap();
            }
            if draw.chance(0.5) {
                writeln!(out, "quota_per_s = {:?}", draw.scale(0.1, 1000.0)).unwrap();
            }
        }
    }
    of_faults(&mut out, &mut draw);
    out
}

fn head(out: &mut String, draw: &mut Draw, shape: Shape) {
    let tick_ms = [100, 500, 1000, 1000, 2000][draw.below(5)];
    writeln!(out, "name = \"random\"\ntick_ms = {tick_ms}\ndecision_ticks = 5\nepisode_decisions = 200").unwrap();
    writeln!(out, "actuation_delay_s = {:?}", draw.between(0.0, 5.0)).unwrap();
    writeln!(out, "actions = \"{}\"", draw.pick(&["core", "extended"])).unwrap();
    if draw.chance(0.15) {
        let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        writeln!(out, "rules_off = [\"{}\", \"{}\"]", draw.pick(&rules), draw.pick(&rules)).unwrap();
    }
    if draw.chance(0.2) {
        writeln!(out, "control_plane = \"s{}\"", draw.below(shape.services)).unwrap();
    }
    writeln!(out, "[workload]\nentry = \"s0\"\nrate_per_s = {:?}", draw.scale(0.5, 5000.0)).unwrap();
    writeln!(out, "retries = {}\ntimeout_ms = {:?}", draw.below(4), draw.scale(50.0, 20_000.0)).unwrap();
    writeln!(out, "noise_cv = {:?}\ncycle_amplitude = {:?}", draw.between(0.0, 0.5), draw.between(0.0, 1.0)).unwrap();
    writeln!(out, "[telemetry]\nscrape_s = 5\nnoise = 0.05\nloss = 0.05").unwrap();
    if draw.chance(0.3) {
        writeln!(out, "collector = \"s{}\"", draw.below(shape.services)).unwrap();
    }
    if draw.chance(0.4) {
        let mut row =
            || (0..shape.zones).map(|_| format!("{:?}", draw.scale(0.1, 300.0))).collect::<Vec<_>>().join(", ");
        let rows: Vec<String> = (0..shape.zones).map(|_| format!("[{}]", row())).collect();
        writeln!(out, "[network]\nlatency_ms = [{}]", rows.join(", ")).unwrap();
    }
    for zone in 0..shape.zones {
        let (shift_s, price) = (draw.between(0.0, 30.0), draw.scale(0.1, 10.0));
        writeln!(out, "[[zones]]\nname = \"z{zone}\"\nshift_s = {shift_s:?}\nprice = {price:?}").unwrap();
        if draw.chance(0.3) {
            writeln!(out, "startup_factor = {:?}", draw.scale(0.1, 10.0)).unwrap();
        }
        if draw.chance(0.3) {
            writeln!(out, "quota_cores = {:?}", draw.scale(100.0, 400.0)).unwrap();
        }
    }
    for node in 0..shape.nodes {
        let (zone, spot) = (node % shape.zones, draw.chance(0.3));
        writeln!(out, "[[nodes]]\nname = \"n{node}\"\nzone = \"z{zone}\"\ncores = 100\nspot = {spot}").unwrap();
    }
}

fn of_service(out: &mut String, draw: &mut Draw, shape: Shape, index: usize, class: &str, replicas: usize) {
    writeln!(out, "[[services]]\nname = \"s{index}\"\nclass = \"{class}\"\nreplicas = {replicas}").unwrap();
    if draw.chance(0.25) {
        writeln!(out, "zones = [\"z{}\"]", draw.below(shape.zones)).unwrap();
    }
    writeln!(out, "concurrency = {:?}\nservice_time_ms = {:?}", draw.scale(1.0, 32.0).round(), draw.scale(0.2, 300.0))
        .unwrap();
    writeln!(out, "pool = {:?}\nqueue_limit = {:?}", draw.scale(1.0, 1e4), draw.scale(1.0, 1e5)).unwrap();
    let memory = draw.between(0.0, 0.9);
    writeln!(out, "memory = {memory:?}\nqueue_memory = {:?}", draw.between(0.0, 0.99 - memory)).unwrap();
    writeln!(out, "startup_s = {:?}\ngrace_s = {:?}", draw.between(0.0, 60.0), draw.between(0.0, 30.0)).unwrap();
    if draw.chance(0.3) {
        writeln!(out, "error_ratio = {:?}", draw.scale(1e-4, 1.0)).unwrap();
    }
    if draw.chance(0.3) {
        writeln!(out, "contention = {:?}\ncoherency = {:?}", draw.scale(1e-4, 1.0), draw.scale(1e-5, 0.1)).unwrap();
    }
    writeln!(
        out,
        "health = {{ interval_s = {:?}, timeout_ms = {:?}, failures = {}, successes = {}, \
         admission = \"{}\" }}",
        draw.scale(0.2, 30.0),
        draw.scale(1.0, 5000.0),
        1 + draw.below(4),
        1 + draw.below(3),
        if draw.chance(0.3) { "checks" } else { "started" }
    )
    .unwrap();
    if draw.chance(0.3) {
        let (errors, ratio) = (1 + draw.below(8), draw.between(0.0, 1.0));
        let (sweep_s, base_s) = (draw.scale(0.5, 30.0), draw.scale(0.5, 60.0));
        writeln!(
            out,
            "outlier_ejection = {{ consecutive_errors = {errors}, sweep_s = {sweep_s:?}, base_ejection_s = {base_s:?}, \
             max_ejected_ratio = {ratio:?} }}"
        )
        .unwrap();
    }
    if class != "external" && draw.chance(0.25) {
        let (target, sync_s) = (draw.between(0.05, 1.0), draw.scale(2.0, 30.0));
        writeln!(
            out,
            "autoscaler = {{ target_utilisation = {target:?}, sync_s = {sync_s:?}, tolerance = 0.1, \
             stabilisation_s = {:?} }}",
            draw.between(0.0, 120.0_f32.min(20.0 * sync_s))
        )
        .unwrap();
    }
    if draw.chance(0.2) {
        let (work, renew_s) = (draw.scale(0.1, 50.0), draw.scale(1.0, 300.0));
        writeln!(out, "sessions = {{ issue_work = {work:?}, renew_s = {renew_s:?} }}").unwrap();
    }
    match class {
        "cache" => writeln!(
            out,
            "cache = {{ hit_ratio = {:?}, fill_s = {:?}, ttl_s = {:?}, size = {:?} }}",
            draw.between(0.0, 1.0),
            draw.scale(0.1, 300.0),
            draw.scale(0.5, 1e5),
            draw.scale(0.01, 1.0)
        ),
        "broker" => writeln!(
            out,
            "broker = {{ depth = {:?}, deadline_s = {:?}, partitions = {}, rebalance_s = {:?}, redelivery = {:?} }}",
            draw.scale(1.0, 1e6),
            draw.scale(0.1, 300.0),
            1 + draw.below(12),
            draw.between(0.0, 20.0),
            draw.between(0.0, 1.0)
        ),
        "database" => writeln!(
            out,
            "database = {{ write_ratio = {:?}, failover_s = {:?}, fencing = {}, multi_master = {}, restore_s = {:?}, \
             lag_s = {:?}, backup_s = {:?}, reconcile_s = {:?} }}",
            draw.between(0.0, 1.0),
            draw.between(0.0, 60.0),
            draw.chance(0.5),
            draw.chance(0.5),
            draw.between(0.0, 120.0),
            draw.between(0.0, 30.0),
            draw.scale(1.0, 1000.0),
            draw.scale(0.1, 500.0)
        ),
        _ => Ok(()),
    }
    .unwrap();
}

fn of_call(out: &mut String, draw: &mut Draw, ends: (usize, usize), class: &str, replicas: usize) {
    let mode = match class {
        "broker" if draw.chance(0.7) => "consume",
        "cache" if draw.chance(0.6) => "miss",
        _ => draw.pick(&["sync", "sync", "async"]),
    };
    writeln!(out, "[[calls]]\nfrom = \"s{}\"\nto = \"s{}\"\nmode = \"{mode}\"", ends.0, ends.1).unwrap();
    writeln!(out, "calls = {:?}\ntimeout_ms = {:?}", draw.scale(0.05, 5.0), draw.scale(5.0, 10_000.0)).unwrap();
    writeln!(out, "retries = {}\nbackoff_ms = {:?}", draw.below(5), draw.scale(1.0, 3000.0)).unwrap();
    if draw.chance(0.4) {
        writeln!(out, "retry_budget = {:?}", draw.between(0.0, 1.0)).unwrap();
    }
    writeln!(out, "throttle = {}\nbreaker = {}", draw.chance(0.3), mode != "consume" && draw.chance(0.4)).unwrap();
    writeln!(out, "fallback = {:?}", if draw.chance(0.3) { draw.between(0.0, 1.0) } else { 0.0 }).unwrap();
    // A quorum asks 16 replicas at most, and scaling up reaches three times the initial number.
    if mode == "sync" && replicas <= 5 && draw.chance(0.5) {
        writeln!(out, "quorum = {}", 1 + draw.below(replicas)).unwrap();
    }
}

fn of_faults(out: &mut String, draw: &mut Draw) {
    writeln!(out, "[faults]\ncontrol_ratio = 0.05\nsecond_ratio = 0.7\nherring_ratio = 0.3").unwrap();
    let known = magnitudes();
    for _ in 0..1 + draw.below(3) {
        let (id, [low, high]) = known[draw.below(known.len())];
        let (first, second) = (draw.between(low, high), draw.between(low, high));
        writeln!(out, "[[faults.catalogue]]\nid = \"{id}\"").unwrap();
        writeln!(out, "magnitude = [{:?}, {:?}]", first.min(second), first.max(second)).unwrap();
        writeln!(out, "blast_radius = [0.1, 1]\nonset_s = [0, 60]\nramp_s = [0, 30]\nduration_s = [5, 200]").unwrap();
        if draw.chance(0.2) {
            writeln!(out, "abort_availability = 0.3").unwrap();
        }
    }
}

/// A range of magnitudes for each fault, the widest of some that scenarios may ask for.
fn magnitudes() -> &'static [(FaultId, [f32; 2])] {
    static KNOWN: OnceLock<Vec<(FaultId, [f32; 2])>> = OnceLock::new();
    const TRIED: &[[f32; 2]] =
        &[[1.0, 600.0], [1.0, 60.0], [0.5, 5.0], [0.05, 1.0], [0.0, 1.0], [0.05, 0.9], [1.0, 1.0], [0.0, 0.0]];
    KNOWN.get_or_init(|| {
        let known = FaultId::all().filter_map(|id| {
            let allowed = TRIED.iter().find(|[low, high]| {
                let text = format!(
                    "name = \"one\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 10\n\
                     workload = {{ entry = \"s\", rate_per_s = 1 }}\nzones = [{{ name = \"z\" }}]\n\
                     nodes = [{{ name = \"n\", zone = \"z\", cores = 9 }}]\n\
                     services = [{{ name = \"s\", replicas = 1, service_time_ms = 1 }}]\n\
                     [[faults.catalogue]]\nid = \"{id}\"\nmagnitude = [{low:?}, {high:?}]\nduration_s = [1, 1]\n"
                );
                Scenario::from_toml(&text, "one").is_ok()
            });
            allowed.map(|&range| (id, range))
        });
        known.collect()
    })
}
