//! Stationary queues inverted: what a queue serves and admits, as a table over the requests in it.

use super::build::{ROWS, row, row_without_waiting};
use crate::lanes::{ZONE_LANES, f32x4};

/// Columns of the table, over [`Scale::position`].
pub(super) const COLUMNS: usize = 209;
/// Numbers in a cell: `h`, `b`, the waiting probability, and the row's requests per server up to which none is refused.
pub(super) const CELL: usize = 4;
/// A loss below this ratio counts as none.
pub(super) const NO_LOSS: f64 = 1e-5;
/// Share of the columns that go to requests per server; the others go to the share of the limit.
const NEAR_EMPTY: f64 = 0.8;

/// How columns lie over requests per server: `z / (z + 1)` resolves the first few, and `z` over the limit the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The limit per server.
    pub ratio: f64,
    share: f64,
    bound: f64,
}

impl Scale {
    fn new(ratio: f64) -> Self {
        let norm = (COLUMNS - 1) as f64 / (NEAR_EMPTY * ratio / (ratio + 1.0) + 1.0 - NEAR_EMPTY);
        Self { ratio, share: NEAR_EMPTY * norm, bound: (1.0 - NEAR_EMPTY) * norm / ratio }
    }

    /// The column of so many requests per server, counted from 0 when empty to the last when full.
    pub(super) fn position(&self, per_server: f64) -> f64 {
        self.share * per_server / (per_server + 1.0) + self.bound * per_server
    }

    /// The inverse of [`Self::position`]: the positive root of a quadratic.
    pub(super) fn per_server(&self, position: f64) -> f64 {
        let half = 0.5 * (self.share + self.bound - position);
        position / (half + (half * half + self.bound * position).sqrt())
    }
}

/// With x requests in a queue of c servers and limit K, of which `C` per second are its capacity,
/// `C x / (x + h)` are served and `(K - x) / (K - x + b)` of those offered are admitted.
///
/// Both are those of the stationary M/M/c/K queue whose mean number is x, so that every steady state is exact: for loads
/// below 1, at 1 and above. h falls from c when empty through Erlang's C to 0 when full; b rises from 0 to 1. For one
/// server `b(x) = h(K - x)`, as what is free of a queue above 1 is what is taken of one below.
#[derive(Debug)]
pub(crate) struct QueueTable {
    /// Row by row.
    cells: Vec<[f32; CELL]>,
    /// By servers, rounded down: the row below.
    places: Vec<Place>,
    share: f32,
    bound: f32,
}

/// Where a number of servers lies between two rows.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The row's first cell.
    cell: u32,
    servers: f32,
    per_row: f32,
}

/// What a table says of queues, a lane each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub h: f32x4,
    pub b: f32x4,
    pub waiting: f32x4,
    /// Requests up to which none is refused.
    pub free: f32x4,
    /// Change of `h` and `b` with every request.
    pub h_slope: f32x4,
    pub b_slope: f32x4,
}

impl QueueTable {
    /// The table of queues that hold at most `ratio` requests per server, and have at most `servers` servers.
    pub(crate) fn new(ratio: f32, variability: f32, servers: f32) -> Self {
        let variability = f64::from(variability);
        Self::from_rows(ratio, servers, |index, scale| row(index, scale, variability))
    }

    /// One of queues in which nobody waits while a server is free: what they would be without chance.
    pub(crate) fn without_waiting(ratio: f32, servers: f32) -> Self {
        Self::from_rows(ratio, servers, row_without_waiting)
    }

    fn from_rows(ratio: f32, servers: f32, row: impl Fn(usize, &Scale) -> [[f32; CELL]; COLUMNS]) -> Self {
        let scale = Scale::new(f64::from(ratio.max(LEAST_RATIO)));
        let reached = ROWS.partition_point(|&row| f32::from(row) < servers).clamp(1, ROWS.len() - 1);
        let place = |servers: u16| {
            let row = ROWS.partition_point(|&row| row <= servers.max(1)).clamp(1, reached) - 1;
            let (low, high) = (f32::from(ROWS[row]), f32::from(ROWS[row + 1]));
            Place { cell: (row * COLUMNS) as u32, servers: low, per_row: 1.0 / (high - low) }
        };
        Self {
            cells: (0..=reached).flat_map(|index| row(index, &scale)).collect(),
            places: (0..=ROWS[reached]).map(place).collect(),
            share: scale.share as f32,
            bound: scale.bound as f32,
        }
    }

    /// What the table says of queues with so many servers each (fractions are interpolated) and so many requests, in
    /// the lanes whose bits are set.
    #[inline(always)]
    pub(super) fn read(&self, servers: f32x4, x: f32x4, lanes: u32) -> Reading {
        let one = f32x4::ONE;
        let per_server = one / servers.fast_max(f32x4::splat(LEAST_SERVERS));
        let z = x * per_server;
        let rest = one / (one + z);
        let (share, bound) = (f32x4::splat(self.share), f32x4::splat(self.bound));
        let position = (share * z * rest + bound * z).fast_min(f32x4::splat((COLUMNS - 1) as f32));
        let columns_per_request = (share * rest * rest + bound) * per_server;
        let columns = position.fast_trunc_int();
        let along = position - f32x4::from_i32x4(columns);
        let (counts, columns, along) = (servers.fast_trunc_int().to_array(), columns.to_array(), along.to_array());
        let servers_of = servers.to_array();
        let (mut values, mut slopes) = ([one; 4], [f32x4::ZERO; 4]);
        for lane in (0..ZONE_LANES).filter(|lane| lanes >> lane & 1 != 0) {
            let place = self.places[(counts[lane] as usize).min(self.places.len() - 1)];
            let across = f32x4::splat(((servers_of[lane] - place.servers) * place.per_row).clamp(0.0, 1.0));
            // The last column has no next one: it is reached from the one before.
            let is_last = columns[lane] as usize > COLUMNS - 2;
            let first = place.cell as usize + (columns[lane] as usize).min(COLUMNS - 2);
            let along = f32x4::splat(if is_last { 1.0 } else { along[lane] });
            let window = &self.cells[first..first + COLUMNS + 2];
            let (near, far) = (f32x4::from(window[0]), f32x4::from(window[1]));
            let low = near + across * (f32x4::from(window[COLUMNS]) - near);
            let high = far + across * (f32x4::from(window[COLUMNS + 1]) - far);
            slopes[lane] = high - low;
            values[lane] = low + along * slopes[lane];
        }
        let [h, b, waiting, free] = f32x4::transpose(values);
        let [h_slope, b_slope, ..] = f32x4::transpose(slopes);
        // Less than a server is a whole one for part of the requests; beyond the last row all is as there, but larger.
        let part = servers.fast_min(one);
        let scale = part * (servers * f32x4::splat(1.0 / MOST_SERVERS)).fast_max(one);
        Reading {
            h: h * scale,
            b: b * part,
            waiting,
            free: free * servers,
            h_slope: (h_slope * scale * columns_per_request).fast_max(-one).fast_min(f32x4::ZERO),
            b_slope: b_slope * part * columns_per_request,
        }
    }
}

/// Servers of the last row.
const MOST_SERVERS: f32 = ROWS[ROWS.len() - 1] as f32;
/// Servers that are told from none.
const LEAST_SERVERS: f32 = 1e-6;
/// Fewest requests per server that a limit may be.
const LEAST_RATIO: f32 = 1e-3;
