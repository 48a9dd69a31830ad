//! Properties that every scenario keeps, one file per subject.

mod determinism;
mod documents;
mod faults;
mod levels;
mod play;
mod scenarios;
mod topology;
