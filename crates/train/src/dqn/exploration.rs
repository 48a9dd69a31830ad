//! Exploration: an epsilon-greedy choice among legal actions.

use microcloud_policy::network::greedy;

use crate::random::RandomStream;

/// How actions are explored at a moment of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// Share of actions that are not the greedy one.
    pub epsilon: f64,
    /// Share of those that are the no-op; the others are drawn evenly from the legal ones, the no-op among them.
    pub no_op: f64,
}

impl Exploration {
    /// The action of one environment from its action values and mask; always a legal one where there is one, else 0.
    pub fn choose(&self, values: &[f32], mask: &[bool], random: &mut RandomStream) -> usize {
        if random.uniform() >= self.epsilon {
            return greedy(values, mask);
        }
        if random.uniform() < self.no_op && mask.first() == Some(&true) {
            return 0;
        }
        let count = mask.iter().filter(|legal| **legal).count();
        let chosen = (random.uniform() * count as f64) as usize;
        let mut legal = (0..mask.len()).filter(|&action| mask[action]);
        legal.nth(chosen.min(count.saturating_sub(1))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(exploration: Exploration) -> [f64; 4] {
        let mut counts = [0; 4];
        for index in 0..40_000 {
            let mut random = RandomStream::from_seed(index);
            counts[exploration.choose(&[0.0, 9.0, 1.0, 2.0], &[true, false, true, true], &mut random)] += 1;
        }
        counts.map(|count| f64::from(count) / 40_000.0)
    }

    #[test]
    fn exploration_takes_legal_actions_evenly_apart_from_its_no_ops() {
        assert_eq!(shares(Exploration { epsilon: 0.0, no_op: 0.5 }), [0.0, 0.0, 0.0, 1.0]);
        let (third, epsilon, no_op) = (1.0 / 3.0, 0.6, 0.25);
        let shares = shares(Exploration { epsilon, no_op });
        let random = epsilon * (1.0 - no_op) * third;
        let expected = [epsilon * no_op + random, 0.0, random, 1.0 - epsilon + random];
        assert_eq!(shares[1], 0.0);
        assert!(shares.iter().zip(expected).all(|(share, expected)| (share - expected).abs() < 0.01), "{shares:?}");
    }

    #[test]
    fn where_nothing_is_legal_the_first_action_is_taken() {
        let exploration = Exploration { epsilon: 1.0, no_op: 0.0 };
        assert_eq!(exploration.choose(&[1.0, 2.0], &[false, false], &mut RandomStream::from_seed(1)), 0);
    }
}
