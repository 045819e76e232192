//! A discount that grows with what the agent has already learned to follow.
//!
//! # Source
//! Liu et al., "Imitation learning from observation with automatic discount scheduling" (2023), section 4: the discount is
//! alpha^(1 / progress), and progress goes on where the longest increasing subsequence of the nearest demonstrated steps
//! reaches a share of the demonstration's own. What differs: progress goes on when half of a rollout's episodes reach the
//! share, as far as they lie in it.
//!
//! # When it misleads
//! A short sight cannot see what pays late: where nothing can be learned before the end is seen, progress stays where it
//! is. A potential in the same group is no potential while the discount moves.

use serde::{Deserialize, Serialize};

use super::Transport;
use crate::config::{range, settings};

settings! {
    /// How a discount grows.
    DiscountConfig {
        /// What a reward counts for after as many steps as were followed so far.
        alpha: f32 = 0.2, 0.01..=0.99;
        /// Share of the demonstration's own order that counts as followed.
        share: f32 = 0.9, range::SHARE;
    }
}

/// The discount under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discount {
    config: DiscountConfig,
    /// Steps of the demonstration that are followed.
    progress: usize,
}

impl Discount {
    /// Nothing followed.
    pub fn new(config: DiscountConfig) -> Self {
        Self { config, progress: 1 }
    }

    /// Steps of the demonstration that are followed.
    pub fn progress(&self) -> usize {
        self.progress
    }

    /// The discount.
    pub fn gamma(&self) -> f32 {
        libm::powf(self.config.alpha, 1.0 / self.progress as f32)
    }

    /// Looks at episodes from their beginning on, as far as they are known.
    ///
    /// # Shapes
    /// Each is `[steps, F]`.
    pub fn follow(&mut self, transport: &Transport, episodes: &[Vec<f32>]) {
        let (shown, width) = (transport.first(), transport.width());
        let own: Vec<Vec<f32>> = episodes.iter().map(|episode| transport.standardised(episode)).collect();
        while self.progress < shown.len() / width && !own.is_empty() {
            let part = &shown[..(self.progress + 1) * width];
            let wanted = self.config.share * order(part, part, width) as f32;
            let reached = own.iter().filter(|episode| order(episode, part, width) as f32 >= wanted).count();
            if 2 * reached < own.len() {
                break;
            }
            self.progress += 1;
        }
    }
}

/// Length of the longest increasing subsequence of the shown steps that are nearest to each state.
///
/// # Source
/// Schensted, "Longest increasing and decreasing subsequences" (1961).
fn order(episode: &[f32], shown: &[f32], width: usize) -> usize {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
    let mut ends: Vec<usize> = Vec::new();
    for state in episode.chunks_exact(width) {
        let distances = shown.chunks_exact(width).map(|other| distance(state, other)).enumerate();
        let Some((nearest, _)) = distances.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let place = ends.partition_point(|&end| end < nearest);
        match ends.get_mut(place) {
            Some(end) => *end = nearest,
            None => ends.push(nearest),
        }
    }
    ends.len()
}

#[cfg(test)]
mod tests {
    use super::super::TransportConfig;
    use super::*;

    #[test]
    fn the_discount_grows_as_far_as_the_demonstration_is_followed() {
        let shown: Vec<f32> = (0..40).map(|i| i as f32).collect();
        let transport =
            Transport::new(TransportConfig::default(), vec!["x".into()], std::slice::from_ref(&shown))
                .unwrap();
        let mut discount = Discount::new(DiscountConfig::default());
        assert!((discount.gamma() - 0.2).abs() < 1e-6);
        // Nobody goes past the tenth step.
        let half: Vec<f32> = (0..40).map(|i| (i as f32).min(9.0)).collect();
        discount.follow(&transport, &[half.clone(), half]);
        let there = discount.progress();
        assert!((10..=12).contains(&there), "{there}");
        discount.follow(&transport, &[vec![0.0; 40], vec![0.0; 40]]);
        assert_eq!(discount.progress(), there, "it never falls");
        let backwards: Vec<f32> = shown.iter().rev().copied().collect();
        discount.follow(&transport, &[backwards.clone(), backwards, shown.clone()]);
        assert_eq!(discount.progress(), there, "one of three is not half");
        discount.follow(&transport, std::slice::from_ref(&shown));
        assert_eq!(discount.progress(), 40);
        assert!((discount.gamma() - 0.2_f32.powf(1.0 / 40.0)).abs() < 1e-6);
        discount.follow(&transport, &[]);
    }
}
