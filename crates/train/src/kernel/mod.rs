//! The fused CPU path: forward and backward passes of a network's graph over blocks of rows.

mod backward;
mod forward;
mod layout;
mod matrix;
mod tape;
mod vectorized;

pub use layout::Layout;
pub use tape::Tape;
pub(crate) use vectorized::vectorized;

/// Rows that are computed at once: their activations stay in a core's cache.
pub const BLOCK_ROWS: usize = 256;
