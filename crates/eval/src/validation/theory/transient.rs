//! How a queue M/M/c moves when its load changes: both engines against Kolmogorov's equations, integrated.

use super::change::{CHANGES, Change, Curves, curves};
use crate::validation::{Effort, Engine, Plot, Row, Section, Series, ValidationError};

/// Times at which rows compare, with the last one of each change.
const TIMES_S: [usize; 3] = [10, 30, 60];
const SOURCE: &str = "Kolmogorov's forward equations, integrated";
/// Largest relative distances of the fluid engine's peak and of the half-time of its drain, where there are several servers.
const PEAK: f64 = 0.12;
const HALF_TIME: f64 = 0.3;
const SEVERAL: u32 = 3;

const MEANING: &str = "How the mean number of requests in a queue moves when the load steps up, falls, or spikes, with mu = 1: \
    what an engineer watches in the minutes around an incident. The truth is the mean over everything that chance may do, \
    from Kolmogorov's equations; a figure at a time is the mean over the second that ends then. The fluid engine has one \
    equation for that mean, which is exact once nothing moves any more. It fills too fast, so that its peaks are too high \
    (by 2 % with sixteen servers, 11 % with one), and drains in too straight a line: too slowly at first, then too fast, \
    since it knows nothing of the unlucky runs that are still congested. With three servers or more the peak is held to \
    12 % and the half-time of the drain to 30 %; the other rows inform, and nothing is claimed about a drain's tail.";

/// The section on changes of load.
pub(in crate::validation) fn transients(effort: Effort, rules_off: &[String]) -> Result<Section, ValidationError> {
    let mut section = Section::new("Changes of load");
    MEANING.clone_into(&mut section.meaning);
    for (number, change) in CHANGES.iter().enumerate().filter(|(_, change)| effort == Effort::Full || change.quick) {
        let curves = curves(change, number, rules_off)?;
        section.rows.extend(rows(change, &curves));
        section.plots.push(plot(change, number, &curves));
    }
    Ok(section)
}

fn rows(change: &Change, curves: &Curves) -> Vec<Row> {
    let name = change.name();
    let mut times: Vec<usize> = TIMES_S.into_iter().filter(|&time| time < change.end_s).collect();
    times.push(change.end_s);
    let mut rows = Vec::new();
    for (engine, curve, errors) in curves.measured() {
        let source = match engine {
            Engine::Exact => format!("{SOURCE}; {} runs", curves.replications),
            _ => SOURCE.to_owned(),
        };
        let row = |quantity: String, figures| Row::informing(&name, engine, quantity, figures, &source);
        for &time in &times {
            // The mean over the second that ends then.
            let second = time - 1;
            let mut row = row(format!("L at {time} s"), [curves.theory[second], curve[second]]);
            row.standard_error = errors.get(second).copied();
            rows.push(row);
        }
        let off = curve.iter().zip(&curves.theory).map(|(measured, expected)| (measured / expected - 1.0).abs());
        rows.push(row("largest relative error of L".to_owned(), [0.0, off.fold(0.0, f64::max)]));
        if change.then.is_some() {
            let figures = [
                ("peak of L", [peak(&curves.theory).1, peak(&curve).1], PEAK),
                ("half-time of the drain, s", [half_time(&curves.theory), half_time(&curve)], HALF_TIME),
            ];
            for (quantity, figures, tolerance) in figures {
                rows.push(if engine == Engine::Fluid && change.servers >= SEVERAL {
                    Row::held(&name, engine, quantity, figures, tolerance * figures[0], &source)
                } else {
                    row(quantity.to_owned(), figures)
                });
            }
        }
    }
    rows
}

/// The second with the largest number, and that number.
fn peak(curve: &[f64]) -> (usize, f64) {
    let numbers = curve.iter().copied().enumerate();
    numbers.fold((0, 0.0), |most, (second, number)| if number > most.1 { (second, number) } else { most })
}

/// Seconds from the peak until the number has fallen half of the way to where it ends.
fn half_time(curve: &[f64]) -> f64 {
    let (top, highest) = peak(curve);
    let half = 0.5 * (highest + curve[curve.len() - 1]);
    let Some(after) = (top + 1..curve.len()).find(|&second| curve[second] <= half) else { return f64::NAN };
    let (above, below) = (curve[after - 1], curve[after]);
    (after - 1 - top) as f64 + (above - half) / (above - below)
}

fn plot(change: &Change, number: usize, curves: &Curves) -> Plot {
    // A curve's second is drawn at its middle.
    let points = |curve: &[f64]| curve.iter().enumerate().map(|(second, &l)| (second as f64 + 0.5, l)).collect();
    let mut series = vec![Series::line("Kolmogorov", points(&curves.theory), 0)];
    for (engine, curve, _) in curves.measured() {
        series.push(match engine {
            Engine::Fluid => Series::line("fluid", points(&curve), 1),
            _ => Series::dashed("exact", points(&curve), 2),
        });
    }
    Plot {
        series,
        shaded: change.then.map(|(from, _)| (0.0, from as f64)).into_iter().collect(),
        ..Plot::new(&format!("transient-{}", number + 1), &change.name(), ["seconds", "mean number in the system, L"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_time_is_that_of_an_exponential() {
        let curve: Vec<f64> = (0..200).map(|second| 1.0 + 8.0 * libm::exp(-f64::from(second) / 10.0)).collect();
        assert!((half_time(&curve) - 10.0 * std::f64::consts::LN_2).abs() < 0.02);
    }
}
