//! Faults that a caller chooses: which, where, when and how hard, in place of those that a level draws.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{FaultEvent, FaultId, FaultTarget, MAX_FAULTS, TargetKind};
use crate::{
    ids::{NodeId, ServiceId, ZoneId},
    scenario::nearest,
    topology::Topology,
};

/// A fault that a caller chooses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// Which fault.
    pub id: FaultId,
    /// The service, node or zone that it strikes, as the fault has it; none where it strikes the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Seconds from the episode's start, 0 to 1e6; the first tick that a fault can strike is the second.
    pub onset_s: f32,
    /// Seconds from onset to full strength, 0 to 1e6.
    #[serde(default)]
    pub ramp_s: f32,
    /// Seconds from onset to the end, 0 to 1e7.
    pub duration_s: f32,
    /// Severity, in the fault's own unit and range.
    pub magnitude: f32,
    /// Half the width of F05's delays as a ratio of their mean, 0 to 1; delays vary by a quarter of it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f32>,
    /// Ratio of the target's replicas that are struck, 0 to 1.
    #[serde(default = "whole")]
    pub blast_radius: f32,
    /// Availability of a minute below which it is called off, 0 to 1; never at 0.
    #[serde(default)]
    pub abort_availability: f32,
}

fn whole() -> f32 {
    1.0
}

impl FaultPlan {
    /// A fault of full strength at once that strikes the whole of its target and is never called off.
    pub fn new(id: FaultId, target: Option<&str>, magnitude: f32, onset_s: f32, duration_s: f32) -> Self {
        let target = target.map(str::to_owned);
        Self {
            id,
            target,
            onset_s,
            ramp_s: 0.0,
            duration_s,
            magnitude,
            spread: None,
            blast_radius: 1.0,
            abort_availability: 0.0,
        }
    }

    /// The same fault, of a share of its target's replicas.
    #[must_use]
    pub fn with_blast_radius(self, blast_radius: f32) -> Self {
        Self { blast_radius, ..self }
    }
}

/// Why a list of faults cannot strike a cluster.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FaultPlanError {
    /// More faults than a cluster keeps apart.
    #[error("{found} faults; allowed: at most {MAX_FAULTS} in an episode")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A fault that the catalogue lacks.
    #[error("unknown fault `{name}`{}; allowed: {allowed}", did_you_mean(.nearest))]
    UnknownFault {
        /// What was asked for.
        name: String,
        /// The name that is nearest to it.
        nearest: Option<String>,
        /// The ids with their names.
        allowed: String,
    },
    /// A target that the cluster lacks, or that this fault cannot strike.
    #[error("faults[{place}] ({id}).target = \"{name}\": no such {kind}{}; allowed: {allowed}", did_you_mean(.nearest))]
    UnknownTarget {
        /// The fault's place in the list.
        place: usize,
        /// Which fault.
        id: FaultId,
        /// What was asked for.
        name: String,
        /// What the fault strikes.
        kind: &'static str,
        /// The target that is nearest to it.
        nearest: Option<String>,
        /// Every target that it can strike here.
        allowed: String,
    },
    /// A target for a fault that takes none, or none for one that takes one.
    #[error("faults[{place}] ({id}).target: {problem}")]
    Target {
        /// The fault's place in the list.
        place: usize,
        /// Which fault.
        id: FaultId,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A number outside its range.
    #[error("faults[{place}] ({id}).{key} = {found}; allowed: {low} to {high}")]
    OutOfRange {
        /// The fault's place in the list.
        place: usize,
        /// Which fault.
        id: FaultId,
        /// The field.
        key: &'static str,
        /// Its value.
        found: f32,
        /// The least that is allowed.
        low: f32,
        /// The most that is allowed.
        high: f32,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl FromStr for FaultId {
    type Err = FaultPlanError;

    /// The fault of an id (`F04`) or a name (`replica crash`, also with hyphens or underscores), in any case.
    fn from_str(text: &str) -> Result<Self, FaultPlanError> {
        let plain = |text: &str| text.to_lowercase().replace(['-', '_'], " ");
        let wanted = plain(text);
        if let Some(id) = Self::all().find(|id| plain(&id.to_string()) == wanted || plain(id.name()) == wanted) {
            return Ok(id);
        }
        let names: Vec<String> = Self::all().flat_map(|id| [id.to_string(), plain(id.name())]).collect();
        let allowed: Vec<String> = Self::all().map(|id| format!("{id} ({})", id.name())).collect();
        let nearest = nearest(&wanted, names.iter().map(String::as_str));
        Err(FaultPlanError::UnknownFault { name: text.to_owned(), nearest, allowed: allowed.join(", ") })
    }
}

/// The events of a list of faults on a topology's cluster, by onset.
pub(crate) fn events(topology: &Topology, plans: &[FaultPlan]) -> Result<Vec<FaultEvent>, FaultPlanError> {
    if plans.len() > MAX_FAULTS {
        return Err(FaultPlanError::TooMany { found: plans.len() });
    }
    let mut events = plans
        .iter()
        .enumerate()
        .map(|(place, plan)| event(topology, place, plan))
        .collect::<Result<Vec<_>, FaultPlanError>>()?;
    events.sort_by_key(|event| event.onset_tick);
    for (slot, event) in events.iter_mut().enumerate() {
        event.slot = slot as u8;
    }
    Ok(events)
}

fn event(topology: &Topology, place: usize, plan: &FaultPlan) -> Result<FaultEvent, FaultPlanError> {
    let id = plan.id;
    let check = |key: &'static str, found: f32, [low, high]: [f32; 2]| {
        // NaN is in no range.
        let holds = found >= low && found <= high;
        if holds { Ok(()) } else { Err(FaultPlanError::OutOfRange { place, id, key, found, low, high }) }
    };
    let (low, high) = id.model().magnitude_range();
    check("magnitude", plan.magnitude, [low, high])?;
    if let Some(spread) = plan.spread {
        // Delays of no other fault spread.
        let most = if id == FaultId::F05 { 1.0 } else { 0.0 };
        check("spread", spread, [0.0, most])?;
    }
    check("blast_radius", plan.blast_radius, [0.0, 1.0])?;
    check("onset_s", plan.onset_s, [0.0, 1e6])?;
    check("ramp_s", plan.ramp_s, [0.0, 1e6])?;
    check("duration_s", plan.duration_s, [0.0, 1e7])?;
    check("abort_availability", plan.abort_availability, [0.0, 1.0])?;
    let ticks = |seconds: f32| (seconds / topology.tick_s) as u64;
    let onset_tick = ticks(plan.onset_s).max(1);
    Ok(FaultEvent {
        slot: 0,
        id,
        target: target(topology, place, plan)?,
        onset_tick,
        ramp_ticks: ticks(plan.ramp_s),
        end_tick: onset_tick + ticks(plan.duration_s).max(1),
        magnitude: plan.magnitude,
        spread: plan.spread.filter(|_| id == FaultId::F05),
        blast_radius: plan.blast_radius,
        abort_availability: plan.abort_availability,
        mended: false,
    })
}

fn target(topology: &Topology, place: usize, plan: &FaultPlan) -> Result<FaultTarget, FaultPlanError> {
    let id = plan.id;
    let (kind, noun) = (id.model().target_kind(), id.strikes());
    let problem = |problem: String| FaultPlanError::Target { place, id, problem };
    if kind == TargetKind::Cluster {
        let none = plan.target.is_none().then_some(FaultTarget::Cluster);
        return none.ok_or_else(|| problem("it strikes the whole cluster and takes no target".to_owned()));
    }
    let allowed: Vec<(FaultTarget, &String)> = match kind {
        TargetKind::Node | TargetKind::SpotNode => {
            let nodes = topology.node_names().iter().zip(0..);
            nodes.map(|(name, index)| (FaultTarget::Node(NodeId(index)), name)).collect()
        }
        TargetKind::Zone => {
            let zones = topology.zone_names().iter().zip(0..);
            zones.map(|(name, index)| (FaultTarget::Zone(ZoneId(index)), name)).collect()
        }
        _ => {
            let services = topology.scenario().services.iter().zip(0..).filter(|(service, _)| kind.fits(service));
            services.map(|(service, index)| (FaultTarget::Service(ServiceId(index)), &service.name)).collect()
        }
    };
    let names = || allowed.iter().map(|(_, name)| name.as_str());
    let listed = || if allowed.is_empty() { "none here".to_owned() } else { names().collect::<Vec<_>>().join(", ") };
    let Some(name) = &plan.target else {
        return Err(problem(format!("missing; allowed: one {noun} of {}", listed())));
    };
    let found = allowed.iter().find(|(_, candidate)| *candidate == name).map(|(target, _)| *target);
    found.ok_or_else(|| FaultPlanError::UnknownTarget {
        place,
        id,
        name: name.clone(),
        kind: noun,
        nearest: nearest(name, names()),
        allowed: listed(),
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
