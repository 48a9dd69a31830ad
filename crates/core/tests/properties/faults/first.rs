//! Faults of configuration, sessions, messages, errors, data, memory, versions, disks and the network, one at a time.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, Level, Scenario, Split, Topology};

/// Seconds from the episode's start to every fault here.
const ONSET_S: f64 = 100.0;

/// A cluster that plays one fault of spine12 on one target.
struct Play {
    environment: Environment,
    topology: Arc<Topology>,
}

impl Play {
    fn new(id: &str, target: &str, change: impl Fn(&mut microcloud_core::Fault)) -> Self {
        let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
        scenario.faults.control_ratio = 0.0;
        scenario.faults.herring_ratio = 0.0;
        scenario.telemetry.noise = 0.0;
        scenario.telemetry.loss = 0.0;
        let catalogue = std::mem::take(&mut scenario.faults.catalogue);
        let fits = |fault: &microcloud_core::Fault| {
            fault.id.to_string() == id && (fault.targets.is_empty() || fault.targets.iter().any(|name| name == target))
        };
        let mut fault = catalogue.into_iter().find(fits).expect("the fault is in the catalogue");
        fault.targets = vec![target.to_owned()];
        fault.onset_s = [ONSET_S as f32; 2];
        fault.duration_s = [600.0; 2];
        change(&mut fault);
        if fault.id.is_herring() {
            scenario.faults.control_ratio = 1.0;
            scenario.faults.herring_ratio = 1.0;
        }
        scenario.faults.catalogue = vec![fault];
        Self::of(scenario)
    }

    fn of(scenario: Scenario) -> Self {
        let topology = Topology::new(scenario).expect("its topology");
        let mut environment = Environment::new(topology.clone());
        environment.reset(Level::draw(Split::Train, 31, 4));
        Self { environment, topology }
    }

    /// The same level without the fault.
    fn without_fault(&self) -> Self {
        let mut scenario = self.topology.scenario().clone();
        scenario.rules_off = FaultId::all().map(|id| id.to_string()).collect();
        Self::of(scenario)
    }

    /// Plays until so many seconds after the onset; returns the mean ratio of bad requests from the onset, or from now on.
    fn until(&mut self, seconds: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        while self.environment.time_s() < ONSET_S + seconds {
            let before = self.environment.time_s() < ONSET_S;
            self.environment.step(0);
            if !before {
                sum += self.environment.metrics().bad / self.environment.metrics().offered;
                count += 1;
            }
        }
        sum / f64::from(count.max(1))
    }

    fn act(&mut self, meaning: &str) {
        let index = self.topology.action_meanings().iter().position(|action| action == meaning).expect("an action");
        let action = self.topology.action(index).expect("an action");
        assert!(self.environment.is_legal(action), "{meaning} is masked");
        self.environment.step(index);
    }

    fn see(&self, feature: &str) -> f32 {
        let mut observation = vec![0.0; self.topology.observation_size()];
        self.environment.observe(&mut observation);
        observation[self.topology.observation_index(feature).expect("a feature")]
    }

    /// The greatest of a feature over some names.
    fn most(&self, names: &[&str], feature: impl Fn(&str) -> String) -> (f32, String) {
        let seen = names.iter().map(|&name| (self.see(&feature(name)), name.to_owned()));
        seen.max_by(|a, b| a.0.total_cmp(&b.0)).expect("names")
    }
}

const NODES: [&str; 4] = ["a1", "a2", "b1", "b2"];

#[test]
fn a_red_herring_moves_a_metric_and_harms_nobody() {
    let mut with = Play::new("F00", "auth", |_| {});
    let mut without = with.without_fault();
    with.until(120.0);
    without.until(120.0);
    assert!(with.see("service.auth.utilisation") > without.see("service.auth.utilisation") + 0.15);
    assert!(with.environment.metrics() == without.environment.metrics());
    assert!(with.environment.faults().is_empty(), "a red herring is no fault to find");
}

#[test]
fn restarting_while_the_config_is_bad_poisons_every_replica() {
    let play = || Play::new("F01", "config", |fault| fault.blast_radius = [0.25; 2]);
    let mut idle = play();
    idle.until(250.0);
    let mut restarted = play();
    restarted.until(70.0);
    restarted.act("restart(gateway)");
    restarted.until(250.0);
    let error = |play: &Play| play.see("service.gateway.error_ratio");
    assert!(error(&restarted) > 2.0 * error(&idle), "{} against {}", error(&restarted), error(&idle));
}

#[test]
fn a_corrected_config_reaches_only_what_starts_after_it() {
    let mut play = Play::new("F01", "config", |fault| fault.duration_s = [100.0; 2]);
    play.until(200.0);
    assert!(play.see("service.gateway.error_ratio") > 0.1, "poisoned replicas keep what they loaded");
    play.act("restart(gateway)");
    play.act("restart(auth)");
    play.until(500.0);
    assert!(play.see("service.gateway.error_ratio") < 0.01);
    assert!(play.see("service.auth.error_ratio") < 0.01);
}

#[test]
fn who_issues_tokens_too_slowly_is_asked_for_ever_more_until_it_is_scaled() {
    let mut idle = Play::new("F02", "auth", |_| {});
    let mut scaled = Play::new("F02", "auth", |_| {});
    scaled.until(20.0);
    for _ in 0..4 {
        scaled.act("scale up(auth)");
    }
    let (left, right) = (idle.until(300.0), scaled.until(300.0));
    assert!(left > 2.0 * right, "{left} against {right}");
    assert!(idle.see("global.error_ratio") > 0.2 && scaled.see("global.error_ratio") < 0.01);
}

#[test]
fn poison_messages_starve_consumers_until_there_are_more_of_them() {
    let play = || {
        Play::new("F03", "queue", |fault| {
            (fault.magnitude, fault.ramp_s) = ([0.7; 2], [30.0; 2]);
        })
    };
    let mut idle = play();
    let mut before = play();
    before.until(0.0);
    idle.until(400.0);
    assert!(idle.see("service.worker.requests") < 0.85 * before.see("service.worker.requests"));
    assert!(idle.see("service.queue.error_ratio") > 0.5, "messages come too late");
    assert!(idle.see("service.auth.error_ratio") < 0.01, "what is synchronous is well");
    let mut scaled = play();
    scaled.until(10.0);
    for _ in 0..4 {
        scaled.act("scale up(worker)");
    }
    scaled.until(400.0);
    assert!(scaled.see("service.queue.error_ratio") < 0.01);
}

#[test]
fn replicas_that_fail_now_and_then_leave_rotation_and_come_back() {
    let mut play = Play::new("F06", "gateway", |fault| {
        (fault.magnitude, fault.blast_radius) = ([0.6; 2], [0.5; 2]);
    });
    play.until(100.0);
    let ready = play.see("service.gateway.ready");
    assert!((0.6..0.99).contains(&ready), "{ready}");
    assert_eq!(play.see("service.gateway.running"), 1.0);
    let error = play.see("service.gateway.error_ratio");
    play.act("scale down(gateway)");
    play.until(200.0);
    let fewer = play.see("service.gateway.error_ratio");
    assert!(fewer > 0.9 * error, "scaling down removes as many good replicas as bad ones: {fewer} after {error}");
    play.act("restart(gateway)");
    play.until(400.0);
    assert!(play.see("service.gateway.error_ratio") < 0.01);
}

#[test]
fn a_restart_does_not_heal_corrupt_data_but_draining_its_node_does() {
    for target in ["auth", "database"] {
        let mut play = Play::new("F07", target, |fault| {
            (fault.magnitude, fault.duration_s) = ([0.6; 2], [900.0; 2]);
        });
        let bad = play.until(60.0);
        assert!(bad > 0.03, "{target}: {bad}");
        assert!(play.see(&format!("service.{target}.error_ratio")) < 0.01, "nothing fails");
        let (mismatch, node) = play.most(&NODES, |node| format!("node.{node}.mismatch"));
        assert!((mismatch - 0.6).abs() < 0.01, "{mismatch}");
        play.act(&format!("restart({target})"));
        play.until(500.0);
        let now = |play: &Play| play.environment.metrics().bad / play.environment.metrics().offered;
        assert!(now(&play) > 0.8 * bad, "{target}: what restarts reads the same data");
        play.act(&format!("drain({node})"));
        // The drain takes a fifth of a busy cluster away, which needs two minutes to start it anew elsewhere.
        play.until(700.0);
        assert!(now(&play) < 0.001, "{target}: {} after the drain of {node}", now(&play));
        assert!(play.see(&format!("node.{node}.mismatch")) < 0.01);
    }
}

#[test]
fn corrupt_data_can_lie_on_every_node() {
    let mut found: Vec<String> = (0..20)
        .map(|shift| {
            let onset_s = ONSET_S as f32 + shift as f32;
            let mut play = Play::new("F07", "cache", |fault| fault.onset_s = [onset_s; 2]);
            play.until(60.0);
            play.most(&NODES, |node| format!("node.{node}.mismatch")).1
        })
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found, NODES);
}

#[test]
fn held_memory_goes_with_the_replicas_that_hold_it() {
    let mut play = Play::new("F10", "database", |_| {});
    let mut scaled = Play::new("F10", "database", |_| {});
    let idle = play.environment.clone();
    play.until(40.0);
    assert!(play.see("service.database.memory") > 0.9);
    assert!(play.see("service.database.utilisation") > 0.95);
    play.act("restart(database)");
    play.until(500.0);
    assert!(play.see("service.database.memory") < 0.7);
    assert!(play.see("service.database.utilisation") < 0.6);
    scaled.environment = idle;
    scaled.until(500.0);
    assert!(scaled.see("service.database.memory") > 0.9, "without a restart nothing is let go");
}

#[test]
fn a_bad_version_stays_in_the_first_zone_unless_something_starts() {
    let play = || {
        Play::new("F12", "gateway", |fault| {
            (fault.magnitude, fault.ramp_s) = ([0.6; 2], [60.0; 2]);
        })
    };
    let zones = |play: &Play| ["a", "b"].map(|zone| play.see(&format!("zone.{zone}.error_ratio")));
    let mut idle = play();
    idle.until(20.0);
    let early: f32 = zones(&idle).iter().sum();
    idle.until(200.0);
    let [first, second] = zones(&idle);
    assert!((first.max(second) - 0.6).abs() < 0.1 && first.min(second) < 0.01, "{first} {second}");
    assert!(early < 0.8 * (first + second), "it is rolled out step by step: {early} after 20 s");
    let mut restarted = play();
    restarted.until(100.0);
    restarted.act("restart(gateway)");
    restarted.until(400.0);
    assert!(zones(&restarted).iter().all(|&error| error > 0.5), "{:?}", zones(&restarted));
    for play in [&mut idle, &mut restarted] {
        play.until(900.0);
        assert!(zones(play).iter().all(|&error| error < 0.01), "rolled back in the end: {:?}", zones(play));
        assert!((play.see("service.gateway.running") - 1.0).abs() < 1e-3);
    }
}

#[test]
fn a_full_disk_fails_writes_and_lets_nothing_start() {
    let play = || Play::new("F15", "b1", |fault| fault.ramp_s = [80.0; 2]);
    let mut idle = play();
    let early = idle.until(60.0);
    assert!(early < 0.001, "nothing fails before the disk is full: {early}");
    idle.until(200.0);
    assert_eq!(idle.see("node.b1.disk"), 1.0);
    assert!(idle.see("service.database.error_ratio") > 0.05);
    let mut restarted = play();
    restarted.until(120.0);
    restarted.act("restart(database)");
    restarted.until(590.0);
    let running = restarted.see("service.database.running");
    assert!((running - 4.0 / 6.0).abs() < 0.01, "two of six replicas cannot start on b1: {running}");
    let mut drained = play();
    drained.until(20.0);
    drained.act("drain(b1)");
    drained.until(300.0);
    assert!(drained.see("service.database.error_ratio") < 0.01);
    assert!((drained.see("service.database.running") - 1.0).abs() < 1e-3);
    idle.until(700.0);
    assert!(idle.see("node.b1.disk") < 0.5, "cleared in the end");
}

#[test]
fn lost_messages_show_at_the_edge_and_on_no_host() {
    let mut play = Play::new("F16", "b", |fault| fault.magnitude = [0.3; 2]);
    let mut without = play.without_fault();
    play.until(100.0);
    without.until(100.0);
    assert!(play.see("zone.b.error_ratio") > 0.1 && play.see("zone.a.error_ratio") < 0.03);
    for node in NODES {
        let pressure = |play: &Play| play.see(&format!("node.{node}.cpu_pressure"));
        assert!(pressure(&play) < 1.1 * pressure(&without), "{node}");
    }
    let before = play.see("global.error_ratio");
    play.act("rebalance(b)");
    play.until(200.0);
    assert!(play.see("global.error_ratio") < 0.7 * before);
}
