//! The tables of a comparison, as cells that pages and Markdown share.

use super::report::{Comparison, Distribution, SplitScores, Standings};
use crate::Estimate;

/// Times by which the share of levels is told, in seconds; of those that were watched, the last few.
const TIMES_S: [f64; 9] = [5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0];
const TIMES: usize = 5;

/// Cells in rows under headings; the first columns are names, the rest figures.
pub(super) struct Table {
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub names: usize,
}

impl Table {
    fn new(headings: &[&str], names: usize) -> Self {
        Self { headings: headings.iter().map(|&heading| heading.to_owned()).collect(), rows: Vec::new(), names }
    }
}

/// A number with so many decimals, and a dash where there is none.
pub(super) fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| rounded(value, decimals))
}

/// A number with so many decimals; what rounds to zero has no sign.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// A number with its interval.
pub(super) fn estimate(estimate: &Estimate, decimals: usize) -> String {
    match (estimate.value, estimate.ci95) {
        (Some(value), Some([low, high])) => {
            let [value, low, high] = [value, low, high].map(|number| rounded(number, decimals));
            format!("{value} [{low}, {high}]")
        }
        (value, _) => figure(value, decimals),
    }
}

/// Steps in thousands or millions.
pub(super) fn steps(value: f64) -> String {
    let (scaled, unit) = match value {
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    format!("{}{unit}", plain(scaled))
}

/// A number without zeros at its end.
pub(super) fn plain(value: f64) -> String {
    rounded(value, 2).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A run a row.
pub(super) fn runs(comparison: &Comparison) -> Table {
    let mut table = Table::new(&["run", "scenario", "group", "state", "seed", "steps", "of", "test score"], 4);
    table.rows.extend(comparison.runs.iter().map(|run| {
        let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| steps(value as f64));
        vec![
            run.run.clone(),
            run.scenario.clone(),
            run.group.clone(),
            run.state.clone(),
            run.seed.map_or_else(|| "-".to_owned(), |seed| seed.to_string()),
            number(run.steps),
            number(run.total_timesteps),
            figure(run.score, 2),
        ]
    }));
    table
}

/// A group a row.
pub(super) fn scores(split: &SplitScores) -> Table {
    let headings = ["group", "scenarios", "runs", "interquartile mean", "mean", "interquartile mean over levels"];
    let mut table = Table::new(&headings, 1);
    table.rows.extend(split.scores.iter().map(|score| {
        vec![
            score.group.clone(),
            score.scenarios.len().to_string(),
            score.runs.to_string(),
            estimate(&score.iqm, 2),
            estimate(&score.mean, 2),
            estimate(&score.level_iqm, 2),
        ]
    }));
    table
}

/// Two groups a row.
pub(super) fn improvements(split: &SplitScores) -> Table {
    let mut table = Table::new(&["group", "over", "scenarios", "probability"], 2);
    table.rows.extend(split.improvements.iter().map(|one| {
        let scenarios = one.scenarios.len().to_string();
        vec![one.group.clone(), one.over.clone(), scenarios, estimate(&one.probability, 2)]
    }));
    table
}

/// A policy a row; the columns of differences name the reference.
pub(super) fn standings(standings: &Standings, reference: &str) -> Table {
    let (over, score_over) = (format!("return over {reference}"), format!("score over {reference}"));
    let headings = [
        "policy",
        "runs",
        "score",
        "return",
        &over,
        &score_over,
        "availability",
        "p99 ms",
        "TTD s",
        "TTR s",
        "recovered",
        "actions",
        "control actions",
    ];
    let mut table = Table::new(&headings, 1);
    table.rows.extend(standings.rows.iter().map(|row| {
        let none = Estimate::default();
        let difference = row.difference.as_ref();
        vec![
            row.policy.clone(),
            if row.runs == 0 { "-".to_owned() } else { row.runs.to_string() },
            estimate(&row.score, 2),
            estimate(&row.returns, 2),
            estimate(difference.map_or(&none, |difference| &difference.returns), 2),
            estimate(difference.map_or(&none, |difference| &difference.score), 2),
            figure(row.availability, 4),
            figure(row.p99_ms, 0),
            figure(row.ttd_s, 1),
            figure(row.ttr_s, 1),
            figure(row.recovered_ratio, 2),
            figure(row.actions, 1),
            figure(row.control_actions, 2),
        ]
    }));
    table
}

/// The share of levels by some times, a policy a row.
pub(super) fn shares(distributions: &[Distribution]) -> Table {
    let watched_s = distributions.iter().map(|one| one.watched_s).fold(0.0, f64::max);
    let times: Vec<f64> = TIMES_S.into_iter().filter(|time| *time <= watched_s).collect();
    let times = &times[times.len().saturating_sub(TIMES)..];
    let mut table = Table::new(&["policy", "levels"], 1);
    table.headings.extend(times.iter().map(|time| format!("by {time} s")));
    table.headings.push("ever".to_owned());
    table.rows.extend(distributions.iter().map(|one| {
        let mut cells = vec![one.policy.clone(), one.levels.to_string()];
        cells.extend(times.iter().map(|time| figure(Some(one.by(*time)), 2)));
        cells.push(figure(Some(one.by(f64::INFINITY)), 2));
        cells
    }));
    table
}

impl Distribution {
    /// The share of levels by a time.
    pub fn by(&self, time_s: f64) -> f64 {
        let known = self.time_s.partition_point(|time| *time <= time_s);
        known.checked_sub(1).map_or(0.0, |last| self.share[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_what_is_missing_is_a_dash() {
        assert_eq!((steps(12_000_000.0), steps(8192.0), steps(500.0)), ("12M".into(), "8.19k".into(), "500".into()));
        assert_eq!(estimate(&Estimate { value: Some(0.5), ci95: Some([0.25, 0.75]) }, 2), "0.50 [0.25, 0.75]");
        assert_eq!(estimate(&Estimate { value: Some(0.5), ci95: None }, 1), "0.5");
        assert_eq!((figure(None, 2), plain(-0.001), plain(-0.5)), ("-".into(), "0".into(), "-0.5".into()));
        assert_eq!((figure(Some(-0.004), 2), figure(Some(100.0), 0)), ("0.00".into(), "100".into()));
    }

    #[test]
    fn the_share_by_a_time_includes_it() {
        let one = Distribution {
            policy: "p".into(),
            levels: 4,
            time_s: vec![10.0, 30.0],
            share: vec![0.25, 0.75],
            watched_s: 100.0,
        };
        assert_eq!([5.0, 10.0, 29.0, 30.0, f64::INFINITY].map(|time| one.by(time)), [0.0, 0.25, 0.25, 0.75, 0.75]);
    }
}
