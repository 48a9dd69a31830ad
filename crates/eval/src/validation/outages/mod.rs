//! Published outages, V1 to V7, played in both engines: what fails, what recovers, and how much of it is retries.

mod amplification;
mod back_pressure;
mod cold_cache;
mod collection_pause;
mod heap;
mod hysteresis;
mod mongodb;
mod pictures;
mod scenes;
mod search_rate;
#[cfg(test)]
mod tests;
mod timeline;

use super::{Effort, Engine, Row, Section, ValidationError};

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
    /// Points `(x, y)` in order.
    pub points: Vec<(f64, f64)>,
}

const MEANING: &str = "Outages that outlive their cause, as their authors published them: a trigger passes, and the system \
    stays down under a load that it carried before. What keeps it down is work on requests whose callers have given up, \
    and their retries. The same scenarios are played in both engines, as a timeline of changed loads, speeds and \
    policies. Expected is what the publication saw, or the law that it states; outcomes are 1 or 0, and shares of seeds \
    where chance decides. What a publication leaves open is assumed, and said in its source. V4's single server has \
    constant arrivals; with random ones it collapses without any pause, so that it is held as a hundred servers. The cache \
    of V5 and the collector of V7 follow one law in both engines: only what follows from it is compared. A request counts \
    when it begins in the fluid engine and when it ends in the exact one: hence the exact engine's peak once a backlog is \
    worked off.";

/// The section on outages.
pub(super) fn section(effort: Effort, rules_off: &[String]) -> Result<Section, ValidationError> {
    let outages = outages(effort, rules_off);
    let plots = pictures::plots(&outages);
    Ok(Section {
        title: "Published outages".to_owned(),
        meaning: MEANING.to_owned(),
        rows: outages.rows,
        plots,
        ..Section::default()
    })
}

/// Plays every outage: the fluid engine without the rules in `rules_off`, and, where there are none, the exact engine,
/// which has no such rules. The same for any number of threads.
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
