//! A validation as a table for people.

use std::fmt;

use super::{Validation, page::cells};

const HEADINGS: [&str; 8] = ["name", "engine", "quantity", "expected", "measured", "tolerance", "s.e.", "pass"];
/// Columns of words, to the left; figures stand to the right.
const WORDS: usize = 3;

impl fmt::Display for Validation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |cell: String| cell.replace('*', "");
        let lines: Vec<[String; 8]> =
            [HEADINGS.map(str::to_owned)].into_iter().chain(self.rows().map(|row| cells(row).map(plain))).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 8] = std::array::from_fn(width);
        for line in &lines {
            let padded: Vec<String> = line
                .iter()
                .zip(widths)
                .enumerate()
                .map(
                    |(column, (cell, width))| {
                        if column < WORDS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                    },
                )
                .collect();
            writeln!(formatter, "{}", padded.join("  ").trim_end())?;
        }
        let (held, failed) = self.held_and_failed();
        let informing = self.rows().count() - held;
        writeln!(formatter, "{held} rows held, {failed} failed; {informing} inform")
    }
}
