//! `Tolerance`: 1 inside bounds, falling smoothly to 0 outside.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};
use crate::math::{exp, tanh};

/// How the value falls outside of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sigmoid {
    /// exp(-(x s)² / 2).
    Gaussian,
    /// 1 / cosh(x s).
    Hyperbolic,
    /// 1 / ((x s)² + 1).
    LongTail,
    /// 1 / (|x| s + 1).
    Reciprocal,
    /// (1 + cos(pi x s)) / 2 inside |x s| < 1.
    Cosine,
    /// 1 - x s inside |x s| < 1.
    Linear,
    /// 1 - (x s)² inside |x s| < 1.
    Quadratic,
    /// 1 - tanh²(x s).
    TanhSquared,
}

impl Sigmoid {
    /// All kernels.
    pub const ALL: [Self; 8] = [
        Self::Gaussian,
        Self::Hyperbolic,
        Self::LongTail,
        Self::Reciprocal,
        Self::Cosine,
        Self::Linear,
        Self::Quadratic,
        Self::TanhSquared,
    ];

    /// The scale s at which the value one margin away from the bounds is `value`.
    pub(crate) fn scale(self, value: f32) -> f32 {
        match self {
            Self::Gaussian => libm::sqrtf(-2.0 * libm::logf(value)),
            Self::Hyperbolic => libm::acoshf(1.0 / value),
            Self::LongTail => libm::sqrtf(1.0 / value - 1.0),
            Self::Reciprocal => 1.0 / value - 1.0,
            Self::Cosine => libm::acosf(2.0 * value - 1.0) / std::f32::consts::PI,
            Self::Linear => 1.0 - value,
            Self::Quadratic => libm::sqrtf(1.0 - value),
            Self::TanhSquared => libm::atanhf(libm::sqrtf(1.0 - value)),
        }
    }

    /// True for the kernels that reach 0.
    fn reaches_zero(self) -> bool {
        matches!(self, Self::Cosine | Self::Linear | Self::Quadratic)
    }
}

/// Pays 1 while a scalar signal is within bounds, and less the further away it is.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Tolerance {
    /// The signal.
    pub signal: SignalRef,
    /// Lowest and highest value that count as 1.
    pub bounds: (f32, f32),
    /// Distance from the bounds at which the value has fallen to `value_at_margin`; 0 for a hard edge.
    pub margin: f32,
    /// How it falls.
    pub sigmoid: Sigmoid,
    /// Value one margin away.
    pub value_at_margin: f32,
    scale: f32,
}

impl Tolerance {
    /// A tolerance from its parameters; the scale of the kernel follows from them.
    pub fn new(
        signal: SignalRef,
        bounds: (f32, f32),
        margin: f32,
        sigmoid: Sigmoid,
        value_at_margin: f32,
    ) -> Self {
        Self { signal, bounds, margin, sigmoid, value_at_margin, scale: sigmoid.scale(value_at_margin) }
    }
}

impl Kind for Tolerance {
    const DOC: RuleDoc = RuleDoc {
        name: "Tolerance",
        rewards: "Keeping a signal within bounds, with a slope that leads there.",
        formula: "raw = 1 if low <= x <= high, else k(d s) with d = distance to the bounds / margin and k the sigmoid",
        range: "[0, 1]",
        parameters: &[
            ("signal", "name of a scalar signal"),
            ("bounds", "(low, high) within which the value is 1"),
            ("margin", "distance at which it has fallen to value_at_margin; default 0, a hard edge"),
            (
                "sigmoid",
                "Gaussian, Hyperbolic, LongTail, Reciprocal, Cosine, Linear, Quadratic, TanhSquared; default Gaussian",
            ),
            ("value_at_margin", "default 0.1"),
        ],
        misleads: "It pays per step: being nearly there for long is worth more than being there once, so an agent \
                   hovers beside a goal that would end the episode. A margin wider than the workspace has no slope \
                   anywhere, one that is too narrow has none where the agent starts.",
        source: "dm_control `rewards.tolerance`, all eight kernels; equal but for rounding.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let signal = scope.scalar(reader, "signal");
        let bounds = reader.required::<(f32, f32)>("bounds");
        let margin = reader.optional_in("margin", 0.0_f32, 0.0..=f32::MAX);
        let sigmoid = reader.optional("sigmoid", Sigmoid::Gaussian);
        let value = reader.optional("value_at_margin", 0.1_f32);
        let lowest = if sigmoid.reaches_zero() { 0.0 } else { f32::MIN_POSITIVE };
        let (signal, bounds) = (signal?, bounds?);
        if bounds.0 > bounds.1 {
            reader.refuse("bounds", "the lower bound is above the upper one", "write (low, high)");
            return None;
        }
        if !(lowest..1.0).contains(&value) {
            let message = format!(
                "`value_at_margin` is {value}, {sigmoid:?} needs it in [0, 1), above 0 unless it reaches 0"
            );
            reader.refuse("value_at_margin", message, "the default is 0.1");
            return None;
        }
        Some(Self::new(signal, bounds, margin, sigmoid, value))
    }

    fn signals(&self) -> Vec<SignalRef> {
        vec![self.signal.clone()]
    }

    fn is_of_state(&self) -> bool {
        true
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        let x = step.now.get(self.signal.id, 0);
        let (low, high) = self.bounds;
        if self.margin == 0.0 {
            return hard(x, low, high, raw);
        }
        // Distance in units of the kernel's own scale.
        let s = self.scale / self.margin;
        match self.sigmoid {
            Sigmoid::Gaussian => gaussian(x, low, high, s, raw),
            Sigmoid::Hyperbolic => fall(x, low, high, s, raw, |d| 2.0 / (exp(d) + exp(-d))),
            Sigmoid::LongTail => fall(x, low, high, s, raw, |d| 1.0 / (d * d + 1.0)),
            Sigmoid::Reciprocal => fall(x, low, high, s, raw, |d| 1.0 / (d + 1.0)),
            Sigmoid::Cosine => fall(x, low, high, s, raw, |d| {
                if d < 1.0 { (1.0 + libm::cosf(std::f32::consts::PI * d)) * 0.5 } else { 0.0 }
            }),
            Sigmoid::Linear => fall(x, low, high, s, raw, |d| if d < 1.0 { 1.0 - d } else { 0.0 }),
            Sigmoid::Quadratic => fall(x, low, high, s, raw, |d| if d < 1.0 { 1.0 - d * d } else { 0.0 }),
            Sigmoid::TanhSquared => fall(x, low, high, s, raw, |d| {
                let t = tanh(d);
                1.0 - t * t
            }),
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn hard(x: &[f32], low: f32, high: f32, raw: &mut [f32]) {
    for (raw, &x) in raw.iter_mut().zip(x) {
        *raw = if (x >= low) & (x <= high) { 1.0 } else { 0.0 };
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn gaussian(x: &[f32], low: f32, high: f32, s: f32, raw: &mut [f32]) {
    fall(x, low, high, s, raw, |d| exp(-0.5 * (d * d)));
}

/// Applies a kernel to the scaled distance from the bounds, which is 0 inside.
#[inline(always)]
fn fall(x: &[f32], low: f32, high: f32, s: f32, raw: &mut [f32], kernel: impl Fn(f32) -> f32) {
    for (raw, &x) in raw.iter_mut().zip(x) {
        let d = (low - x).max(x - high).max(0.0) * s;
        *raw = kernel(d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{SignalId, SignalView};

    fn value(sigmoid: Sigmoid, value_at_margin: f32, x: f32) -> f32 {
        let signal = SignalRef {
            name: "x".into(),
            id: SignalId(0),
            width: 1,
            unit: String::new(),
            range: (-9.0, 9.0),
            is_action: false,
        };
        let tolerance = Tolerance::new(signal, (-1.0, 1.0), 2.0, sigmoid, value_at_margin);
        let (data, mut raw) = ([x], [f32::NAN]);
        let view = SignalView::new(&data, 1);
        let step = Transition {
            before: view,
            now: view,
            terminated: &[false],
            truncated: &[false],
            cause: &[0],
            success: &[false],
            score: &[0.0],
        };
        tolerance.evaluate(&step, &mut raw);
        raw[0]
    }

    /// Values of dm_control's `tolerance(x, bounds=(-1, 1), margin=2, sigmoid, value_at_margin=0.1)`.
    #[test]
    fn kernels_equal_dm_control() {
        use Sigmoid::*;
        for sigmoid in Sigmoid::ALL {
            assert_eq!(value(sigmoid, 0.1, 0.5), 1.0, "{sigmoid:?} inside");
            assert!((value(sigmoid, 0.1, 3.0) - 0.1).abs() < 1e-6, "{sigmoid:?} one margin above");
            assert!((value(sigmoid, 0.1, -3.0) - 0.1).abs() < 1e-6, "{sigmoid:?} one margin below");
            assert!((0.0..0.1).contains(&value(sigmoid, 0.1, 6.0)), "{sigmoid:?} far");
        }
        // Half a margin away, computed by hand from dm_control's formulas.
        for (sigmoid, expected) in [
            (Gaussian, 0.562_341_3),
            (LongTail, 0.307_692_3),
            (Reciprocal, 0.181_818_2),
            (Linear, 0.55),
            (Quadratic, 0.775),
        ] {
            assert!((value(sigmoid, 0.1, 2.0) - expected).abs() < 1e-6, "{sigmoid:?} half a margin");
        }
    }
}
