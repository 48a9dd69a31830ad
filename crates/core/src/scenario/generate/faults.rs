//! What goes wrong in a generated cluster: the faults of `spine12`, on services whose failure users notice.

use super::graph::{Graph, Role};
use crate::{
    fault::FaultId,
    scenario::{Call, CallMode, Fault, Faults, Service, defaults},
};

/// Ratio of users' requests that fail with a service, from which on it is worth striking.
const NOTICED: f32 = 0.1;
/// Most services that one kind of fault strikes.
const MOST_TARGETS: usize = 6;

/// The catalogue; a fault that nothing noticeable is left for has no entry.
pub(super) fn faults(graph: &Graph, shares: &[f32], services: &[Service], calls: &[Call]) -> Faults {
    let impact = impact(graph, shares, calls);
    let mut noticed: Vec<usize> = (0..services.len()).filter(|&service| impact[service] >= NOTICED).collect();
    noticed.sort_by(|&a, &b| impact[b].total_cmp(&impact[a]).then(a.cmp(&b)));
    let names = |wanted: &dyn Fn(Role) -> bool| -> Vec<String> {
        let fit = noticed.iter().filter(|&&service| wanted(graph.roles[service]));
        fit.take(MOST_TARGETS).map(|&service| services[service].name.clone()).collect()
    };
    let own = names(&|role| role != Role::External);
    let external = names(&|role| role == Role::External);
    let called = names(&|role| !matches!(role, Role::Entry | Role::External | Role::Worker));
    let served = names(&|role| !matches!(role, Role::External | Role::Broker));
    let caches = names(&|role| role == Role::Cache);
    // Magnitudes, durations and blast radii are those of spine12.
    let anywhere = |id, weight, magnitude, duration_s| Fault {
        id,
        weight,
        targets: Vec::new(),
        magnitude,
        blast_radius: defaults::blast_radius(),
        onset_s: defaults::onset_s(),
        ramp_s: defaults::ramp_s(),
        duration_s,
        spread: None,
        abort_availability: 0.0,
    };
    let on =
        |targets: &[String], fault: Fault| (!targets.is_empty()).then(|| Fault { targets: targets.to_vec(), ..fault });
    let mut catalogue = Vec::new();
    let crash = |weight, duration_s| anywhere(FaultId::F04, weight, [1.0, 1.0], duration_s);
    catalogue.extend(on(&own, Fault { blast_radius: [0.5, 0.8], ..crash(2.0, [400.0, 900.0]) }));
    catalogue.extend(on(&external, Fault { blast_radius: [0.5, 0.5], ..crash(0.5, [120.0, 400.0]) }));
    let latency = anywhere(FaultId::F05, 2.0, [500.0, 1500.0], [400.0, 900.0]);
    catalogue.extend(on(&served, Fault { blast_radius: [0.25, 0.7], ..latency }));
    catalogue.extend(on(&called, anywhere(FaultId::F08, 1.5, [0.05, 0.2], [10.0, 30.0])));
    catalogue.extend(on(&caches, anywhere(FaultId::F09, 1.0, [0.9, 1.0], [60.0, 60.0])));
    let leak = anywhere(FaultId::F11, 1.5, [300.0, 600.0], [700.0, 1000.0]);
    catalogue.extend(on(&served, Fault { ramp_s: [0.0, 60.0], ..leak }));
    let spike = anywhere(FaultId::F13, 2.0, [1.8, 3.0], [300.0, 700.0]);
    catalogue.push(Fault { ramp_s: [10.0, 60.0], ..spike });
    catalogue.push(anywhere(FaultId::F14, 2.0, [0.6, 0.85], [500.0, 1000.0]));
    catalogue.push(anywhere(FaultId::F18, 1.5, [1.0, 1.0], [300.0, 900.0]));
    let errors = anywhere(FaultId::F06, 1.0, [0.5, 0.8], [400.0, 900.0]);
    catalogue.extend(on(&served, Fault { blast_radius: [0.4, 0.6], ..errors }));
    catalogue.extend(on(&served, anywhere(FaultId::F07, 1.0, [0.4, 0.8], [500.0, 1000.0])));
    let deploy = anywhere(FaultId::F12, 1.0, [0.4, 0.9], [500.0, 900.0]);
    catalogue.extend(on(&served, Fault { blast_radius: [0.1, 0.3], ramp_s: [60.0, 120.0], ..deploy }));
    let disk = anywhere(FaultId::F15, 1.0, [0.5, 0.9], [500.0, 1000.0]);
    catalogue.push(Fault { ramp_s: [60.0, 120.0], ..disk });
    catalogue.push(anywhere(FaultId::F16, 1.0, [0.15, 0.4], [400.0, 900.0]));
    let gray = anywhere(FaultId::F19, 1.0, [0.7, 1.0], [400.0, 900.0]);
    catalogue.extend(on(&served, Fault { blast_radius: [0.4, 0.7], ..gray }));
    let preemption = anywhere(FaultId::F20, 1.0, [1.0, 1.0], [500.0, 900.0]);
    catalogue.push(Fault { ramp_s: [60.0, 120.0], ..preemption });
    catalogue.extend(on(&called, anywhere(FaultId::F21, 1.0, [1.0, 1.0], [400.0, 900.0])));
    catalogue.push(anywhere(FaultId::F27, 0.5, [1.0, 3.0], [100.0, 400.0]));
    catalogue.extend(on(&served, anywhere(FaultId::F00, 1.0, [0.2, 0.5], [300.0, 900.0])));
    Faults { catalogue, second_ratio: 0.1, herring_ratio: 0.2, ..Faults::default() }
}

/// Ratio of users' requests that fail when a service does, by service: along calls that somebody waits for, as far as
/// no fallback hides it.
fn impact(graph: &Graph, shares: &[f32], calls: &[Call]) -> Vec<f32> {
    let total: f32 = shares.iter().sum();
    let mut impact = vec![0.0_f32; graph.roles.len()];
    for (own, share) in impact.iter_mut().zip(shares) {
        *own = share / total;
    }
    let mut outgoing = vec![Vec::new(); graph.roles.len()];
    for (edge, call) in graph.edges.iter().zip(calls) {
        outgoing[edge.from].push((edge.to, call));
    }
    for service in 0..graph.roles.len() {
        for &(callee, call) in &outgoing[service] {
            if call.mode != CallMode::Async {
                let fails = call.calls.min(1.0) * (1.0 - call.fallback);
                impact[callee] = (impact[callee] + impact[service] * fails).min(1.0);
            }
        }
    }
    impact
}
