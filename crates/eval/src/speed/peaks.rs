//! How many additions, multiplications, divisions and square roots one thread of the machine does per second.

use std::{hint::black_box, ops::Mul, time::Instant};

use serde::Serialize;
use wide::{f32x4, f64x2};

/// Chains that do not wait for each other: as many as registers allow, two left for constants.
const CHAINS: usize = 12;
/// Operations of each chain in one measurement, and measurements, of which the best counts.
const ROUNDS: u32 = 200_000;
const TRIES: usize = 40;

/// Instructions per second on 16-byte registers (SSE2), where none waits for another: what a portable build can reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peaks {
    /// Additions and multiplications of four `f32`, as many of the one as of the other.
    pub arithmetic_per_s: f64,
    /// Divisions of four `f32`.
    pub f32_divisions_per_s: f64,
    /// Divisions of two `f64`.
    pub f64_divisions_per_s: f64,
    /// Square roots of four `f32`.
    pub f32_square_roots_per_s: f64,
    /// Square roots of two `f64`.
    pub f64_square_roots_per_s: f64,
}

impl Peaks {
    /// Measures them, which takes about half a second.
    pub fn measure() -> Self {
        let (nearly, little) = (black_box(f32x4::splat(0.999)), black_box(f32x4::splat(0.001)));
        let (many, more) = (black_box(f32x4::splat(1.7)), black_box(f64x2::splat(1.7)));
        Self {
            arithmetic_per_s: 2.0 * rate(f32x4::splat(1.3), |x| x * nearly + little),
            f32_divisions_per_s: rate(f32x4::splat(1.3), |x| many / x),
            f64_divisions_per_s: rate(f64x2::splat(1.3), |x| more / x),
            // The factor keeps the root from settling at 1, which some machines are quick about.
            f32_square_roots_per_s: rate(f32x4::splat(1.3), |x| rooted(x.sqrt(), many)),
            f64_square_roots_per_s: rate(f64x2::splat(1.3), |x| rooted(x.sqrt(), more)),
        }
    }
}

fn rooted<T: Mul<Output = T>>(root: T, factor: T) -> T {
    root * factor
}

/// Operations per second over all chains.
fn rate<T: Copy>(start: T, operation: impl Fn(T) -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let mut chains = [black_box(start); CHAINS];
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            for chain in &mut chains {
                *chain = operation(*chain);
            }
        }
        black_box(chains);
        best = best.min(begin.elapsed().as_secs_f64());
    }
    CHAINS as f64 * f64::from(ROUNDS) / best.max(1e-9)
}
