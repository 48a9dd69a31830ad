//! Pictures of an experiment: availability over time, and the distributions of the times to detect and to recover.

use super::{ExperimentError, ExperimentReport, StepReport, spread::steps};
use crate::validation::{Plot, Series};

/// Places in the palette.
const AVAILABILITY: usize = 1;
const QUORUM: usize = 3;
const INJECTED: usize = 2;
const DETECTED: usize = 5;
const RECOVERED: usize = 4;
/// Room below the lowest value, as a ratio of what is missing to 100 %, and the least that an axis shows.
const ROOM: f64 = 0.15;
const LEAST_PERCENT: f64 = 1.0;

/// Availability and quorum of a step over time, with what happened to its fault.
pub(super) fn course(step: &StepReport) -> Result<String, ExperimentError> {
    let line = |values: &[Option<f64>]| -> Vec<(f64, f64)> {
        let points = step.course.time_s.iter().zip(values);
        points.filter_map(|(&time_s, value)| value.map(|value| (time_s, 100.0 * value))).collect()
    };
    let (available, quorum) = (line(&step.course.availability), line(&step.course.quorum_ratio));
    let lowest = available.iter().chain(&quorum).map(|point| point.1).fold(100.0, f64::min);
    let bottom = (lowest - (ROOM * (100.0 - lowest)).max(LEAST_PERCENT)).max(0.0);
    let mut plot = Plot {
        least_y: Some(bottom),
        series: vec![Series::line("availability", available, AVAILABILITY)],
        ..Plot::new("course", "", ["seconds from the episode's start", "%"])
    };
    if !quorum.is_empty() {
        plot.series.push(Series::line("quorum", quorum, QUORUM));
    }
    if let Some(fault) = &step.fault {
        let onset_s = f64::from(fault.onset_s);
        plot.shaded.push((onset_s, (onset_s + f64::from(fault.duration_s)).min(last(&step.course.time_s))));
        let marks = [
            ("injected", Some(0.0), INJECTED),
            ("detected", step.ttd_s.map(|ttd_s| ttd_s.mean), DETECTED),
            ("recovered", step.ttr_s.filter(|_| step.recovered_ratio != Some(0.0)).map(|ttr_s| ttr_s.mean), RECOVERED),
        ];
        for (place, (label, after_s, colour)) in marks.into_iter().enumerate() {
            let Some(at_s) = after_s.map(|after_s| onset_s + after_s) else { continue };
            // Labels stand at the ends of their lines, at different heights where the lines are near each other.
            let end = bottom + (100.0 - bottom) * (0.25 - 0.09 * place as f64);
            plot.series.push(Series::dashed(label, vec![(at_s, 100.0), (at_s, bottom), (at_s, end)], colour));
        }
    }
    Ok(plot.to_svg()?)
}

fn last(times_s: &[f64]) -> f64 {
    times_s.last().copied().unwrap_or(0.0)
}

/// The distribution functions of the times to detect; none where nothing was detected.
pub(super) fn detections(report: &ExperimentReport) -> Option<Result<String, ExperimentError>> {
    distributions(report, "time to detect (s)", |step| &step.samples.detected)
}

/// The same of the times to recover.
pub(super) fn recoveries(report: &ExperimentReport) -> Option<Result<String, ExperimentError>> {
    distributions(report, "time to recover (s)", |step| &step.samples.recovered)
}

fn distributions(
    report: &ExperimentReport,
    title: &str,
    of: fn(&StepReport) -> &Vec<(f64, f64)>,
) -> Option<Result<String, ExperimentError>> {
    let all: Vec<(&StepReport, Vec<(f64, f64)>)> =
        report.steps.iter().map(|step| (step, steps(of(step), step.samples.levels.max(1.0)))).collect();
    let longest = all.iter().flat_map(|(_, points)| points).map(|point| point.0).fold(0.0, f64::max);
    if all.iter().all(|(_, points)| points.is_empty()) {
        return None;
    }
    let right = if longest > 0.0 { 1.05 * longest } else { report.tick_s };
    let series =
        all.into_iter().enumerate().filter(|(_, (_, points))| !points.is_empty()).map(|(place, (step, inner))| {
            let end = inner.last().map_or(0.0, |point| point.1);
            let points = std::iter::once((0.0, 0.0)).chain(inner).chain([(right, end)]).collect();
            Series::line(&step.name, points, place)
        });
    let plot = Plot {
        series: series.collect(),
        ..Plot::new("distribution", "", [title, "ratio of replicas and levels by then"])
    };
    Some(plot.to_svg().map_err(ExperimentError::from))
}
