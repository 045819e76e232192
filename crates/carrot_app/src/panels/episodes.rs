//! Return against truth, one point an episode: what is paid well and fails lights up, and one click replays it.

use egui::Ui;
use egui_plot::{Corner, Legend, MarkerShape, Plot, PlotPoint, Points};

use super::quiet;
use crate::action::Action;
use crate::theme::{BAD, GOOD, term_color};

/// What the plot shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpisodesView {
    /// Ended episodes.
    pub episodes: Vec<EpisodePoint>,
    /// The graph whose returns are shown.
    pub graph: String,
}

/// One ended episode.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EpisodePoint {
    /// Row.
    pub env: usize,
    /// Episode of that row.
    pub episode: u32,
    /// Tick of its last step.
    pub tick: u64,
    /// Return, all of it.
    pub paid: f64,
    /// Truth, 0 to 1.
    pub score: f64,
    /// Truth.
    pub success: bool,
}

/// What becomes of an episode in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It did the task.
    Success,
    /// It did not.
    Failure,
    /// It did not, and was paid more than the middle success, or than most where nothing succeeded.
    Hack,
}

/// Judges every episode: a failure that was paid at least as much as the middle success is a hack. Where nothing
/// succeeded, the best paid tenth with a score below the middle is.
pub fn judge(episodes: &[EpisodePoint]) -> Vec<Verdict> {
    let middle = |mut values: Vec<f64>, share: f64| {
        values.sort_by(f64::total_cmp);
        values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied()
    };
    let paid_well = middle(episodes.iter().filter(|e| e.success).map(|e| e.paid).collect(), 0.5);
    let top = middle(episodes.iter().map(|e| e.paid).collect(), 0.9);
    let middle_score = middle(episodes.iter().map(|e| e.score).collect(), 0.5);
    let is_hack = |episode: &EpisodePoint| match (paid_well, top, middle_score) {
        (Some(bar), ..) => episode.paid >= bar,
        (None, Some(bar), Some(score)) => episode.paid >= bar && episode.score < score,
        _ => false,
    };
    let verdict = |episode: &EpisodePoint| match episode.success {
        true => Verdict::Success,
        false if is_hack(episode) => Verdict::Hack,
        false => Verdict::Failure,
    };
    episodes.iter().map(verdict).collect()
}

/// Shows the plot; a click replays the nearest episode.
pub fn show(ui: &mut Ui, view: &EpisodesView, actions: &mut Vec<Action>) {
    let verdicts = judge(&view.episodes);
    let hacks = verdicts.iter().filter(|verdict| **verdict == Verdict::Hack).count();
    ui.horizontal(|ui| {
        quiet(
            ui,
            format!("{} episodes under `{}`; click one to replay it.", view.episodes.len(), view.graph),
        );
        if hacks > 0 {
            ui.colored_label(BAD, format!("{hacks} paid like a success without being one"));
        }
    });
    let plot = Plot::new("episodes")
        .legend(Legend::default().position(Corner::LeftTop))
        .x_axis_label("return")
        .y_axis_label("score (truth)")
        .include_y(0.0)
        .include_y(1.05)
        .allow_scroll(false);
    let response = plot.show(ui, |plot| {
        for (verdict, name, color, radius) in [
            (Verdict::Failure, "failure", term_color(7), 2.5),
            (Verdict::Success, "success", GOOD, 2.5),
            (Verdict::Hack, "paid, but not done", BAD, 4.5),
        ] {
            let points: Vec<[f64; 2]> = view
                .episodes
                .iter()
                .zip(&verdicts)
                .filter(|(_, own)| **own == verdict)
                .map(|(episode, _)| [episode.paid, episode.score])
                .collect();
            plot.points(Points::new(name, points).color(color).radius(radius).shape(MarkerShape::Circle));
        }
        let bounds = plot.plot_bounds();
        (plot.pointer_coordinate(), bounds.width(), bounds.height())
    });
    let (at, width, height) = response.inner;
    if let Some(at) = at.filter(|_| response.response.clicked())
        && let Some(episode) = nearest(&view.episodes, at, width, height)
    {
        actions.push(Action::Replay { env: episode.env, tick: episode.tick });
    }
}

/// The episode nearest to a point, as the eye sees distance.
fn nearest(episodes: &[EpisodePoint], at: PlotPoint, width: f64, height: f64) -> Option<&EpisodePoint> {
    let distance = |episode: &EpisodePoint| {
        let (x, y) = ((episode.paid - at.x) / width, (episode.score - at.y) / height);
        x * x + y * y
    };
    episodes.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(paid: f64, score: f64, success: bool) -> EpisodePoint {
        EpisodePoint { paid, score, success, ..EpisodePoint::default() }
    }

    #[test]
    fn a_failure_that_is_paid_like_a_success_is_a_hack() {
        let episodes =
            [point(10.0, 1.0, true), point(8.0, 1.0, true), point(12.0, 0.1, false), point(1.0, 0.2, false)];
        let expected = [Verdict::Success, Verdict::Success, Verdict::Hack, Verdict::Failure];
        assert_eq!(judge(&episodes), expected);
    }

    #[test]
    fn without_any_success_the_best_paid_failures_stand_out() {
        let mut episodes: Vec<EpisodePoint> = (0..20).map(|i| point(f64::from(i), 0.5, false)).collect();
        episodes.push(point(100.0, 0.0, false));
        let verdicts = judge(&episodes);
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Hack).count(), 1);
        assert_eq!(verdicts[20], Verdict::Hack);
        assert!(judge(&[]).is_empty());
    }
}
