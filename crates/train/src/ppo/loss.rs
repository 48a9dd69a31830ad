//! The loss of one sample and its gradients with respect to logits and value.

use std::ops::AddAssign;

use microcloud_policy::network::exp;

use crate::config::PpoConfig;

/// What the loss of one sample needs beside logits and value.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Legal actions.
    pub mask: &'a [bool],
    /// The action taken.
    pub action: usize,
    /// Its log-probability when it was taken.
    pub log_prob: f32,
    /// Its advantage, normalised or not.
    pub advantage: f32,
    /// The critic's value then.
    pub value: f32,
    /// What the value is to be.
    pub target: f32,
}

/// Sums over samples, from which an update's diagnostics are made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossSums {
    /// Half the squared errors of the values, clipped where configured.
    pub value_loss: f64,
    /// The clipped surrogate loss.
    pub policy_loss: f64,
    /// Entropies over legal actions, nats.
    pub entropy: f64,
    /// `log(old / new)`.
    pub old_approx_kl: f64,
    /// Schulman's estimate of the divergence, `ratio - 1 - log ratio`.
    pub approx_kl: f64,
    /// Samples whose ratio was clipped.
    pub clipped: f64,
}

impl AddAssign for LossSums {
    fn add_assign(&mut self, other: Self) {
        self.value_loss += other.value_loss;
        self.policy_loss += other.policy_loss;
        self.entropy += other.entropy;
        self.old_approx_kl += other.old_approx_kl;
        self.approx_kl += other.approx_kl;
        self.clipped += other.clipped;
    }
}

impl Sample<'_> {
    /// Writes the gradient of this sample's loss, times `scale`, with respect to its logits, and gives that with respect to its
    /// value.
    ///
    /// Illegal actions have probability zero, and no gradient flows through their logits.
    pub fn gradients(
        &self,
        config: &PpoConfig,
        scale: f32,
        logits: &[f32],
        value: f32,
        of_logits: &mut [f32],
    ) -> (LossSums, f32) {
        let mut sums = self.policy(config, scale, logits, of_logits);
        let clip = config.clip_coef as f32;
        let error = value - self.target;
        let clipped = self.value + (value - self.value).clamp(-clip, clip) - self.target;
        let bounded = config.clip_vloss && clipped * clipped > error * error;
        let (loss, slope) = match bounded {
            // Beyond the bound the clipped value does not move with the value.
            true => (clipped, if (value - self.value).abs() <= clip { clipped } else { 0.0 }),
            false => (error, error),
        };
        sums.value_loss = 0.5 * f64::from(loss) * f64::from(loss);
        (sums, scale * config.vf_coef as f32 * slope)
    }

    fn policy(&self, config: &PpoConfig, scale: f32, logits: &[f32], out: &mut [f32]) -> LossSums {
        let masked = logits.iter().zip(self.mask);
        let largest =
            masked.clone().fold(f32::NEG_INFINITY, |most, (&logit, &legal)| if legal { most.max(logit) } else { most });
        for (out, (&logit, &legal)) in out.iter_mut().zip(masked) {
            *out = if legal { exp(logit - largest) } else { 0.0 };
        }
        let total: f32 = out.iter().sum();
        let log_total = total.ln();
        let mean: f32 =
            out.iter().zip(logits).map(|(&e, &logit)| if e > 0.0 { e * (logit - largest) } else { 0.0 }).sum();
        // Of p = e / total, the entropy is log(total) minus the mean of the shifted logits.
        let entropy = log_total - mean / total;
        let log_prob = logits[self.action] - largest - log_total;

        let log_ratio = log_prob - self.log_prob;
        let ratio = log_ratio.exp();
        let clip = config.clip_coef as f32;
        let (gain, clipped) = (ratio * self.advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * self.advantage);
        let of_log_prob = if gain <= clipped { -gain } else { 0.0 };
        let ent_coef = config.ent_coef as f32;
        for (index, (out, &logit)) in out.iter_mut().zip(logits).enumerate() {
            let probability = *out / total;
            let own = f32::from(u8::from(index == self.action));
            let of_entropy =
                if probability > 0.0 { probability * (logit - largest - log_total + entropy) } else { 0.0 };
            *out = scale * (of_log_prob * (own - probability) + ent_coef * of_entropy);
        }
        let (log_ratio, wide) = (f64::from(log_ratio), f64::from(ratio));
        LossSums {
            value_loss: 0.0,
            policy_loss: -f64::from(gain.min(clipped)),
            entropy: f64::from(entropy),
            old_approx_kl: -log_ratio,
            approx_kl: wide - 1.0 - log_ratio,
            clipped: f64::from(u8::from((ratio - 1.0).abs() > clip)),
        }
    }
}
