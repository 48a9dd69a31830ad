//! Times, ratios, faults and targets in words, the same in frames and in text.

use microcloud_core::{Action, Environment, FaultReport, FaultTarget, NodeId, Topology, ZoneId};

use super::history::History;

/// Decisions for which what was acted upon stays marked.
const MARKED_DECISIONS: f64 = 3.0;

/// Minutes and seconds, and tenths where decisions are shorter than a second.
pub(super) fn clock(seconds: f64, decision_s: f64) -> String {
    let seconds = seconds.max(0.0);
    let minutes = (seconds / 60.0).floor();
    let rest = seconds - 60.0 * minutes;
    if decision_s < 1.0 {
        format!("{minutes:.0}:{:04.1}", (rest * 10.0).floor() / 10.0)
    } else {
        format!("{minutes:.0}:{:02.0}", rest.floor())
    }
}

/// A ratio in per cent with so many decimals; a dash where there is none.
pub(super) fn percent(ratio: Option<f64>, decimals: usize) -> String {
    match ratio.filter(|ratio| ratio.is_finite()) {
        // What is not whole must not look so.
        Some(ratio) if ratio < 1.0 && decimals == 2 => format!("{:.2} %", (ratio * 1e4).floor() / 100.0),
        Some(ratio) => format!("{:.decimals$} %", 100.0 * ratio + 0.0),
        None => "-".to_owned(),
    }
}

/// Milliseconds without decimals; a dash where there are none.
pub(super) fn milliseconds(value: f64) -> String {
    if value.is_finite() { format!("{value:.0} ms") } else { "-".to_owned() }
}

/// A sum of rewards, where rounding leaves no minus before a zero.
pub(super) fn reward(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// What a fault strikes; empty for the whole cluster.
pub(super) fn target_name(topology: &Topology, target: FaultTarget) -> &str {
    let (names, index) = match target {
        FaultTarget::Cluster => return "",
        FaultTarget::Service(id) => (topology.service_names(), id.index()),
        FaultTarget::Node(id) => (topology.node_names(), id.index()),
        FaultTarget::Zone(id) => (topology.zone_names(), id.index()),
    };
    names.get(index).map_or("", String::as_str)
}

/// A fault's id, name and target.
pub(super) fn fault_words(topology: &Topology, fault: &FaultReport) -> String {
    let target = target_name(topology, fault.target);
    let on = match fault.target {
        FaultTarget::Cluster => String::new(),
        FaultTarget::Service(_) => format!(" on {target}"),
        FaultTarget::Node(_) => format!(" on node {target}"),
        FaultTarget::Zone(_) => format!(" on zone {target}"),
    };
    format!("{} {}{on}", fault.id, fault.id.name())
}

/// Whether a fault is among the active ones.
pub(super) fn is_active(active: &[FaultReport], fault: &FaultReport) -> bool {
    active.iter().any(|own| own.id == fault.id && own.target == fault.target && own.onset_s == fault.onset_s)
}

/// The last action and how long ago it was sent.
pub(super) fn action_words(environment: &Environment, history: &History) -> String {
    let (_, decision_s) = history.extent();
    match history.last_action() {
        None => "none yet".to_owned(),
        Some((action, ago_s)) => {
            let meaning = environment.topology().action_meanings().get(action);
            let meaning = meaning.map_or("out of range", String::as_str);
            if ago_s < 1.5 * decision_s {
                meaning.to_owned()
            } else {
                format!("{meaning}, {} ago", clock(ago_s, decision_s))
            }
        }
    }
}

/// What an action is about.
fn action_target(topology: &Topology, action: usize) -> Option<FaultTarget> {
    Some(match topology.action(action)? {
        Action::Restart(service)
        | Action::ScaleUp(service)
        | Action::ScaleDown(service)
        | Action::Rollback(service)
        | Action::OpenBreaker(service)
        | Action::CloseBreaker(service)
        | Action::FlushQueue(service)
        | Action::FailOver(service)
        | Action::LengthenTtl(service)
        | Action::EnlargeCache(service)
        | Action::RotateSecret(service) => FaultTarget::Service(service),
        Action::Drain(node) | Action::Return(node) | Action::ClearDisk(node) => FaultTarget::Node(node),
        Action::Rebalance(zone) => FaultTarget::Zone(zone),
        _ => FaultTarget::Cluster,
    })
}

/// What the last action was about, while it is recent.
pub(super) fn acted_upon(environment: &Environment, history: &History) -> Option<FaultTarget> {
    let (action, ago_s) = history.last_action()?;
    let (_, decision_s) = history.extent();
    (ago_s < (MARKED_DECISIONS + 0.5) * decision_s).then(|| action_target(environment.topology(), action))?
}

/// Nodes and zones that active faults strike as such.
pub(super) fn struck(environment: &Environment) -> (Vec<bool>, Vec<bool>) {
    let topology = environment.topology();
    let mut nodes = vec![false; topology.num_nodes()];
    let mut zones = vec![false; topology.num_zones()];
    let mut strike = |marks: bool, NodeId(node): NodeId| {
        if let Some(mark) = nodes.get_mut(node as usize).filter(|_| marks) {
            *mark = true;
        }
    };
    for fault in environment.active_faults() {
        let place = fault.place.unwrap_or(fault.target);
        let is_local = matches!(place, FaultTarget::Node(_) | FaultTarget::Zone(_));
        environment.struck_nodes(&fault).into_iter().for_each(|node| strike(is_local, node));
        if let FaultTarget::Zone(ZoneId(zone)) = place
            && let Some(mark) = zones.get_mut(zone as usize)
        {
            *mark = true;
        }
    }
    (nodes, zones)
}

/// Since when return and availability are told, where that is not the episode's start.
pub(super) fn since(history: &History, decision_s: f64) -> String {
    if history.since_s() > 0.0 { format!(" since {}", clock(history.since_s(), decision_s)) } else { String::new() }
}
