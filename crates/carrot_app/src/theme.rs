//! Colours and type: one look, dark and light, with terms told apart by people who see fewer colours too.

use egui::epaint::FontColorTransferFunction;
use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme, Visuals};

/// Okabe and Ito's colours, in an order that keeps neighbours apart.
const TERMS: [Color32; 8] = [
    Color32::from_rgb(0x56, 0xb4, 0xe9),
    Color32::from_rgb(0xe6, 0x9f, 0x00),
    Color32::from_rgb(0x00, 0x9e, 0x73),
    Color32::from_rgb(0xcc, 0x79, 0xa7),
    Color32::from_rgb(0xd5, 0x5e, 0x00),
    Color32::from_rgb(0x00, 0x72, 0xb2),
    Color32::from_rgb(0xd8, 0xc8, 0x2f),
    Color32::from_rgb(0x8a, 0x8f, 0x98),
];

/// The brand's orange.
pub const CARROT: Color32 = Color32::from_rgb(0xf2, 0x7a, 0x1e);
/// What is good.
pub const GOOD: Color32 = Color32::from_rgb(0x2f, 0xb3, 0x74);
/// What is bad.
pub const BAD: Color32 = Color32::from_rgb(0xe0, 0x4f, 0x45);

/// Colour of a term by its place.
pub fn term_color(place: usize) -> Color32 {
    TERMS[place % TERMS.len()]
}

/// Puts both looks in force and chooses one.
pub fn apply(ctx: &Context, dark: bool) {
    ctx.set_visuals_of(Theme::Dark, visuals(true));
    ctx.set_visuals_of(Theme::Light, visuals(false));
    ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
    ctx.all_styles_mut(|style| {
        let sizes = [
            (TextStyle::Small, 10.5, FontFamily::Proportional),
            (TextStyle::Body, 13.0, FontFamily::Proportional),
            (TextStyle::Button, 13.0, FontFamily::Proportional),
            (TextStyle::Heading, 18.0, FontFamily::Proportional),
            (TextStyle::Monospace, 12.0, FontFamily::Monospace),
        ];
        style.text_styles = sizes.map(|(name, size, family)| (name, FontId::new(size, family))).into();
        style.spacing.item_spacing = egui::vec2(6.0, 4.0);
        style.spacing.button_padding = egui::vec2(7.0, 2.5);
        style.spacing.interact_size.y = 19.0;
        style.spacing.slider_width = 120.0;
    });
}

fn visuals(dark: bool) -> Visuals {
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    let (panel, deep, faint, line, text) = if dark {
        (0x1b_1e_24, 0x12_14_18, 0x22_26_2d, 0x34_3a_44, 0xd9_dd_e3)
    } else {
        (0xf6_f5_f2, 0xff_ff_ff, 0xec_ea_e5, 0xc9_c6_be, 0x12_15_1a)
    };
    visuals.panel_fill = rgb(panel);
    visuals.window_fill = rgb(panel);
    visuals.extreme_bg_color = rgb(deep);
    visuals.faint_bg_color = rgb(faint);
    visuals.override_text_color = Some(rgb(text));
    // Letters are blended in linear light, which makes dark ones thin: both looks take the bolder rule.
    visuals.text_options.color_transfer_function = FontColorTransferFunction::TwoCoverageMinusCoverageSq;
    visuals.weak_text_alpha = if dark { 0.6 } else { 0.78 };
    visuals.selection.bg_fill = CARROT.gamma_multiply(if dark { 0.55 } else { 0.45 });
    visuals.selection.stroke = Stroke::new(1.0, rgb(text));
    visuals.hyperlink_color = CARROT;
    visuals.warn_fg_color = CARROT;
    visuals.error_fg_color = BAD;
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, rgb(line));
    let radius = CornerRadius::same(4);
    for widget in [
        &mut visuals.widgets.noninteractive,
        &mut visuals.widgets.inactive,
        &mut visuals.widgets.hovered,
        &mut visuals.widgets.active,
        &mut visuals.widgets.open,
    ] {
        widget.corner_radius = radius;
    }
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.slider_trailing_fill = true;
    visuals
}

fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

/// A number as people read it in a table: signed, short, of steady width.
pub fn number(x: f32) -> String {
    match x.abs() {
        0.0 => "0".into(),
        a if !(0.001..10_000.0).contains(&a) => format!("{x:.1e}"),
        a if a >= 100.0 => format!("{x:.1}"),
        a if a >= 10.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short_and_keep_their_sign() {
        let shown = [0.0, 1.0, -0.25, 12.5, 123.456, -98765.0, 0.000_012].map(number);
        assert_eq!(shown, ["0", "1.000", "-0.250", "12.50", "123.5", "-9.9e4", "1.2e-5"]);
    }
}
