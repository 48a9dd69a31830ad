//! What only the inside can say of snapshots: other versions, foreign content, and the layout that a version stands for.

use std::sync::Arc;

use super::*;
use crate::{
    Environment, Scenario,
    action::Action,
    fault::{FaultEvent, FaultId, FaultTarget},
    ids::{NodeId, ServiceId, ZoneId},
    level::{Level, Split},
    rng::{CounterRng, Stream},
    simulation::Simulation,
};

fn spine12() -> Arc<Topology> {
    Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology")
}

fn event(target: FaultTarget) -> FaultEvent {
    let (id, onset_tick, end_tick) = (FaultId::F05, 10, 20);
    FaultEvent {
        slot: 0,
        id,
        target,
        onset_tick,
        ramp_ticks: 0,
        end_tick,
        magnitude: 1.0,
        blast_radius: 1.0,
        spread: None,
        abort_availability: 0.0,
        mended: false,
    }
}

/// The text of a value with its numbers and truths made equal: what is left is names, order and lengths.
fn skeleton(debug: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    let (mut out, mut rest) = (String::new(), debug);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| word(c) != word(first)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        out += match token {
            "true" | "false" => "truth",
            _ if token.parse::<i128>().is_ok() => "whole",
            _ if token.parse::<f64>().is_ok() => "real",
            _ => token,
        };
        rest = after;
    }
    out
}

#[test]
fn a_changed_layout_raises_the_version() {
    let topology = spine12();
    let mut state = ClusterState::new(&topology);
    state.services.truncate(1);
    state.calls.truncate(1);
    state.nodes.truncate(1);
    state.scrape_phase.truncate(1);
    state.next_check_us.truncate(1);
    state.faults = vec![event(FaultTarget::Cluster)];
    state.pending = vec![(0, Action::NoOp)];
    let metrics = StepMetrics::default();
    let names = skeleton(&format!("{state:?} {metrics:?}"));
    let size = postcard::to_allocvec(&(&state, &metrics)).expect("plain values").len();
    // Where this fails, snapshots of the last release no longer read: raise VERSION once a release, then write the new
    // layout here.
    assert_eq!((VERSION, size, fnv1a(names.as_bytes())), LAYOUT, "{names}");
}

const LAYOUT: (u32, usize, u64) = (4, 2768, 0x0E79_EBED_EB87_AA8A);

#[test]
fn another_version_is_refused_and_both_are_named() {
    let topology = spine12();
    let mut environment = Environment::new(topology.clone());
    for (version, word) in [(VERSION - 1, "older"), (VERSION + 1, "newer"), (u32::MAX, "newer")] {
        let bytes = seal(version, topology.scenario_hash, b"whatever that version holds");
        let error = environment.restore(&bytes).expect_err("a refusal");
        assert_eq!(error, SnapshotError::Version { found: version, allowed: VERSION });
        let message = error.to_string();
        assert!(message.contains(word) && message.contains(&version.to_string()), "{message}");
        assert!(message.ends_with(&format!("allowed: {VERSION}")), "{message}");
    }
}

#[test]
fn every_bit_comes_back_numbers_or_not() {
    let topology = spine12();
    let mut state = Simulation::settled(topology.clone());
    state.seen_p99 = f32::from_bits(0x7FC1_2345);
    state.seen_load = f32::NEG_INFINITY;
    state.load_factor = -0.0;
    state.services[3].telemetry.memory = f32::MAX;
    state.services[3].hit_ratio = f32::from_bits(1);
    let metrics =
        StepMetrics { p99_ms: f64::from_bits(0xFFF8_0000_0000_0001), cost_ratio: f64::INFINITY, ..Default::default() };
    let bytes = write(&topology, &state, &metrics);
    let (state, metrics) = read(&topology, &bytes).expect("it reads");
    assert_eq!(state.seen_p99.to_bits(), 0x7FC1_2345);
    assert_eq!(metrics.p99_ms.to_bits(), 0xFFF8_0000_0000_0001);
    assert!(write(&topology, &state, &metrics) == bytes);
}

#[test]
fn a_state_that_the_topology_cannot_have_is_refused_by_the_value_that_does_not_fit() {
    let topology = spine12();
    let settled = Simulation::settled(topology.clone());
    type Change = fn(&mut ClusterState);
    let cases: &[(&str, Change)] = &[
        ("length of services = 11; allowed: 12", |state| state.services.truncate(11)),
        ("length of calls = 23; allowed: 22", |state| state.calls.push(state.entries[0].clone())),
        ("length of nodes", |state| state.nodes.clear()),
        ("length of scrape_phase", |state| state.scrape_phase.push(0)),
        ("length of next_check_us", |state| state.next_check_us.truncate(3)),
        ("decision = 4294967295", |state| state.decision = u32::MAX),
        ("tick = 1; allowed: 0", |state| state.tick = 1),
        ("lost_decisions = 1; allowed: 0 to 0", |state| state.accounts.lost_decisions = 1),
        ("next_check_us[2] = 0; allowed: at least", |state| {
            (state.decision, state.tick) = (7, 7 * u64::from(spine12().scenario().decision_ticks));
            state.next_check_us.fill([u64::MAX; 2]);
            state.next_check_us[2] = [u64::MAX, 0];
        }),
        ("faults[1].slot = 32; allowed: less than 32", |state| {
            state.faults = vec![event(FaultTarget::Cluster), FaultEvent { slot: 32, ..event(FaultTarget::Cluster) }];
        }),
        ("faults[0].ramp_ticks", |state| {
            state.faults = vec![FaultEvent { ramp_ticks: u64::MAX, ..event(FaultTarget::Cluster) }];
        }),
        ("service in faults[0] = 12", |state| state.faults = vec![event(FaultTarget::Service(ServiceId(12)))]),
        ("node in faults[0] = 99", |state| state.faults = vec![event(FaultTarget::Node(NodeId(99)))]),
        ("zone in faults[0] = 4", |state| state.faults = vec![event(FaultTarget::Zone(ZoneId(4)))]),
        ("service in pending[1] = 12", |state| {
            state.pending = vec![(3, Action::RebalanceAll), (3, Action::ScaleUp(ServiceId(12)))];
        }),
        ("node in pending[0]", |state| state.pending = vec![(3, Action::Drain(NodeId(u32::MAX)))]),
        ("zone in pending[0]", |state| state.pending = vec![(3, Action::Rebalance(ZoneId(4)))]),
        ("replicas of services[5] = NaN", |state| state.services[5].placement.running[0][0] = f32::NAN),
        ("replicas of services[0] = inf; allowed: 0 to 24", |state| {
            state.services[0].placement.unplaced = f32::INFINITY
        }),
        ("replicas of services[1] = -1", |state| state.services[1].wanted = -1.0),
        ("services[8].hit_ratio = -1", |state| state.services[8].hit_ratio = -1.0),
    ];
    let mut environment = Environment::new(topology.clone());
    environment.step(0);
    let before = environment.snapshot();
    for (words, change) in cases {
        let mut state = settled.clone();
        change(&mut state);
        let error = environment.restore(&write(&topology, &state, &StepMetrics::default())).expect_err(words);
        let message = error.to_string();
        assert!(matches!(error, SnapshotError::Unfit { .. }) && message.contains(words), "{words}: {message}");
        assert!(!message.contains('\n') && message.contains("allowed: "), "{message}");
        assert!(environment.snapshot() == before, "{words}: the environment changed");
    }
}

#[test]
fn a_level_beyond_the_last_is_refused() {
    let topology = spine12();
    let payload = |level: u64| {
        // The level comes first in the payload.
        let state = postcard::to_allocvec(&(&Simulation::settled(topology.clone()), &StepMetrics::default()));
        let state = state.expect("plain values");
        let (_, rest) = postcard::take_from_bytes::<Level>(&state).expect("a level");
        [postcard::to_allocvec(&level).expect("a number"), rest.to_vec()].concat()
    };
    assert!(read(&topology, &seal(VERSION, topology.scenario_hash, &payload(5))).is_ok());
    let refusal = read(&topology, &seal(VERSION, topology.scenario_hash, &payload(1 << 33))).expect_err("a refusal");
    assert!(refusal.to_string().contains("level = 8589934592"), "{refusal}");
}

#[test]
fn a_payload_cut_short_or_followed_by_more_is_refused_though_its_checksum_is_right() {
    let topology = spine12();
    let whole = Environment::new(topology.clone()).snapshot();
    let payload = &whole[HEADER..whole.len() - CHECKSUM];
    let sealed = |payload: &[u8]| read(&topology, &seal(VERSION, topology.scenario_hash, payload)).map(drop);
    assert_eq!(sealed(payload), Ok(()));
    for end in (0..payload.len()).step_by(37) {
        assert!(matches!(sealed(&payload[..end]), Err(SnapshotError::Unreadable { .. })), "{end}");
    }
    let refusal = sealed(&[payload, b"more"].concat()).expect_err("a refusal").to_string();
    assert!(refusal.contains("4 bytes follow"), "{refusal}");
}

#[test]
fn foreign_content_under_a_right_checksum_is_refused_or_plays_on() {
    let topology = spine12();
    let mut rng = CounterRng::new(1, Stream::Faults, 0);
    let mut environment = Environment::new(topology.clone());
    let levels = topology.draw_levels(Split::Train, 1, 8, false);
    let (mut refused, mut played) = (0, 0);
    for round in 0..4000_usize {
        environment.reset(levels[round % levels.len()]);
        for _ in 0..round % 7 {
            environment.step((rng.uniform() * topology.num_actions() as f32) as usize);
        }
        let mut payload = environment.snapshot();
        payload.truncate(payload.len() - CHECKSUM);
        payload.drain(..HEADER);
        for _ in 0..1 + round % 8 {
            let place = (rng.uniform() * payload.len() as f32) as usize;
            payload[place] = (rng.uniform() * 256.0) as u8;
        }
        match environment.restore(&seal(VERSION, topology.scenario_hash, &payload)) {
            Err(_) => refused += 1,
            Ok(()) => {
                for _ in 0..8 {
                    environment.step((rng.uniform() * topology.num_actions() as f32) as usize);
                }
                played += 1;
            }
        }
    }
    assert!(refused > 100 && played > 100, "{refused} refused, {played} played");
}
