//! The scenarios that a user names.

use std::sync::Arc;

use microcloud_core::{Scenario, Topology};

use crate::Failure;

/// The topology of a built-in scenario or of a scenario file.
///
/// # Errors
/// An unknown name, or a file that describes no cluster.
pub fn load_topology(name_or_path: &str) -> Result<Arc<Topology>, Failure> {
    Ok(Topology::new(Scenario::load(name_or_path)?)?)
}

/// The topologies of names and files in the order given; `all` stands for every scored scenario, and none is taken twice.
///
/// # Errors
/// An unknown name, or a file that describes no cluster.
pub fn load_scenarios(names: &[String]) -> Result<Vec<Arc<Topology>>, Failure> {
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        let one = [name.as_str()];
        let meant = if name == "all" { Scenario::builtin_names() } else { &one };
        for name in meant.iter().map(|name| Scenario::resolve_alias(name)) {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
    }
    wanted.into_iter().map(load_topology).collect()
}
