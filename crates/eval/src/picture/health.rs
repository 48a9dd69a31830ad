//! How each service fares, from ground truth: what colours and marks stand for.

use microcloud_core::{Environment, ServiceClass, ServiceId};

use super::history::History;
use crate::episode::BAD_RATIO;

/// Utilisation from which a service counts as strained: at nine tenths a queue of M/M/1 is nine requests long.
const BUSY: f64 = 0.9;
/// How much slower than when the episode began, as a factor and in seconds, a strained service is.
const SLOW: f64 = 2.0;
const SLOW_S: f64 = 0.05;
/// Replicas below which none is left, and missing replicas from which one is missing.
const HALF: f64 = 0.5;

/// How a service fares, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// Nothing is wrong.
    Well,
    /// Busy, slow, or with fewer replicas than wanted, and its answers are good.
    Strained,
    /// More than 1 % of its requests fail.
    Failing,
    /// No replica is left.
    Down,
}

/// A service's figures of the last tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub health: Health,
    /// Replicas that run and get traffic, and those that there should be.
    pub ready: f64,
    pub wanted: f64,
    /// Requests finished over those that could be; none without replicas.
    pub utilisation: Option<f64>,
    pub failure: f64,
    pub p99_ms: f64,
}

impl Health {
    pub const ALL: [Self; 4] = [Self::Well, Self::Strained, Self::Failing, Self::Down];

    pub fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Strained => "strained",
            Self::Failing => "failing",
            Self::Down => "down",
        }
    }
}

/// The figures of every service, in the scenario's order.
pub(super) fn readings(environment: &Environment, history: &History) -> Vec<Reading> {
    let services = 0..environment.topology().num_services();
    services.map(|service| reading(environment, history, service)).collect()
}

fn reading(environment: &Environment, history: &History, service: usize) -> Reading {
    let own = environment.service_metrics(ServiceId(service as u32));
    let calm_s = history.calm_p99_s(service);
    let utilisation = (own.capacity_per_s > 0.0).then(|| own.served_per_s / own.capacity_per_s);
    let is_slow = own.p99_s > SLOW * calm_s && own.p99_s > calm_s + SLOW_S;
    let health = if own.ready < HALF && own.wanted >= HALF {
        Health::Down
    } else if own.failure_ratio > BAD_RATIO {
        Health::Failing
    } else if is_slow || utilisation.is_some_and(|ratio| ratio > BUSY) || own.in_rotation < own.wanted - HALF {
        Health::Strained
    } else {
        Health::Well
    };
    Reading {
        health,
        ready: own.in_rotation,
        wanted: own.wanted,
        utilisation,
        failure: own.failure_ratio,
        p99_ms: own.p99_s * 1000.0,
    }
}

/// What a class is called where space is short; nothing for stateless services.
pub(super) fn class_tag(class: ServiceClass) -> &'static str {
    match class {
        ServiceClass::Stateless => "",
        ServiceClass::Cache => "cache",
        ServiceClass::Broker => "queue",
        ServiceClass::Database => "db",
        ServiceClass::External => "ext",
    }
}
