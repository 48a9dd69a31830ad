//! Tests of faults at the same time: each adds what it does, and takes only that away when it ends.

use crate::{
    fault::{FaultEvent, FaultId, FaultTarget},
    ids::ServiceId,
    level::{Level, Split},
    scenario::Scenario,
    simulation::{Nobody, Simulation, advance},
    topology::Topology,
};

fn event(slot: u8, id: FaultId, target: FaultTarget, ticks: [u64; 2], magnitude: f32) -> FaultEvent {
    FaultEvent {
        slot,
        id,
        target,
        onset_tick: ticks[0],
        ramp_ticks: 0,
        end_tick: ticks[1],
        magnitude,
        blast_radius: 0.5,
        spread: None,
        abort_availability: 0.0,
        mended: false,
    }
}

/// Runs `spine12` with these faults, and looks at the simulation after these ticks.
fn watch(faults: Vec<FaultEvent>, ticks: [u64; 4], mut look: impl FnMut(usize, &Simulation)) {
    let topology = Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology");
    let settled = Simulation::settled(topology.clone());
    let mut simulation = Simulation::new(topology.clone());
    simulation.reset(Level::draw(Split::Train, 1, 1), &settled);
    simulation.state.faults = faults;
    for (place, until) in ticks.into_iter().enumerate() {
        while simulation.state.tick < until {
            advance(&topology, &mut simulation.state, &mut Nobody);
        }
        look(place, &simulation);
    }
}

#[test]
fn two_spikes_multiply_and_each_takes_its_own_factor_away() {
    let faults = vec![
        event(0, FaultId::F13, FaultTarget::Cluster, [10, 50], 2.0),
        event(1, FaultId::F13, FaultTarget::Cluster, [30, 80], 1.5),
    ];
    let expected = [2.0, 3.0, 1.5, 1.0];
    watch(faults, [20, 40, 60, 90], |place, simulation| {
        assert_eq!(simulation.state.condition.load, expected[place], "at place {place}");
    });
}

#[test]
fn two_faults_of_one_service_impair_the_same_replicas_until_the_last_ends() {
    let service = ServiceId(1);
    let faults = vec![
        event(0, FaultId::F05, FaultTarget::Service(service), [10, 50], 300.0),
        event(1, FaultId::F06, FaultTarget::Service(service), [30, 80], 0.5),
    ];
    let expected = [(true, false, true), (true, true, true), (false, true, true), (false, false, false)];
    watch(faults, [20, 40, 60, 90], |place, simulation| {
        let own = &simulation.state.services[service.index()];
        let found = (own.impairment.delay_s > 0.0, own.impairment.error > 0.0, own.has_impaired);
        assert_eq!(found, expected[place], "at place {place}");
    });
}

#[test]
fn the_end_of_the_last_fault_leaves_no_condition_behind() {
    let zone = FaultTarget::Zone(crate::ids::ZoneId(1));
    let node = FaultTarget::Node(crate::ids::NodeId(0));
    let faults = vec![
        event(0, FaultId::F16, zone, [10, 40], 0.3),
        event(1, FaultId::F14, node, [20, 45], 0.5),
        event(2, FaultId::F18, zone, [25, 50], 1.0),
        event(3, FaultId::F27, FaultTarget::Cluster, [30, 55], 3.0),
    ];
    watch(faults, [35, 46, 60, 61], |place, simulation| {
        let state = &simulation.state;
        let disturbed = state.calls.iter().any(|call| call.is_disturbed());
        assert_eq!(disturbed, place == 0, "calls at place {place}");
        assert_eq!(state.nodes[0].steal > 0.0, place == 0);
        assert_eq!(state.nodes.iter().all(|node| node.up), place >= 2);
        assert_eq!(state.condition.control_down, place <= 1);
    });
}
