//! The pictures of a report: return beside score, terms, and all rewards of a task together.

use super::{
    ReportError, RunCurves,
    curves::{BandPoint, Curve, band, grid},
    fooled::LOW_SCORE,
    plots::{COLOURS, Colour, Layer, Panel, Scale, Shape},
    summary::{RETURN, SCORE},
};

/// Seeds up to which each one is drawn on its own inside the band.
const MAX_SEED_LINES: usize = 8;

/// A reward's runs, and its colour in all pictures of its task.
pub(super) struct Group<'a> {
    pub(super) runs: &'a [&'a RunCurves],
    pub(super) colour: Colour,
}

/// A term of the plot, for its legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TermLine {
    pub(super) name: String,
    pub(super) colour: Colour,
}

/// Mean contribution per episode of each term.
pub(super) struct TermsPlot {
    pub(super) svg: String,
    /// In the order of the graph; the total, in ink, is not among them.
    pub(super) lines: Vec<TermLine>,
    /// Whether the areas are stacked: all terms have the same sign.
    pub(super) stacked: bool,
}

/// Greatest step of any run: the right end of every x axis of a task.
pub(super) fn max_step<'a>(runs: impl IntoIterator<Item = &'a RunCurves>) -> f64 {
    runs.into_iter().map(RunCurves::env_steps).max().unwrap_or(0) as f64
}

/// The return of one reward.
pub(super) fn return_plot(group: &Group<'_>, max_step: f64) -> Result<String, ReportError> {
    let layers = seed_layers(&curves(group.runs, RETURN), group.colour, true);
    Panel { y_label: "return per episode", scale: Scale::Fitted, max_step, guides: vec![], layers }.draw()
}

/// The score of one reward; a dashed line marks what counts as low.
pub(super) fn score_plot(group: &Group<'_>, max_step: f64) -> Result<String, ReportError> {
    let layers = seed_layers(&curves(group.runs, SCORE), group.colour, true);
    Panel { y_label: "score (truth)", scale: Scale::Unit, max_step, guides: vec![LOW_SCORE], layers }.draw()
}

/// A share (score, success rate) of all rewards of a task.
pub(super) fn joint_plot(
    groups: &[Group<'_>],
    tag: &str,
    y_label: &'static str,
    max_step: f64,
) -> Result<String, ReportError> {
    // All bands first: none may cover a line.
    let mut layers: Vec<Layer> =
        groups.iter().flat_map(|group| seed_layers(&curves(group.runs, tag), group.colour, false)).collect();
    layers.sort_by_key(|layer| matches!(layer.shape, Shape::Line { .. }));
    Panel { y_label, scale: Scale::Unit, max_step, guides: vec![], layers }.draw()
}

/// What each top-level term contributed to the return, and the return itself in ink.
///
/// Terms of one sign are stacked, so that their areas add up to the return; others are lines. With more terms than
/// colours, the smaller ones are added up as one.
///
/// None if no run has contributions.
pub(super) fn terms_plot(runs: &[&RunCurves], max_step: f64) -> Result<Option<TermsPlot>, ReportError> {
    let mut terms: Vec<String> = Vec::new();
    for term in runs.iter().flat_map(|run| run.terms()) {
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    let curves_of: Vec<Vec<Curve>> =
        terms.iter().map(|term| curves(runs, &format!("reward/{term}/episode"))).collect();
    let steps = grid(curves_of.iter().flatten());
    if steps.is_empty() {
        return Ok(None);
    }
    let means = curves_of.iter().map(|curves| mean_on(curves, &steps));
    let terms = most_important(terms.into_iter().zip(means).collect());

    let values = || terms.iter().flat_map(|(_, values)| values.iter().copied());
    let stacked =
        terms.len() > 1 && (values().all(|value| value >= 0.0) || values().all(|value| value <= 0.0));
    let mut layers = Vec::new();
    let mut below = vec![0.0; steps.len()];
    for (index, (_, values)) in terms.iter().enumerate() {
        let colour = Colour::Series(index);
        let shape = if stacked {
            let above: Vec<f64> = below.iter().zip(values).map(|(base, value)| base + value).collect();
            let outline = closed(&steps, &below, &above);
            below = above;
            Shape::Area { outline }
        } else {
            Shape::Line { points: steps.iter().copied().zip(values.iter().copied()).collect(), width: 2.0 }
        };
        layers.push(Layer { colour, opacity: if stacked { 0.75 } else { 1.0 }, shape });
    }
    let total = curves(runs, RETURN);
    let points = band(&total, &grid(&total)).iter().map(|point| (point.step, point.mean)).collect();
    layers.push(Layer { colour: Colour::Ink, opacity: 0.9, shape: Shape::Line { points, width: 1.4 } });

    let y_label = "contribution per episode";
    let svg = Panel { y_label, scale: Scale::Fitted, max_step, guides: vec![], layers }.draw()?;
    let name_line = |(index, (name, _))| TermLine { name, colour: Colour::Series(index) };
    Ok(Some(TermsPlot { svg, lines: terms.into_iter().enumerate().map(name_line).collect(), stacked }))
}

fn curves(runs: &[&RunCurves], tag: &str) -> Vec<Curve> {
    runs.iter().map(|run| run.curve(tag)).filter(|curve| !curve.steps.is_empty()).collect()
}

/// Band over seeds, single seeds if asked for, mean; nothing if there are no curves.
fn seed_layers(curves: &[Curve], colour: Colour, single_seeds: bool) -> Vec<Layer> {
    let steps = grid(curves);
    let band = band(curves, &steps);
    if band.is_empty() {
        return Vec::new();
    }
    let line = |points, width| Shape::Line { points, width };
    let mut layers = Vec::new();
    if curves.len() > 1 {
        let side = |value: fn(&BandPoint) -> f64| band.iter().map(value).collect::<Vec<f64>>();
        let outline = closed(&side(|point| point.step), &side(|point| point.low), &side(|point| point.high));
        layers.push(Layer { colour, opacity: 0.18, shape: Shape::Area { outline } });
        if single_seeds && curves.len() <= MAX_SEED_LINES {
            let seeds = curves.iter().map(|curve| line(curve.on(&steps), 1.0));
            layers.extend(seeds.map(|shape| Layer { colour, opacity: 0.5, shape }));
        }
    }
    let mean = band.iter().map(|point| (point.step, point.mean)).collect();
    layers.push(Layer { colour, opacity: 1.0, shape: line(mean, 2.2) });
    layers
}

/// Mean over seeds at each step; 0 where no seed has a value.
fn mean_on(curves: &[Curve], steps: &[f64]) -> Vec<f64> {
    let mean = |step: &f64| band(curves, &[*step]).first().map_or(0.0, |point| point.mean);
    steps.iter().map(mean).collect()
}

/// The outline of the area between two curves.
fn closed(steps: &[f64], low: &[f64], high: &[f64]) -> Vec<(f64, f64)> {
    let forth = steps.iter().copied().zip(high.iter().copied());
    let back = steps.iter().copied().zip(low.iter().copied());
    forth.chain(back.rev()).collect()
}

/// As many terms as there are colours, the last being the sum of all smaller ones if there are more.
fn most_important(terms: Vec<(String, Vec<f64>)>) -> Vec<(String, Vec<f64>)> {
    if terms.len() <= COLOURS {
        return terms;
    }
    let size = |values: &[f64]| values.iter().map(|value| value.abs()).sum::<f64>();
    let mut sizes: Vec<f64> = terms.iter().map(|(_, values)| size(values)).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let least = sizes[COLOURS - 2];
    let (mut kept, mut rest) = (Vec::new(), Vec::new());
    for term in terms {
        if kept.len() < COLOURS - 1 && size(&term.1) >= least {
            kept.push(term);
        } else {
            rest.push(term.1);
        }
    }
    let sum = (0..rest[0].len()).map(|at| rest.iter().map(|values| values[at]).sum()).collect();
    kept.push((format!("{} smaller terms", rest.len()), sum));
    kept
}

#[cfg(test)]
mod tests {
    use carrot_record::MetricsRow;

    use super::*;

    fn run(terms: &[(&str, f64)]) -> RunCurves {
        let row = |update: u64| MetricsRow {
            env_steps: update * 10,
            update,
            values: terms.iter().map(|(term, value)| (format!("reward/{term}/episode"), *value)).collect(),
        };
        RunCurves { rows: (1..5).map(row).collect(), ..Default::default() }
    }

    #[test]
    fn terms_of_one_sign_are_stacked() {
        let plot = |terms| terms_plot(&[&run(terms)], 40.0).unwrap().unwrap();
        assert!(plot(&[("a", 1.0), ("b", 0.0)]).stacked);
        assert!(plot(&[("a", -1.0), ("b", -2.0)]).stacked);
        assert!(!plot(&[("a", 1.0), ("b", -2.0)]).stacked);
        assert!(!plot(&[("a", 1.0)]).stacked);
        assert!(terms_plot(&[&run(&[])], 40.0).unwrap().is_none());
    }

    #[test]
    fn more_terms_than_colours_are_added_up() {
        let terms: Vec<(String, Vec<f64>)> =
            (0..10).map(|term| (format!("t{term}"), vec![f64::from(term)])).collect();
        let kept = most_important(terms);
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["t4", "t5", "t6", "t7", "t8", "t9", "4 smaller terms"]);
        assert_eq!(kept[6].1, [6.0]);
    }

    #[test]
    fn a_single_seed_has_no_band() {
        let curve = run(&[("a", 1.0)]).curve("reward/a/episode");
        assert_eq!(seed_layers(std::slice::from_ref(&curve), Colour::Ink, true).len(), 1);
        assert_eq!(seed_layers(&[curve.clone(), curve], Colour::Ink, true).len(), 4);
        assert!(seed_layers(&[], Colour::Ink, true).is_empty());
    }
}
