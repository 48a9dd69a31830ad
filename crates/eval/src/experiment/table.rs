//! A report as tables: cells for the page, and text for people at a terminal.

use std::fmt;

use super::{ExperimentReport, Finding, Spread, StepReport};

/// What stands above the columns of the steps.
pub(super) const STEP_HEADINGS: [&str; 12] = [
    "step",
    "availability",
    "success",
    "quorum",
    "P95 ms",
    "P99 ms",
    "TTD s",
    "detected",
    "TTR s",
    "recovered",
    "actions",
    "incidents",
];

/// A step's cells.
pub(super) fn step_cells(step: &StepReport) -> Vec<String> {
    vec![
        step.name.clone(),
        figure(step.availability, 4),
        figure(step.success_ratio, 4),
        figure(step.quorum_ratio, 4),
        figure(step.p95_ms, 0),
        figure(step.p99_ms, 0),
        figure(step.ttd_s.map(|spread| spread.mean), 2),
        figure(step.detected_ratio, 2),
        figure(step.ttr_s.map(|spread| spread.mean), 2),
        figure(step.recovered_ratio, 2),
        figure(Some(step.actions), 1),
        figure(Some(step.incidents), 1),
    ]
}

/// What stands above the columns of times.
pub(super) const TIME_HEADINGS: [&str; 9] = ["step", "time", "came about", "mean s", "min", "p50", "p95", "p99", "max"];

/// The rows of a step's times, each with the ratio of levels and replicas for which it came about.
pub(super) fn time_rows(step: &StepReport) -> Vec<Vec<String>> {
    let times: [(&str, Option<Spread>, Option<f64>); 6] = [
        ("detected", step.ttd_s, step.detected_ratio),
        ("taken out of rotation", step.taken_out_s, step.taken_out_ratio),
        ("first incident", step.incident_s, step.incident_ratio),
        ("first action", step.first_action_s, step.first_action_ratio),
        ("recovered, from injection", step.ttr_s, step.recovered_ratio),
        ("back in rotation, from the fault's end", step.readmission_s, None),
    ];
    let exist = times.into_iter().filter(|(_, spread, _)| spread.is_some());
    let row = |(name, spread, ratio): (&str, Option<Spread>, Option<f64>)| {
        let mut cells = vec![step.name.clone(), name.to_owned(), figure(ratio, 2)];
        let of = |pick: fn(Spread) -> f64| figure(spread.map(pick), 2);
        cells.extend([of(|s| s.mean), of(|s| s.min), of(|s| s.p50), of(|s| s.p95), of(|s| s.p99), of(|s| s.max)]);
        cells
    };
    exist.map(row).collect()
}

/// What stands above the columns of findings.
pub(super) const FINDING_HEADINGS: [&str; 8] = [
    "step",
    "figure",
    "the description says",
    "allows",
    "measured",
    "verdict",
    "its own parameters give",
    "measured agrees",
];

/// A finding's cells.
pub(super) fn finding_cells(finding: &Finding) -> Vec<String> {
    let computed = match (finding.computed, finding.because.as_str()) {
        (None, because) => because.to_owned(),
        (range, "") => interval(range),
        (range, because) => format!("{}: {because}", interval(range)),
    };
    let agrees = finding.computed_verdict.map_or("-", |verdict| if verdict == "holds" { "yes" } else { "no" });
    vec![
        finding.step.clone(),
        format!("{}, {}", finding.quantity, finding.statistic),
        finding.claim.clone(),
        interval(finding.claimed),
        interval(finding.measured),
        finding.claim_verdict.unwrap_or("-").to_owned(),
        computed,
        agrees.to_owned(),
    ]
}

fn interval(range: Option<[f64; 2]>) -> String {
    let plain = |value: f64| {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match range {
        None => "-".to_owned(),
        Some([low, high]) if low == high => plain(low),
        Some([low, high]) => format!("{} to {}", plain(low), plain(high)),
    }
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

impl fmt::Display for ExperimentReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} under {}: {} levels of {}, ticks of {} s",
            self.scenario, self.policy, self.episodes, self.split, self.tick_s
        )?;
        write_table(formatter, &STEP_HEADINGS, self.steps.iter().map(step_cells))?;
        for skipped in &self.skipped {
            writeln!(formatter, "not played: {skipped}")?;
        }
        if !self.findings.is_empty() {
            writeln!(formatter)?;
            let cells = |finding: &Finding| {
                let mut cells = finding_cells(finding);
                // What takes a sentence is for the page.
                cells[6] = interval(finding.computed);
                cells
            };
            write_table(formatter, &FINDING_HEADINGS, self.findings.iter().map(cells))?;
        }
        Ok(())
    }
}

fn write_table(
    formatter: &mut fmt::Formatter<'_>,
    headings: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> fmt::Result {
    let mut lines = vec![headings.iter().map(|&heading| heading.to_owned()).collect::<Vec<String>>()];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(formatter, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
