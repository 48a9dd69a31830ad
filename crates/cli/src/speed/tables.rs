//! Measurements as tables for people.

use std::fmt::Write;

use microcloud_eval::speed::{Bandwidth, Machine, Memory, Profile, ResetCost, STATE_MIB, SizeCost, TickCost};

/// Share of the time that the phases have to account for, and by how much they may overshoot it.
const ACCOUNTED: (f64, f64) = (0.95, 1.05);

/// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($rest:tt)*) => { let _ = writeln!($text, $($rest)*); };
}

pub(super) fn profile(profile: &Profile) -> String {
    let mut text = String::new();
    line!(text, "{}: {} environments, {} ticks on one thread", profile.scenario, profile.num_envs, profile.ticks);
    line!(text, "{:<12}  {:>9}  {:>6}  {:>12}", "phase", "ns/tick", "share", "endings/tick");
    for phase in &profile.phases {
        let (ns, share, endings) = (phase.ns_per_tick, 100.0 * phase.share, phase.endings_per_tick);
        line!(text, "{:<12}  {ns:>9.2}  {share:>5.1}%  {endings:>12.4}", phase.phase);
    }
    line!(text, "{:<12}  {:>9.2}", "sum", profile.accounted_ns_per_tick);
    line!(text, "{:<12}  {:>9.2}", "no clock", profile.ns_per_tick);
    line!(
        text,
        "a clock reading: {:.1} ns in a row, taken off; {:.1} ns in place; {:.2} ns/tick with all of them",
        profile.clock_ns,
        profile.clock_in_place_ns,
        profile.watched_ns_per_tick
    );
    if let Some(ticks) = profile.reset_ticks {
        line!(text, "reset: {ticks:.2} ticks");
    }
    let ratio = profile.accounted_ratio;
    let verdict = match ratio {
        _ if ratio < ACCOUNTED.0 => ": LESS THAN 95 %",
        _ if ratio > ACCOUNTED.1 => ": MORE THAN 105 %, reading the clock keeps phases from overlapping",
        _ => "",
    };
    line!(text, "the phases account for {:.1} % of the time without a clock{verdict}", 100.0 * ratio);
    text
}

pub(super) fn floor(machine: &Machine, ticks: &[TickCost]) -> String {
    let mut text = String::new();
    let peaks = &machine.peaks;
    line!(text, "billion instructions per second on 16-byte registers, none waiting for another, one thread");
    for (name, per_s) in [
        ("additions and multiplications, 4 x f32", peaks.arithmetic_per_s),
        ("divisions, 4 x f32", peaks.f32_divisions_per_s),
        ("divisions, 2 x f64", peaks.f64_divisions_per_s),
        ("square roots, 4 x f32", peaks.f32_square_roots_per_s),
        ("square roots, 2 x f64", peaks.f64_square_roots_per_s),
    ] {
        line!(text, "  {name:<40}  {:>8.3}", per_s / 1e9);
    }
    line!(text, "billion bytes per second");
    for (name, bandwidth) in [("second-level cache", &machine.l2), ("memory", &machine.memory)] {
        let Bandwidth { buffer_bytes, write_bytes_per_s, rewrite_bytes_per_s } = bandwidth;
        let (write, rewrite) = (write_bytes_per_s / 1e9, rewrite_bytes_per_s / 1e9);
        let name = format!("{name}, {} KiB", buffer_bytes >> 10);
        line!(text, "  {name:<40}  {write:>8.2} written, {rewrite:.2} read and written back");
    }
    line!(
        text,
        "{:>8}  {:>9}  {:>12}  {:>12}  {:>8}  {:>10}  {:>14}",
        "num_envs",
        "ns/tick",
        "state bytes",
        "observation",
        "mask",
        "ticks/step",
        "batch, GB/s"
    );
    for tick in ticks {
        line!(
            text,
            "{:>8}  {:>9.2}  {:>12}  {:>12}  {:>8}  {:>10}  {:>14.2}",
            tick.num_envs,
            tick.ns_per_tick,
            tick.state_bytes,
            tick.observation_bytes,
            tick.mask_bytes,
            tick.ticks_per_step,
            tick.batch.rewrite_bytes_per_s / 1e9
        );
    }
    line!(text, "instructions per tick and the floor that follows: python3 benches/floor.py");
    text
}

pub(super) fn resets(rows: &[ResetCost]) -> String {
    let mut text = String::new();
    if let Some(row) = rows.first() {
        line!(text, "{}, one thread, medians", row.scenario);
    }
    line!(text, "{:>8}  {:>8}  {:>9}  {:>9}  {:>12}", "num_envs", "resets", "reset ns", "tick ns", "reset/tick");
    for row in rows {
        let (reset_ns, tick_ns, ticks) = (row.reset_ns, row.tick_ns, row.reset_ticks);
        line!(text, "{:>8}  {:>8}  {reset_ns:>9.0}  {tick_ns:>9.1}  {ticks:>12.2}", row.num_envs, row.resets);
    }
    text
}

pub(super) fn sizes(rows: &[SizeCost], memory: &Memory) -> String {
    let mut text = String::new();
    line!(text, "one thread; as many environments of each size as have {STATE_MIB} MiB of state together");
    line!(
        text,
        "{:<18}  {:>8}  {:>6}  {:>6}  {:>8}  {:>10}  {:>15}  {:>9}  {:>10}  {:>9}",
        "scenario",
        "services",
        "groups",
        "calls",
        "num_envs",
        "ns/tick",
        "ns/service/tick",
        "bytes",
        "bytes/serv.",
        "buffers"
    );
    for row in rows {
        line!(
            text,
            "{:<18}  {:>8}  {:>6}  {:>6}  {:>8}  {:>10.1}  {:>15.2}  {:>9}  {:>11.0}  {:>9}",
            row.scenario,
            row.services,
            row.groups,
            row.calls,
            row.num_envs,
            row.ns_per_tick,
            row.ns_per_service_tick,
            row.state_bytes,
            row.state_bytes_per_service,
            row.buffer_bytes
        );
    }
    let ratio = |value: fn(&SizeCost) -> f64| {
        let most = rows.iter().map(value).fold(0.0, f64::max);
        most / rows.iter().map(value).fold(f64::INFINITY, f64::min)
    };
    line!(text, "largest over smallest: {:.2} in ns per service and tick", ratio(|row| row.ns_per_service_tick));
    line!(text, "largest over smallest: {:.2} in bytes per service", ratio(|row| row.state_bytes_per_service));
    let Memory { scenario, num_envs, state_bytes, resident_bytes } = memory;
    let resident = resident_bytes.map_or("not said by the system".to_owned(), |bytes| format!("{bytes:.0} bytes"));
    line!(text, "{num_envs} environments of {scenario}: {state_bytes} bytes each as counted, {resident} each resident");
    text
}
