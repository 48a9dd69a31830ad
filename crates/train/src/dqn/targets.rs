//! What action values are to become, and how far they are from it: pure functions over a batch of transitions.

use microcloud_policy::network::greedy;

/// The loss of one transition by its temporal-difference error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TdLoss {
    /// Half the square.
    Squared,
    /// Half the square up to a magnitude of 1, and linear from there on (Huber, 1964).
    Huber,
}

/// What the losses of some transitions come to, which may be part of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TdErrors {
    /// Sum of the weighted losses.
    pub loss: f64,
    /// Sum of the values of the actions that were taken.
    pub values: f64,
    /// Value minus target of each transition, `[rows]`.
    pub errors: Vec<f32>,
}

/// The next observations of a batch.
#[derive(Debug, Clone, Copy)]
pub struct NextValues<'a> {
    /// Values by the online network, `[rows, num_actions]`; not looked at where the target network chooses.
    pub online: &'a [f32],
    /// Values by the target network, `[rows, num_actions]`.
    pub target: &'a [f32],
    /// Legal actions, `[rows, num_actions]`.
    pub action_masks: &'a [bool],
}

/// Writes `return + discount * Q_target(next, a)` for each transition, `a` being the best legal action by the online network
/// (double DQN, van Hasselt et al., 2016, equation 4) or, without `double`, by the target network (Mnih et al., 2015).
///
/// Where the discount is 0 the next values are not looked at.
pub fn bootstrap(returns: &[f32], discounts: &[f32], next: NextValues<'_>, double: bool, targets: &mut Vec<f32>) {
    targets.clear();
    let num_actions = next.target.len() / returns.len().max(1);
    for (row, (&sum, &discount)) in returns.iter().zip(discounts).enumerate() {
        if discount == 0.0 {
            targets.push(sum);
            continue;
        }
        let actions = row * num_actions..(row + 1) * num_actions;
        let chooser = if double { next.online } else { next.target };
        let best = greedy(&chooser[actions.clone()], &next.action_masks[actions.clone()]);
        targets.push(sum + discount * next.target[actions.start + best]);
    }
}

impl TdLoss {
    /// The loss of an error, and its derivative.
    pub fn of(self, error: f32) -> (f32, f32) {
        match self {
            Self::Huber if error.abs() > 1.0 => (error.abs() - 0.5, error.signum()),
            _ => (0.5 * error * error, error),
        }
    }
}

impl TdErrors {
    /// Adds transitions, whose values `[rows, num_actions]` are compared with their targets at the actions taken; `weights` are
    /// those of the draw. Writes the gradient of the weighted losses times `scale`, which is one over the batch's size for its
    /// mean, to `gradient`, `[rows, num_actions]` of zeros.
    pub fn add(
        &mut self,
        values: &[f32],
        gradient: &mut [f32],
        (actions, targets, weights): (&[usize], &[f32], &[f32]),
        loss: TdLoss,
        scale: f32,
    ) {
        let num_actions = values.len() / actions.len().max(1);
        for (row, &action) in actions.iter().enumerate() {
            let position = row * num_actions + action;
            let error = values[position] - targets[row];
            let (value, slope) = loss.of(error);
            self.loss += f64::from(weights[row] * value);
            self.values += f64::from(values[position]);
            gradient[position] = weights[row] * slope * scale;
            self.errors.push(error);
        }
    }

    /// Forgets all transitions.
    pub fn clear(&mut self) {
        (self.loss, self.values) = (0.0, 0.0);
        self.errors.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLINE: [f32; 6] = [1.0, 5.0, 9.0, 4.0, 3.0, 2.0];
    const TARGET: [f32; 6] = [10.0, 20.0, 90.0, 70.0, 80.0, 60.0];
    const MASKS: [bool; 6] = [true, true, false, true, true, true];

    fn targets(discounts: &[f32], double: bool) -> Vec<f32> {
        let mut targets = vec![99.0];
        let next = NextValues { online: &ONLINE, target: &TARGET, action_masks: &MASKS };
        bootstrap(&[0.5, -1.0], discounts, next, double, &mut targets);
        targets
    }

    #[test]
    fn the_online_network_chooses_a_legal_action_that_the_target_network_values() {
        // Row 0: action 2 is illegal, so online chooses 1, worth 20. Row 1: online chooses 0, worth 70.
        assert_eq!(targets(&[0.5, 0.1], true), [0.5 + 0.5 * 20.0, -1.0 + 0.1 * 70.0]);
        // Without double the target network's own largest legal value: 20, and 80.
        assert_eq!(targets(&[0.5, 0.1], false), [0.5 + 0.5 * 20.0, -1.0 + 0.1 * 80.0]);
    }

    #[test]
    fn nothing_follows_a_discount_of_zero_whatever_the_networks_say() {
        let broken = [f32::NAN; 6];
        let next = NextValues { online: &broken, target: &broken, action_masks: &[false; 6] };
        let mut targets = Vec::new();
        bootstrap(&[0.5, -1.0], &[0.0, 0.0], next, true, &mut targets);
        assert_eq!(targets, [0.5, -1.0]);
    }

    #[test]
    fn losses_by_hand_and_their_gradients_by_finite_differences() {
        assert_eq!(TdLoss::Huber.of(0.5), (0.125, 0.5));
        assert_eq!(TdLoss::Huber.of(-3.0), (2.5, -1.0));
        assert_eq!(TdLoss::Squared.of(-3.0), (4.5, -3.0));
        let (actions, expected, weights) = ([1, 0, 2], [1.0, -2.0, 0.25], [1.0, 0.5, 0.25]);
        let mut values = [0.0, 1.5, 9.0, 2.0, 9.0, 9.0, 9.0, 9.0, 0.75];
        let third = 1.0 / 3.0;
        for loss in [TdLoss::Huber, TdLoss::Squared] {
            let add = |values: &[f32], gradient: &mut [f32]| {
                let mut td = TdErrors::default();
                td.add(values, gradient, (&actions, &expected, &weights), loss, third);
                td
            };
            let mut gradient = [0.0; 9];
            let td = add(&values, &mut gradient);
            assert_eq!(td.errors, [0.5, 4.0, 0.5]);
            assert!((td.values - 4.25).abs() < 1e-6);
            let far = if loss == TdLoss::Huber { 3.5 } else { 8.0 };
            assert!((td.loss - (0.125 + 0.5 * far + 0.25 * 0.125)).abs() < 1e-6);
            for position in 0..values.len() {
                let mut mean = |change: f32| {
                    let before = values[position];
                    values[position] += change;
                    let loss = add(&values, &mut [0.0; 9]).loss / 3.0;
                    values[position] = before;
                    loss
                };
                let difference = (mean(1e-2) - mean(-1e-2)) / 2e-2;
                assert!((difference - f64::from(gradient[position])).abs() < 1e-4, "{loss:?} {position}");
            }
        }
    }
}
