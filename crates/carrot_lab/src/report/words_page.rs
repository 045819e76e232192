//! What a run asks about pictures, as part of the page: frames, answers beside the truth, and worst disagreements.

use minijinja::{Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use super::ReportError;
use super::plots::{Colour, Layer, Panel, Scale, Shape};
use super::words::{Moment, TermWords, Words};

/// The name ends in `.html`: this is what makes minijinja escape.
const TEMPLATE: &str = "words.html";

#[derive(Serialize)]
struct PartView<'a> {
    runs: Vec<WordsView<'a>>,
}

#[derive(Serialize)]
struct WordsView<'a> {
    reward: &'a str,
    seed: u64,
    terms: Vec<TermView>,
}

#[derive(Serialize)]
struct TermView {
    name: String,
    question: String,
    model: String,
    pictures: usize,
    auc: String,
    rank: String,
    answer_svg: String,
    score_svg: String,
    groups: Vec<GroupView>,
}

#[derive(Serialize)]
struct GroupView {
    title: &'static str,
    frames: Vec<FrameView>,
}

#[derive(Serialize)]
struct FrameView {
    source: String,
    step: u32,
    answer: String,
    score: String,
}

/// The part of a task's section that shows what its runs ask; empty where none does.
///
/// # Errors
/// [`ReportError::Plot`], [`ReportError::Page`].
pub(super) fn part<'a>(words: impl Iterator<Item = &'a Words>) -> Result<String, ReportError> {
    let view = |words: &'a Words| -> Result<WordsView<'a>, ReportError> {
        let terms = words.terms.iter().map(term).collect::<Result<_, _>>()?;
        Ok(WordsView { reward: &words.reward, seed: words.seed, terms })
    };
    let part = PartView { runs: words.map(view).collect::<Result<_, _>>()? };
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template(TEMPLATE, include_str!("words.html"))?;
    Ok(environment.get_template(TEMPLATE)?.render(Serde(part))?)
}

fn term(term: &TermWords) -> Result<TermView, ReportError> {
    let known = |value: Option<f64>| value.map_or("not known".into(), |value| format!("{value:.2}"));
    let group = |(title, moments): (&'static str, &Vec<Moment>)| GroupView {
        title,
        frames: moments.iter().filter_map(frame).collect(),
    };
    let groups = [
        ("Frames of that episode", &term.episode),
        ("Valued far above the truth", &term.overvalued),
        ("Valued far below the truth", &term.undervalued),
    ];
    let plot = |y_label, scale, colour, value: fn(&Moment) -> f32| {
        let points = term.episode.iter().map(|own| (f64::from(own.step), f64::from(value(own)))).collect();
        let layers = vec![Layer { colour, opacity: 1.0, shape: Shape::Line { points, width: 2.0 } }];
        let max_step = term.episode.last().map_or(1.0, |last| f64::from(last.step));
        Panel { y_label, scale, max_step, guides: vec![], layers }.draw()
    };
    Ok(TermView {
        name: term.name.clone(),
        question: term.question.clone(),
        model: term.model.clone(),
        pictures: term.pictures,
        auc: known(term.auc),
        rank: known(term.rank),
        answer_svg: plot("answer", Scale::Fitted, Colour::Series(0), |own| own.answer)?,
        score_svg: plot("score (truth)", Scale::Unit, Colour::Series(2), |own| own.score)?,
        groups: groups.map(group).into(),
    })
}

fn frame(moment: &Moment) -> Option<FrameView> {
    let picture = moment.picture.as_ref()?;
    Some(FrameView {
        source: format!("data:image/png;base64,{}", base64(&png(picture.size as u32, &picture.rgb)?)),
        step: moment.step,
        answer: format!("{:.3}", moment.answer),
        score: format!("{:.2}", moment.score),
    })
}

/// A square picture of RGB bytes as a PNG file; nothing where the bytes do not fit.
fn png(size: u32, rgb: &[u8]) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size, size);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb)).ok()?;
    Some(file)
}

/// Bytes as text.
///
/// # Source
/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, i| word << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let letter = char::from(LETTERS[(word >> (18 - 6 * i) & 63) as usize]);
            text.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use carrot_reward::Picture;

    use super::*;

    #[test]
    fn bytes_become_text() {
        // RFC 4648, section 10.
        let known = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        known.iter().for_each(|(bytes, text)| assert_eq!(base64(bytes.as_bytes()), *text));
    }

    #[test]
    fn shown_moments_are_embedded_and_others_are_points_of_the_curve() {
        let seen = |step, picture| Moment { step, answer: 0.25, score: 1.0, success: true, picture };
        let red = Picture { size: 2, rgb: [255, 0, 0].repeat(4) };
        let own = TermWords {
            name: "upright".into(),
            question: "\"the pole stands\"".into(),
            auc: Some(0.875),
            episode: vec![seen(1, Some(red)), seen(5, None)],
            ..TermWords::default()
        };
        let view = term(&own).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (view.groups[0].frames.len(), view.auc.as_str(), view.rank.as_str()),
            (1, "0.88", "not known")
        );
        assert!(view.groups[0].frames[0].source.starts_with("data:image/png;base64,iVBORw0KGgo"));
        assert!(view.answer_svg.contains("<svg"));
        let words = Words { reward: "own <1>".into(), terms: vec![own], ..Words::default() };
        let page = part([&words].into_iter()).unwrap_or_else(|error| panic!("{error}"));
        assert!(page.contains("own &lt;1&gt;") && page.contains("AUC with success <b>0.88</b>"), "{page}");
        assert_eq!(page.matches("<img").count(), 1);
        assert!(page.contains("far above") && page.contains("none"));
        assert_eq!(part(std::iter::empty()).unwrap_or_else(|error| panic!("{error}")), "");
        let torn = Moment { picture: Some(Picture { size: 2, rgb: vec![0; 5] }), ..seen(1, None) };
        assert!(frame(&torn).is_none());
    }
}
