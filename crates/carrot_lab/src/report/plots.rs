//! One panel: layers over environment steps, as SVG that takes its colours from the page.

use std::ops::Range;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::ReportError;

/// Panel size in CSS pixels.
const SIZE: (u32, u32) = (420, 250);
/// Plotters draws on whole pixels: drawing larger and letting the view box shrink it keeps curves smooth.
const FINE: u32 = 4;
const FONT: &str = "sans-serif";

/// Colours of series, safe for colour-blind eyes.
///
/// # Source
/// Okabe and Ito, "Color Universal Design", 2008; black is [`Colour::Ink`].
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(240, 228, 66),
];
/// Series that can be told apart by colour.
pub(super) const COLOURS: usize = PALETTE.len();
/// Stands for the page's text colour while drawing.
const INK: RGBColor = RGBColor(1, 2, 3);

/// What a layer is painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// The page's text colour.
    Ink,
    /// One of [`COLOURS`], and around again; `--s0` and so on in the page.
    Series(usize),
}

impl Colour {
    fn rgb(self) -> RGBColor {
        match self {
            Self::Ink => INK,
            Self::Series(index) => PALETTE[index % COLOURS],
        }
    }
}

/// One drawn shape. A point is (environment steps, value).
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) colour: Colour,
    pub(super) opacity: f64,
    pub(super) shape: Shape,
}

/// The shape of a layer.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A line of a width in CSS pixels.
    Line { points: Vec<(f64, f64)>, width: f64 },
    /// The area inside a closed outline.
    Area { outline: Vec<(f64, f64)> },
}

/// The y axis of a panel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scale {
    /// Shares and scores: from 0 to 1, whatever the curves do.
    Unit,
    /// As far as the layers go.
    Fitted,
}

/// What one picture shows.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// What is on the y axis, with its unit.
    pub(super) y_label: &'static str,
    pub(super) scale: Scale,
    /// Greatest step on the x axis, which begins at 0.
    pub(super) max_step: f64,
    /// Heights of dashed guide lines.
    pub(super) guides: Vec<f64>,
    /// Painted in this order.
    pub(super) layers: Vec<Layer>,
}

impl Panel {
    /// Draws the panel.
    ///
    /// # Errors
    /// [`ReportError::Plot`].
    pub(super) fn draw(&self) -> Result<String, ReportError> {
        let size = (SIZE.0 * FINE, SIZE.1 * FINE);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw_on(&root).map_err(|error| ReportError::Plot {
                plot: self.y_label.to_owned(),
                reason: error.to_string(),
            })?;
        }
        Ok(self.adapt(&svg, size))
    }

    fn draw_on(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let y = self.y_range();
        let height = y.end - y.start;
        let mut chart = ChartBuilder::on(root)
            .margin_top(8 * FINE)
            .margin_right(14 * FINE)
            .x_label_area_size(40 * FINE)
            .y_label_area_size(58 * FINE)
            .build_cartesian_2d(0.0..self.max_step.max(1.0), y.clone())?;
        let text = (FONT, text_size(11.5)).into_font().color(&INK.mix(0.8));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.13).stroke_width(FINE))
            .axis_style(INK.mix(0.45).stroke_width(FINE))
            .set_all_tick_mark_size(4 * FINE)
            .x_labels(5)
            .y_labels(6)
            .x_label_formatter(&|step| tick(*step, self.max_step))
            .y_label_formatter(&|value| tick(*value, height))
            .label_style(text.clone())
            .x_desc("env steps")
            .y_desc(self.y_label)
            .axis_desc_style(text)
            .draw()?;
        for guide in &self.guides {
            let dash = i32::try_from(4 * FINE).unwrap_or(1);
            chart.draw_series(DashedLineSeries::new(
                [(0.0, *guide), (self.max_step.max(1.0), *guide)],
                dash,
                dash,
                INK.mix(0.5).stroke_width(FINE),
            ))?;
        }
        for Layer { colour, opacity, shape } in &self.layers {
            let colour = colour.rgb().mix(*opacity);
            match shape {
                Shape::Area { outline } => {
                    chart.draw_series([Polygon::new(outline.clone(), colour.filled())])?;
                }
                Shape::Line { points, width } => {
                    let stroke = (width * f64::from(FINE)).round() as u32;
                    chart.draw_series([PathElement::new(points.clone(), colour.stroke_width(stroke))])?;
                    // A line of one point has no length and would not be seen.
                    if let [only] = points[..] {
                        chart.draw_series([Circle::new(only, stroke * 2, colour.filled())])?;
                    }
                }
            }
        }
        if self.layers.is_empty() {
            let (width, height) = root.dim_in_pixel();
            let style = (FONT, text_size(13.0)).into_font().color(&INK.mix(0.7));
            let at = (i32::try_from(width / 2).unwrap_or(0), i32::try_from(height / 2).unwrap_or(0));
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            root.draw(&Text::new("no episode finished", at, style))?;
        }
        root.present()
    }

    fn y_range(&self) -> Range<f64> {
        if self.scale == Scale::Unit {
            // A margin, so that lines at 0 and at 1 are not hidden by the frame.
            return -0.02..1.02;
        }
        let values = self.layers.iter().flat_map(|layer| match &layer.shape {
            Shape::Line { points, .. } => points,
            Shape::Area { outline } => outline,
        });
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
            (low.min(*value), high.max(*value))
        });
        if !low.is_finite() || !high.is_finite() {
            return 0.0..1.0;
        }
        let flat = 0.1 * low.abs().max(high.abs()).max(1e-6);
        let margin = if high - low < 0.01 * flat { flat } else { 0.05 * (high - low) };
        low - margin..high + margin
    }

    /// Lets the page set the size and the colours.
    fn adapt(&self, svg: &str, size: (u32, u32)) -> String {
        let fixed = format!(r#"width="{}" height="{}" viewBox"#, size.0, size.1);
        let label = format!(r#"role="img" aria-label="{}" viewBox"#, self.y_label);
        let mut svg = svg.replacen(&fixed, &label, 1).replace(&hex(INK), "currentColor");
        for (index, colour) in PALETTE.iter().enumerate() {
            svg = svg.replace(&hex(*colour), &format!("var(--s{index})"));
        }
        svg
    }
}

/// Plotters' size of a font that is to be this many CSS pixels high.
fn text_size(pixels: f64) -> f64 {
    pixels * f64::from(FINE) * 1.24
}

fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// A tick label, as fine as the length of its axis asks for: `0.25`, `-40`, `1.5k`, `2M`.
fn tick(value: f64, length: f64) -> String {
    let (unit, suffix) = match value.abs().max(length) {
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    // Ticks are about a sixth of the axis apart, and at least a twentieth.
    let decimals = (1.0 - (length / unit).log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{:.decimals$}", value / unit);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text {
        "0" | "-0" => "0".into(),
        text => format!("{text}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(layers: Vec<Layer>) -> Panel {
        Panel { y_label: "return per episode", scale: Scale::Fitted, max_step: 1e5, guides: vec![], layers }
    }

    fn line(colour: Colour, points: &[(f64, f64)]) -> Layer {
        Layer { colour, opacity: 1.0, shape: Shape::Line { points: points.to_vec(), width: 2.0 } }
    }

    #[test]
    fn ticks_are_short_and_distinct() {
        assert_eq!([0.0, 50_000.0, 150_000.0].map(|step| tick(step, 2e5)), ["0", "50k", "150k"]);
        assert_eq!([500_000.0, 2_000_000.0].map(|step| tick(step, 2e6)), ["0.5M", "2M"]);
        assert_eq!([0.2, 1.0].map(|value| tick(value, 1.04)), ["0.2", "1"]);
        assert_eq!([0.0125, 0.013].map(|value| tick(value, 0.003)), ["0.0125", "0.013"]);
        assert_eq!([-500.0, 1_500.0].map(|value| tick(value, 2_500.0)), ["-500", "1500"]);
    }

    #[test]
    fn an_axis_has_room_around_any_curve() {
        let flat = panel(vec![line(Colour::Ink, &[(0.0, -200.0), (9.0, -200.0)])]).y_range();
        assert!(flat.start < -200.0 && flat.end > -200.0);
        assert_eq!(panel(vec![]).y_range(), 0.0..1.0);
        let range = panel(vec![line(Colour::Ink, &[(0.0, 0.0), (9.0, 100.0)])]).y_range();
        assert_eq!(range, -5.0..105.0);
    }

    #[test]
    fn a_picture_takes_size_and_colours_from_the_page() {
        let layers =
            vec![line(Colour::Ink, &[(0.0, 1.0)]), line(Colour::Series(8), &[(0.0, 0.0), (9.0, 1.0)])];
        let svg = panel(layers).draw().unwrap();
        assert!(svg.contains("var(--s1)") && svg.contains("currentColor") && svg.contains("<circle"));
        assert!(!svg.contains("#0102") && !svg.contains("width=\"1680\""));
        assert!(svg.contains(r#"viewBox="0 0 1680 1000""#));
    }

    #[test]
    fn an_empty_panel_says_so() {
        assert!(panel(vec![]).draw().unwrap().contains("no episode finished"));
    }
}
