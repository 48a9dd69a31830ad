//! The commands by name.

pub mod bench;
pub mod evaluate;
pub mod experiment;
pub mod report;
pub mod scenario;
