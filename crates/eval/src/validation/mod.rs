//! Holds both engines to queueing theory, to published outages and to each other, row by row.

#[allow(dead_code, reason = "the table of all comparisons reads it")]
mod outages;
mod row;

pub use row::{Engine, Row};

/// How much is simulated: everything, within five minutes on two cores, or a part of it within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The part that continuous integration runs.
    Quick,
    /// Every comparison.
    Full,
}
