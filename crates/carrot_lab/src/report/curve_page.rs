//! A page of small pictures, two curves in each.

use minijinja::{AutoEscape, Environment, context};

use super::ReportError;
use super::plots::{Colour, Layer, Panel, Scale, Shape};

const PAGE: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --s0: #0072b2; --s1: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --s0: #56b4e9; --s1: #e69f00; } }
body { font-family: sans-serif; margin: 2rem; max-width: 1320px; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(360px, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-size: 0.85rem; } svg { width: 100%; height: auto; }
.first { color: var(--s0); } .second { color: var(--s1); }
</style></head><body>
<h1>{{ title }}</h1>
<p>Over env steps, each on the scale of its own range: <b class="first">{{ names[0] }}</b>, <b class="second">{{ names[1] }}</b>.
An upright line marks where they part.</p>
<main>
{%- for picture in pictures %}
<figure>{{ picture.svg | safe }}<figcaption>{{ picture.caption }}</figcaption></figure>
{%- endfor %}
</main></body></html>
"#;

/// Lines of (env steps, share of its range), with a caption and the step at which they part.
pub(crate) type CurvePair = (String, [Vec<(f64, f64)>; 2], Option<f64>);

/// Draws one picture per pair of curves.
///
/// # Errors
/// [`ReportError::Plot`], [`ReportError::Page`].
pub(crate) fn curve_page(
    title: &str,
    names: [&str; 2],
    pairs: impl IntoIterator<Item = CurvePair>,
) -> Result<String, ReportError> {
    let names = names.map(str::to_owned);
    let mut pictures = Vec::new();
    for (caption, lines, parted) in pairs {
        let last = |line: &Vec<(f64, f64)>| line.last().map_or(0.0, |point| point.0);
        let max_step = lines.iter().map(last).fold(0.0, f64::max);
        let line =
            |colour, points, width| Layer { colour, opacity: 1.0, shape: Shape::Line { points, width } };
        let mark = parted.map(|at| line(Colour::Ink, vec![(at, 0.0), (at, 1.0)], 1.5));
        let curves =
            lines.into_iter().enumerate().map(|(i, points)| line(Colour::Series([0, 4][i]), points, 2.0));
        let layers: Vec<Layer> = mark.into_iter().chain(curves).collect();
        let panel =
            Panel { y_label: "share of its range", scale: Scale::Unit, max_step, guides: vec![], layers };
        // The fifth colour of the palette stands for the second curve here.
        let svg = panel.draw()?.replace("var(--s4)", "var(--s1)");
        pictures.push(context! { svg, caption });
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("curves", PAGE)?;
    let names = names.map(String::from);
    let page = environment.get_template("curves")?.render(context! { title, names, pictures });
    Ok(page?)
}
