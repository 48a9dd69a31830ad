//! Draws response times and losses over utilisation: theory as lines, the engines as marks.

use super::{closed_forms::MultiServer, mmc::PAIRS};
use crate::validation::{Engine, Plot, Row, Series};

/// Servers that have a curve.
const CURVES: [u32; 5] = [1, 2, 4, 10, 100];
/// Points of a curve.
const POINTS: u32 = 80;

/// The pictures of the section's rows.
pub(super) fn plots(rows: &[Row]) -> Vec<Plot> {
    let response = over_utilisation(rows, "W", MultiServer::response_mean);
    let number = over_utilisation(rows, "L", MultiServer::in_system);
    let marks = "lines: theory, circles: exact engine, crosses: fluid engine";
    vec![
        Plot {
            series: response,
            log_y: true,
            ..Plot::new(
                "steady-response",
                &format!("M/M/c response time ({marks})"),
                ["utilisation, rho", "W in mean services"],
            )
        },
        Plot {
            series: number,
            log_y: true,
            ..Plot::new(
                "steady-number",
                &format!("M/M/c number in the system ({marks})"),
                ["utilisation, rho", "L, requests"],
            )
        },
    ]
}

fn over_utilisation(rows: &[Row], quantity: &str, theory: fn(MultiServer) -> f64) -> Vec<Series> {
    let mut series = Vec::new();
    for (colour, servers) in CURVES.into_iter().enumerate() {
        let curve = (0..=POINTS).map(|point| {
            let rho = 0.4 + 0.56 * f64::from(point) / f64::from(POINTS);
            (rho, theory(MultiServer { servers, rho }))
        });
        series.push(Series::line(&format!("c = {servers}"), curve.collect(), colour));
        let measured = |engine: Engine| {
            let own = PAIRS.iter().filter(|&&(others, _)| others == servers);
            let points = own.filter_map(|&(servers, rho)| {
                let name = super::mmc::name(servers, rho);
                let mut found = rows.iter().filter(|row| row.name == name && row.engine == engine);
                found.find(|row| row.quantity == quantity).map(|row| (rho, row.measured))
            });
            points.collect::<Vec<_>>()
        };
        series.push(Series::circles(measured(Engine::Exact), colour));
        series.push(Series::crosses(measured(Engine::Fluid), colour));
    }
    series.retain(|series| !series.points.is_empty());
    series
}
