//! Quantities that move slowly and by law: hit ratios, sessions, and what garbage collection leaves of speed.

use super::{
    Engine,
    plan::ServicePlan,
    station::{Station, station},
};
use crate::topology::{COLLECTION_BEGINS, COLLECTION_LOSS};

/// Seconds between two moves.
pub(super) const SLOW_S: f64 = 0.1;

/// Factor on speed that garbage collection leaves: 1 up to where it begins, then falling smoothly.
pub(super) fn collection(plan: &ServicePlan, station: &Station) -> f64 {
    let queued = if station.places > 0 { station.in_system() as f64 / station.places as f64 } else { 0.0 };
    let used = plan.memory + station.leaked + plan.queue_memory * queued.min(1.0);
    let begins = f64::from(COLLECTION_BEGINS);
    let pressure = ((used - begins) / (1.0 - begins)).clamp(0.0, 1.0);
    1.0 - f64::from(COLLECTION_LOSS) * pressure * pressure * (3.0 - 2.0 * pressure)
}

impl Engine {
    /// Whether anything moves slowly at all.
    pub fn has_slow(&self) -> bool {
        (0..self.plan.services.len()).any(|service| {
            let plan = &self.plan.services[service];
            plan.hit_ratio > 0.0 || plan.sessions.is_some() || plan.broker.is_some() || self.may_collect(service)
        })
    }

    fn may_collect(&self, service: usize) -> bool {
        let plan = &self.plan.services[service];
        let leaked = self.stations[station(service, 0, 0)..station(service + 1, 0, 0)]
            .iter()
            .fold(0.0_f64, |most, station| most.max(station.leaked));
        plan.memory + plan.queue_memory + leaked > f64::from(COLLECTION_BEGINS)
    }

    /// Moves them by one step.
    pub fn slow(&mut self) {
        for service in 0..self.plan.services.len() {
            let plan = &self.plan.services[service];
            if plan.hit_ratio > 0.0 {
                let calls = &mut self.calls[plan.calls.clone()];
                let (ended, well) = calls.iter_mut().fold((0, 0), |(ended, well), call| {
                    (ended + std::mem::take(&mut call.ended), well + std::mem::take(&mut call.ended_well))
                });
                let now = &mut self.services[service];
                if ended > 0 {
                    let filled = f64::from(well) / f64::from(ended);
                    now.hit_ratio +=
                        (now.hit_limit - now.hit_ratio) * (1.0 - libm::exp(-SLOW_S / plan.fill_s)) * filled;
                }
                now.hit_ratio -= now.hit_ratio * (1.0 - libm::exp(-SLOW_S / plan.ttl_s));
            }
            if let Some(sessions) = &plan.sessions {
                let now = &mut self.services[service];
                if now.answered > 0 {
                    let issued = f64::from(now.answered_well) / f64::from(now.answered);
                    let step = 1.0 - libm::exp(-SLOW_S / f64::from(sessions.renew_s));
                    now.sessions += (1.0 - now.sessions) * step * issued;
                }
            }
            let now = &mut self.services[service];
            (now.answered, now.answered_well) = (0, 0);
            if self.may_collect(service) {
                self.pace(service);
            }
            if self.plan.services[service].broker.is_some() {
                self.pull(service);
                self.settle_all();
            }
        }
    }
}
