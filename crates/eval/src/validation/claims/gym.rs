//! The gym's own health checks and quorums under the quorum system's parameters, against probes and votes one by one.

use std::sync::Arc;

use microcloud_core::{Environment, Level, Scenario, ServiceId, Topology};

use crate::validation::{
    Effort, Engine, Row,
    claims::{detection, sample::mean, voting},
};

/// Seconds from an episode's start to its fault.
const ONSET_S: f64 = 2.0;
/// Milliseconds of a tick: the engine's clock, by which everything is seen.
const TICK_MS: u32 = 50;
/// Share of a replica that is too small to count.
const SPECK: f64 = 1e-3;

/// A fault of the catalogue and the health checks that meet it.
#[derive(Clone, Copy, Debug)]
struct Trial {
    fault: &'static str,
    magnitude: f64,
    /// Half the width of delays, as a ratio of their mean.
    spread: Option<f64>,
    duration_s: u32,
    timeout_ms: u32,
    failures: u32,
    successes: u32,
    /// Whether replicas that have started are checked before they get traffic.
    is_admitted_by_checks: bool,
}

impl Trial {
    fn described(fault: &'static str, magnitude: f64) -> Self {
        Self {
            fault,
            magnitude,
            spread: None,
            duration_s: 600,
            timeout_ms: 1000,
            failures: 3,
            successes: 5,
            is_admitted_by_checks: false,
        }
    }

    /// Re-admission would hide part of those taken out: so many good checks in a row never come.
    fn without_return(self) -> Self {
        Self { successes: 100, ..self }
    }

    /// Three replicas at the described load, one of which is struck; what a check waits for beyond the fault is 1 ms.
    fn topology(&self) -> Arc<Topology> {
        let Self { fault, magnitude, duration_s, timeout_ms, failures, successes, .. } = self;
        let admission = if self.is_admitted_by_checks { "checks" } else { "started" };
        let health = format!(
            "health = {{ interval_s = 0.2, timeout_ms = {timeout_ms}, failures = {failures}, successes = {successes}, \
             admission = \"{admission}\" }}"
        );
        let spread = self.spread.map_or(String::new(), |spread| format!("spread = {spread}\n"));
        let rest = format!(
            "[[services]]\nname = \"inventory\"\nreplicas = 3\nservice_time_ms = 1\nconcurrency = 200\npool = 10000\n\
             startup_s = 0\n{health}\n[faults]\ncontrol_ratio = 0\n\
             [[faults.catalogue]]\nid = \"{fault}\"\nmagnitude = [{magnitude}, {magnitude}]\n{spread}\
             blast_radius = [0.3, 0.3]\nonset_s = [{ONSET_S}, {ONSET_S}]\nduration_s = [{duration_s}, {duration_s}]\n"
        );
        topology("inventory", 2000, &rest)
    }

    /// Replicas out of rotation at the end of each tick from the onset on, for `seconds`; the level draws the checks' phase.
    fn out_of_rotation(&self, environment: &mut Environment, level: u64, seconds: f64) -> Vec<f64> {
        let service = service(environment, "inventory");
        environment.reset(Level::new(level).expect("a level below 2^33"));
        let onset_s = environment.faults().first().map_or(ONSET_S, |fault| fault.onset_s);
        let mut out = Vec::new();
        while environment.time_s() < onset_s + seconds - 1e-9 {
            environment.step(0);
            if environment.time_s() > onset_s + 1e-9 {
                out.push(3.0 - environment.service_metrics(service).in_rotation);
            }
        }
        out
    }

    /// For each of some levels, what becomes of the replicas out of rotation.
    fn over_levels<T>(&self, levels: u64, seconds: f64, of: impl Fn(&[f64]) -> T) -> Vec<T> {
        let mut environment = Environment::new(self.topology());
        (0..levels).map(|level| of(&self.out_of_rotation(&mut environment, level, seconds))).collect()
    }
}

/// A cluster of one zone without noise.
fn topology(entry: &str, timeout_ms: u32, rest: &str) -> Arc<Topology> {
    let text = format!(
        "name = \"quorum\"\ntick_ms = {TICK_MS}\ndecision_ticks = 1\nepisode_decisions = 100000\n\
         rules_off = [\"arrival-noise\", \"telemetry-noise\"]\n\
         [workload]\nentry = \"{entry}\"\nrate_per_s = 50\ntimeout_ms = {timeout_ms}\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 100\n{rest}"
    );
    let scenario = Scenario::from_toml(&text, "quorum").unwrap_or_else(|error| panic!("{error}"));
    Topology::new(scenario).expect("a scenario that was checked")
}

fn service(environment: &Environment, name: &str) -> ServiceId {
    environment.topology().service(name).expect("a service of the scenario")
}

/// Seconds from a tick's end back to the onset.
fn at_s(tick: usize) -> f64 {
    (tick + 1) as f64 * f64::from(TICK_MS) / 1000.0
}

/// Seconds until the struck replica is out as a whole, where it ever is.
fn until_out(out: &[f64]) -> f64 {
    out.iter().position(|&share| share > 1.0 - SPECK).map_or(f64::INFINITY, at_s)
}

/// The mean of the time that a growing share gives the distribution of: the area above it.
fn mean_of_distribution(out: &[f64]) -> f64 {
    (1.0 + out[..out.len() - 1].iter().map(|share| 1.0 - share).sum::<f64>()) * f64::from(TICK_MS) / 1000.0
}

pub(super) fn rows(effort: Effort) -> Vec<Row> {
    let levels = if effort == Effort::Full { 100 } else { 20 };
    let mut rows = crash(levels);
    rows.extend(hanging(levels));
    rows.extend(intermittent(levels));
    rows.extend(readmission(levels));
    rows.extend(quorums());
    rows
}

/// The ratio of levels on which something happens within the accepted range of seconds.
fn accepted(times_s: &[f64], [low_s, high_s]: [f64; 2]) -> f64 {
    let is_accepted = |&&time_s: &&f64| (low_s - 1e-9..=high_s + 1e-9).contains(&time_s);
    times_s.iter().filter(is_accepted).count() as f64 / times_s.len() as f64
}

/// How far the mean of times over so many levels may be off: the half tick by which they are seen late, and four standard
/// errors of the uniform phase of checks every 200 ms.
fn phase_tolerance_s(levels: u64) -> f64 {
    0.5 * f64::from(TICK_MS) / 1000.0 + 4.0 * 0.2 / (12.0 * levels as f64).sqrt()
}

fn crash(levels: u64) -> Vec<Row> {
    let name = detection::named("crash, connections refused");
    let times_s = Trial::described("F04", 1.0).over_levels(levels, 2.0, until_out);
    let accepted = accepted(&times_s, [0.4, 0.6]);
    let source = "three checks of 200 ms, seen at the end of a tick of 50 ms";
    vec![
        Row::held(&name, Engine::Fluid, "ratio detected within [0.4, 0.6] s", [1.0, accepted], 0.0, source),
        Row::informing(&name, Engine::Fluid, detection::MEAN, [0.5, mean(&times_s)], source),
    ]
}

/// Half the width of U(500, 1500) ms as a ratio of its mean, and of a delay that is the same for every request.
const UNIFORM: f64 = 0.5;
const FIXED: f64 = 0.0;

fn hanging(levels: u64) -> Vec<Row> {
    let certain = [
        ("crash as a black hole, probe timeout 1 s", 60_000.0, FIXED, 1000, [3.0, 3.2]),
        ("crash as a black hole, probe timeout 200 ms", 60_000.0, FIXED, 200, [0.6, 0.8]),
        ("latency of 1200 ms, probe timeout 1 s", 1200.0, FIXED, 1000, [3.0, 3.2]),
        ("latency of 1200 ms, probe timeout 200 ms", 1200.0, FIXED, 200, [0.6, 0.8]),
        ("latency U(500, 1500) ms, probe timeout 200 ms", 1000.0, UNIFORM, 200, [0.6, 0.8]),
    ];
    let source = "three probes that each hang until the timeout and so delay the next, after a uniform phase; seen at the end \
                  of a tick of 50 ms";
    let mut rows = Vec::new();
    for (fault, magnitude, spread, timeout_ms, range_s) in certain {
        let name = detection::named(fault);
        let trial = Trial { timeout_ms, spread: Some(spread), ..Trial::described("F05", magnitude).without_return() };
        let times_s = trial.over_levels(levels, 5.0, until_out);
        let quantity = format!("ratio detected within [{:.1}, {:.1}] s", range_s[0], range_s[1]);
        rows.push(Row::held(&name, Engine::Fluid, &quantity, [1.0, accepted(&times_s, range_s)], 0.0, source));
        let means = [0.5 * (range_s[0] + range_s[1]), mean(&times_s)];
        rows.push(Row::held(&name, Engine::Fluid, detection::MEAN, means, phase_tolerance_s(levels), source));
    }
    rows.push(half_late(levels));
    rows
}

/// Probes of which every second hangs until the timeout, and the others nearly as long.
fn half_late(levels: u64) -> Row {
    let name = detection::named("latency U(500, 1500) ms, probe timeout 1 s");
    let trial = Trial { spread: Some(UNIFORM), ..Trial::described("F05", 1000.0).without_return() };
    let means = trial.over_levels(levels, 150.0, mean_of_distribution);
    // The mean number of probes until three in a row fail falls by 3.4 % for each per cent that p rises, and 1 ms of work
    // raises it by 0.2 %.
    let expected_s = detection::spread().mean_s();
    let tolerance_s = phase_tolerance_s(levels) + 0.01 * expected_s;
    let source = "Wald's identity over 14 probes on average, of which every second hangs until the timeout; the fluid \
                  engine's clock of checks goes by their mean duration, which has the same mean and a narrower distribution";
    Row::held(name, Engine::Fluid, detection::MEAN, [expected_s, mean(&means)], tolerance_s, source)
}

fn intermittent(levels: u64) -> Vec<Row> {
    let source = "(1 - p^3) / ((1 - p) p^3) probes (Feller I, XIII.7), seen at the end of a tick of 50 ms";
    let mut rows = Vec::new();
    for p in [0.5, 0.8, 0.95] {
        let name = detection::named(&format!("intermittent 5xx, p = {p}"));
        let exact = detection::intermittent(p);
        let trial = Trial::described("F06", p).without_return();
        let by_level = trial.over_levels(levels, 60.0, |out| {
            let within = out[(1000 / TICK_MS) as usize - 1];
            [mean_of_distribution(out), within]
        });
        let [means, within] = [0, 1].map(|which| by_level.iter().map(|both| both[which]).collect::<Vec<f64>>());
        let row = |quantity: &str, expected: f64, values: &[f64]| {
            Row::informing(&name, Engine::Fluid, quantity, [expected, mean(values)], source)
        };
        rows.push(row(detection::MEAN, exact.mean_s(), &means));
        rows.push(row(detection::BELOW_ONE, exact.by(1.0), &within));
    }
    rows
}

/// How soon replicas are back that a fault of ten seconds took out.
fn readmission(levels: u64) -> Vec<Row> {
    let cases = [
        ("errors cleared", Trial { duration_s: 10, ..Trial::described("F06", 1.0) }),
        ("replica restarted", Trial { duration_s: 10, is_admitted_by_checks: true, ..Trial::described("F04", 1.0) }),
    ];
    let source = "four intervals from the first good check to the fifth, after a uniform phase; fresh replicas are admitted by \
                  their checks (admission = \"checks\"); seen at the end of a tick of 50 ms";
    let rows = |(what, trial): (&str, Trial)| {
        let times_s = trial.over_levels(levels, 14.0, until_back);
        let [mean_time, within] = ["mean time to readmit", "ratio readmitted within [0.8, 1.0] s"]
            .map(|quantity| format!("{quantity}, {what}"));
        let tolerance_s = phase_tolerance_s(levels);
        [
            Row::held(detection::RECOVERY, Engine::Fluid, mean_time, [0.9, mean(&times_s)], tolerance_s, source),
            // The fifth check's answer takes 1 ms, which may be over in the next tick.
            Row::held(
                detection::RECOVERY,
                Engine::Fluid,
                within,
                [1.0, accepted(&times_s, [0.8, 1.0 + f64::from(TICK_MS) / 1000.0])],
                0.0,
                source,
            ),
        ]
    };
    cases.into_iter().flat_map(rows).collect()
}

/// Seconds from the end of a fault of ten seconds until the struck replica is back as a whole, where it ever is.
fn until_back(out: &[f64]) -> f64 {
    out[(10_000 / TICK_MS) as usize..].iter().position(|&share| share < SPECK).map_or(f64::INFINITY, at_s)
}

/// A voter that asks three replicas, each with an availability of its own, and one of them slow or down.
struct Poll {
    needed: u8,
    timeout_ms: u32,
    availability: f64,
    fault: Option<(&'static str, f64)>,
    is_checked: bool,
}

impl Poll {
    /// Ratio of the queries that end well within `user_timeout_ms`, long after the onset.
    fn good_ratio(&self, user_timeout_ms: u32) -> f64 {
        let Self { needed, timeout_ms, availability, .. } = self;
        // Checks that never end leave a struck replica in rotation.
        let check_ms = if self.is_checked { 1000 } else { 1_000_000 };
        let fault = self.fault.map_or(String::new(), |(id, magnitude)| {
            format!(
                "[[faults.catalogue]]\nid = \"{id}\"\ntargets = [\"inventory\"]\nmagnitude = [{magnitude}, {magnitude}]\n\
                 blast_radius = [0.3, 0.3]\nonset_s = [{ONSET_S}, {ONSET_S}]\nduration_s = [600, 600]\n"
            )
        });
        let error_ratio = 1.0 - availability;
        let rest = format!(
            "[[services]]\nname = \"voter\"\nreplicas = 3\nservice_time_ms = 1\npool = 10000\n\
             [[services]]\nname = \"inventory\"\nreplicas = 3\nconcurrency = 100\npool = 10000\nservice_time_ms = 20\n\
             error_ratio = {error_ratio}\n\
             health = {{ interval_s = 0.2, timeout_ms = {check_ms}, failures = 3, successes = 5 }}\n\
             [[calls]]\nfrom = \"voter\"\nto = \"inventory\"\nquorum = {needed}\ntimeout_ms = {timeout_ms}\n\
             [faults]\ncontrol_ratio = 0\n{fault}"
        );
        let mut environment = Environment::new(topology("voter", user_timeout_ms, &rest));
        environment.reset(Level::new(0).expect("a level below 2^33"));
        let (mut offered, mut bad) = (0.0, 0.0);
        while environment.time_s() < ONSET_S + 30.0 {
            environment.step(0);
            if environment.time_s() > ONSET_S + 20.0 {
                offered += environment.metrics().offered;
                bad += environment.metrics().bad;
            }
        }
        1.0 - bad / offered
    }
}

fn quorums() -> Vec<Row> {
    let name = voting::QUORUM;
    let (crash, late) = (Some(("F04", 1.0)), Some(("F05", 1200.0)));
    let poll = |availability: f64, fault| {
        Poll { needed: 2, timeout_ms: 300, availability, fault, is_checked: true }.good_ratio(1000)
    };
    let healthy = "3 a^2 - 2 a^3 where all are up";
    let crashed = "a^2 where one replica has crashed";
    // The steady-state tolerance, on the ratio that fails: on availability itself it would hold for anything.
    let row = |quantity: &str, a: f64, fault, source: &str| {
        let available = if Option::is_some(&fault) { a * a } else { voting::two_of_three(a) };
        let failing = 1.0 - available;
        Row::held(name, Engine::Fluid, quantity, [failing, 1.0 - poll(a, fault)], 0.01 * failing, source)
    };
    let mut rows = vec![
        row("failing queries at a = 0.9412, all up", 0.9412, None, healthy),
        row("failing queries at a = 0.9747, one crashed", 0.9747, crash, crashed),
        row("failing queries at a = 0.99499, one crashed", 0.994_99, crash, crashed),
        row("failing queries at a = 0.999, one crashed", 0.999, crash, crashed),
    ];
    for (waits, needed, timeout_ms, holds) in [(voting::TWO, 2, 300, 1.0), (voting::ALL, 3, 5000, 0.0)] {
        let voter = Poll { needed, timeout_ms, availability: 1.0, fault: late, is_checked: false };
        let below = f64::from(u8::from(voter.good_ratio(1000) >= 0.95));
        let source =
            "95 % of the queries end within 1 s where the voter answers at 2 of 3, and not where it waits for all";
        rows.push(Row::held(waits, Engine::Fluid, voting::P95_HOLDS, [holds, below], 0.0, source));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{Effort, Poll, Trial, accepted, rows, until_back, until_out};

    #[test]
    fn a_crash_is_accepted_only_with_the_described_run_length() {
        let of = |failures: u32| {
            accepted(&Trial { failures, ..Trial::described("F04", 1.0) }.over_levels(20, 2.0, until_out), [0.4, 0.6])
        };
        assert_eq!(of(3), 1.0);
        assert!(of(2) < 0.2 && of(4) < 0.2, "{} {}", of(2), of(4));
    }

    #[test]
    fn replicas_are_readmitted_only_with_the_described_run_of_good_checks() {
        let of = |trial: Trial, successes: u32| {
            accepted(&Trial { successes, duration_s: 10, ..trial }.over_levels(20, 14.0, until_back), [0.8, 1.05])
        };
        let admitted = Trial { is_admitted_by_checks: true, ..Trial::described("F04", 1.0) };
        for trial in [Trial::described("F06", 1.0), admitted] {
            assert_eq!(of(trial, 5), 1.0);
            assert!(of(trial, 4) < 0.3 && of(trial, 6) < 0.3, "{trial:?} {} {}", of(trial, 4), of(trial, 6));
        }
    }

    #[test]
    fn a_run_of_failures_is_as_rare_as_probes_one_by_one_say() {
        for row in rows(Effort::Quick).iter().filter(|row| row.name.contains("intermittent")) {
            // Half a tick of 50 ms passes until a time is seen.
            let late_s = if row.quantity.contains("mean") { 0.025 } else { 0.0 };
            assert!((row.measured - late_s - row.expected).abs() < 0.01, "{row:#?}");
        }
    }

    #[test]
    fn a_voter_that_needs_every_reply_is_as_available_as_all_of_them_and_as_slow_as_the_slowest() {
        let voter = Poll { needed: 3, timeout_ms: 300, availability: 0.9, fault: None, is_checked: true };
        assert!((voter.good_ratio(1000) - 0.729).abs() < 1e-3);
        let late =
            Poll { timeout_ms: 5000, availability: 1.0, fault: Some(("F05", 1200.0)), is_checked: false, ..voter };
        assert!(late.good_ratio(1000) < 0.3 && late.good_ratio(5000) > 0.99);
        assert!(Poll { needed: 2, ..late }.good_ratio(1000) > 0.999);
    }
}
