//! An experiment's report as one HTML page that needs nothing else.

use std::fmt::Write as _;

use super::{
    BASELINE, ExperimentError, ExperimentReport, StepReport, plots,
    table::{FINDING_HEADINGS, STEP_HEADINGS, TIME_HEADINGS, finding_cells, step_cells, time_rows},
};
use crate::html::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:1rem 0;font-size:13px}th,td{border-bottom:1px solid #ddd;padding:.3rem .6rem;\
text-align:left;vertical-align:top}th{background:#f5f5f5}.contradicts{color:#b00020;font-weight:600}\
.holds{color:#00703c}svg{max-width:100%;height:auto}dt{font-weight:600}";

/// The page.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn page(report: &ExperimentReport) -> Result<String, ExperimentError> {
    let title = format!("Experiment: {} under {}", report.scenario, report.policy);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title><style>{STYLE}</style></head>\n\
         <body>\n<h1>{}</h1>\n",
        escape(&title),
        escape(&title)
    );
    if !report.description.is_empty() {
        let _ = writeln!(html, "<p>{}</p>", escape(&report.description));
    }
    let _ = writeln!(
        html,
        "<p>Every step plays the same {} levels of the {} split (seed {}): episodes of {} s with a decision every {} s. \
         Times are measured from the injection, in ticks of {} s. The cluster is within its objectives while less than \
         1 % of the requests are bad and the 99th percentile is at most {} ms, over the last \
         {} s and judged at every tick; it has recovered when it stays there for {} s. Success, quorum and percentiles \
         are those of the time while the fault lasts; availability is that of the whole episode.</p>",
        report.episodes,
        escape(&report.split),
        report.seed,
        plain(report.episode_s),
        plain(report.decision_s),
        report.tick_s,
        plain(report.slo_p99_ms),
        plain(report.decision_s),
        plain(report.calm_s),
    );
    html += &table(&STEP_HEADINGS, report.steps.iter().map(step_cells));
    for skipped in &report.skipped {
        let _ = writeln!(html, "<p>Not played: {}.</p>", escape(skipped));
    }
    for (place, step) in report.steps.iter().enumerate() {
        let _ = writeln!(html, "<h2>{}. {}</h2>", place + 1, escape(&capital(&step.name)));
        let _ = writeln!(html, "<p>{}</p>", what(step));
        html += &plots::course(step)?;
    }
    let _ = writeln!(html, "<h2>{}. Time to detect and time to recover</h2>", report.steps.len() + 1);
    html += &table(&TIME_HEADINGS, report.steps.iter().flat_map(time_rows));
    html += "<p>Where a fault strikes replicas at random, as intermittent errors do, the share of them that was taken out \
             is the probability that one was; the distribution is over replicas and levels.</p>\n";
    for picture in [plots::detections(report), plots::recoveries(report)].into_iter().flatten() {
        html += &picture?;
    }
    if !report.findings.is_empty() {
        let number = report.steps.len() + 2;
        let _ = writeln!(html, "<h2>{number}. What the description says, and what its own parameters give</h2>");
        html += &table(&FINDING_HEADINGS, report.findings.iter().map(finding_cells));
    }
    html += "</body></html>\n";
    Ok(html)
}

/// What a step is, in a sentence or two.
fn what(step: &StepReport) -> String {
    let Some(fault) = &step.fault else {
        return "No fault is injected.".to_owned();
    };
    let targets = match fault.targets.as_slice() {
        [] => "the whole cluster".to_owned(),
        [one] => one.clone(),
        many => format!("one of {}, in turn over the levels", many.join(", ")),
    };
    let mut text = format!(
        "{} ({}) of magnitude {} ({}) strikes {} after {} s, for {} s.",
        fault.id,
        fault.name,
        plain(f64::from(fault.magnitude)),
        fault.unit,
        targets,
        plain(f64::from(fault.onset_s)),
        plain(f64::from(fault.duration_s)),
    );
    if fault.blast_radius > 0.0 {
        let _ = write!(text, " Where it strikes replicas, {:.0} % of them, at least one.", 100.0 * fault.blast_radius);
    } else {
        text += " Where it strikes replicas, one of them.";
    }
    if fault.abort_availability > 0.0 {
        let aborted = step.aborted_ratio.unwrap_or(0.0);
        let _ = write!(
            text,
            " It is called off where the availability of a minute falls below {:.1} %, which happened on {:.0} % of the levels.",
            100.0 * fault.abort_availability,
            100.0 * aborted
        );
    }
    escape(&text)
}

fn capital(name: &str) -> String {
    if name == BASELINE { "Baseline".to_owned() } else { name.to_owned() }
}

fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut html = "<table><thead><tr>".to_owned();
    for heading in headings {
        let _ = write!(html, "<th>{}</th>", escape(heading));
    }
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += "<tr>";
        for cell in row {
            let class =
                if cell == "contradicts" || cell == "holds" { format!(" class=\"{cell}\"") } else { String::new() };
            let _ = write!(html, "<td{class}>{}</td>", escape(&cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table>\n"
}

/// A number without zeros at its end.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
