//! Snapshots: an environment's changing part as bytes with a version, the scenario's hash and a checksum.
//!
//! | bytes | content, integers little-endian |
//! |---|---|
//! | 8 | `MCGYMENV` |
//! | 4 | format version |
//! | 8 | hash of the scenario's TOML text |
//! | 8 | payload's length |
//! | ... | payload: the cluster's state and the last decision's metrics, in postcard's encoding |
//! | 8 | checksum of all before it |

mod fit;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::{environment::StepMetrics, hash::fnv1a, state::ClusterState, topology::Topology};

/// Version of the format. The payload has no names in it, so any change of `ClusterState` or `StepMetrics` raises it.
const VERSION: u32 = 4;
const MAGIC: [u8; 8] = *b"MCGYMENV";
/// Bytes before the payload, and after it.
const HEADER: usize = MAGIC.len() + 4 + 8 + 8;
const CHECKSUM: usize = 8;

/// Why bytes could not be restored as a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes begin with something else.
    #[error("not a snapshot: the bytes begin with \"{found}\"; allowed: \"{}\"", MAGIC.escape_ascii())]
    NotASnapshot {
        /// What they begin with, unprintable bytes escaped.
        found: String,
    },
    /// The snapshot was written in another version of the format.
    #[error("snapshot of the {} format version {found}; allowed: {allowed}", older_or_newer(*.found, *.allowed))]
    Version {
        /// The snapshot's version.
        found: u32,
        /// The version that this build reads and writes.
        allowed: u32,
    },
    /// The snapshot's end is missing.
    #[error("truncated snapshot: {found} bytes; allowed: {}{allowed}", if *.found < HEADER { "at least " } else { "" })]
    Truncated {
        /// How many bytes there are.
        found: usize,
        /// How many there must be; the fewest that a snapshot has where its length is missing, too.
        allowed: u64,
    },
    /// Something follows the snapshot.
    #[error("trailing bytes after the snapshot: {found} bytes; allowed: {allowed}")]
    Trailing {
        /// How many bytes there are.
        found: usize,
        /// How many the snapshot has.
        allowed: u64,
    },
    /// The bytes are not those that were written.
    #[error("altered snapshot: its checksum is {found:016x}; allowed: {allowed:016x}, that of its content")]
    Altered {
        /// The checksum in the snapshot.
        found: u64,
        /// The checksum of its content.
        allowed: u64,
    },
    /// The snapshot was taken in an environment of another scenario.
    #[error("snapshot of another scenario: its hash is {found:016x}; allowed: {allowed:016x}, that of `{scenario}`")]
    OtherScenario {
        /// The hash of the snapshot's scenario.
        found: u64,
        /// The hash of the environment's scenario.
        allowed: u64,
        /// The name of the environment's scenario.
        scenario: String,
    },
    /// The payload is no cluster's state.
    #[error("unreadable snapshot: {problem}; allowed: one cluster's state and metrics")]
    Unreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// The payload is the state of a cluster that the environment's topology cannot have.
    #[error("snapshot that does not fit the topology: {key} = {found}; allowed: {allowed}")]
    Unfit {
        /// The value's place in the state.
        key: String,
        /// The value.
        found: String,
        /// What the topology allows.
        allowed: String,
    },
}

fn older_or_newer(found: u32, allowed: u32) -> &'static str {
    if found < allowed { "older" } else { "newer" }
}

/// Writes a snapshot.
pub(crate) fn write(topology: &Topology, state: &ClusterState, metrics: &StepMetrics) -> Vec<u8> {
    // Only sequences of unknown length cannot be encoded, and the state has none; what is empty would not be restored.
    let payload = postcard::to_allocvec(&(state, metrics)).unwrap_or_default();
    seal(VERSION, topology.scenario_hash, &payload)
}

/// A payload between its header and its checksum.
fn seal(version: u32, scenario_hash: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len() + CHECKSUM);
    bytes.extend(MAGIC);
    bytes.extend(version.to_le_bytes());
    bytes.extend(scenario_hash.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(payload);
    bytes.extend(fnv1a(&bytes).to_le_bytes());
    bytes
}

/// Reads a snapshot and checks that it fits the topology.
pub(crate) fn read(topology: &Topology, bytes: &[u8]) -> Result<(ClusterState, StepMetrics), SnapshotError> {
    let payload = open(topology, bytes)?;
    let unreadable = |problem: String| SnapshotError::Unreadable { problem };
    let ((state, metrics), rest) = postcard::take_from_bytes::<(ClusterState, StepMetrics)>(payload)
        .map_err(|error| unreadable(error.to_string()))?;
    if !rest.is_empty() {
        return Err(unreadable(format!("{} bytes follow in the payload", rest.len())));
    }
    fit::fits(topology, &state)?;
    Ok((state, metrics))
}

/// The payload of a snapshot that is whole, unaltered, of this version and of the topology's scenario.
fn open<'a>(topology: &Topology, bytes: &'a [u8]) -> Result<&'a [u8], SnapshotError> {
    let magic = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(magic) {
        return Err(SnapshotError::NotASnapshot { found: magic.escape_ascii().to_string() });
    }
    let found = bytes.len();
    let short = || SnapshotError::Truncated { found, allowed: (HEADER + CHECKSUM) as u64 };
    let (version, rest) = take(&bytes[magic.len()..]).ok_or_else(short)?;
    let version = u32::from_le_bytes(version);
    // Before anything else: what follows may have another meaning in another version.
    if version != VERSION {
        return Err(SnapshotError::Version { found: version, allowed: VERSION });
    }
    let (scenario_hash, rest) = take(rest).ok_or_else(short)?;
    let (length, rest) = take(rest).ok_or_else(short)?;
    let allowed = u64::from_le_bytes(length).saturating_add((HEADER + CHECKSUM) as u64);
    if (found as u64) < allowed {
        return Err(SnapshotError::Truncated { found, allowed });
    }
    if found as u64 > allowed {
        return Err(SnapshotError::Trailing { found, allowed });
    }
    let (payload, checksum) = rest.split_last_chunk().ok_or_else(short)?;
    let (checksum, computed) = (u64::from_le_bytes(*checksum), fnv1a(&bytes[..found - CHECKSUM]));
    if checksum != computed {
        return Err(SnapshotError::Altered { found: checksum, allowed: computed });
    }
    let scenario_hash = u64::from_le_bytes(scenario_hash);
    if scenario_hash != topology.scenario_hash {
        let scenario = topology.scenario().name.clone();
        return Err(SnapshotError::OtherScenario { found: scenario_hash, allowed: topology.scenario_hash, scenario });
    }
    Ok(payload)
}

/// The first `N` bytes and those after them, where there are as many.
fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(first, rest)| (*first, rest))
}
