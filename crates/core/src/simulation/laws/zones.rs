//! Zones of several providers: replicas take longer to start in some.

use super::lab::{Lab, cluster};
use crate::scenario::Scenario;

/// Two zones, in the second of which replicas take so many times as long to start.
fn text(factor: &str) -> String {
    let service =
        "[[services]]\nname = \"a\"\nreplicas = 4\nmax_replicas = 100\nservice_time_ms = 10\nstartup_s = 60\n";
    cluster("", "rate_per_s = 10", 2, service)
        .replace("name = \"z1\"\n[[nodes]]", &format!("name = \"z1\"\nstartup_factor = {factor}\n[[nodes]]"))
}

/// Mean seconds until replicas that start are ready, in each zone: the area above their share.
fn mean_startup_s(lab: &mut Lab) -> [f32; 2] {
    lab.scale("a", 40.0);
    let mut mean_s = [0.0; 2];
    for _ in 0..1500 {
        lab.run(1);
        let ready = lab.own("a").answering().to_array();
        for (mean_s, ready) in mean_s.iter_mut().zip(ready) {
            *mean_s += 1.0 - (ready - 2.0) / 20.0;
        }
    }
    mean_s
}

#[test]
fn replicas_take_as_many_times_longer_to_start_as_their_zone_says() {
    for (factor, expected_s) in [("1", 60.0), ("3", 180.0), ("0.5", 30.0), ("0", 0.0)] {
        let [first, second] = mean_startup_s(&mut Lab::new(&text(factor), &[]));
        assert!((first - 60.0).abs() < 2.0, "{factor} {first}");
        assert!((second - expected_s).abs() < 0.02 * expected_s + 2.0, "{factor} {second}");
    }
}

#[test]
fn a_factor_that_no_provider_has_is_refused_by_name() {
    for factor in ["-1", "101", "nan"] {
        let error = Scenario::from_toml(&text(factor), "small").expect_err(factor).to_string();
        assert!(error.contains("zones.z1.startup_factor") && error.contains("allowed: 0 to 100"), "{error}");
    }
}
