//! Quantiles of positive numbers, counted in cells of equal relative width.

/// Leading bits of a number's mantissa that tell cells apart: cells are 0.4 % wide.
const BITS: u32 = 8;
/// Smallest number told apart from zero.
const LEAST: f64 = 1e-7;

/// Counts by cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    cells: Vec<u32>,
    zeros: u64,
    count: u64,
}

fn cell(value: f64) -> usize {
    let shift = 52 - BITS;
    (value.to_bits() >> shift).saturating_sub(LEAST.to_bits() >> shift) as usize
}

fn lower_end(cell: usize) -> f64 {
    let shift = 52 - BITS;
    f64::from_bits(((LEAST.to_bits() >> shift) + cell as u64) << shift)
}

impl Quantiles {
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        if value < LEAST {
            self.zeros += 1;
            return;
        }
        let cell = cell(value);
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, 0);
        }
        self.cells[cell] += 1;
    }

    /// The value that this share of the numbers does not exceed, interpolated within its cell; 0 without numbers.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = share * self.count as f64;
        let mut below = self.zeros as f64;
        if wanted <= below {
            return 0.0;
        }
        for (cell, &count) in self.cells.iter().enumerate() {
            let count = f64::from(count);
            if below + count >= wanted {
                let (low, high) = (lower_end(cell), lower_end(cell + 1));
                return low + (high - low) * (wanted - below) / count;
            }
            below += count;
        }
        lower_end(self.cells.len())
    }

    pub fn clear(&mut self) {
        self.cells.fill(0);
        (self.zeros, self.count) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_numbers() {
        let mut quantiles = Quantiles::default();
        for k in 1..=100_000 {
            quantiles.add(f64::from(k) * 1e-3);
        }
        for share in [0.01, 0.5, 0.99] {
            assert!((quantiles.quantile(share) / (share * 100.0) - 1.0).abs() < 1e-3);
        }
        quantiles.clear();
        assert_eq!(quantiles.quantile(0.99), 0.0);
    }
}
