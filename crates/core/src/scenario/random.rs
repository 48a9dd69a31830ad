//! The built-in name `random`: generated clusters of different sizes that look alike to a policy.

use std::ops::Range;

use super::{Scenario, ScenarioError};
use crate::rng::{CounterRng, Stream};

/// The name of topology 0; topology N is `random-N`.
pub(super) const NAME: &str = "random";
/// Services of a topology, and those that its observations and actions have room for.
const SERVICES: Range<u32> = 12..25;
const PADDED_SERVICES: u32 = 24;

impl Scenario {
    /// Topologies of `random` that policies train on.
    pub const RANDOM_TRAIN_TOPOLOGIES: Range<u64> = 0..64;
    /// Topologies of `random` that no policy trains on.
    pub const RANDOM_TEST_TOPOLOGIES: Range<u64> = 64..80;

    /// The topology of `random` with this seed: 12 to 24 services from [`Scenario::generate`], padded to 24.
    ///
    /// Every topology has the same number of observed features and of actions. The name is `random` for seed 0 and
    /// `random-17` for seed 17, with a hyphen since run folders and files are named after scenarios.
    ///
    /// # Errors
    /// None that is known: what was generated passes the same checks as a file.
    pub fn random(seed: u64) -> Result<Self, ScenarioError> {
        let sizes = SERVICES.end - SERVICES.start;
        let draw = CounterRng::new(seed, Stream::Topology, 0).uniform() * sizes as f32;
        let scenario = Self::generate(seed, SERVICES.start + (draw as u32).min(sizes - 1))?;
        let name = if seed == 0 { NAME.to_owned() } else { format!("{NAME}-{seed}") };
        Self { name, padded_services: Some(PADDED_SERVICES), ..scenario }.checked(NAME)
    }
}

/// The seed in `random` or `random-N`; none where the name is neither.
pub(super) fn seed(name: &str) -> Option<u64> {
    if name == NAME {
        return Some(0);
    }
    let digits = name.strip_prefix(NAME)?.strip_prefix('-')?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
