//! A section of the validation: rows and pictures on one question, and what they mean.

use super::{Plot, Row};

/// Rows and pictures on one question.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What the section asks and what its rows mean to somebody who runs a cluster, as Markdown.
    pub meaning: String,
    /// What was compared.
    pub rows: Vec<Row>,
    /// What the page shows beneath the table, as Markdown: a table of another shape, for instance.
    pub details: String,
    /// Pictures, in the order of the page.
    pub plots: Vec<Plot>,
}

impl Section {
    /// A section without anything in it.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }
}
