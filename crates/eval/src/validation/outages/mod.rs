//! Published outages, V1 to V7, played in both engines: what fails, what recovers, and how much of it is retries.

mod amplification;
mod back_pressure;
mod cold_cache;
mod collection_pause;
mod heap;
mod hysteresis;
mod mongodb;
mod scenes;
mod search_rate;
#[cfg(test)]
mod tests;
mod timeline;

use super::{Effort, Engine, Row};

/// What the outages give.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outages {
    /// The comparisons.
    pub rows: Vec<Row>,
    /// MongoDB's four runs in each engine: requests that end well per second (y) by seconds since the start (x).
    pub mongodb: Vec<Curve>,
    /// Goodput over capacity (y) by load over capacity (x), going up and coming down, in each engine.
    pub hysteresis: Vec<Curve>,
}

/// A curve to plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    /// What the curve shows.
    pub name: String,
    /// Who played it.
    pub engine: Engine,
    /// Points `[x, y]` in order.
    pub points: Vec<[f64; 2]>,
}

/// Plays every outage, the fluid engine without the rules in `rules_off`; the same for any number of threads.
pub(super) fn outages(effort: Effort, rules_off: &[String]) -> Outages {
    let mut outages = Outages::default();
    for outage in [
        mongodb::outage,
        hysteresis::outage,
        search_rate::outage,
        collection_pause::outage,
        cold_cache::outage,
        amplification::outage,
        heap::outage,
        back_pressure::outage,
    ] {
        outage(effort, rules_off, &mut outages);
    }
    outages
}
