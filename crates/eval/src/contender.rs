//! A policy by name, made afresh for every batch of episodes.

use std::{
    error::Error,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use microcloud_core::Topology;
use microcloud_policy::{
    Baseline, PerEnvironment, Policy, PrivilegedPolicy, RegistryError, baseline, calibrated,
    calibrated_rules::CalibratedConfig,
    check_baseline_name,
    network::{CheckpointError, CheckpointPolicy, POLICY_FILE, PolicyFile, resolve, verified_file},
    policy_engine::{PolicyEngine, PolicyFileError, PolicySet},
};

/// What the maker of a policy may answer with.
pub type PolicyError = Box<dyn Error + Send + Sync>;

type Make = dyn Fn(&Arc<Topology>) -> Result<Baseline, PolicyError> + Send + Sync;

/// A policy that takes part in an evaluation: a name and a maker.
#[derive(Clone)]
pub struct Contender {
    name: String,
    make: Arc<Make>,
    in_turn: bool,
}

impl Contender {
    /// A contender whose policies come from a maker; each batch of episodes gets its own.
    pub fn new<M>(name: impl Into<String>, make: M) -> Self
    where
        M: Fn(&Arc<Topology>) -> Result<Box<dyn Policy>, PolicyError> + Send + Sync + 'static,
    {
        Self {
            name: name.into(),
            make: Arc::new(move |topology| make(topology).map(Baseline::Observing)),
            in_turn: false,
        }
    }

    /// A contender whose policies see the environment itself.
    pub fn privileged<P, M>(name: impl Into<String>, make: M) -> Self
    where
        P: PrivilegedPolicy + 'static,
        M: Fn() -> P + Send + Sync + 'static,
    {
        Self { name: name.into(), make: Arc::new(move |_| Ok(Baseline::Privileged(Box::new(make())))), in_turn: false }
    }

    /// The baseline of that name.
    ///
    /// # Errors
    /// A name that no baseline has.
    pub fn baseline(name: &str) -> Result<Self, RegistryError> {
        check_baseline_name(name)?;
        let owned = name.to_owned();
        let make = move |topology: &Arc<Topology>| baseline(&owned, topology).map_err(PolicyError::from);
        Ok(Self { name: name.to_owned(), make: Arc::new(make), in_turn: false })
    }

    /// The policies of a YAML file, played by the policy engine and named `policy-engine:<file>`.
    ///
    /// # Errors
    /// A file that cannot be read or that has a mistake; whether it fits a scenario shows when it is made for one.
    pub fn policy_file(file: &Path) -> Result<Self, PolicyFileError> {
        let policies = PolicySet::read(file)?;
        Ok(Self::new(format!("policy-engine:{}", file.display()), move |topology| {
            Ok(Box::new(PerEnvironment::new("policy-engine", PolicyEngine::new(policies.clone(), topology)?)))
        }))
    }

    /// Calibrated rules of one's own.
    pub fn calibrated(name: &str, config: CalibratedConfig) -> Self {
        let make = move |topology: &Arc<Topology>| calibrated(config.clone(), topology).map_err(PolicyError::from);
        Self { name: name.to_owned(), make: Arc::new(make), in_turn: false }
    }

    /// The trained policy of a checkpoint folder, a run folder or a released policy, named `<algo>:<folder>`.
    ///
    /// # Errors
    /// No checkpoint there, or a corrupt one; whether it fits a scenario shows when it is made for one.
    pub fn checkpoint(folder: &Path) -> Result<Self, CheckpointError> {
        let checkpoint = resolve(folder)?;
        let file = PolicyFile::from_bytes(&verified_file(&checkpoint, POLICY_FILE)?, &checkpoint.join(POLICY_FILE))?;
        let folder: PathBuf = folder.components().collect();
        let name = format!("{}:{}", file.algo, folder.display());
        Ok(Self::new(name, move |topology| {
            let (observations, actions) = (topology.observation_names(), topology.action_meanings());
            Ok(Box::new(CheckpointPolicy::load(&checkpoint, observations, actions)?))
        }))
    }

    /// The same contender with each of its policies wrapped, reported under another name.
    ///
    /// A contender whose policies see the environment itself cannot be wrapped: making one fails.
    #[must_use]
    pub fn wrapped<W>(self, name: impl Into<String>, wrap: W) -> Self
    where
        W: Fn(Box<dyn Policy>, &Arc<Topology>) -> Result<Box<dyn Policy>, PolicyError> + Send + Sync + 'static,
    {
        let (inner, make) = (self.name, self.make);
        let make = move |topology: &Arc<Topology>| match make(topology)? {
            Baseline::Observing(policy) => wrap(policy, topology).map(Baseline::Observing),
            Baseline::Privileged(_) => {
                Err(format!("{inner} sees the environment itself; allowed: policies that see the observation").into())
            }
        };
        Self { name: name.into(), make: Arc::new(make), in_turn: self.in_turn }
    }

    /// The same contender with its batches of episodes played one after another, in the order of the levels: for policies
    /// that share something which must not be used twice at once, or whose order shows in what they do.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }

    /// Whether [`Self::in_turn`] was asked for.
    pub(crate) fn is_in_turn(&self) -> bool {
        self.in_turn
    }

    /// The name under which results are reported.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn make(&self, topology: &Arc<Topology>) -> Result<Baseline, PolicyError> {
        (self.make)(topology)
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Contender").field(&self.name).finish()
    }
}
