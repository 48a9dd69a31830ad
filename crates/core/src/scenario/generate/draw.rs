//! Draws of the generator, in plain arithmetic, so that every machine gives the same bits.

use crate::rng::CounterRng;

/// A whole number from 0 to `end` - 1.
pub(super) fn below(rng: &mut CounterRng, end: usize) -> usize {
    ((rng.uniform() * end as f32) as usize).min(end.saturating_sub(1))
}

/// True with a probability.
pub(super) fn chance(rng: &mut CounterRng, probability: f32) -> bool {
    rng.uniform() < probability
}

/// An index with a probability in proportion to its weight; never one of weight 0 where others have more.
pub(super) fn weighted(rng: &mut CounterRng, weights: &[f32]) -> usize {
    let mut point = rng.uniform() * weights.iter().sum::<f32>();
    let mut last = 0;
    for (index, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = index;
        point -= weight;
        if point < 0.0 {
            break;
        }
    }
    last
}

/// A number from `low` to `high` with a heavy tail (Pareto of exponent 2, cut off).
pub(super) fn heavy_tailed(rng: &mut CounterRng, [low, high]: [f32; 2]) -> f32 {
    (low / (1.0 - rng.uniform()).sqrt()).min(high)
}

/// A number to so many digits that people can read it: a multiple of `1 / parts`.
pub(super) fn rounded(value: f32, parts: f32) -> f32 {
    (value * parts).round() / parts
}

/// The next multiple of `step`.
pub(super) fn up_to(value: f32, step: f32) -> f32 {
    (value / step).ceil() * step
}
