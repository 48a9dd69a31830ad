//! One level of a scenario in both engines: the fluid one plays it, the exact one plays its surroundings request by request.

use std::sync::Arc;

use microcloud_core::{Environment, Level, ServiceId, Topology, exact::ExactSimulation};

/// What one engine gave over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Good requests over offered ones.
    pub availability: f64,
    /// 99th percentile of response time in milliseconds, mean over the minutes with answers in both engines.
    pub p99_ms: f64,
    /// Mean number of requests that wait or are worked on, over all services.
    pub queue: f64,
}

/// The same stretch in both engines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Duel {
    pub fluid: Outcome,
    pub exact: Outcome,
}

/// Seconds of one measurement of a percentile.
const MINUTE_S: f64 = 60.0;
/// Answers in a minute below which its percentile is not measured.
const LEAST_ANSWERS: i64 = 200;

/// Plays a level without actions for so many minutes; the topology has one tick a decision.
pub(super) fn duel(topology: &Arc<Topology>, level: Level, minutes: u32) -> Duel {
    let tick_s = f64::from(topology.scenario().tick_ms) / 1000.0;
    let ticks = (MINUTE_S / tick_s).round() as u32;
    let mut fluid = Environment::new(Arc::clone(topology));
    fluid.reset(level);
    let mut exact = ExactSimulation::new(topology.scenario(), level.number());
    warm_up(topology, &mut exact);
    let start_s = exact.time_s();
    let services = || (0..topology.num_services() as u32).map(ServiceId);
    let mut duel = Duel::default();
    let (mut offered, mut bad, mut measured) = ([0.0; 2], [0.0; 2], 0.0);
    for minute in 0..minutes {
        let (mut offered_now, mut bad_now, mut p99_ms, mut with_users) = (0.0, 0.0, 0.0, 0.0);
        for tick in 0..ticks {
            fluid.step(0);
            let metrics = fluid.metrics();
            offered_now += metrics.offered;
            bad_now += metrics.bad;
            if metrics.p99_ms.is_finite() {
                p99_ms += metrics.p99_ms;
                with_users += 1.0;
            }
            duel.fluid.queue += services().map(|service| fluid.service_metrics(service).in_system).sum::<f64>();
            exact.surround(&fluid.surroundings());
            exact.run_until(start_s + f64::from(minute * ticks + tick + 1) * tick_s);
        }
        let edge = exact.take_edge();
        let windows = services().map(|service| exact.take_service(service));
        duel.exact.queue += windows.map(|window| window.in_system).sum::<f64>();
        offered = [offered[0] + offered_now, offered[1] + edge.offered as f64];
        bad = [bad[0] + bad_now, bad[1] + edge.bad as f64];
        if edge.good >= LEAST_ANSWERS && with_users > 0.0 {
            duel.fluid.p99_ms += p99_ms / with_users;
            duel.exact.p99_ms += edge.p99_s * 1000.0;
            measured += 1.0;
        }
    }
    duel.fluid.availability = 1.0 - bad[0] / f64::max(offered[0], 1.0);
    duel.exact.availability = 1.0 - bad[1] / f64::max(offered[1], 1.0);
    duel.fluid.queue /= f64::from(minutes * ticks);
    duel.exact.queue /= f64::from(minutes);
    if measured > 0.0 {
        duel.fluid.p99_ms /= measured;
        duel.exact.p99_ms /= measured;
    }
    duel
}

/// Both engines begin with queues as they are in the long run: the fluid one settles by itself.
fn warm_up(topology: &Arc<Topology>, exact: &mut ExactSimulation) {
    exact.run_until(MINUTE_S);
    exact.take_edge();
    for service in (0..topology.num_services() as u32).map(ServiceId) {
        exact.take_service(service);
    }
}
