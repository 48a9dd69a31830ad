//! Horizontal autoscalers: replicas in proportion to utilisation, as Kubernetes' controller computes them.

use crate::{
    simulation::{actions, placement},
    state::{ClusterState, RECOMMENDATIONS},
    topology::{AutoscalerTable, Topology},
};

/// Most replicas that one look adds: double, or so many (Kubernetes' default policy).
const MOST_ADDED: f32 = 4.0;

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    for index in 0..topology.autoscalers.len() {
        let table = &topology.autoscalers[index];
        if state.tick % table.sync_ticks == table.sync_ticks - 1 && actions::has_control(topology, state) {
            look(topology, state, index, table);
        }
    }
}

/// One look: `ceil(replicas * utilisation / target)` unless within the tolerance, up at once but at most to the double
/// or by four, down only to the highest recommendation of the stabilisation window.
fn look(topology: &Topology, state: &mut ClusterState, index: usize, table: &AutoscalerTable) {
    let own = &state.services[table.service];
    let (wanted, limits) = (own.wanted, &topology.services[table.service]);
    let seen = own.telemetry.utilisation / table.target;
    // Replicas that do not run yet count as idle where there are too few: they are on their way.
    let relative = if seen > 1.0 { (seen * own.answering().reduce_add() / wanted).max(1.0) } else { seen };
    let exact = if (relative - 1.0).abs() <= table.tolerance { wanted } else { (wanted * relative).ceil() };
    let most = (2.0 * wanted).max(wanted + MOST_ADDED);
    let recommended = exact.min(most).clamp(limits.min_replicas, limits.max_replicas);
    let memory = &mut state.autoscalers[index];
    memory.recommended[memory.looks as usize % RECOMMENDATIONS] = recommended;
    memory.looks += 1;
    let remembered = table.remembered.min(memory.looks as usize);
    let highest = (0..remembered).fold(recommended, |highest, back| {
        let place = (memory.looks as usize - 1 - back) % RECOMMENDATIONS;
        highest.max(memory.recommended[place])
    });
    // A young autoscaler has no memory of higher needs: it waits until it has one.
    let settled = memory.looks as usize >= table.remembered;
    let aim = if recommended > wanted {
        recommended
    } else if settled {
        highest.min(wanted)
    } else {
        wanted
    };
    if aim != wanted {
        placement::scale(topology, state, table.service, aim - wanted);
    }
}
