//! Samples stationary queues over all loads, and lays them out in a table's columns.

use std::sync::{LazyLock, OnceLock};

use super::{
    formulas::erlang_b,
    stationary::{Load, Queue, Stationary},
    table::{CELL, COLUMNS, NO_LOSS, Scale},
};

/// Server counts that have a row of their own; between them rows are interpolated linearly.
pub(super) const ROWS: [u16; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224,
    240, 256, 512,
];

/// Steps of the load up to `1 - NEAR`, and per factor of ten in `1 - rho` beyond.
const EVEN_STEPS: u32 = 114;
const NEAR: f64 = 0.05;
const STEPS_PER_DECADE: f64 = 16.0;
/// Decades beyond `NEAR`: so many that the fullest queue of a thousand million is told from one that is half full.
const DECADES: f64 = 10.0;
/// Share of a queue's places to wait in that a load's distance from 1 has to reach before it matters.
const ALIKE: f64 = 0.02;
/// Below this a probability of waiting is as good as none.
const LEAST_WAITING: f64 = 0.01;

/// Loads from hardly any to eighty times the capacity, those at and next to 1 in the middle.
static LOADS: LazyLock<Vec<Load>> = LazyLock::new(|| {
    let even = (1..=EVEN_STEPS).map(|step| 1.0 - f64::from(step) / f64::from(EVEN_STEPS) * (1.0 - NEAR));
    let near = (1..=(STEPS_PER_DECADE * DECADES) as u32)
        .map(|step| NEAR * libm::exp(-std::f64::consts::LN_10 * f64::from(step) / STEPS_PER_DECADE));
    let pairs: Vec<[Load; 2]> = even.chain(near).map(Load::below_and_above).collect();
    let below = pairs.iter().map(|&[below, _]| below);
    let above = pairs.iter().rev().map(|&[_, above]| above);
    below.chain([Load::new(1.0)]).chain(above).collect()
});

/// Erlang's B for every row and load, as they are first needed.
static BLOCKING: [OnceLock<Vec<f64>>; ROWS.len()] = [const { OnceLock::new() }; ROWS.len()];

fn blocking(row: usize) -> &'static [f64] {
    BLOCKING[row].get_or_init(|| {
        let servers = f64::from(ROWS[row]);
        let mut blocking = vec![1.0; LOADS.len()];
        for k in 1..=ROWS[row] {
            for (blocking, load) in blocking.iter_mut().zip(LOADS.iter()) {
                let met = servers * load.rho * *blocking;
                *blocking = met / (f64::from(k) + met);
            }
        }
        blocking
    })
}

/// One row of a table: by column, what [`super::table`] says a cell holds.
pub(super) fn row(row: usize, scale: &Scale, variability: f64) -> [[f32; CELL]; COLUMNS] {
    let servers = f64::from(ROWS[row]);
    let queue = Queue { servers, limit: servers * scale.ratio, variability };
    let places = ((queue.limit - servers) / variability).max(1.0);
    // Where fewer servers than there are may work, no row of blocking probabilities fits.
    let shared = (queue.limit >= servers).then(|| blocking(row));
    let mut free = 0.0;
    let mut samples = vec![(0.0, [servers, 0.0, LEAST_WAITING])];
    for (index, load) in LOADS.iter().enumerate() {
        let gap = (1.0 - load.rho).abs();
        if gap > 0.0 && gap < ALIKE / places {
            continue;
        }
        let blocking = match shared {
            Some(blocking) => blocking[index],
            None => erlang_b(queue.limit, servers * load.rho),
        };
        let found = queue.under(load, blocking);
        let per_server = found.number / servers;
        if found.loss < NO_LOSS {
            free = per_server;
        }
        samples.push((scale.position(per_server), inverse(load.rho, &found)));
    }
    // When full, nothing that is admitted finds an idle server, unless the limit alone keeps servers idle, and everybody
    // waits for as many to finish as there are places.
    let full = if queue.limit > servers {
        [0.0, variability, 2.0 * places / (places + 1.0)]
    } else {
        [servers - queue.limit, 1.0, 2.0]
    };
    samples.push(((COLUMNS - 1) as f64, full));
    spread(&samples, free)
}

/// `h`, `b` and the waiting probability, at which served and admitted requests are what they are at this load.
fn inverse(rho: f64, found: &Stationary) -> [f64; 3] {
    let Stationary { number, room, busy, idle, loss, waiting } = *found;
    [number * idle / busy, room * loss * rho / busy, waiting.clamp(LEAST_WAITING, 2.0)]
}

/// Samples in order of their position, interpolated to the columns.
fn spread(samples: &[(f64, [f64; 3])], free: f64) -> [[f32; CELL]; COLUMNS] {
    let mut next = 1;
    std::array::from_fn(|column| {
        let position = column as f64;
        while next + 1 < samples.len() && samples[next].0 < position {
            next += 1;
        }
        let ((from, low), (to, high)) = (samples[next - 1], samples[next]);
        let along = if to > from { ((position - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        let [h, b, waiting] = std::array::from_fn(|field| (low[field] + along * (high[field] - low[field])) as f32);
        [h, b, waiting, free as f32]
    })
}

/// A row without chance: `h = c - x` while a server is free, nobody waits then, and all are admitted until it is as good
/// as full.
pub(super) fn row_without_waiting(row: usize, scale: &Scale) -> [[f32; CELL]; COLUMNS] {
    let servers = f64::from(ROWS[row]);
    let free = scale.per_server((COLUMNS - 2) as f64) as f32;
    std::array::from_fn(|column| {
        let idle = servers * (1.0 - scale.per_server(column as f64)).max(0.0);
        let b = if column == COLUMNS - 1 { 1.0 } else { 0.0 };
        [idle as f32, b, 1.0, free]
    })
}
