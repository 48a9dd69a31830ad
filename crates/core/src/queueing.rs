//! The stationary inverse of the M/M/c queue as a table: utilisation from the mean number in system.

use std::sync::LazyLock;

/// Columns of the table, over `y = x / (x + c)` in [0, 1].
const COLUMNS: usize = 161;
/// Server counts that have a row of their own; between them rows are interpolated linearly.
const ROWS: [u16; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224,
    240, 256, 512,
];
const MAX_SERVERS: f32 = 512.0;

/// `h_c(x) = x (1 / rho - 1)`, so that the served rate is `c mu x / (x + h)`.
///
/// With `L(rho) = c rho + C rho / (1 - rho)` (Erlang C), `h = c (1 - rho) + C`: it falls smoothly from `c` when empty
/// to 1 when full, and a relative error in `h` is the same relative error in the mean number in system.
#[derive(Debug)]
pub struct QueueTable {
    rows: Vec<[f32; COLUMNS]>,
    /// For `servers * 2` rounded down, the row below, up to the largest server count.
    row_below: Vec<u8>,
}

static TABLE: LazyLock<QueueTable> = LazyLock::new(|| QueueTable::new(row));

/// The table, computed once per process from constants alone.
pub fn table() -> &'static QueueTable {
    &TABLE
}

static WITHOUT_WAITING: LazyLock<QueueTable> = LazyLock::new(|| QueueTable::new(free_row));

/// A table in which nobody waits while a server is free: what queues would be without chance.
pub(crate) fn without_waiting() -> &'static QueueTable {
    &WITHOUT_WAITING
}

impl QueueTable {
    fn new(row: fn(u16) -> [f32; COLUMNS]) -> Self {
        let rows = ROWS.iter().map(|&servers| row(servers)).collect();
        let row_below = (0..=MAX_SERVERS as u16)
            .map(|servers| ROWS.partition_point(|&row| row <= servers.max(1)).min(ROWS.len() - 1) as u8 - 1)
            .collect();
        Self { rows, row_below }
    }

    /// `h_c(x)` for `servers` >= 0 (fractions are interpolated, fewer than one counts as one) and `x` >= 0.
    #[inline]
    pub fn h(&self, servers: f32, x: f32) -> f32 {
        let servers = servers.clamp(1.0, MAX_SERVERS);
        let below = usize::from(self.row_below[servers as usize]);
        let (low, high) = (f32::from(ROWS[below]), f32::from(ROWS[below + 1]));
        let across = (servers - low) / (high - low);
        let position = x / (x + servers) * (COLUMNS - 1) as f32;
        let column = (position as usize).min(COLUMNS - 2);
        let along = position - column as f32;
        let (lower, upper) = (&self.rows[below], &self.rows[below + 1]);
        let first = lower[column] + along * (lower[column + 1] - lower[column]);
        let second = upper[column] + along * (upper[column + 1] - upper[column]);
        first + across * (second - first)
    }
}

fn row(servers: u16) -> [f32; COLUMNS] {
    let c = f64::from(servers);
    std::array::from_fn(|column| {
        let y = column as f64 / (COLUMNS - 1) as f64;
        if column == 0 {
            return c as f32;
        }
        if column == COLUMNS - 1 {
            return 1.0;
        }
        let x = c * y / (1.0 - y);
        let rho = utilisation(servers, x);
        (x * (1.0 / rho - 1.0)) as f32
    })
}

/// `h = c - x` while a server is free: `x` servers work on `x` requests.
fn free_row(servers: u16) -> [f32; COLUMNS] {
    let c = f64::from(servers);
    std::array::from_fn(|column| {
        let y = column as f64 / (COLUMNS - 1) as f64;
        if column == COLUMNS - 1 { 0.0 } else { (c - c * y / (1.0 - y)).max(0.0) as f32 }
    })
}

/// The utilisation at which an M/M/c queue holds `x` requests on average, by bisection.
pub fn utilisation(servers: u16, x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if number_in_system(servers, middle) < x {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The probability that a request waits in an M/M/c queue (Erlang's C formula), by the stable recursion of Erlang B.
pub fn erlang_c(servers: u16, rho: f64) -> f64 {
    let load = f64::from(servers) * rho;
    let blocking = (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b));
    blocking / (1.0 - rho * (1.0 - blocking))
}

/// The mean number of requests in an M/M/c queue at utilisation `rho` < 1.
pub fn number_in_system(servers: u16, rho: f64) -> f64 {
    f64::from(servers) * rho + erlang_c(servers, rho) * rho / (1.0 - rho)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_c_meets_the_textbook() {
        assert!((erlang_c(2, 0.5) - 1.0 / 3.0).abs() < 1e-12);
        assert!((erlang_c(10, 0.9) - 0.668_732).abs() < 1e-6);
        assert!((number_in_system(32, 0.95) - 43.618_492).abs() < 1e-5);
    }

    #[test]
    fn the_table_gives_the_number_in_system_within_one_percent() {
        for servers in 1..=256_u16 {
            for step in 1..100 {
                let rho = f64::from(step) / 100.0;
                let x = number_in_system(servers, rho);
                let h = f64::from(table().h(f32::from(servers), x as f32));
                // At this h the fluid's steady state for load rho is x' = h rho / (1 - rho).
                let error = (h * rho / (1.0 - rho) - x).abs() / x;
                // Far below saturation h is c (1 - rho) exactly and what is compared is the slope's error.
                assert!(error < 0.01, "c = {servers}, rho = {rho}: {error}");
            }
        }
    }
}
