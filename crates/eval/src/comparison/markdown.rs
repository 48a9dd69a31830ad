//! A comparison as Markdown: its tables.

use std::fmt::Write as _;

use super::{
    report::Comparison,
    tables::{Table, improvements, runs, scores, shares, standings},
    words,
};

impl Comparison {
    /// The tables as a Markdown page; curves and profiles are in the HTML page and in the JSON file.
    pub fn to_markdown(&self) -> String {
        let mut page = format!("# Runs compared\n\n{}\n", self.summary());
        if !self.notes.is_empty() {
            page.push('\n');
            for note in &self.notes {
                let _ = writeln!(page, "- {}", escape(note));
            }
        }
        if !self.runs.is_empty() {
            section(&mut page, "## Runs", words::RUNS, &runs(self));
        }
        for split in &self.splits {
            section(&mut page, &format!("## Scores on {} levels", escape(&split.split)), words::SCORES, &scores(split));
            if !split.improvements.is_empty() {
                section(&mut page, "### Probability of improvement", words::IMPROVEMENT, &improvements(split));
            }
        }
        for scenario in &self.scenarios {
            for evaluation in &scenario.evaluations {
                let title = format!("## {}, {} levels", escape(&scenario.scenario), escape(&evaluation.split));
                section(&mut page, &title, words::STANDINGS, &standings(evaluation, &self.reference));
                for (what, said, distributions) in [
                    ("Detected", words::DETECTION, &evaluation.detection),
                    ("Recovered", words::RECOVERY, &evaluation.recovery),
                ] {
                    if !distributions.is_empty() {
                        let title = format!("### {what} after the onset");
                        section(&mut page, &title, said, &shares(distributions));
                    }
                }
            }
        }
        page
    }
}

fn section(page: &mut String, title: &str, words: &str, table: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let _ = write!(page, "\n{title}\n\n{words}\n\n");
    *page += &line(table.headings.iter().map(|heading| escape(heading)).collect());
    let rule = |column| if column < table.names { "---" } else { "---:" }.to_owned();
    *page += &line((0..table.headings.len()).map(rule).collect());
    for row in &table.rows {
        *page += &line(row.iter().map(|cell| escape(cell)).collect());
    }
}

/// Text that Markdown shows as it is, in a table's cell too.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '|' | '\\' | '`' | '*' | '_' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
