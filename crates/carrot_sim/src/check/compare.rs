//! Bit-for-bit comparison of what batches deliver.

use crate::batch::{PartData, PartSlice};
use crate::rollout::Rollout;

/// The first index at which two columns differ in a bit.
pub(super) fn floats(a: &[f32], b: &[f32]) -> Option<usize> {
    if a.len() != b.len() {
        return Some(a.len().min(b.len()));
    }
    a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits())
}

/// The first index at which two parts differ.
pub(super) fn parts(a: PartSlice<'_>, b: PartSlice<'_>) -> Option<usize> {
    match (a, b) {
        (PartSlice::F32(a), PartSlice::F32(b)) => floats(a, b),
        (PartSlice::U8(a), PartSlice::U8(b)) if a.len() == b.len() => {
            a.iter().zip(b).position(|(a, b)| a != b)
        }
        _ => Some(0),
    }
}

/// Numbers in a part.
pub(super) fn len(part: &PartData) -> usize {
    part.f32().len().max(part.u8().len())
}

/// Row `index` of a part with `size` numbers per row.
pub(super) fn row(part: &PartData, index: usize, size: usize) -> PartSlice<'_> {
    part.slice(index * size..(index + 1) * size)
}

/// What differs between two filled rollouts, if anything does.
pub(super) fn rollouts(a: &Rollout, b: &Rollout) -> Option<&'static str> {
    let same_parts = |a: &[PartData], b: &[PartData]| {
        a.iter()
            .zip(b)
            .all(|(a, b)| len(a) == len(b) && parts(a.slice(0..len(a)), b.slice(0..len(b))).is_none())
    };
    let same_signals = match (&a.signals, &b.signals) {
        (Some(a), Some(b)) => {
            floats(&a.start, &b.start).is_none()
                && floats(&a.now, &b.now).is_none()
                && floats(&a.fresh, &b.fresh).is_none()
        }
        _ => a.signals.is_none() && b.signals.is_none(),
    };
    let checks = [
        ("observations", same_parts(&a.obs, &b.obs)),
        ("final observations", same_parts(&a.final_obs, &b.final_obs)),
        ("signals", same_signals),
        ("terminated", a.terminated == b.terminated),
        ("truncated", a.truncated == b.truncated),
        ("causes", a.cause == b.cause),
        ("success", a.success == b.success),
        ("scores", floats(&a.score, &b.score).is_none()),
        ("ends", a.ends == b.ends),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}
