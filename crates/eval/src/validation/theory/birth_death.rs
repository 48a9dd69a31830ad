//! Birth-death processes: what is stationary, how noisy a simulated mean is, and how the mean moves in time.

/// States whose stationary probability is below this count for nothing.
const NEGLIGIBLE: f64 = 1e-15;

/// A Markov chain on 0, 1, …, n that moves by one.
#[derive(Clone, Debug)]
pub(in crate::validation) struct BirthDeath {
    /// Rates from each state but the last to the one above.
    births: Vec<f64>,
    /// Rates from each state but the first to the one below.
    deaths: Vec<f64>,
}

impl BirthDeath {
    /// The queue M/M/c/K with a service rate of 1: `room` requests at most, those in service included.
    pub fn queue(servers: u32, arrivals: f64, room: usize) -> Self {
        let deaths = (1..=room).map(|number| (number as f64).min(f64::from(servers))).collect();
        Self { births: vec![arrivals; room], deaths }
    }

    fn states(&self) -> usize {
        self.births.len() + 1
    }

    /// The probability of each state in the long run, by detailed balance.
    pub fn stationary(&self) -> Vec<f64> {
        let mut weights = vec![1.0];
        let mut weight = 1.0_f64;
        let mut total = 1.0_f64;
        for (birth, death) in self.births.iter().zip(&self.deaths) {
            weight *= birth / death;
            // Kept within the range of numbers where a state is far more probable than the first.
            if weight > 1e200 {
                weights.iter_mut().for_each(|known| *known /= weight);
                total /= weight;
                weight = 1.0;
            }
            total += weight;
            weights.push(weight);
        }
        weights.iter_mut().for_each(|known| *known /= total);
        weights
    }

    /// The mean of a function of the state in the long run, and T times the variance of its mean over a long time T
    /// (W. Whitt, "Asymptotic formulas for Markov processes with applications to simulation", Operations Research 40,
    /// 1992): `2 sum_n (sum_(i <= n) p_i (f_i - mean))^2 / (birth_n p_n)`.
    pub fn mean_and_variance(&self, of: impl Fn(usize) -> f64) -> [f64; 2] {
        let probabilities = self.stationary();
        let values: Vec<f64> = (0..self.states()).map(of).collect();
        let mean: f64 = probabilities.iter().zip(&values).map(|(p, value)| p * value).sum();
        let parts: Vec<f64> = probabilities.iter().zip(&values).map(|(p, value)| p * (value - mean)).collect();
        // The sum up to n is minus the sum beyond it: from each end, so that small ones are not lost in rounding.
        let likely = (0..self.states()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(0);
        let mut variance = 0.0;
        let mut add = |state: usize, sum: f64| {
            let flow = self.births[state] * probabilities[state];
            if probabilities[state] > NEGLIGIBLE && flow > 0.0 {
                variance += 2.0 * sum * sum / flow;
            }
        };
        let mut below = 0.0;
        for state in 0..likely {
            below += parts[state];
            add(state, below);
        }
        let mut beyond = 0.0;
        for state in (likely..self.births.len()).rev() {
            beyond += parts[state + 1];
            add(state, beyond);
        }
        [mean, variance]
    }

    /// Moves a distribution on by `seconds` under Kolmogorov's forward equations `p' = p Q`, by the classical
    /// Runge-Kutta method of fourth order in steps of at most half a mean sojourn.
    pub fn advance(&self, distribution: &mut [f64], seconds: f64) {
        let fastest = (0..self.states())
            .map(|state| self.births.get(state).unwrap_or(&0.0) + if state > 0 { self.deaths[state - 1] } else { 0.0 })
            .fold(1e-9, f64::max);
        let steps = (seconds * fastest * 2.0).ceil().max(1.0);
        let step = seconds / steps;
        let after = |start: &[f64], slope: &[f64], share: f64| -> Vec<f64> {
            start.iter().zip(slope).map(|(p, change)| p + share * step * change).collect()
        };
        for _ in 0..steps as usize {
            let first = self.flow(distribution);
            let second = self.flow(&after(distribution, &first, 0.5));
            let third = self.flow(&after(distribution, &second, 0.5));
            let fourth = self.flow(&after(distribution, &third, 1.0));
            for (state, p) in distribution.iter_mut().enumerate() {
                *p += step / 6.0 * (first[state] + 2.0 * (second[state] + third[state]) + fourth[state]);
            }
        }
    }

    /// What flows into each state, net.
    fn flow(&self, distribution: &[f64]) -> Vec<f64> {
        let mut flow = vec![0.0; self.states()];
        for state in 0..self.births.len() {
            let up = self.births[state] * distribution[state] - self.deaths[state] * distribution[state + 1];
            flow[state] -= up;
            flow[state + 1] += up;
        }
        flow
    }
}

/// The mean of a distribution over 0, 1, ….
pub(in crate::validation) fn mean_number(distribution: &[f64]) -> f64 {
    distribution.iter().enumerate().map(|(number, p)| number as f64 * p).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_of_a_mean_queue_is_the_known_one() {
        // M/M/1: 2 rho (1 + rho) / (1 - rho)^4 with a service rate of 1 (Whitt, 1992).
        for rho in [0.5, 0.8, 0.9, 0.95_f64] {
            let [mean, variance] = BirthDeath::queue(1, rho, 2000).mean_and_variance(|number| number as f64);
            assert!((mean - rho / (1.0 - rho)).abs() < 1e-9 * mean, "{rho}: {mean}");
            let known = 2.0 * rho * (1.0 + rho) / (1.0 - rho).powi(4);
            assert!((variance / known - 1.0).abs() < 1e-6, "{rho}: {variance}, known {known}");
        }
    }

    #[test]
    fn what_is_stationary_stays() {
        let queue = BirthDeath::queue(4, 3.2, 200);
        let mut distribution = queue.stationary();
        let before = mean_number(&distribution);
        queue.advance(&mut distribution, 10.0);
        assert!((mean_number(&distribution) - before).abs() < 1e-9);
        assert!((distribution.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_queue_without_arrivals_empties_as_it_must() {
        // One request, one server: it is still there with probability e^-t.
        let queue = BirthDeath::queue(1, 0.0, 5);
        let mut distribution = vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        queue.advance(&mut distribution, 2.0);
        assert!((mean_number(&distribution) - libm::exp(-2.0)).abs() < 1e-3);
    }
}
