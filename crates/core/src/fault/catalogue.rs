//! Which faults strike a level: drawn once per level from the scenario's catalogue.

use crate::{
    fault::{FaultEvent, FaultId, FaultTarget, TargetKind},
    ids::{NodeId, ServiceId, ZoneId},
    level::{Level, Split},
    rng::{CounterRng, Stream},
    scenario::{Fault, Scenario, ServiceClass},
};

/// The scenario's faults with their targets resolved.
#[derive(Debug)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
    control_ratio: f32,
    heldout_load: [f32; 2],
    tick_s: f32,
}

#[derive(Debug)]
struct Entry {
    id: FaultId,
    weight: f32,
    targets: Vec<FaultTarget>,
    magnitude: [f32; 2],
    blast_radius: [f32; 2],
    onset_s: [f32; 2],
    ramp_s: [f32; 2],
    duration_s: [f32; 2],
}

impl Catalogue {
    pub(crate) fn new(scenario: &Scenario, managed: &[bool]) -> Self {
        let entries = scenario.faults.catalogue.iter().map(|fault| Entry {
            id: fault.id,
            weight: fault.weight,
            targets: targets(scenario, managed, fault),
            magnitude: fault.magnitude,
            blast_radius: fault.blast_radius,
            onset_s: fault.onset_s,
            ramp_s: fault.ramp_s,
            duration_s: fault.duration_s,
        });
        Self {
            entries: entries.filter(|entry| entry.weight > 0.0 && !entry.targets.is_empty()).collect(),
            control_ratio: scenario.faults.control_ratio,
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
        self.entries.iter().any(|entry| entry.id.is_heldout() == heldout)
    }

    /// Draws a level's fault into `events`, and returns whether its load is beyond what training shows, by which factor.
    pub(crate) fn draw(&self, level: Level, events: &mut Vec<FaultEvent>) -> Option<f32> {
        events.clear();
        if self.is_control(level) {
            return None;
        }
        let mut rng = CounterRng::new(level.number(), Stream::Faults, 0);
        rng.uniform();
        // Held-out levels have a held-out fault, or an ordinary one under a load that training never shows.
        let heldout = level.split() == Split::Heldout;
        let rare = heldout && self.has(true) && (!self.has(false) || rng.uniform() < 0.5);
        let load = (heldout && !rare).then(|| rng.between(self.heldout_load[0], self.heldout_load[1]));
        events.extend(self.draw_one(&mut rng, rare));
        for (slot, event) in events.iter_mut().enumerate() {
            event.slot = slot as u8;
        }
        load
    }

    fn draw_one(&self, rng: &mut CounterRng, from_heldout: bool) -> Option<FaultEvent> {
        let eligible = || self.entries.iter().filter(|entry| entry.id.is_heldout() == from_heldout);
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
            blast_radius: draw(entry.blast_radius),
        })
    }
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
        TargetKind::Cache => services()
            .filter(|(_, service)| service.class == ServiceClass::Cache)
            .map(|(index, _)| FaultTarget::Service(ServiceId(index as u32)))
            .collect(),
        TargetKind::Node => {
            let nodes = scenario.nodes.iter().enumerate().filter(|(_, node)| wanted(&node.name));
            nodes.map(|(index, _)| FaultTarget::Node(NodeId(index as u32))).collect()
        }
        TargetKind::Zone => {
            let zones = scenario.zones.iter().enumerate().filter(|(_, zone)| wanted(&zone.name));
            zones.map(|(index, _)| FaultTarget::Zone(ZoneId(index as u32))).collect()
        }
    }
}
