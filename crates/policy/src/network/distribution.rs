//! The masked categorical distribution over actions: illegal actions have probability exactly zero.

/// Writes the log-probability of every action; illegal ones get negative infinity, whose exponential is exactly zero.
///
/// All three slices have length `num_actions`. Where nothing is legal, action 0 has probability one.
pub fn masked_log_probabilities(logits: &[f32], mask: &[bool], out: &mut [f32]) {
    let largest = largest_legal(logits, mask);
    if largest == f32::NEG_INFINITY {
        out.fill(f32::NEG_INFINITY);
        if let Some(first) = out.first_mut() {
            *first = 0.0;
        }
        return;
    }
    let log_sum = log_sum_exp(logits, mask, largest);
    for ((out, &logit), &legal) in out.iter_mut().zip(logits).zip(mask) {
        *out = if legal { logit - log_sum } else { f32::NEG_INFINITY };
    }
}

/// The first legal action with the largest logit, or 0 where nothing is legal.
pub fn greedy(logits: &[f32], mask: &[bool]) -> usize {
    let mut best = None;
    for (index, (&logit, &legal)) in logits.iter().zip(mask).enumerate() {
        if legal && best.is_none_or(|(_, largest)| logit > largest) {
            best = Some((index, logit));
        }
    }
    best.map_or(0, |(index, _)| index)
}

/// Draws a legal action with a uniform number in `[0, 1)` and returns it with its log-probability.
///
/// Where nothing is legal the answer is action 0 with log-probability 0.
pub fn sample(logits: &[f32], mask: &[bool], uniform: f32) -> (usize, f32) {
    let largest = largest_legal(logits, mask);
    if largest == f32::NEG_INFINITY {
        return (0, 0.0);
    }
    let log_sum = log_sum_exp(logits, mask, largest);
    let mut remaining = uniform;
    let mut chosen = None;
    for (index, (&logit, &legal)) in logits.iter().zip(mask).enumerate() {
        if !legal {
            continue;
        }
        let log_prob = logit - log_sum;
        let probability = log_prob.exp();
        if probability > 0.0 {
            chosen = Some((index, log_prob));
            remaining -= probability;
            if remaining < 0.0 {
                break;
            }
        }
    }
    chosen.unwrap_or((0, 0.0))
}

/// A uniform number in `[0, 1)` that depends on its arguments only, so that no generator state has to be kept.
pub fn counter_uniform(seed: u64, stream: u64, index: u64) -> f32 {
    let mixed = mix(mix(mix(seed) ^ stream).wrapping_add(index));
    (mixed >> 40) as f32 / (1u64 << 24) as f32
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(value: u64) -> u64 {
    microcloud_core::mix_bits(value.wrapping_add(0x9e37_79b9_7f4a_7c15))
}

fn largest_legal(logits: &[f32], mask: &[bool]) -> f32 {
    let legal = logits.iter().zip(mask).filter(|(_, legal)| **legal);
    legal.fold(f32::NEG_INFINITY, |largest, (&logit, _)| largest.max(logit))
}

fn log_sum_exp(logits: &[f32], mask: &[bool], largest: f32) -> f32 {
    let legal = logits.iter().zip(mask).filter(|(_, legal)| **legal);
    let sum: f32 = legal.map(|(&logit, _)| (logit - largest).exp()).sum();
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_actions_have_probability_zero_and_legal_ones_sum_to_one() {
        let logits = [3.0, 50.0, -2.0, 0.5];
        let mask = [true, false, true, true];
        let mut log_probs = [0.0; 4];
        masked_log_probabilities(&logits, &mask, &mut log_probs);
        assert_eq!(log_probs[1].exp(), 0.0);
        let total: f32 = log_probs.iter().map(|l| l.exp()).sum();
        assert!((total - 1.0).abs() < 1e-6);
        assert_eq!(greedy(&logits, &mask), 0);
        for index in 0..10_000 {
            let (action, log_prob) = sample(&logits, &mask, counter_uniform(1, 2, index));
            assert!(mask[action]);
            assert!((log_prob - log_probs[action]).abs() < 1e-6);
        }
    }

    #[test]
    fn samples_follow_the_probabilities() {
        let logits = [0.0, 1.0, 2.0];
        let mask = [true; 3];
        let mut log_probs = [0.0; 3];
        masked_log_probabilities(&logits, &mask, &mut log_probs);
        let mut counts = [0u32; 3];
        let draws = 100_000;
        for index in 0..draws {
            counts[sample(&logits, &mask, counter_uniform(7, 0, index)).0] += 1;
        }
        for (count, log_prob) in counts.iter().zip(log_probs) {
            assert!((f64::from(*count) / draws as f64 - f64::from(log_prob.exp())).abs() < 0.01);
        }
    }

    #[test]
    fn where_nothing_is_legal_the_first_action_is_taken() {
        let mut log_probs = [1.0; 2];
        masked_log_probabilities(&[1.0, 2.0], &[false; 2], &mut log_probs);
        assert_eq!(log_probs, [0.0, f32::NEG_INFINITY]);
        assert_eq!(greedy(&[1.0, 2.0], &[false; 2]), 0);
        assert_eq!(sample(&[1.0, 2.0], &[false; 2], 0.9), (0, 0.0));
    }
}
