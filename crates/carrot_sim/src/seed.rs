//! Keyed random numbers: every draw is a pure function of (seed, env, episode, stream, draw).
//!
//! Nothing in Carrot draws from a shared stream, so the order in which rows are visited, the number of
//! shards and the number of threads cannot change a number.
//!
//! # Source
//! Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.
//! The test holds the paper's known-answer vectors.

use multiversion::multiversion;
use rand::{Rng, TryRng};
use std::convert::Infallible;

/// What a draw is for: draws of different streams never share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial states, goals and layouts.
    Reset = 0,
    /// Noise inside the dynamics.
    Dynamics = 1,
    /// Noise on observations.
    Sense = 2,
    /// Sampled actions of a policy.
    Policy = 3,
    /// Mini-batch shuffles and initial weights of a learner.
    Learner = 4,
    /// Scripted and random behaviours.
    Script = 5,
    /// Perturbations: drawn scene fields, jitter, noise of scripted scenarios.
    Perturb = 6,
}

/// The key under which a row draws: run seed, global env id and episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowKey {
    /// Seed of the run.
    pub seed: u64,
    /// Global env id, the same for any number of shards.
    pub env: u32,
    /// Episode of that env, from 0.
    pub episode: u32,
}

impl RowKey {
    /// The generator of this key for one stream.
    pub fn rng(self, stream: Stream) -> KeyedRng {
        KeyedRng { key: self, stream, block: 0, words: [0; 4], used: 4 }
    }

    /// The generator of this key for one stream, from a block on: one block holds four words.
    pub fn rng_at(self, stream: Stream, block: u32) -> KeyedRng {
        KeyedRng { block, ..self.rng(stream) }
    }

    /// The first four words of a stream, for hot loops that need no more.
    #[inline]
    pub fn words(self, stream: Stream, block: u32) -> [u32; 4] {
        philox4x32(
            [self.env, self.episode, stream as u32, block],
            [self.seed as u32, (self.seed >> 32) as u32],
        )
    }
}

/// A uniform f32 in [0, 1) from the upper 24 bits of a word.
#[inline]
pub fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A counter-based generator; implements [`rand::Rng`], so the distributions of `rand` work on it.
#[derive(Debug, Clone)]
pub struct KeyedRng {
    key: RowKey,
    stream: Stream,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl KeyedRng {
    /// A uniform f32 in [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * unit_f32(self.next_u32())
    }

    /// A uniform integer in [0, n), without bias.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "a draw below 0 has no value");
        // Rejection from the top keeps every value equally likely.
        let zone = u32::MAX - (u32::MAX - n + 1) % n;
        loop {
            let word = self.next_u32();
            if word <= zone {
                return word % n;
            }
        }
    }

    /// Shuffles a slice (Fisher and Yates), so that every order is equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

impl TryRng for KeyedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        if self.used == 4 {
            self.words = self.key.words(self.stream, self.block);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        Ok(self.words[self.used - 1])
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.next_u32() as u64;
        Ok(low | ((self.next_u32() as u64) << 32))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.next_u32().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// One block of Philox4x32-10.
#[inline]
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let p0 = u64::from(counter[0]) * 0xD251_1F53;
        let p1 = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (p1 >> 32) as u32 ^ counter[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ counter[3] ^ key[1],
            p0 as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// Rows that are drawn for at a time: one AVX2 register of words.
pub(crate) const LANES: usize = 8;

/// One block of a stream for each of several rows of one run, word by word.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn lane_words(
    seed: u64,
    env: &[u32; LANES],
    episode: &[u32; LANES],
    stream: u32,
    block: &[u32; LANES],
    words: &mut [[u32; LANES]; 4],
) {
    let (mut c0, mut c1, mut c2, mut c3) = (*env, *episode, [stream; LANES], *block);
    let mut key = [seed as u32, (seed >> 32) as u32];
    for _ in 0..10 {
        for i in 0..LANES {
            let p0 = u64::from(c0[i]) * 0xD251_1F53;
            let p1 = u64::from(c2[i]) * 0xCD9E_8D57;
            c0[i] = (p1 >> 32) as u32 ^ c1[i] ^ key[0];
            c1[i] = p1 as u32;
            c2[i] = (p0 >> 32) as u32 ^ c3[i] ^ key[1];
            c3[i] = p0 as u32;
        }
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    *words = [c0, c1, c2, c3];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        let pi = philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
        assert_eq!(pi, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }

    #[test]
    fn keys_and_streams_are_independent_and_repeatable() {
        let key = RowKey { seed: 7, env: 3, episode: 1 };
        let first: Vec<u32> =
            (0..9).map(|_| 0).scan(key.rng(Stream::Reset), |r, _: i32| Some(r.next_u32())).collect();
        let again: Vec<u32> =
            (0..9).map(|_| 0).scan(key.rng(Stream::Reset), |r, _: i32| Some(r.next_u32())).collect();
        assert_eq!(first, again);
        assert_ne!(first[0], key.rng(Stream::Sense).next_u32());
        assert_ne!(first[0], RowKey { episode: 2, ..key }.rng(Stream::Reset).next_u32());
    }

    #[test]
    fn lanes_draw_what_single_rows_draw() {
        let (env, episode) = ([0, 1, 2, 3, 4, 5, 6, 4095], [0, 7, 1, 0, 3, 2, 9, u32::MAX]);
        let (block, mut words) = ([0, 0, 1, 2, 500, 3, 0, u32::MAX], [[0; LANES]; 4]);
        lane_words(0x1234_5678_9ABC_DEF0, &env, &episode, Stream::Reset as u32, &block, &mut words);
        for i in 0..LANES {
            let key = RowKey { seed: 0x1234_5678_9ABC_DEF0, env: env[i], episode: episode[i] };
            assert_eq!(words.map(|word| word[i]), key.words(Stream::Reset, block[i]));
        }
    }

    #[test]
    fn bounded_draws_are_even() {
        let mut rng = RowKey { seed: 1, env: 0, episode: 0 }.rng(Stream::Script);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
    }
}
