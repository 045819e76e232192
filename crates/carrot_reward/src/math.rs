//! Exponentials that vectorise and give the same bits on every machine: plain arithmetic, no FMA.

/// e^x, relative error under 3e-7; 0 below -87, the largest finite value's exponent above 88.
///
/// # Source
/// The range reduction and polynomial of Cephes `expf` (Moshier), with the clamp moved in front.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = clamped - whole * LN2_HIGH - whole * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let value = p * r * r + r + 1.0;
    let power = f32::from_bits((((whole as i32) + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { value * power }
}

/// tanh x, absolute error under 1e-6.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// ln x, relative error under 3e-7 away from 1 and absolute error under 1e-7 near it; -infinity at 0, not a
/// number below.
///
/// # Source
/// The reduction and polynomial of Cephes `logf` (Moshier), with numbers below the normal range scaled up first.
#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let tiny = x < f32::MIN_POSITIVE;
    let bits = (if tiny { x * 8_388_608.0 } else { x }).to_bits();
    let half = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let small = half < std::f32::consts::FRAC_1_SQRT_2;
    let m = if small { half + half - 1.0 } else { half - 1.0 };
    let scaled = if tiny { 149.0 } else { 126.0 };
    let e = ((bits >> 23) & 0xff) as i32 as f32 - scaled - if small { 1.0 } else { 0.0 };
    let mut p = 7.037_683_6e-2;
    p = p * m - 1.151_461e-1;
    p = p * m + 1.167_699_9e-1;
    p = p * m - 1.242_014_1e-1;
    p = p * m + 1.424_932_3e-1;
    p = p * m - 1.666_805_8e-1;
    p = p * m + 2.000_071_5e-1;
    p = p * m - 2.499_999_4e-1;
    p = p * m + 3.333_333e-1;
    let z = m * m;
    let y = p * m * z + e * LN2_LOW - 0.5 * z;
    let value = m + y + e * LN2_HIGH;
    if x > 0.0 {
        if x == f32::INFINITY { x } else { value }
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else {
        f32::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_double_precision() {
        for i in -8_700..8_800 {
            let x = i as f32 * 0.01;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x})");
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 1e-6, "tanh({x})");
            let logistic = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - logistic).abs() < 1e-6, "sigmoid({x})");
        }
        assert_eq!((exp(-1e9), tanh(1e9), tanh(-1e9)), (0.0, 1.0, -1.0));
    }

    #[test]
    fn the_logarithm_agrees_with_double_precision() {
        for bits in (1..f32::INFINITY.to_bits()).step_by(9_973) {
            let x = f32::from_bits(bits);
            let exact = f64::from(x).ln();
            let error = (f64::from(log(x)) - exact).abs();
            assert!(error < 1e-7 || error < 3e-7 * exact.abs(), "log({x}) = {}, exactly {exact}", log(x));
        }
        assert_eq!((log(0.0), log(-0.0), log(1.0)), (f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0));
        assert_eq!(log(f32::INFINITY), f32::INFINITY);
        assert!(log(-1.0).is_nan() && log(f32::NAN).is_nan() && log(f32::NEG_INFINITY).is_nan());
    }
}
