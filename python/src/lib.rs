//! The compiled half of the Python package: environments, batches, scenarios, policies, evaluation, training and
//! the commands behind plain calls.

mod action;
mod arrays;
mod background;
mod batch;
mod batch_info;
mod command;
mod errors;
mod evaluate;
mod incident;
mod info;
mod picture;
mod play;
mod plays;
mod policy;
mod python_policy;
mod reference;
mod scenario;
mod shown;
mod single;
mod snapshot;
mod toml_value;
mod train;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::{
        batch::Batch,
        command::run_command,
        evaluate::evaluate,
        incident::Incident,
        policy::Policy,
        reference::{play_batch, trajectory_hashes},
        scenario::{Topology, builtin_scenarios, feature_names, observation_bound, topology_seeds},
        single::Single,
        train::train,
    };
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
