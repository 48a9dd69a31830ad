//! Holds both engines to queueing theory, to published outages and to each other, row by row.

mod row;

pub use row::{Engine, Row};
