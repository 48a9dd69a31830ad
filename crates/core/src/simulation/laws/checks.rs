//! Health checks: hanging ones delay the next, several good ones in a row bring a replica back or let a fresh one in.

use super::lab::{DOWN, Lab, cluster};
use crate::{
    simulation::impairments::{Release, release_all},
    state::{HEALTHY, IMPAIRED, Impairment},
};

/// Ten replicas that are checked every second, five checks a run, in ticks of 50 ms.
fn ten(keys: &str) -> Lab {
    let service = format!(
        "[[services]]\nname = \"a\"\nreplicas = 10\nservice_time_ms = 1\nconcurrency = 100\npool = 10000\nstartup_s = 0\n\
         health = {{ interval_s = 1, failures = 3, successes = 5, {keys} }}\n"
    );
    let text = cluster("", "rate_per_s = 100\ntimeout_ms = 60000", 1, &service);
    Lab::new(&text.replace("tick_ms = 1000", "tick_ms = 50"), &[])
}

/// Ticks of 50 ms until so many replicas are in rotation; at most a minute.
fn ticks_until(lab: &mut Lab, in_rotation: f32) -> u32 {
    for tick in 1..=1200 {
        lab.run_ticks(1);
        let own = lab.own("a");
        let populations = if own.has_impaired { 2 } else { 1 };
        let now: f32 =
            own.populations[..populations].iter().map(|population| population.in_rotation().reduce_add()).sum();
        if (now - in_rotation).abs() < 1e-3 {
            return tick;
        }
    }
    u32::MAX
}

#[test]
fn a_check_that_hangs_delays_the_next_and_one_that_is_refused_does_not() {
    let silent = Impairment { delay_s: 60.0, ..Impairment::NONE };
    for (timeout_ms, how, least, most) in [
        // Three timeouts of four seconds after a phase of up to one.
        (4000, silent, 240, 261),
        // Timeouts shorter than the interval do not delay, but the third has to pass.
        (500, silent, 50, 71),
        (4000, DOWN, 40, 61),
    ] {
        let mut lab = ten(&format!("timeout_ms = {timeout_ms}"));
        lab.run_ticks(7).impair("a", 4.0, how);
        let ticks = ticks_until(&mut lab, 6.0);
        assert!((least..=most).contains(&ticks), "{timeout_ms} {ticks}");
    }
}

#[test]
fn those_that_recover_are_back_with_the_fifth_good_check() {
    let mut lab = ten("");
    lab.impair("a", 4.0, Impairment { error: 1.0, check_failure: 1.0, ..Impairment::NONE }).run(10);
    release_all(&lab.topology, &mut lab.state, Release::Recover, 0);
    let ticks = ticks_until(&mut lab, 10.0);
    assert!((80..=101).contains(&ticks), "{ticks}");
}

#[test]
fn good_checks_in_a_row_are_as_rare_as_probability_says() {
    // Out of rotation with checks that pass half the time: 1 - P(no run of 5 in n tosses), and 3 failures take out again.
    let mut lab = ten("");
    lab.impair("a", 4.0, DOWN).run(10);
    let mut shares = [0.0; 5];
    let mut expected = [0.0_f64; 5];
    expected[0] = 1.0;
    let mut back = 0.0;
    for _ in 0..8 {
        lab.run_with_ticks(20, |state| {
            state.services[0].impairment = Impairment { check_failure: 0.5, ..Impairment::NONE };
        });
        let alive: f64 = expected.iter().sum();
        back += 0.5 * expected[4];
        for run in (1..5).rev() {
            expected[run] = 0.5 * expected[run - 1];
        }
        expected[0] = 0.5 * alive;
        let passes = &lab.state.pass_runs[lab.topology.services[0].pass_runs(IMPAIRED)];
        for (share, lanes) in shares.iter_mut().zip(passes) {
            *share = lanes.to_array()[0];
        }
    }
    let out = lab.own("a").populations[IMPAIRED].ejected.to_array()[0];
    // Those back for at most two failures in a row are not out again; of those of the sixth check 1 in 8 are.
    assert!((f64::from(1.0 - out) - back).abs() < 0.01, "{out} {back}");
    for run in 1..5 {
        assert!(
            (f64::from(shares[run - 1]) - expected[run] / (1.0 - back)).abs() < 0.01,
            "{run} {shares:?} {expected:?}"
        );
    }
}

#[test]
fn fresh_replicas_get_traffic_with_the_fifth_good_check_where_checks_admit_them() {
    for (keys, least, most) in [("admission = \"checks\"", 80, 101), ("admission = \"started\"", 1, 2)] {
        let mut lab = ten(keys);
        lab.run(5);
        assert_eq!(ticks_until(&mut lab, 10.0), 1, "{keys}: settled replicas have been admitted");
        lab.scale("a", 4.0);
        let ticks = ticks_until(&mut lab, 14.0);
        assert!((least..=most).contains(&ticks), "{keys} {ticks}");
        let fresh = &lab.own("a").populations[HEALTHY];
        assert!((fresh.ready.reduce_add() - 14.0).abs() < 1e-3);
    }
}
