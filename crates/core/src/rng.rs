//! A counter-based random generator, keyed by (level, stream, tick), behind rand's traits.

use std::convert::Infallible;

use rand::TryRng;

/// What a draw is for; each purpose has its own stream, so that adding a draw to one cannot shift another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Which level a seed's k-th reset plays.
    LevelDraw = 1,
    /// Whether a level is a control level, and which faults strike it.
    Faults = 2,
    /// Phases of scrapes and health checks, and the workload's phase.
    Phases = 3,
    /// Arrival noise, one block per tick.
    Arrivals = 4,
    /// Telemetry noise and lost scrapes, one block run per scrape.
    Telemetry = 5,
    /// The exact engine, keyed by its seed.
    Exact = 8,
    /// A generated call graph, keyed by its seed.
    Topology = 16,
    /// The order in which a search tries settings, keyed by its seed.
    Search = 17,
}

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
///
/// The key is the level, the upper half of the counter is (stream, tick), the lower half counts blocks, so a
/// generator can be made anywhere at no cost and equal coordinates give equal bits.
#[derive(Clone, Debug)]
pub struct CounterRng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl CounterRng {
    /// The generator of one (key, stream, tick) coordinate, at its first block.
    pub fn new(key: u64, stream: Stream, tick: u64) -> Self {
        let counter = [0, stream as u32, tick as u32, (tick >> 32) as u32];
        Self { key: [key as u32, (key >> 32) as u32], counter, block: [0; 4], used: 4 }
    }

    fn next_word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// A uniform number in [0, 1) with 24 random bits.
    pub fn uniform(&mut self) -> f32 {
        (self.next_word() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A uniform number in [low, high).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// A number of mean 0 and variance 1 whose tails end at 3.4: the sum of four uniform bytes, normalised.
    ///
    /// One word gives one draw; noise needs a bell's shape, not its far tails.
    pub fn bell(&mut self) -> f32 {
        let word = self.next_word();
        let sum: u32 = word.to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
        // Four bytes sum to mean 510 with variance 4 (256^2 - 1) / 12 = 21845.
        (sum as f32 - 510.0) * (1.0 / 147.800_54)
    }
}

impl TryRng for CounterRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.next_word());
        Ok(u64::from(self.next_word()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        for chunk in destination.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The finaliser of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): every bit
/// of the result depends on every bit given.
pub fn mix_bits(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let low = u64::from(counter[0]) * 0xD251_1F53;
        let high = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_known_answers() {
        // Random123 1.14, tests/kat_vectors: philox4x32 10.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn bell_has_mean_zero_and_variance_one() {
        let mut rng = CounterRng::new(7, Stream::Arrivals, 3);
        let draws: Vec<f64> = (0..200_000).map(|_| f64::from(rng.bell())).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.01, "{mean} {variance}");
    }

    #[test]
    fn streams_and_ticks_do_not_share_bits() {
        let first = CounterRng::new(1, Stream::Faults, 0).next_word();
        assert_ne!(first, CounterRng::new(1, Stream::Phases, 0).next_word());
        assert_ne!(first, CounterRng::new(1, Stream::Faults, 1).next_word());
        assert_ne!(first, CounterRng::new(2, Stream::Faults, 0).next_word());
        assert_eq!(first, CounterRng::new(1, Stream::Faults, 0).next_word());
    }
}
