//! Arithmetic for hot loops: the same bits on every machine, and no branch, so that loops vectorise.

use std::f32::consts::FRAC_2_PI;

/// Adding 1.5 * 2^23 rounds a float to a whole number, which then stands in its lowest bits.
const ROUND: f32 = 12_582_912.0;

/// Half of pi in three parts; the first two have few enough bits to be multiplied without rounding.
const HALF_PI: [f32; 3] = [1.570_312_5, 4.837_513e-4, 7.549_79e-8];

/// Sine and cosine of an angle in radians, within 2e-7 for |x| up to 1,000; a number that is not finite
/// gives one that is not finite.
///
/// # Source
/// The polynomials of Cephes `sinf` and `cosf` (S. Moshier) on [-pi/4, pi/4], after reduction by
/// multiples of pi/2 (W. Cody and W. Waite, 1980).
#[inline(always)]
pub fn sin_cos(x: f32) -> (f32, f32) {
    let shifted = x * FRAC_2_PI + ROUND;
    let quadrant = shifted.to_bits();
    let turns = shifted - ROUND;
    let r = ((x - turns * HALF_PI[0]) - turns * HALF_PI[1]) - turns * HALF_PI[2];
    let r2 = r * r;
    let sin = r + r * r2 * (-1.666_665_5e-1 + r2 * (8.332_161e-3 + r2 * -1.951_529_6e-4));
    let cos = 1.0 - 0.5 * r2 + r2 * r2 * (4.166_664_6e-2 + r2 * (-1.388_731_6e-3 + r2 * 2.443_315_7e-5));
    let (a, b) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let (flip_a, flip_b) = ((quadrant & 2) << 30, (quadrant.wrapping_add(1) & 2) << 30);
    (f32::from_bits(a.to_bits() ^ flip_a), f32::from_bits(b.to_bits() ^ flip_b))
}

/// The same direction as an angle between -pi and pi, for |x| up to 1,000 radians.
#[inline(always)]
pub fn wrap_angle(x: f32) -> f32 {
    let turns = (x * (0.25 * FRAC_2_PI) + ROUND) - ROUND;
    ((x - turns * (4.0 * HALF_PI[0])) - turns * (4.0 * HALF_PI[1])) - turns * (4.0 * HALF_PI[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_agree_with_libm_in_f64() {
        let mut worst = 0.0_f64;
        for i in -200_000..=200_000 {
            let x = i as f32 * 5e-5;
            let (sin, cos) = sin_cos(x);
            worst = worst.max((f64::from(sin) - libm::sin(f64::from(x))).abs());
            worst = worst.max((f64::from(cos) - libm::cos(f64::from(x))).abs());
        }
        assert!(worst < 2e-7, "{worst}");
        for i in -1000..=1000 {
            let x = i as f32;
            let (sin, cos) = sin_cos(x);
            assert!((f64::from(sin) - libm::sin(f64::from(x))).abs() < 2e-7, "{x}");
            assert!((f64::from(cos) - libm::cos(f64::from(x))).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn a_wrapped_angle_points_where_the_angle_did() {
        for i in -100_000..=100_000 {
            let x = i as f32 * 1e-2;
            let wrapped = wrap_angle(x);
            assert!(wrapped.abs() <= std::f32::consts::PI, "{x}: {wrapped}");
            let exact = f64::from(x) - std::f64::consts::TAU * (f64::from(x) / std::f64::consts::TAU).round();
            assert!((f64::from(wrapped) - exact).abs() < 1e-6, "{x}: {wrapped}, {exact}");
        }
        assert!((-31..=31).map(|i| i as f32 * 0.1).all(|x| wrap_angle(x) == x), "what needs no wrap stays");
    }

    #[test]
    fn zero_is_exact_and_faults_stay_visible() {
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (sin, cos) = sin_cos(bad);
            assert!(!sin.is_finite() && !cos.is_finite());
        }
    }
}
