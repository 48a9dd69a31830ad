//! The compiled half of the Python package: environments, batches and scenarios behind plain calls.

mod action;
mod arrays;
mod batch;
mod batch_info;
mod errors;
mod incident;
mod info;
mod picture;
mod play;
mod reference;
mod scenario;
mod single;
mod snapshot;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::{
        batch::Batch,
        incident::Incident,
        reference::{play_batch, trajectory_hashes},
        scenario::{Topology, builtin_scenarios, feature_names, observation_bound, topology_seeds},
        single::Single,
    };
}
