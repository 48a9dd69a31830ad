//! Which faults strike a level: drawn once per level from the scenario's catalogue.

use std::collections::BTreeMap;

use crate::{
    fault::{FaultEvent, FaultId, FaultTarget, TargetKind},
    ids::{NodeId, ServiceId, ZoneId},
    level::{Level, Split},
    rng::{CounterRng, Stream},
    scenario::{Fault, Node, Scenario},
};

/// The scenario's faults with their targets resolved.
#[derive(Debug)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
    control_ratio: f32,
    second_ratio: f32,
    correlated_ratio: f32,
    herring_ratio: f32,
    /// Services next to each other in the call graph, and the zone of each node.
    neighbours: Vec<Vec<usize>>,
    node_zones: Vec<usize>,
    heldout_load: [f32; 2],
    tick_s: f32,
}

#[derive(Debug)]
struct Entry {
    id: FaultId,
    weight: f32,
    targets: Vec<FaultTarget>,
    magnitude: [f32; 2],
    spread: Option<f32>,
    blast_radius: [f32; 2],
    onset_s: [f32; 2],
    ramp_s: [f32; 2],
    duration_s: [f32; 2],
    abort_availability: f32,
}

impl Catalogue {
    pub(crate) fn new(scenario: &Scenario, managed: &[bool]) -> Self {
        let entries = scenario.faults.catalogue.iter().map(|fault| Entry {
            id: fault.id,
            weight: fault.weight,
            targets: targets(scenario, managed, fault),
            magnitude: fault.magnitude,
            spread: fault.spread,
            blast_radius: fault.blast_radius,
            onset_s: fault.onset_s,
            ramp_s: fault.ramp_s,
            duration_s: fault.duration_s,
            abort_availability: fault.abort_availability,
        });
        Self {
            entries: entries.filter(|entry| entry.weight > 0.0 && !entry.targets.is_empty()).collect(),
            control_ratio: scenario.faults.control_ratio,
            second_ratio: scenario.faults.second_ratio,
            correlated_ratio: scenario.faults.correlated_ratio,
            herring_ratio: scenario.faults.herring_ratio,
            neighbours: neighbours(scenario),
            node_zones: scenario.nodes.iter().map(|node| zone_of(scenario, &node.zone)).collect(),
            heldout_load: scenario.faults.heldout_load,
            tick_s: scenario.tick_s(),
        }
    }

    /// Whether a level has no fault: its first draw decides, and so does a split without any.
    pub(crate) fn is_control(&self, level: Level) -> bool {
        let mut rng = CounterRng::new(level.number(), Stream::Faults, 0);
        rng.uniform() < self.control_ratio || !(self.has(false) || level.split() == Split::Heldout && self.has(true))
    }

    /// Whether there are faults that only held-out levels have, or others.
    fn has(&self, heldout: bool) -> bool {
        self.entries.iter().any(|entry| !entry.id.is_herring() && entry.id.is_heldout() == heldout)
    }

    /// Draws a level's faults into `events`, by onset, and returns whether its load is beyond what training shows, by
    /// which factor.
    pub(crate) fn draw(&self, level: Level, events: &mut Vec<FaultEvent>) -> Option<f32> {
        events.clear();
        let mut load = None;
        if !self.is_control(level) {
            let mut rng = CounterRng::new(level.number(), Stream::Faults, 0);
            rng.uniform();
            // Held-out levels have a held-out fault, or an ordinary one under a load that training never shows.
            let heldout = level.split() == Split::Heldout;
            let rare = heldout && self.has(true) && (!self.has(false) || rng.uniform() < 0.5);
            load = (heldout && !rare).then(|| rng.between(self.heldout_load[0], self.heldout_load[1]));
            events.extend(self.draw_one(&mut rng, |id| !id.is_herring() && id.is_heldout() == rare));
            self.draw_second(level, events);
        }
        if self.herring_ratio > 0.0 {
            let mut rng = CounterRng::new(level.number(), Stream::Faults, 2);
            if rng.uniform() < self.herring_ratio {
                events.extend(self.draw_one(&mut rng, FaultId::is_herring));
            }
        }
        events.sort_by_key(|event| event.onset_tick);
        for (slot, event) in events.iter_mut().enumerate() {
            event.slot = slot as u8;
        }
        load
    }

    /// Adds a second fault to some levels that have one: anywhere at any time, or next to the first and with it.
    fn draw_second(&self, level: Level, events: &mut Vec<FaultEvent>) {
        if self.second_ratio == 0.0 {
            return;
        }
        let mut rng = CounterRng::new(level.number(), Stream::Faults, 1);
        let Some(first) = events.first().filter(|_| rng.uniform() < self.second_ratio).cloned() else { return };
        let correlated = rng.uniform() < self.correlated_ratio;
        let near = if correlated { self.next_to(&first, &mut rng) } else { None };
        let second = match near {
            Some(target) => {
                let delay = (rng.between(0.0, CORRELATED_WITHIN_S) / self.tick_s) as u64;
                let (onset_tick, end_tick) = (first.onset_tick + delay, first.end_tick + delay);
                Some(FaultEvent { target, onset_tick, end_tick, ..first.clone() })
            }
            None => self.draw_one(&mut rng, |id| !id.is_herring() && !id.is_heldout()),
        };
        // The same fault on the same target would be no second one.
        events.extend(second.filter(|second| (second.id, second.target) != (first.id, first.target)));
    }

    /// Another target that the same fault can strike next to where it struck: a caller or callee, a node of the zone.
    fn next_to(&self, first: &FaultEvent, rng: &mut CounterRng) -> Option<FaultTarget> {
        let entry = self.entries.iter().find(|entry| entry.id == first.id && entry.targets.contains(&first.target))?;
        let is_near = |target: &FaultTarget| match (first.target, *target) {
            (FaultTarget::Service(a), FaultTarget::Service(b)) => self.neighbours[a.index()].contains(&b.index()),
            (FaultTarget::Node(a), FaultTarget::Node(b)) => {
                a != b && self.node_zones[a.index()] == self.node_zones[b.index()]
            }
            _ => false,
        };
        let near = || entry.targets.iter().copied().filter(is_near);
        let count = near().count();
        near().nth((rng.uniform() * count as f32) as usize)
    }

    fn draw_one(&self, rng: &mut CounterRng, which: impl Fn(FaultId) -> bool) -> Option<FaultEvent> {
        let eligible = || self.entries.iter().filter(|entry| which(entry.id));
        let mut point = rng.uniform() * eligible().map(|entry| entry.weight).sum::<f32>();
        let entry = eligible().find(|entry| {
            point -= entry.weight;
            point < 0.0
        });
        let entry = entry.or_else(|| eligible().next_back())?;
        let target = entry.targets[(rng.uniform() * entry.targets.len() as f32) as usize % entry.targets.len()];
        let mut draw = |range: [f32; 2]| rng.between(range[0], range[1]);
        let ticks = |seconds: f32| (seconds / self.tick_s) as u64;
        let onset_tick = ticks(draw(entry.onset_s)).max(1);
        Some(FaultEvent {
            slot: 0,
            id: entry.id,
            target,
            onset_tick,
            ramp_ticks: ticks(draw(entry.ramp_s)),
            end_tick: onset_tick + ticks(draw(entry.duration_s)).max(1),
            magnitude: draw(entry.magnitude),
            spread: entry.spread,
            blast_radius: draw(entry.blast_radius),
            abort_availability: entry.abort_availability,
            mended: false,
        })
    }
}

/// Seconds within which a correlated fault follows the first.
const CORRELATED_WITHIN_S: f32 = 30.0;

fn zone_of(scenario: &Scenario, name: &str) -> usize {
    scenario.zones.iter().position(|zone| zone.name == name).unwrap_or(0)
}

/// By service, those that it calls and those that call it.
fn neighbours(scenario: &Scenario) -> Vec<Vec<usize>> {
    let index: BTreeMap<&str, usize> =
        scenario.services.iter().enumerate().map(|(index, service)| (service.name.as_str(), index)).collect();
    let mut neighbours = vec![Vec::new(); scenario.services.len()];
    for call in &scenario.calls {
        if let (Some(&from), Some(&to)) = (index.get(call.from.as_str()), index.get(call.to.as_str())) {
            neighbours[from].push(to);
            neighbours[to].push(from);
        }
    }
    neighbours
}

fn targets(scenario: &Scenario, managed: &[bool], fault: &Fault) -> Vec<FaultTarget> {
    let wanted = |name: &str| fault.targets.is_empty() || fault.targets.iter().any(|target| target == name);
    let services = || scenario.services.iter().enumerate().filter(|(_, service)| wanted(&service.name));
    match fault.id.model().target_kind() {
        TargetKind::Cluster => vec![FaultTarget::Cluster],
        TargetKind::Service => services()
            .filter(|&(index, _)| managed[index] || !fault.targets.is_empty())
            .map(|(index, _)| FaultTarget::Service(ServiceId(index as u32)))
            .collect(),
        kind @ (TargetKind::Cache
        | TargetKind::Broker
        | TargetKind::Database
        | TargetKind::Sessions
        | TargetKind::External) => services()
            .filter(|(_, service)| kind.fits(service))
            .map(|(index, _)| FaultTarget::Service(ServiceId(index as u32)))
            .collect(),
        kind @ (TargetKind::Node | TargetKind::SpotNode) => {
            let spot_only =
                kind == TargetKind::SpotNode && fault.targets.is_empty() && scenario.nodes.iter().any(|node| node.spot);
            let fits = |node: &Node| wanted(&node.name) && (node.spot || !spot_only);
            let nodes = scenario.nodes.iter().enumerate().filter(|(_, node)| fits(node));
            nodes.map(|(index, _)| FaultTarget::Node(NodeId(index as u32))).collect()
        }
        TargetKind::Zone => {
            let zones = scenario.zones.iter().enumerate().filter(|(_, zone)| wanted(&zone.name));
            zones.map(|(index, _)| FaultTarget::Zone(ZoneId(index as u32))).collect()
        }
    }
}
