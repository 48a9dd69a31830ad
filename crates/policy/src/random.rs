//! The policy that draws uniformly among the legal actions.

use microcloud_core::mix_bits;
use ndarray::{ArrayView1, ArrayView2};

use crate::Policy;

/// Draws one legal action per decision, each as likely as any other.
///
/// The draw is a hash of the seed, the decision's number in its episode and the observation, so an episode's actions
/// depend on that episode alone: batch size, row and the other environments change nothing.
#[derive(Clone, Debug)]
pub struct RandomPolicy {
    seed: u64,
    decisions: Vec<u64>,
}

impl RandomPolicy {
    /// A random policy; two with the same seed act alike.
    pub fn new(seed: u64) -> Self {
        Self { seed, decisions: Vec::new() }
    }
}

impl Policy for RandomPolicy {
    fn name(&self) -> &str {
        "random"
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        self.decisions.resize(actions.len(), 0);
        for (row, action) in actions.iter_mut().enumerate() {
            let decision = &mut self.decisions[row];
            *decision = if episode_starts[row] { 0 } else { *decision + 1 };
            let key = fold(self.seed, observations.row(row));
            let draw = mix_bits(key ^ mix_bits(*decision ^ 0x9E37_79B9_7F4A_7C15));
            *action = pick(action_masks.row(row), draw);
        }
    }
}

/// The legal action whose rank among the legal ones is `draw` scaled to their number; no-op where none is legal.
fn pick(mask: ArrayView1<'_, bool>, draw: u64) -> usize {
    // Rows of a batch lie together: slices are counted by vectors.
    let copy;
    let mask = if let Some(mask) = mask.to_slice() {
        mask
    } else {
        copy = mask.to_vec();
        &copy
    };
    let legal: usize = mask.iter().map(|&legal| usize::from(legal)).sum();
    let mut rank = ((u128::from(draw) * legal as u128) >> 64) as usize;
    for (index, &legal) in mask.iter().enumerate() {
        if legal {
            if rank == 0 {
                return index;
            }
            rank -= 1;
        }
    }
    0
}

/// Four interleaved multiply-xor chains over the observation's bits: a single chain would wait on every multiply.
fn fold(seed: u64, observation: ArrayView1<'_, f32>) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let mut chains = [seed, seed ^ 1, seed ^ 2, seed ^ 3];
    let mut add = |values: &[f32]| {
        for (chain, value) in chains.iter_mut().zip(values) {
            *chain = (*chain ^ u64::from(value.to_bits())).wrapping_mul(PRIME).rotate_left(23);
        }
    };
    if let Some(observation) = observation.to_slice() {
        observation.chunks(4).for_each(&mut add);
    } else {
        observation.to_vec().chunks(4).for_each(&mut add);
    }
    chains.into_iter().fold(0, |hash, chain| mix_bits(hash ^ chain))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;

    #[test]
    fn only_legal_actions_are_drawn_and_each_about_equally_often() {
        let masks = Array2::from_shape_fn((1, 10), |(_, action)| action % 3 == 0);
        let mut policy = RandomPolicy::new(5);
        let mut counts = [0_u32; 10];
        let mut actions = [0];
        for step in 0..40_000_u32 {
            let observations = Array2::from_elem((1, 7), step as f32);
            policy.act(observations.view(), masks.view(), &[step % 240 == 0], &mut actions);
            counts[actions[0]] += 1;
        }
        for (action, &count) in counts.iter().enumerate() {
            let expected = if action % 3 == 0 { 10_000.0 } else { 0.0 };
            assert!((f64::from(count) - expected).abs() < 400.0, "{action}: {count}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_batch_around_it() {
        let rows = 9;
        let observations = Array2::from_shape_fn((rows, 5), |(row, column)| (row * 5 + column) as f32);
        let masks = Array2::from_elem((rows, 30), true);
        let mut together = vec![0; rows];
        RandomPolicy::new(1).act(observations.view(), masks.view(), &vec![true; rows], &mut together);
        for (row, &expected) in together.iter().enumerate() {
            let mut alone = [0];
            let (seen, legal) = (observations.select(Axis(0), &[row]), masks.select(Axis(0), &[row]));
            RandomPolicy::new(1).act(seen.view(), legal.view(), &[true], &mut alone);
            assert_eq!(alone[0], expected);
        }
    }

    #[test]
    fn without_a_legal_action_it_sends_no_op() {
        assert_eq!(pick(ndarray::arr1(&[false; 4]).view(), u64::MAX), 0);
    }
}
