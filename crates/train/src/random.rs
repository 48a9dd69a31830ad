//! Random numbers that are named by seed, purpose and index, so that no generator state has to be saved.

/// What a stream of random numbers is used for; streams of different purposes are unrelated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Weights = 1,
    /// Sampled actions.
    Actions = 2,
    /// Order of the samples in an epoch.
    Shuffle = 3,
    /// Actions that explore.
    Exploration = 5,
    /// Transitions drawn from a replay.
    Replay = 6,
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct RandomStream {
    state: u64,
}

impl RandomStream {
    /// The stream of a seed, a purpose and an index within it.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut stream = Self { state: seed };
        stream.state = stream.next_u64() ^ (purpose as u64) << 56;
        stream.state = stream.next_u64().wrapping_add(index.wrapping_mul(0xd134_2543_de82_ef95));
        stream.state = stream.next_u64();
        stream
    }

    /// The stream that belongs to a seed alone.
    pub fn from_seed(seed: u64) -> Self {
        let mut stream = Self { state: seed };
        stream.state = stream.next_u64();
        stream
    }

    /// Where the stream stands; [`Self::from_state`] goes on from there.
    pub fn state(&self) -> u64 {
        self.state
    }

    /// A stream that goes on from where another stood.
    pub fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// The next 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        microcloud_core::mix_bits(self.state)
    }

    /// A uniform number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts `items` in a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = (self.uniform() * (last + 1) as f64) as usize;
            items.swap(last, chosen.min(last));
        }
    }
}
