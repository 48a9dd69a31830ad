//! Snapshots of environments and batches: the simulator's own, with what surrounds it in Python.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `MCGYMPLY` |
//! | 4 | format version, little-endian |
//! | ... | the rows in postcard's encoding |
//! | 8 | FNV-1a checksum of all before it, little-endian |

use microcloud_core::{LevelDraws, Split, fnv1a};
use microcloud_policy::detector::{Detector, DetectorState};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::errors::SnapshotError;

/// Version of the format; the simulator's snapshot inside has its own.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"MCGYMPLY";
const HEADER: usize = 12;
const CHECKSUM: usize = 8;

/// One environment.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// `Environment::snapshot`.
    pub environment: Vec<u8>,
    pub draws: LevelDraws,
    pub watch: DetectorState,
    pub ended: bool,
}

fn refused(problem: &str) -> PyErr {
    SnapshotError::new_err(problem.to_owned())
}

/// Rows as bytes.
pub fn write(rows: &[Row]) -> PyResult<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes = postcard::to_extend(&rows, bytes).map_err(|error| refused(&format!("cannot be written: {error}")))?;
    bytes.extend(fnv1a(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The rows of bytes that [`write`] made; there must be `num_envs`.
pub fn read(bytes: &[u8], num_envs: usize) -> PyResult<Vec<Row>> {
    if !bytes.starts_with(&MAGIC) {
        return Err(refused("not a snapshot of an environment; allowed: what snapshot() returned"));
    }
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>().filter(|(content, _)| content.len() >= HEADER)
    else {
        return Err(refused(&format!("truncated snapshot: {} bytes; allowed: what snapshot() returned", bytes.len())));
    };
    let version = content[MAGIC.len()..HEADER].iter().rev().fold(0, |all, &byte| all << 8 | u32::from(byte));
    if version != VERSION {
        return Err(refused(&format!("snapshot of format version {version}; allowed: {VERSION}")));
    }
    if fnv1a(content) != u64::from_le_bytes(*checksum) {
        return Err(refused("altered or truncated snapshot: its checksum is not that of its content"));
    }
    let (rows, rest): (Vec<Row>, _) = postcard::take_from_bytes(&content[HEADER..])
        .map_err(|error| refused(&format!("unreadable snapshot: {error}")))?;
    if !rest.is_empty() || rows.len() != num_envs {
        let found = rows.len();
        return Err(refused(&format!("snapshot of {found} environments; allowed: {num_envs}, as there are here")));
    }
    Ok(rows)
}

/// Whether what surrounds the simulator in a row belongs to an environment with this detector and split.
pub fn check_fit(row: &Row, detector: &Detector, split: Split) -> PyResult<()> {
    if !detector.fits(&row.watch) {
        return Err(refused("snapshot of a detector with other rules; allowed: those of this version"));
    }
    if row.draws.split() != split {
        let found = row.draws.split();
        return Err(refused(&format!("snapshot of an environment of split {found}; allowed: {split}, as here")));
    }
    Ok(())
}
