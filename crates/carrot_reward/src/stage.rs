//! Stages: what happens to a raw value before its weight, in order, in the open, recomputable from raw.

use carrot_scene::{NodeRef, Reader, Span};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use crate::kind::RuleDoc;
use crate::math::{sigmoid, tanh};
use crate::norm::NormStats;

/// Shape of [`Stage::Bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BoundShape {
    /// Logistic, into (0, 1).
    Sigmoid,
    /// Hyperbolic tangent, into (-1, 1).
    Tanh,
}

/// One stage.
#[derive(Debug, Clone)]
pub enum Stage {
    /// gamma Φ(s′) - Φ(s), with Φ(s′) = 0 at true termination.
    Potential {
        /// Discount; equal to the learner's.
        gamma: f32,
        /// Where it is written, to complain about a mismatch.
        at: Span,
    },
    /// x * factor.
    Scale {
        /// The factor.
        factor: f32,
    },
    /// x cut to [low, high].
    Clip {
        /// Lowest value.
        low: f32,
        /// Highest value.
        high: f32,
    },
    /// A smooth bound around a centre.
    Bound {
        /// Shape.
        shape: BoundShape,
        /// Value that is mapped to the middle.
        center: f32,
        /// Width: the argument is (x - center) / width.
        width: f32,
    },
    /// x / sqrt(var + eps), with statistics of finished rollouts.
    RunningNorm {
        /// Take the mean away first.
        center: bool,
        /// Added to the variance.
        eps: f32,
    },
    /// x * f, with f going from `from` to `to` while env steps go from `start` to `end`.
    Anneal {
        /// Factor up to `start`.
        from: f32,
        /// Factor from `end` on.
        to: f32,
        /// Env steps at which it begins to move.
        start: u64,
        /// Env steps at which it has arrived.
        end: u64,
    },
}

/// What a revision says about one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum StageState {
    /// Nothing in it changes over time.
    #[default]
    Fixed,
    /// The factor of an [`Stage::Anneal`].
    Factor(f32),
    /// The statistics of a [`Stage::RunningNorm`].
    Norm(NormStats),
}

/// Pages of all stages.
pub const STAGE_DOCS: [RuleDoc; 6] = [
    RuleDoc {
        name: "Potential",
        rewards: "Moving to states of higher potential, without changing which policy is best.",
        formula: "y = gamma x(s') - x(s), with x(s') = 0 where the episode terminated (not where it was truncated)",
        range: "[-(1 + gamma) m, (1 + gamma) m] with m the largest |x|",
        parameters: &[("gamma", "discount, equal to the learner's; a mismatch is refused")],
        misleads: "Only terms that read the state may be wrapped, and only at the top level is the promise kept: \
                   inside a product or gate, or behind a Clip or RunningNorm, the best policy may change.",
        source: "Ng, Harada & Russell 1999, theorem 1; zero at termination after Grzes 2017.",
    },
    RuleDoc {
        name: "Scale",
        rewards: "Nothing of its own: changes units.",
        formula: "y = x * factor",
        range: "the scaled range",
        parameters: &[("factor", "the factor")],
        misleads: "A scale and a weight multiply; with both it is easy to misread how much a term counts.",
        source: "-",
    },
    RuleDoc {
        name: "Clip",
        rewards: "Nothing of its own: cuts extremes.",
        formula: "y = min(max(x, low), high)",
        range: "[low, high]",
        parameters: &[("low", "lowest value; default none"), ("high", "highest value; default none")],
        misleads: "Cutting only one side of a difference makes going back free: a clipped Progress can be farmed by \
                   pacing to and fro. Beyond the bound there is no slope.",
        source: "Mnih et al. 2015 clip to [-1, 1] inside the learner; here it is a stage in the ledger.",
    },
    RuleDoc {
        name: "Bound",
        rewards: "Nothing of its own: squeezes a value smoothly between bounds.",
        formula: "y = sigmoid((x - center) / width) or tanh((x - center) / width)",
        range: "(0, 1) or (-1, 1)",
        parameters: &[("shape", "Sigmoid or Tanh"), ("center", "default 0"), ("width", "above 0; default 1")],
        misleads: "Far from the centre its slope vanishes, and with it what an agent could learn.",
        source: "RLHF reward shaping after Fu et al. 2025 (PAR): a sigmoid centred on a reference reward.",
    },
    RuleDoc {
        name: "RunningNorm",
        rewards: "Nothing of its own: brings a term to unit variance.",
        formula: "y = (x - mean if center) / sqrt(var + eps), statistics over all finished rollouts; first identity",
        range: "unbounded",
        parameters: &[
            ("center", "take the mean away; default false"),
            ("eps", "added to the variance; default 1e-8"),
        ],
        misleads: "The same event is paid differently as training goes on, and a rare event is blown up. Centring \
                   moves the reward of every step, which changes when ending pays.",
        source: "VecNormalize of Stable-Baselines3 divides by the deviation of the discounted return and clips; here \
                 by that of the value itself, per rollout, and clipping is a stage of its own.",
    },
    RuleDoc {
        name: "Anneal",
        rewards: "Nothing of its own: fades a term in or out.",
        formula: "y = x * f, f linear from `from` to `to` while env steps go from `start` to `end`, held per rollout",
        range: "the scaled range",
        parameters: &[
            ("from", "first factor; default 1"),
            ("to", "last factor; default 0"),
            ("start", "env steps; default 0"),
            ("end", "env steps"),
        ],
        misleads: "Return then changes without any change of the policy; compare scores, not returns, along training.",
        source: "Fading shaping out: Devlin & Kudenko 2012 treat changing potentials.",
    },
];

impl Stage {
    /// Reads one `Name(..)` of a term's `stages`.
    pub(crate) fn read(node: &NodeRef, diagnostics: &mut carrot_scene::Diagnostics) -> Option<Self> {
        let Some((name, args)) = node.variant() else {
            diagnostics.error(&node.head(), "expected a stage", "", "write `Clip(low: 0.0)`, for example");
            return None;
        };
        if !STAGE_DOCS.iter().any(|d| d.name == name.value) {
            diagnostics.unknown_name(&name.span, "stage", &name.value, &STAGE_DOCS.map(|d| d.name));
            return None;
        }
        let mut r = Reader::open(&args, diagnostics)?;
        let stage = match name.value.as_str() {
            "Potential" => {
                let at = r.head();
                let gamma = r.required_in("gamma", 0.0_f32..=1.0);
                gamma.map(|gamma| Self::Potential { gamma, at })
            }
            "Scale" => r.required("factor").map(|factor| Self::Scale { factor }),
            "Clip" => {
                let low = r.optional::<Option<f32>>("low", None).unwrap_or(f32::NEG_INFINITY);
                let high = r.optional::<Option<f32>>("high", None).unwrap_or(f32::INFINITY);
                if low > high {
                    r.refuse("low", "`low` is above `high`", "write the smaller bound as `low`");
                }
                Some(Self::Clip { low, high })
            }
            "Bound" => {
                let shape = r.required("shape");
                let center = r.optional("center", 0.0);
                let width = r.optional_in("width", 1.0_f32, f32::MIN_POSITIVE..=f32::MAX);
                shape.map(|shape| Self::Bound { shape, center, width })
            }
            "RunningNorm" => Some(Self::RunningNorm {
                center: r.optional("center", false),
                eps: r.optional_in("eps", 1e-8_f32, 0.0..=1.0),
            }),
            _ => {
                let (from, to) = (r.optional("from", 1.0), r.optional("to", 0.0));
                let start = r.optional("start", 0);
                let end = r.required("end");
                if end.is_some_and(|end| end <= start) {
                    r.refuse("end", "`end` must come after `start`", "both count env steps");
                }
                end.map(|end| Self::Anneal { from, to, start, end })
            }
        };
        r.finish();
        stage
    }

    /// Name as written in RON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Potential { .. } => "Potential",
            Self::Scale { .. } => "Scale",
            Self::Clip { .. } => "Clip",
            Self::Bound { .. } => "Bound",
            Self::RunningNorm { .. } => "RunningNorm",
            Self::Anneal { .. } => "Anneal",
        }
    }

    /// The state of this stage at a number of env steps, before any statistics.
    pub(crate) fn state_at(&self, env_steps: u64) -> StageState {
        match *self {
            Self::Anneal { from, to, start, end } => {
                let past = env_steps.clamp(start, end) - start;
                let share = past as f64 / (end - start) as f64;
                StageState::Factor((f64::from(from) + (f64::from(to) - f64::from(from)) * share) as f32)
            }
            Self::RunningNorm { .. } => StageState::Norm(NormStats::default()),
            _ => StageState::Fixed,
        }
    }

    /// Applies the stage to a block of values; [`Stage::Potential`] is applied by its own function.
    pub(crate) fn apply(&self, state: StageState, values: &mut [f32]) {
        match (*self).clone() {
            Self::Potential { .. } => {}
            Self::Scale { factor } => scale(values, factor),
            Self::Clip { low, high } => clip(values, low, high),
            Self::Bound { shape: BoundShape::Sigmoid, center, width } => bound_sigmoid(values, center, width),
            Self::Bound { shape: BoundShape::Tanh, center, width } => bound_tanh(values, center, width),
            Self::RunningNorm { center, eps } => {
                if let StageState::Norm(stats) = state
                    && stats.count > 0
                {
                    let mean = if center { stats.mean as f32 } else { 0.0 };
                    let inverse = 1.0 / libm::sqrtf(stats.variance() as f32 + eps);
                    normalise(values, mean, inverse);
                }
            }
            Self::Anneal { .. } => {
                if let StageState::Factor(factor) = state {
                    scale(values, factor);
                }
            }
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn scale(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|x| *x *= factor);
}

#[multiversion(targets("x86_64+avx2"))]
fn clip(values: &mut [f32], low: f32, high: f32) {
    values.iter_mut().for_each(|x| *x = x.max(low).min(high));
}

#[multiversion(targets("x86_64+avx2"))]
fn bound_sigmoid(values: &mut [f32], center: f32, width: f32) {
    values.iter_mut().for_each(|x| *x = sigmoid((*x - center) / width));
}

#[multiversion(targets("x86_64+avx2"))]
fn bound_tanh(values: &mut [f32], center: f32, width: f32) {
    values.iter_mut().for_each(|x| *x = tanh((*x - center) / width));
}

#[multiversion(targets("x86_64+avx2"))]
fn normalise(values: &mut [f32], mean: f32, inverse: f32) {
    values.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
}

/// `now := gamma now - before`, with `now` counted as 0 where the episode terminated.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn shape_by_potential(now: &mut [f32], before: &[f32], terminated: &[bool], gamma: f32) {
    for ((now, before), &terminated) in now.iter_mut().zip(before).zip(terminated) {
        let next = if terminated { 0.0 } else { *now };
        *now = gamma * next - *before;
    }
}
