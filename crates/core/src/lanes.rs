//! Four-wide arithmetic over zones, and the exponential that the whole simulator uses.

use wide::{bytemuck::cast, i32x4};
pub use wide::{f32x4, f32x8};

/// Zones a scenario may have: one lane each.
pub const ZONE_LANES: usize = 4;
/// Nodes a scenario may have: one lane each.
pub const NODE_LANES: usize = 8;

/// `e^x` for x <= 0, within 6e-7 relative down to -4 and 6e-6 down to -80, and exactly 0 below -87.
///
/// Plain multiplications and additions only (no fused ones), so that every machine gives the same bits: 2^n from the
/// exponent's bits times a degree-6 polynomial for 2^f on [-0.5, 0.5].
pub fn exp(x: f32x4) -> f32x4 {
    let least = f32x4::splat(-87.0);
    let held = x.fast_max(least).fast_min(f32x4::ZERO);
    let scaled = held * f32x4::splat(std::f32::consts::LOG2_E);
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
    let magic = f32x4::splat(12_582_912.0);
    let shifted = scaled + magic;
    let fraction = scaled - (shifted - magic);
    let mut series = f32x4::splat(1.540_353_e-4);
    for coefficient in [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
        series = series * fraction + f32x4::splat(coefficient);
    }
    let exponent = cast::<f32x4, i32x4>(shifted) << 23;
    let power = cast::<i32x4, f32x4>(exponent + i32x4::splat(127 << 23));
    x.simd_gt(least).bitselect(power * series, f32x4::ZERO)
}

/// The scalar form of [`exp`], with the same bits.
pub fn exp_scalar(x: f32) -> f32 {
    exp(f32x4::splat(x)).to_array()[0]
}

/// `a / b` where `b` is positive, and 0 where it is not.
pub fn ratio(a: f32x4, b: f32x4) -> f32x4 {
    let positive = b.simd_gt(f32x4::ZERO);
    positive.bitselect(a / positive.bitselect(b, f32x4::ONE), f32x4::ZERO)
}

/// Each lane held in [0, 1].
pub fn unit(x: f32x4) -> f32x4 {
    x.fast_max(f32x4::ZERO).fast_min(f32x4::ONE)
}

/// One zone's value.
pub(crate) fn lane(lanes: f32x4, zone: usize) -> f32 {
    lanes.to_array()[zone]
}

/// Sets one zone's value.
pub(crate) fn set_lane(lanes: &mut f32x4, zone: usize, value: f32) {
    let here = one_hot(zone).simd_gt(f32x4::ZERO);
    *lanes = here.bitselect(f32x4::splat(value), *lanes);
}

/// Adds to one zone's value, which stays at least 0.
pub(crate) fn add_lane(lanes: &mut f32x4, zone: usize, change: f32) {
    *lanes = (*lanes + one_hot(zone) * f32x4::splat(change)).fast_max(f32x4::ZERO);
}

/// 1 in a zone's lane and 0 elsewhere.
pub(crate) fn one_hot(zone: usize) -> f32x4 {
    const ROWS: [f32x4; ZONE_LANES] = [
        f32x4::new([1.0, 0.0, 0.0, 0.0]),
        f32x4::new([0.0, 1.0, 0.0, 0.0]),
        f32x4::new([0.0, 0.0, 1.0, 0.0]),
        f32x4::new([0.0, 0.0, 0.0, 1.0]),
    ];
    ROWS[zone % ZONE_LANES]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_three_tenths_of_a_millionth() {
        let mut worst = 0.0_f64;
        for step in 0..80_000 {
            let x = -(step as f32) * 1e-3;
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp_scalar(x)) - exact) / exact).abs());
        }
        // Near -80 the rounding of x * log2(e) itself costs |x| * 6e-8.
        assert!(worst < 6e-6, "{worst}");
        for step in 0..4000 {
            let x = -(step as f32) * 1e-3;
            let exact = f64::from(x).exp();
            assert!(((f64::from(exp_scalar(x)) - exact) / exact).abs() < 6e-7, "{x}");
        }
        assert_eq!(exp_scalar(-100.0), 0.0);
        assert_eq!(exp_scalar(0.0), 1.0);
    }
}
