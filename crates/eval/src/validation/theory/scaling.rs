//! Where replicas that contend do most: the peak of the universal scalability law, from measured throughputs.

use super::{
    closed_forms::Scalability,
    mmc::STEADY,
    networks::{LAW, REPLICAS, scale_name},
    play::{Played, mean_and_error},
    system::{Reading, System},
};
use crate::validation::{Engine, Row};

/// Rows of the peak that each engine's throughputs have: the law is fitted to them.
pub(super) fn peak_rows(systems: &[System], played: &[Played]) -> Vec<Row> {
    let chosen: Option<Vec<&Played>> = REPLICAS
        .iter()
        .map(|&replicas| {
            let name = scale_name(replicas);
            systems.iter().zip(played).find(|(system, _)| system.name == name).map(|(_, played)| played)
        })
        .collect();
    let Some(chosen) = chosen else { return Vec::new() };
    let (name, quantity, source) = ("USL, s = 0.05, k = 0.001", "N of the peak, by a fit", "Gunther 2007, chapter 4");
    let expected = LAW.peak();
    let fluid = peak(chosen.iter().map(|played| &played.fluid));
    let mut rows = vec![Row::held(name, Engine::Fluid, quantity, [expected, fluid], STEADY * expected, source)];
    let replications = chosen.iter().map(|played| played.exact.len()).min().unwrap_or(0);
    let peaks: Vec<f64> = (0..replications).map(|run| peak(chosen.iter().map(|played| &played.exact[run]))).collect();
    if replications > 1 {
        let (mean, error) = mean_and_error(&peaks);
        let row = Row::held(name, Engine::Exact, quantity, [expected, mean], 4.0 * error, source);
        rows.push(row.with_standard_error(error, 0.01 * expected));
    }
    rows
}

fn peak<'a>(readings: impl Iterator<Item = &'a Reading>) -> f64 {
    let throughputs = readings.map(|reading| reading.services[0].served_per_s);
    let points: Vec<(f64, f64)> = REPLICAS.iter().map(|&replicas| f64::from(replicas)).zip(throughputs).collect();
    Scalability::fitted(&points).peak()
}
