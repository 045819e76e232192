//! Keyed noise for policies and learners: torch's global generator is never used.

use carrot_sim::{KeyedRng, RowKey, Stream, unit_f32};
use rand::Rng;

const TAU: f32 = std::f32::consts::TAU;

/// Blocks per upper half of a step: room for 65,536 draws each.
const BLOCKS_PER_EPOCH: u32 = 1 << 14;

/// The draws of one env at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepNoise {
    key: RowKey,
    block: u32,
}

impl StepNoise {
    /// The key (seed, global env id, step); shards and threads have no part in it.
    pub(crate) fn new(seed: u64, env: usize, step: u64) -> Self {
        let key = RowKey { seed, env: env as u32, episode: step as u32 };
        Self { key, block: ((step >> 32) as u32).wrapping_mul(BLOCKS_PER_EPOCH) }
    }

    /// Fills `out` with uniform draws in [0, 1).
    pub(crate) fn uniforms(self, out: &mut [f32]) {
        for (i, four) in out.chunks_mut(4).enumerate() {
            let words = self.key.words(Stream::Policy, self.block.wrapping_add(i as u32));
            four.iter_mut().zip(words).for_each(|(draw, word)| *draw = unit_f32(word));
        }
    }

    /// Fills `out` with standard normal draws.
    pub(crate) fn normals(self, out: &mut [f32]) {
        for (i, four) in out.chunks_mut(4).enumerate() {
            let words = self.key.words(Stream::Policy, self.block.wrapping_add(i as u32));
            let (a, b) = (box_muller(words[0], words[1]), box_muller(words[2], words[3]));
            four.copy_from_slice(&[a.0, a.1, b.0, b.1][..four.len()]);
        }
    }
}

/// Fills `out` with standard normal draws of a generator.
pub(crate) fn normals(rng: &mut KeyedRng, out: &mut [f32]) {
    for two in out.chunks_mut(2) {
        let (a, b) = box_muller(rng.next_u32(), rng.next_u32());
        two.copy_from_slice(&[a, b][..two.len()]);
    }
}

/// Two standard normal draws from two words.
///
/// # Source
/// Box and Muller, "A note on the generation of random normal deviates" (1958).
pub(crate) fn box_muller(first: u32, second: u32) -> (f32, f32) {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let radius = (-2.0 * libm::logf(1.0 - unit_f32(first))).sqrt();
    let (sin, cos) = libm::sincosf(TAU * unit_f32(second));
    (radius * cos, radius * sin)
}

/// Picks a choice from log-probabilities with one uniform draw.
pub(crate) fn sample_choice(log_probs: &[f32], draw: f32) -> usize {
    let mut below = 0.0;
    for (choice, log_prob) in log_probs.iter().enumerate() {
        below += libm::expf(*log_prob);
        if draw < below {
            return choice;
        }
    }
    // Rounding left the sum a little under the draw: the most likely choice is the safe one.
    best_choice(log_probs)
}

/// The most likely choice; the first of equals.
pub(crate) fn best_choice(log_probs: &[f32]) -> usize {
    (0..log_probs.len()).fold(0, |best, i| if log_probs[i] > log_probs[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(noise: StepNoise) -> f32 {
        let mut draw = [0.0];
        noise.uniforms(&mut draw);
        draw[0]
    }

    #[test]
    fn normals_have_the_moments_of_a_standard_normal() {
        let mut draws = [0.0_f32; 5];
        let (mut sum, mut squares, mut n) = (0.0_f64, 0.0_f64, 0.0_f64);
        for step in 0..20_000 {
            StepNoise::new(3, 1, step).normals(&mut draws);
            for x in draws.map(f64::from) {
                (sum, squares, n) = (sum + x, squares + x * x, n + 1.0);
            }
        }
        assert!((sum / n).abs() < 0.01, "{}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.02, "{}", squares / n);
    }

    #[test]
    fn steps_and_envs_draw_apart_also_beyond_32_bits() {
        let draw = |env, step| uniform(StepNoise::new(1, env, step));
        assert_ne!(draw(0, 5), draw(1, 5));
        assert_ne!(draw(0, 5), draw(0, 6));
        assert_ne!(draw(0, 5), draw(0, 5 + (1 << 32)));
        assert_eq!(draw(2, 7), draw(2, 7));
    }

    #[test]
    fn choices_follow_their_probabilities() {
        let log_probs = [0.2_f32, 0.5, 0.3].map(f32::ln);
        let mut counts = [0_i32; 3];
        for step in 0..10_000 {
            counts[sample_choice(&log_probs, uniform(StepNoise::new(9, 0, step)))] += 1;
        }
        for (count, expected) in counts.into_iter().zip([2_000, 5_000, 3_000]) {
            assert!((count - expected).abs() < 200, "{counts:?}");
        }
        assert_eq!(best_choice(&log_probs), 1);
    }
}
