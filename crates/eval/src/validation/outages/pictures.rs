//! Draws MongoDB's four runs and the way up and down a hysteresis loop.

use super::{Outages, mongodb};
use crate::validation::{Engine, Plot, Series};

/// The pictures of the section: the fluid engine's lines are unbroken, the exact one's broken.
pub(super) fn plots(outages: &Outages) -> Vec<Plot> {
    let series = |curves: &[super::Curve]| {
        let mut names: Vec<&str> = Vec::new();
        let each = curves.iter().map(|curve| {
            let known = names.iter().position(|&name| name == curve.name);
            let colour = known.unwrap_or_else(|| {
                names.push(&curve.name);
                names.len() - 1
            });
            // One label for both engines.
            match curve.engine {
                Engine::Fluid => Series::line(&curve.name, curve.points.clone(), colour),
                _ => Series::dashed("", curve.points.clone(), colour),
            }
        });
        each.collect()
    };
    vec![
        Plot {
            series: series(&outages.mongodb),
            shaded: vec![mongodb::CUT_S],
            ..Plot::new(
                "outage-mongodb",
                "MongoDB, 2 CPUs cut for ten seconds (unbroken: fluid engine, broken: exact engine)",
                ["seconds", "requests that end well per second"],
            )
        },
        Plot {
            series: series(&outages.hysteresis),
            ..Plot::new(
                "outage-hysteresis",
                "Two retries, a queue longer than the timeout (unbroken: fluid engine, broken: exact engine)",
                ["load over capacity", "goodput over capacity"],
            )
        },
    ]
}
