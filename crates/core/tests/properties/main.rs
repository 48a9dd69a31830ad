//! Properties that every scenario keeps, one file per subject.

mod autoreset;
mod conservation;
mod determinism;
mod documents;
mod entities;
mod extended;
mod fault_names;
mod faults;
mod generated;
mod halving;
mod laws;
mod levels;
mod memory;
mod play;
mod quorum;
mod random_cluster;
mod scenarios;
mod snapshots;
mod systems;
mod tenants;
mod topology;
