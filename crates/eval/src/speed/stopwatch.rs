//! A stopwatch that reads the clock at the end of every phase.

use std::time::Instant;

use microcloud_core::{Environment, Phase, PhaseWatch, Transition};

use super::random_play::Watch;

/// Phases and the policy, which comes last.
pub(super) const PARTS: usize = Phase::ALL.len() + 1;
/// The policy's place.
pub(super) const POLICY: usize = Phase::ALL.len();
/// Readings in a row that the cost of one is taken from.
const CALIBRATION: u32 = 4096;

/// Nanoseconds and endings by phase: whatever lies between two endings counts as part of the second's phase.
pub(super) struct Stopwatch {
    pub ns: [u64; PARTS],
    pub endings: [u64; PARTS],
    last: Instant,
}

impl Stopwatch {
    pub fn new() -> Self {
        Self { ns: [0; PARTS], endings: [0; PARTS], last: Instant::now() }
    }

    /// Lets go of the time since the last ending.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }

    #[inline]
    fn lap(&mut self, part: usize) {
        let now = Instant::now();
        self.ns[part] += now.duration_since(self.last).as_nanos() as u64;
        self.endings[part] += 1;
        self.last = now;
    }

    /// Nanoseconds that one ending takes where nothing lies between two.
    pub fn calibrate() -> f64 {
        let mut stopwatch = Self::new();
        for index in 0..CALIBRATION {
            stopwatch.lap(std::hint::black_box(index as usize % PARTS));
        }
        stopwatch.ns.iter().sum::<u64>() as f64 / f64::from(CALIBRATION)
    }
}

impl PhaseWatch for Stopwatch {
    fn ended(&mut self, phase: Phase) {
        self.lap(phase as usize);
    }
}

impl Watch for Stopwatch {
    fn step(&mut self, environment: &mut Environment, action: usize) -> Transition {
        environment.step_watched(action, self)
    }

    fn policy_ended(&mut self) {
        self.lap(POLICY);
    }

    fn ended(&mut self, phase: Phase) {
        self.lap(phase as usize);
    }
}
