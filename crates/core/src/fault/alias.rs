//! Names of faults: what a scenario may write instead of an id, and the parameters that it may then leave out.

use super::FaultId;

/// A name for a fault, with the parameters that a catalogue entry has where it says nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultName {
    /// The name, in snake case.
    pub name: &'static str,
    /// The fault.
    pub id: FaultId,
    /// Least and greatest magnitude, in the fault's own unit.
    pub magnitude: [f32; 2],
    /// Half the width of F05's delays as a ratio of their mean.
    pub spread: Option<f32>,
    /// Least and greatest ratio of the target's replicas that are struck.
    pub blast_radius: [f32; 2],
    /// Least and greatest seconds from onset to full strength.
    pub ramp_s: [f32; 2],
    /// Least and greatest seconds from onset to the end.
    pub duration_s: [f32; 2],
    /// What has to be named as its target, where it means one service of many and only a target says which.
    pub names_its_target: Option<&'static str>,
    meaning: &'static str,
}

impl FaultName {
    /// Every name there is, in the faults' order; several may stand for one fault.
    pub fn all() -> &'static [FaultName] {
        NAMES
    }

    /// The fault of a name.
    pub fn find(name: &str) -> Option<&'static FaultName> {
        NAMES.iter().find(|candidate| candidate.name == name)
    }

    /// What it does, in a sentence.
    pub fn meaning(&self) -> &'static str {
        if self.meaning.is_empty() { self.id.card().what } else { self.meaning }
    }

    const fn new(name: &'static str, id: FaultId, magnitude: [f32; 2]) -> Self {
        Self {
            name,
            id,
            magnitude,
            spread: None,
            blast_radius: [1.0, 1.0],
            ramp_s: [0.0, 0.0],
            duration_s: [300.0, 600.0],
            names_its_target: None,
            meaning: "",
        }
    }

    const fn on(self, least: f32, most: f32) -> Self {
        Self { blast_radius: [least, most], ..self }
    }

    const fn ramping(self, least: f32, most: f32) -> Self {
        Self { ramp_s: [least, most], ..self }
    }

    const fn lasting(self, least: f32, most: f32) -> Self {
        Self { duration_s: [least, most], ..self }
    }

    const fn of_the(self, target: &'static str) -> Self {
        Self { names_its_target: Some(target), ..self }
    }

    const fn spread(self, spread: f32) -> Self {
        Self { spread: Some(spread), ..self }
    }

    const fn meaning_that(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }
}

/// Magnitudes, ramps and durations of a fault's own name are `spine12`'s.
const NAMES: &[FaultName] = &[
    name("red_herring", FaultId::F00, 0.2, 0.5).ramping(0.0, 60.0).lasting(300.0, 900.0),
    name("config_poisoning", FaultId::F01, 0.4, 0.9).on(0.25, 0.5).ramping(5.0, 60.0).lasting(100.0, 140.0),
    name("jwt_expiry_storm", FaultId::F02, 0.9, 1.0),
    name("poison_message", FaultId::F03, 0.5, 0.9).ramping(60.0, 120.0),
    name("replica_crash", FaultId::F04, 1.0, 1.0).on(0.4, 0.7),
    name("crash", FaultId::F04, 1.0, 1.0)
        .on(0.3, 0.3)
        .meaning_that("Some replicas of a service, at least one, crash: connections to them are refused at once."),
    name("detector_down", FaultId::F04, 1.0, 1.0)
        .lasting(100.0, 400.0)
        .of_the("the service that detection runs on")
        .meaning_that(
            "Every replica of the service that detection runs on crashes: detectors that run on it open no incidents; \
             the cluster goes on.",
        ),
    name("latency", FaultId::F05, 1200.0, 1200.0)
        .on(0.3, 0.3)
        .spread(0.0)
        .meaning_that("Some replicas of a service, at least one, take 1200 ms longer for every request and health check."),
    name("uniform_latency", FaultId::F05, 1000.0, 1000.0)
        .on(0.3, 0.3)
        .spread(0.5)
        .meaning_that("Some replicas of a service, at least one, take 500 to 1500 ms longer for every request and check."),
    name("black_hole", FaultId::F05, 60_000.0, 60_000.0)
        .on(0.3, 0.3)
        .spread(0.0)
        .meaning_that("Some replicas of a service, at least one, accept requests and checks and never answer them."),
    name("intermittent_5xx", FaultId::F06, 0.3, 0.8).on(0.3, 0.6),
    name("intermittent", FaultId::F06, 0.5, 0.5)
        .on(0.3, 0.3)
        .meaning_that("Some replicas of a service, at least one, answer half of their requests and checks with errors."),
    name("silent_corruption", FaultId::F07, 0.5, 1.0).on(0.3, 0.6),
    name("incorrect", FaultId::F07, 1.0, 1.0)
        .on(0.3, 0.3)
        .meaning_that("Some replicas of a service, at least one, give wrong answers that look right."),
    name("retry_storm", FaultId::F08, 0.05, 0.2).lasting(10.0, 30.0),
    name("cold_cache", FaultId::F09, 0.9, 1.0).lasting(60.0, 60.0),
    name("gc_death_spiral", FaultId::F10, 0.87, 0.92).lasting(500.0, 1000.0),
    name("memory_leak", FaultId::F11, 300.0, 600.0).ramping(0.0, 60.0).lasting(700.0, 1000.0),
    name("bad_deploy", FaultId::F12, 0.4, 0.9).on(0.1, 0.3).ramping(60.0, 120.0).lasting(500.0, 900.0),
    name("bad_merge_config", FaultId::F12, 0.9, 1.0)
        .on(0.1, 0.3)
        .ramping(60.0, 120.0)
        .lasting(500.0, 900.0)
        .meaning_that("A release whose configuration has conflict markers left in it is rolled out: replicas that load it fail."),
    name("traffic_spike", FaultId::F13, 1.8, 3.0).ramping(10.0, 60.0),
    name("noisy_neighbour", FaultId::F14, 0.6, 0.85),
    name("noisy_tenant", FaultId::F14, 0.6, 0.85)
        .meaning_that("Another tenant's work takes most of a node's processor: every replica there slows down."),
    name("disk_full", FaultId::F15, 0.5, 0.9).ramping(60.0, 120.0),
    name("network_loss", FaultId::F16, 0.15, 0.4),
    name("partition", FaultId::F17, 1.0, 1.0),
    name("split_brain", FaultId::F17, 1.0, 1.0).meaning_that(
        "A zone is cut off from the others: databases without fencing, or with several masters, take writes on both sides.",
    ),
    name("zone_outage", FaultId::F18, 1.0, 1.0),
    name("gray_failure", FaultId::F19, 0.7, 1.0).on(0.4, 0.7),
    name("spot_preemption", FaultId::F20, 1.0, 1.0).ramping(60.0, 120.0),
    name("expired_secret", FaultId::F21, 0.4, 1.0),
    name("expired_certificate", FaultId::F21, 1.0, 1.0)
        .meaning_that("A service's certificate has expired: every call to it fails until its callers have the new one."),
    name("connection_pool_leak", FaultId::F22, 0.985, 0.995).on(0.6, 1.0).ramping(60.0, 180.0),
    name("flapping_health_checks", FaultId::F23, 0.72, 0.75),
    name("slow_third_party", FaultId::F24, 8.0, 30.0),
    name("database_fail_over", FaultId::F25, 15.0, 45.0).lasting(60.0, 150.0),
    name("broker_rebalance", FaultId::F26, 28.0, 30.0).lasting(120.0, 240.0),
    name("broker_unreachable", FaultId::F26, 60.0, 60.0)
        .lasting(120.0, 240.0)
        .meaning_that("A broker cannot be reached by its consumers for a minute, and they share it out anew."),
    name("telemetry_gap", FaultId::F27, 1.0, 1.0)
        .lasting(100.0, 400.0)
        .meaning_that("Nothing is scraped: what is seen of the cluster is what was last seen, and grows stale."),
    name("control_plane_down", FaultId::F27, 4.0, 4.0)
        .lasting(100.0, 400.0)
        .meaning_that("Actions have no effect; metrics stay fresh and the cluster goes on."),
    name("stale_dns", FaultId::F28, 0.6, 0.9).lasting(200.0, 500.0),
    name("missing_index", FaultId::F29, 2.0, 4.0).ramping(60.0, 240.0).lasting(500.0, 900.0),
    name("stuck_starting", FaultId::F30, 1.0, 1.0).on(0.5, 0.8).lasting(400.0, 900.0),
    name("database_unreachable", FaultId::F31, 1.0, 1.0),
    name("db_unreachable", FaultId::F31, 1.0, 1.0)
        .meaning_that("Nobody reaches a database: what is sent to it is lost, and its callers wait for their timeouts."),
];

const fn name(name: &'static str, id: FaultId, least: f32, most: f32) -> FaultName {
    FaultName::new(name, id, [least, most])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_card_s_own_name_in_snake_case_is_a_name_of_its_fault() {
        for id in FaultId::all().filter(|id| id.to_string() != "F99") {
            let own = id.name().to_lowercase().replace([' ', '-'], "_");
            assert_eq!(FaultName::find(&own).map(|found| found.id), Some(id), "{own}");
        }
    }

    #[test]
    fn names_are_unique_and_their_magnitudes_possible() {
        let names: BTreeSet<&str> = FaultName::all().iter().map(|known| known.name).collect();
        assert_eq!(names.len(), FaultName::all().len());
        for known in FaultName::all() {
            let (least, most) = known.id.model().magnitude_range();
            assert!(known.magnitude[0] >= least && known.magnitude[1] <= most, "{}", known.name);
            assert!(known.spread.is_none() || known.id == FaultId::F05, "{}", known.name);
            assert!(known.meaning().ends_with('.'), "{}", known.name);
        }
    }
}
