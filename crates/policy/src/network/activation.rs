//! Activations, with polynomials for exponentials, so that they vectorise and have the same bits on every machine.

use std::f32::consts::{LN_2, LOG2_E};

use serde::{Deserialize, Serialize};

/// What a layer applies to its affine outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Its value at `x`.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            // Not `max`, which would hide what is not a number.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Tanh => tanh(x),
        }
    }

    /// Its derivative where its value is `y`.
    #[inline(always)]
    pub fn slope(self, y: f32) -> f32 {
        match self {
            Self::None => 1.0,
            Self::Relu => f32::from(u8::from(y > 0.0)),
            Self::Tanh => 1.0 - y * y,
        }
    }
}

/// Adding this rounds a float below 2^22 to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `2^k` and `exp(r) - 1` with `x = k ln 2 + r` and `|r| <= ln 2 / 2`, by the Taylor series of degree 7, whose remainder is
/// below 6e-9 there.
#[inline(always)]
fn reduce(x: f32) -> (f32, f32) {
    let rounded = x * LOG2_E + ROUND;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    // ln 2 in two parts (Cody and Waite, 1980), so that the product with k is exact.
    const HIGH: f32 = 355.0 / 512.0;
    const LOW: f32 = -2.121_944_4e-4;
    const { assert!(HIGH + LOW - LN_2 < 1e-7) };
    let k = rounded - ROUND;
    let r = x - k * HIGH - k * LOW;
    let series = 1.0 / 5040.0 * r + 1.0 / 720.0;
    let series = (series * r + 1.0 / 120.0) * r + 1.0 / 24.0;
    let series = (series * r + 1.0 / 6.0) * r + 0.5;
    (power, series * r * r + r)
}

/// The exponential, within 3e-7 of it relatively; `x` is clamped to -87 and 88.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (power, less_one) = reduce(x.clamp(-87.0, 88.0));
    power * less_one + power
}

/// The hyperbolic tangent `(e - 1) / (e + 1)` with `e = exp(2 |x|)`, within 3e-7 of it relatively.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // Beyond 9.1 it is 1 in single precision.
    let (power, less_one) = reduce((2.0 * x.abs()).clamp(0.0, 20.0));
    let less_one = power * less_one + (power - 1.0);
    (less_one / (less_one + 2.0)).copysign(x)
}

/// The logistic function `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    0.5 * tanh(0.5 * x) + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_within_single_precision_of_the_functions() {
        for step in -40_000..40_000 {
            let x = step as f32 * 5e-4;
            let wide = f64::from(x);
            assert!((f64::from(exp(x)) / wide.exp() - 1.0).abs() < 3e-7, "exp {x}");
            if x != 0.0 {
                assert!((f64::from(tanh(x)) / wide.tanh() - 1.0).abs() < 3e-7, "tanh {x}");
            }
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-wide).exp())).abs() < 2e-7, "sigmoid {x}");
        }
        assert_eq!((tanh(0.0), tanh(50.0), tanh(-50.0), exp(0.0)), (0.0, 1.0, -1.0, 1.0));
        assert!(tanh(f32::NAN).is_nan() && exp(f32::NAN).is_nan());
    }

    #[test]
    fn slopes_are_derivatives() {
        for activation in [Activation::None, Activation::Relu, Activation::Tanh] {
            for x in [-1.5f32, -0.2, 0.3, 2.0] {
                let difference = (activation.apply(x + 1e-3) - activation.apply(x - 1e-3)) / 2e-3;
                assert!((difference - activation.slope(activation.apply(x))).abs() < 1e-3, "{activation:?} at {x}");
            }
        }
    }
}
