//! Steps, places and features in words.

use microcloud_core::{FaultId, Place, Remedy, Role, Step, Symptom};

/// A step with its times.
pub(super) fn step(step: &Step) -> String {
    let each = if step.times > 1 { format!(", {} times every {} s", step.times, step.every_s) } else { String::new() };
    format!("at {} s{each}: {}", step.after_s, what(step))
}

/// A step without its times.
pub(super) fn what(step: &Step) -> String {
    let remedy = match step.remedy {
        Remedy::Restart => "restart",
        Remedy::ScaleUp => "scale up",
        Remedy::ScaleDown => "scale down",
        Remedy::Drain => "drain",
        Remedy::Return => "return",
        Remedy::Rebalance => "rebalance",
        Remedy::RebalanceAll => return "rebalance all zones".to_owned(),
        Remedy::Rollback => "roll back",
        Remedy::Shed(percent) => return format!("shed {percent} % of the load"),
        Remedy::OpenBreaker => "open the breakers of",
        Remedy::CloseBreaker => "close the breakers of",
        Remedy::FlushQueue => "flush",
        Remedy::DisableRetries => return "disable retries".to_owned(),
        Remedy::FailOver => "fail over",
        Remedy::ClearDisk => "clear the disk of",
        Remedy::RotateSecret => "rotate the secret of",
        Remedy::PageHuman => return "page a human".to_owned(),
    };
    format!("{remedy} {}", place(step.place))
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Target => "the target",
        Place::Callers => "its callers",
        Place::Callees => "what it calls",
        Place::Nodes => "the struck nodes",
        Place::OtherNode => "another node",
        Place::Zone => "the struck zone",
        Place::Busiest => "the busiest services",
        Place::Cluster => "the cluster",
    }
}

/// A symptom's feature as the policy sees it.
pub(super) fn feature(id: FaultId, symptom: &Symptom) -> String {
    let place = match (symptom.place, id.strikes()) {
        (Place::Cluster, _) | (Place::Target, "cluster") => return format!("global.{}", symptom.feature),
        (Place::Target, kind @ ("node" | "zone")) => format!("{kind}.<target>"),
        (Place::Target, _) => "service.<target>".to_owned(),
        (Place::Callers, _) => "service.<caller>".to_owned(),
        (Place::Callees, _) => "service.<callee>".to_owned(),
        (Place::Nodes, _) => "node.<struck>".to_owned(),
        (Place::OtherNode, _) => "node.<other>".to_owned(),
        (Place::Zone, _) => "zone.<struck>".to_owned(),
        (Place::Busiest, _) => "service.<busiest>".to_owned(),
    };
    format!("{place}.{}", symptom.feature)
}

/// Which levels have a fault.
pub(super) fn role(id: FaultId) -> &'static str {
    match id.card().role {
        Role::Scored if id.is_heldout() => "scored, held out",
        Role::Scored => "scored",
        Role::Wait => "wait",
        Role::Extended => "extended",
        Role::Herring => "herring",
    }
}
