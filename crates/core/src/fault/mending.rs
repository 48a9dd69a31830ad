//! A test of every fault: once its cause is removed, the cluster comes back to what it was before.

use crate::{
    fault::FaultId,
    level::{Level, Split},
    scenario::Scenario,
    simulation::{Simulation, advance},
    state::IMPAIRED,
    topology::Topology,
};

/// Faults that say in `advance` what becomes of them when they are mended.
const MENDABLE: [&str; 10] = ["F00", "F01", "F02", "F03", "F06", "F07", "F10", "F12", "F15", "F16"];

#[test]
fn a_mended_fault_ends_long_before_its_time() {
    for id in FaultId::all().filter(|id| MENDABLE.contains(&id.to_string().as_str())) {
        let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
        scenario.faults.control_ratio = if id.is_herring() { 1.0 } else { 0.0 };
        scenario.faults.herring_ratio = if id.is_herring() { 1.0 } else { 0.0 };
        scenario.workload.level_range = [1.0, 1.0];
        scenario.faults.catalogue.retain(|fault| fault.id == id);
        for fault in &mut scenario.faults.catalogue {
            (fault.onset_s, fault.duration_s) = ([50.0; 2], [2000.0; 2]);
        }
        let topology = Topology::new(scenario).expect("its topology");
        let settled = Simulation::settled(topology.clone());
        let mut simulation = Simulation::new(topology.clone());
        // Mended in the midst of it, as a human does, who ends it, and after its end.
        for (k, end_tick) in [(0, 2050), (1, 350), (2, 300), (3, 2050), (4, 350), (5, 300)] {
            simulation.reset(Level::draw(Split::Train, 8, k), &settled);
            let mut bad = Vec::new();
            for tick in 0..1200 {
                let event = &mut simulation.state.faults[0];
                event.mended = tick >= 350;
                event.end_tick = end_tick;
                let before = (simulation.state.accounts.bad, simulation.state.accounts.offered);
                advance(&topology, &mut simulation.state, &mut crate::simulation::Nobody);
                let accounts = &simulation.state.accounts;
                bad.push((accounts.bad - before.0) / (accounts.offered - before.1));
            }
            let mean = |range: &[f64]| range.iter().sum::<f64>() / range.len() as f64;
            assert!(mean(&bad[1100..]) < 0.001, "{id} goes on: {}", mean(&bad[1100..]));
            assert!(id.is_herring() || mean(&bad[50..350]) > 0.003, "{id} did nothing: {}", mean(&bad[50..350]));
            for (name, own) in topology.service_names().iter().zip(&simulation.state.services) {
                let left: f32 = own.placement.running[IMPAIRED].iter().sum();
                assert!(own.impairment.sources == 0 && left == 0.0, "{id} leaves {left} replicas of {name} impaired");
            }
        }
    }
}
