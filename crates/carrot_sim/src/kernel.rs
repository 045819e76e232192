//! Loops over whole columns that every step runs, compiled for AVX2 as well.
//!
//! No loop fuses a multiplication with an addition, so both versions give the same bits.

use multiversion::multiversion;

use crate::episode::{CAUSE_TIME_LIMIT, Cause};
use crate::row::StepCount;

/// Clips to bounds; gives (all finite, number of changed elements).
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn clip(given: &[f32], applied: &mut [f32], low: f32, high: f32) -> (bool, u64) {
    let (mut finite, mut changed) = (true, 0_u32);
    for (&a, slot) in given.iter().zip(applied) {
        let inside = a.max(low).min(high);
        finite &= a.is_finite();
        changed += u32::from(inside != a);
        *slot = inside;
    }
    (finite, changed.into())
}

/// [`clip`] for element `i` of rows of `width` numbers.
pub(crate) fn clip_strided(
    given: &[f32],
    applied: &mut [f32],
    width: usize,
    i: usize,
    low: f32,
    high: f32,
) -> (bool, u64) {
    if width == 1 {
        return clip(given, applied, low, high);
    }
    let (mut finite, mut changed) = (true, 0);
    for (&a, slot) in given[i..].iter().step_by(width).zip(applied[i..].iter_mut().step_by(width)) {
        let inside = a.max(low).min(high);
        finite &= a.is_finite();
        changed += u64::from(inside != a);
        *slot = inside;
    }
    (finite, changed)
}

/// Takes element 0 of rows of `width` numbers.
pub(crate) fn spread(from: &[f32], width: usize, to: &mut [f32]) {
    if width == 1 {
        to.copy_from_slice(from);
    } else {
        to.iter_mut().zip(from.iter().step_by(width)).for_each(|(slot, &a)| *slot = a);
    }
}

/// True when no number of a column is infinite or not a number.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn all_finite(column: &[f32]) -> bool {
    column.iter().fold(true, |finite, x| finite & x.is_finite())
}

/// Truncates rows at the limit, and names it as the cause where nothing else ended the row.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn limit(
    steps: &[StepCount],
    limit: u32,
    terminated: &[bool],
    truncated: &mut [bool],
    cause: &mut [Cause],
) {
    let longest = steps.iter().fold(0, |longest, steps| steps.0.max(longest));
    if longest < limit {
        truncated.fill(false);
        return;
    }
    let rows = steps.iter().zip(terminated).zip(truncated).zip(cause);
    for (((steps, &terminated), truncated), cause) in rows {
        *truncated = steps.0 >= limit;
        if *truncated && !terminated {
            *cause = CAUSE_TIME_LIMIT;
        }
    }
}

/// Appends the rows in which one of two flags is set, ascending.
pub(crate) fn list_set(a: &[bool], b: &[bool], rows: &mut Vec<u32>) {
    // 64 flags are one word, and the lowest set bit is the first of them.
    let (a_blocks, a_rest) = bytemuck::cast_slice::<bool, u8>(a).as_chunks::<64>();
    let (b_blocks, b_rest) = bytemuck::cast_slice::<bool, u8>(b).as_chunks::<64>();
    for (i, (a, b)) in a_blocks.iter().zip(b_blocks).enumerate() {
        let mut flags = 0_u64;
        for (j, (a, b)) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0).enumerate() {
            // The product gathers the lowest bits of eight bytes in the highest byte.
            let bytes = u64::from_le_bytes(*a) | u64::from_le_bytes(*b);
            flags |= (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * j);
        }
        while flags != 0 {
            rows.push(64 * i as u32 + flags.trailing_zeros());
            flags &= flags - 1;
        }
    }
    let first = 64 * a_blocks.len();
    let rest = a_rest.iter().zip(b_rest).enumerate().filter(|(_, (a, b))| *a | *b != 0);
    rows.extend(rest.map(|(i, _)| (first + i) as u32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_flags_are_listed_in_order_at_any_length() {
        for len in 0..200 {
            let a: Vec<bool> = (0..len).map(|i| i % 5 == 3).collect();
            let b: Vec<bool> = (0..len).map(|i| i % 7 == 0).collect();
            let mut rows = Vec::new();
            list_set(&a, &b, &mut rows);
            let expected: Vec<u32> = (0..len).filter(|i| i % 5 == 3 || i % 7 == 0).collect();
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn the_limit_is_the_cause_only_where_nothing_else_is() {
        let steps = [3, 5, 5, 6].map(StepCount);
        let (mut truncated, mut cause) = ([true; 4], [0, 0, 7, 0]);
        limit(&steps, 5, &[false, false, true, false], &mut truncated, &mut cause);
        assert_eq!(
            (truncated, cause),
            ([false, true, true, true], [0, CAUSE_TIME_LIMIT, 7, CAUSE_TIME_LIMIT])
        );
        limit(&steps, 7, &[false; 4], &mut truncated, &mut cause);
        assert_eq!(truncated, [false; 4]);
    }

    #[test]
    fn clipping_counts_changes_and_sees_what_is_not_finite() {
        let given = [-2.0, 0.5, 3.0, 1.0, f32::NAN, 0.0, f32::INFINITY, -0.5];
        let mut applied = [0.0; 8];
        assert_eq!(clip_strided(&given, &mut applied, 2, 0, 0.0, 1.0), (false, 4));
        assert_eq!(clip_strided(&given, &mut applied, 2, 1, 0.0, 1.0), (true, 1));
        assert_eq!(applied, [0.0, 0.5, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        let mut alone = [0.0; 8];
        assert_eq!(clip(&given, &mut alone, 0.0, 1.0), (false, 5));
        assert_eq!(alone, applied);
        assert!(!all_finite(&given) && all_finite(&applied));
    }
}
