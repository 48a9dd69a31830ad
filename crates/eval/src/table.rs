//! A report as a table for people.

use std::fmt;

use crate::{Estimate, EvaluationReport, EvaluationRow};

const HEADINGS: [&str; 13] = [
    "scenario",
    "policy",
    "return [95 %]",
    "worst 10 %",
    "score [95 %]",
    "availability",
    "p99 ms",
    "TTD s",
    "TTR s",
    "recovered",
    "bad min",
    "actions",
    "cost",
];
const CONTROL_HEADINGS: [&str; 2] = ["control return", "control actions"];

impl EvaluationReport {
    /// The report as a table of a Markdown page.
    pub fn to_markdown(&self) -> String {
        let headings = self.headings();
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut table = line(&headings);
        // Names to the left, figures to the right.
        let rules = (0..headings.len()).map(|column| if column < 2 { "---" } else { "---:" });
        table.push_str(&line(&rules.map(str::to_owned).collect::<Vec<String>>()));
        for row in &self.rows {
            table.push_str(&line(&cells(row)));
        }
        table
    }

    /// A heading for each column; those of a difference are there where one was asked for.
    fn headings(&self) -> Vec<String> {
        let mut headings: Vec<String> = HEADINGS.iter().chain(&CONTROL_HEADINGS).map(|&one| one.to_owned()).collect();
        if let Some(difference) = self.rows.iter().find_map(|row| row.difference.as_ref()) {
            headings.push(format!("return over {} [95 %]", difference.to));
            headings.push(format!("score over {} [95 %]", difference.to));
        }
        headings
    }
}

impl fmt::Display for EvaluationReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![self.headings()];
        lines.extend(self.rows.iter().map(cells));
        let width =
            |column: usize| lines.iter().map(|line: &Vec<String>| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        let episodes = self.rows.first().map_or((0, 0), |row| (row.episodes, row.control.episodes));
        writeln!(formatter, "split {}: {} levels with faults, {} without", self.split, episodes.0, episodes.1)?;
        for line in &lines {
            let mut text = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // Names to the left, figures to the right.
                let padded = if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
                text.push_str(if column == 0 { "" } else { "  " });
                text.push_str(&padded);
            }
            writeln!(formatter, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

fn cells(row: &EvaluationRow) -> Vec<String> {
    let figure = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
    };
    let interval = |value: Option<f64>, ci95: Option<[f64; 2]>, decimals: usize| match (value, ci95) {
        (Some(value), Some([low, high])) => format!("{value:.decimals$} [{low:.decimals$}, {high:.decimals$}]"),
        _ => figure(value, decimals),
    };
    let score = row.score.as_ref();
    let mut cells = vec![
        row.scenario.clone(),
        row.policy.clone(),
        interval(row.returns.mean, row.returns.ci95, 2),
        figure(row.returns.cvar10, 2),
        interval(score.map(|score| score.value), score.map(|score| score.ci95), 2),
        figure(row.availability, 4),
        figure(row.p99_ms, 0),
        figure(row.ttd_s, 1),
        figure(row.ttr_s, 1),
        figure(row.recovered_ratio, 2),
        figure(row.bad_minutes, 2),
        figure(row.actions, 1),
        figure(row.cost, 2),
        figure(row.control.returns, 2),
        figure(row.control.actions, 1),
    ];
    if let Some(difference) = &row.difference {
        let both = [difference.returns, difference.score];
        cells.extend(both.map(|Estimate { value, ci95 }| interval(value, ci95, 2)));
    }
    cells
}
