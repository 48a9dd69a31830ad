//! Properties that every scenario keeps, one file per subject.

mod determinism;
mod documents;
mod faults;
mod generated;
mod levels;
mod play;
mod scenarios;
mod snapshots;
mod topology;
