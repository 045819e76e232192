//! The reward's field as a coloured sheet on the floor, under the chosen env.

use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::light::{NotShadowCaster, NotShadowReceiver};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

use super::camera::to_bevy;
use super::draw::Drawn;
use crate::desk::Desk;
use crate::field::Field;

/// From the least pay to the most: dark blue, teal, yellow.
const RAMP: [[f32; 3]; 3] = [[38.0, 30.0, 92.0], [38.0, 140.0, 138.0], [250.0, 226.0, 90.0]];
/// Opacity of the sheet.
const ALPHA: u8 = 205;
/// How high it floats, so that it does not fight with the floor, as a share of an env's size.
const LIFT: f32 = 0.002;

/// The sheet.
#[derive(Component)]
pub(super) struct Sheet;

/// What the sheet shows: the setup as it stands, lane, row, tick, graph.
type Shown = (usize, usize, usize, u64, usize);

/// Lays the sheet out, colours it anew where something changed, and hides it where there is no field.
pub(super) fn draw_field(
    mut commands: Commands,
    mut desk: NonSendMut<Desk>,
    drawn: Res<Drawn>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut images: ResMut<Assets<Image>>,
    mut sheet: Query<(&mut Transform, &mut Visibility, &MeshMaterial3d<StandardMaterial>), With<Sheet>>,
    mut shown: Local<Option<Shown>>,
) {
    let Ok((mut place, mut visibility, material)) = sheet.single_mut() else {
        let material = StandardMaterial { unlit: true, alpha_mode: AlphaMode::Blend, ..default() };
        commands.spawn((
            Sheet,
            Mesh3d(meshes.add(Plane3d::default().mesh().size(1.0, 1.0))),
            MeshMaterial3d(materials.add(material)),
            Visibility::Hidden,
            (NotShadowCaster, NotShadowReceiver),
        ));
        return;
    };
    let graph = desk.reward.graph;
    let key = |desk: &Desk| {
        let session = desk.session.as_ref().filter(|_| desk.shows_field)?;
        Some((Arc::as_ptr(session.setup()).addr(), session.lane(), session.env(), session.tick(), graph))
    };
    let now = key(&desk);
    if now != *shown {
        *shown = now;
        let Desk { fields, session, .. } = &mut *desk;
        let found = now.and(session.as_ref()).and_then(|session| fields.field(session, graph));
        if let Some(field) = &found
            && let Some(mut material) = materials.get_mut(&material.0)
        {
            material.base_color_texture = Some(images.add(picture(field)));
            place.scale = Vec3::new(field.high[0] - field.low[0], 1.0, field.high[1] - field.low[1]);
        }
        desk.field = found;
    }
    match (&desk.field, drawn.offset()) {
        (Some(field), Some(offset)) => {
            let middle = |axis: usize| 0.5 * (field.low[axis] + field.high[axis]) + offset[axis];
            place.translation = to_bevy([middle(0), middle(1), offset[2] + LIFT * drawn.radius()]);
            visibility.set_if_neq(Visibility::Visible);
        }
        _ => {
            visibility.set_if_neq(Visibility::Hidden);
        }
    }
}

/// The field as a picture, the highest y on top.
fn picture(field: &Field) -> Image {
    let (least, most) = field.span();
    let rows = field.pay.chunks_exact(field.columns).rev().flatten();
    let pixels: Vec<u8> = rows.flat_map(|pay| color((pay - least) / (most - least).max(1e-9))).collect();
    let (width, height) = (field.columns as u32, (field.pay.len() / field.columns) as u32);
    let size = Extent3d { width, height, depth_or_array_layers: 1 };
    let (dimension, format) = (TextureDimension::D2, TextureFormat::Rgba8UnormSrgb);
    let mut image = Image::new(size, dimension, pixels, format, RenderAssetUsages::RENDER_WORLD);
    image.sampler = ImageSampler::nearest();
    image
}

/// A colour of the ramp, 0 to 1; nothing where there is no number.
fn color(share: f32) -> [u8; 4] {
    if share.is_nan() {
        return [0; 4];
    }
    let along = share.clamp(0.0, 1.0) * 2.0;
    let (from, part) = if along < 1.0 { (0, along) } else { (1, along - 1.0) };
    let mixed = |c: usize| (RAMP[from][c] + (RAMP[from + 1][c] - RAMP[from][c]) * part) as u8;
    [mixed(0), mixed(1), mixed(2), ALPHA]
}

#[cfg(test)]
mod tests {
    use super::color;

    #[test]
    fn more_pay_is_brighter() {
        let light = |share: f32| color(share)[..3].iter().map(|c| u32::from(*c)).sum::<u32>();
        let steps: Vec<u32> = (0..=10).map(|i| light(i as f32 / 10.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    }
}
