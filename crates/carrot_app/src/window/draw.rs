//! Frames as entities: every drawn env is a root with its solids below it, changed only where a frame changed.

use bevy::light::{CascadeShadowConfig, CascadeShadowConfigBuilder};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use carrot_sim::Contact;

use super::camera::{Orbit, View, to_bevy};
use super::meshes::{Stock, scale, stand};
use super::{WorldCamera, WorldRect};
use crate::desk::{Desk, Errand};
use crate::layout;
use crate::solid::{Bounds, Solid, followed, solids};

pub(super) struct DrawPlugin;

impl Plugin for DrawPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Stock>()
            .init_resource::<Drawn>()
            .add_systems(Startup, light)
            .add_systems(Update, (draw, look, follow).chain().before(super::camera::place))
            .add_systems(
                Update,
                (
                    shade.after(follow),
                    (
                        super::trail::draw_trail,
                        super::marks::draw_marks,
                        super::marks::draw_contacts,
                        super::field::draw_field,
                    )
                        .after(draw),
                ),
            )
            .init_gizmo_group::<super::marks::Contacts>()
            .add_systems(Startup, super::marks::in_front)
            .add_systems(bevy_egui::EguiPrimaryContextPass, name_envs.after(super::show));
    }
}

/// What is drawn.
#[derive(Resource, Default)]
pub(super) struct Drawn {
    envs: Vec<DrawnEnv>,
    /// The box around the first env as it was when the camera went home; around a board as it is.
    bounds: Option<Bounds>,
    /// Whether a board changed its extent since the camera went home.
    is_another: bool,
    is_flat: bool,
    followed: Option<Vec3>,
    /// Where bodies of the chosen env touch.
    contacts: Vec<Contact>,
    /// Where the chosen env's origin is, in Carrot's axes.
    chosen_offset: [f32; 3],
    /// Whether the camera shall go home once the world's rectangle is known.
    wants_home: bool,
    /// Where home was, and for which shape of the rectangle.
    home: Option<(Orbit, f32)>,
}

impl Drawn {
    /// Where the chosen env's origin is, in Carrot's axes.
    pub(super) fn offset(&self) -> Option<[f32; 3]> {
        self.followed.filter(|_| !self.envs.is_empty()).map(|_| self.chosen_offset)
    }

    /// Where bodies of the chosen env touch, in its own frame.
    pub(super) fn contacts(&self) -> &[Contact] {
        if self.envs.is_empty() { &[] } else { &self.contacts }
    }

    /// Half of the diagonal of one env.
    pub(super) fn radius(&self) -> f32 {
        self.bounds.map_or(1.0, |bounds| bounds.radius())
    }

    /// Where what moves in the chosen env is, in Bevy's axes.
    pub(super) fn followed(&self) -> Option<Vec3> {
        self.followed.filter(|_| !self.envs.is_empty())
    }
}

struct DrawnEnv {
    env: u32,
    root: Entity,
    /// In Carrot's axes.
    offset: [f32; 3],
    parts: Vec<(Solid, Entity)>,
}

/// The sun.
#[derive(Component)]
struct Sun;

/// The ground below everything.
#[derive(Component)]
struct Ground;

fn light(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let sun = DirectionalLight { illuminance: 7_500.0, shadow_maps_enabled: true, ..default() };
    commands.spawn((Sun, sun, Transform::from_xyz(-3.0, 7.0, 4.5).looking_at(Vec3::ZERO, Vec3::Y)));
    commands.spawn((
        DirectionalLight { illuminance: 1_600.0, ..default() },
        Transform::from_xyz(4.0, 3.0, 5.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
    let ground = StandardMaterial { perceptual_roughness: 0.95, reflectance: 0.05, ..default() };
    commands.spawn((
        Ground,
        Mesh3d(meshes.add(Plane3d::default().mesh().size(1.0, 1.0))),
        MeshMaterial3d(materials.add(ground)),
        Visibility::Hidden,
    ));
}

/// Brings the entities up to the frames of the desk.
fn draw(
    mut commands: Commands,
    mut desk: NonSendMut<Desk>,
    mut drawn: ResMut<Drawn>,
    mut stock: ResMut<Stock>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut transforms: Query<&mut Transform, Without<WorldCamera>>,
) {
    let frames = match desk.session.as_mut().map(|session| session.frames()) {
        None => Vec::new(),
        Some(Ok(frames)) => frames,
        Some(Err(error)) => {
            desk.note(error.to_string());
            return;
        }
    };
    if let Some(at) = desk.errands.iter().position(|errand| *errand == Errand::ResetCamera) {
        desk.errands.remove(at);
        drawn.wants_home = true;
        drawn.bounds = None;
    }
    while drawn.envs.len() > frames.len() {
        if let Some(env) = drawn.envs.pop() {
            commands.entity(env.root).despawn();
        }
    }
    let mut all: Vec<Vec<Solid>> = frames.iter().map(|frame| solids(&frame.drawing)).collect();
    drawn.is_flat = frames.first().is_some_and(|frame| frame.drawing.tiles.is_some());
    if drawn.bounds.is_none() {
        let camera = desk.session.as_ref().map(|session| session.setup().task.camera());
        let whole = |solids: &Vec<Solid>| match camera {
            Some(camera) if !drawn.is_flat => Bounds::seen(solids, &camera),
            _ => Bounds::of(solids),
        };
        drawn.bounds = all.first().map(whole);
    }
    let board = frames.first().and_then(|frame| frame.drawing.tiles.as_ref());
    let extent = match (board, &all[..]) {
        (Some(_), [solids]) => Some(Bounds::of(solids)),
        (Some(tiles), _) => Some(Bounds::board(tiles)),
        (None, _) => drawn.bounds,
    };
    drawn.is_another |= extent != drawn.bounds;
    drawn.bounds = extent;
    if let Some(bounds) =
        drawn.bounds.filter(|bounds| all.len() > 1 && !drawn.is_flat && !bounds.is_upright())
    {
        all.iter_mut().for_each(|solids| bounds.crop(solids));
    }
    let chosen = desk.session.as_ref().map_or(0, |session| session.env());
    for (slot, (frame, solids)) in frames.iter().zip(all).enumerate() {
        let offset =
            drawn.bounds.map_or([0.0; 3], |bounds| place_in_wall(slot, frames.len(), &bounds, drawn.is_flat));
        if slot == drawn.envs.len() {
            let upright = Quat::from_rotation_x(-std::f32::consts::FRAC_PI_2);
            let root = commands.spawn((Transform::from_rotation(upright), Visibility::Visible)).id();
            drawn.envs.push(DrawnEnv { env: frame.env, root, offset: [f32::NAN; 3], parts: Vec::new() });
        }
        if frame.env as usize == chosen {
            let at = followed(&solids);
            let focus = frame.drawing.focus.unwrap_or_default();
            drawn.chosen_offset = std::array::from_fn(|axis| offset[axis] - focus[axis]);
            drawn.contacts.clone_from(&frame.drawing.contacts);
            drawn.followed = Some(to_bevy(std::array::from_fn(|axis| at[axis] + offset[axis])));
        }
        let own = &mut drawn.envs[slot];
        own.env = frame.env;
        if own.offset != offset {
            own.offset = offset;
            let upright = Quat::from_rotation_x(-std::f32::consts::FRAC_PI_2);
            commands.entity(own.root).insert(Transform {
                translation: to_bevy(offset),
                rotation: upright,
                ..default()
            });
        }
        while own.parts.len() > solids.len() {
            if let Some((_, entity)) = own.parts.pop() {
                commands.entity(entity).despawn();
            }
        }
        for (index, solid) in solids.into_iter().enumerate() {
            let rotation = Quat::from_array(solid.rotation) * stand(&solid.form);
            let transform =
                Transform { translation: solid.position.into(), rotation, scale: scale(&solid.form) };
            let mut dress = |solid: &Solid| {
                let mesh = stock.mesh(&solid.form, &mut meshes);
                let material = stock.material(solid.color, solid.glows, &mut materials);
                (Mesh3d(mesh), MeshMaterial3d(material))
            };
            match own.parts.get_mut(index) {
                None => {
                    let entity = commands.spawn((dress(&solid), transform, ChildOf(own.root))).id();
                    own.parts.push((solid, entity));
                }
                Some((before, _)) if *before == solid => {}
                Some((before, entity)) => {
                    if before.form != solid.form || before.color != solid.color || before.glows != solid.glows
                    {
                        commands.entity(*entity).insert(dress(&solid));
                    }
                    if let Ok(mut place) = transforms.get_mut(*entity) {
                        *place = transform;
                    }
                    *before = solid;
                }
            }
        }
    }
}

/// Where an env stands in the wall: mechanisms one above the other, all else side by side on the ground.
fn place_in_wall(slot: usize, count: usize, bounds: &Bounds, is_flat: bool) -> [f32; 3] {
    let columns = (count as f32).sqrt().ceil() as usize;
    let (column, row) = ((slot % columns) as f32, (slot / columns) as f32);
    let [x, y, z] = bounds.size();
    if bounds.is_upright() && !is_flat {
        [column * x * 1.12, 0.0, -row * (z * 1.3 + 0.05)]
    } else {
        [column * x * 1.12, -row * y * 1.12, 0.0]
    }
}

/// The box around all envs of the wall.
fn wall_bounds(drawn: &Drawn) -> Option<Bounds> {
    let one = drawn.bounds?;
    let mut all = one;
    for env in &drawn.envs {
        for axis in 0..3 {
            all.low[axis] = all.low[axis].min(one.low[axis] + env.offset[axis]);
            all.high[axis] = all.high[axis].max(one.high[axis] + env.offset[axis]);
        }
    }
    Some(all)
}

/// Sky, ground and home of the camera.
fn look(
    desk: NonSend<Desk>,
    mut drawn: ResMut<Drawn>,
    rect: Res<WorldRect>,
    mut orbit: ResMut<Orbit>,
    mut camera: Single<(&mut Camera, &mut DistanceFog), With<WorldCamera>>,
    mut ambient: ResMut<GlobalAmbientLight>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut ground: Single<(&mut Transform, &mut Visibility, &MeshMaterial3d<StandardMaterial>), With<Ground>>,
    mut looks: Local<Option<bool>>,
) {
    if *looks != Some(desk.dark) {
        *looks = Some(desk.dark);
        let (sky, floor, fill) = if desk.dark {
            (Color::srgb_u8(0x16, 0x19, 0x1f), Color::srgb_u8(0x30, 0x35, 0x3d), 260.0)
        } else {
            (Color::srgb_u8(0xe9, 0xec, 0xf0), Color::srgb_u8(0xd6, 0xda, 0xdf), 620.0)
        };
        camera.0.clear_color = ClearColorConfig::Custom(sky);
        camera.1.color = sky;
        ambient.brightness = fill;
        if let Some(mut material) = materials.get_mut(&ground.2.0) {
            material.base_color = floor;
        }
    }
    let (Some(bounds), Some(rect)) = (wall_bounds(&drawn), rect.0) else {
        *ground.1 = Visibility::Hidden;
        return;
    };
    // A wall of mechanisms hangs in the air; anything else stands on the ground.
    let hangs = drawn.envs.len() > 1 && bounds.is_upright();
    *ground.1 = if hangs { Visibility::Hidden } else { Visibility::Visible };
    let center = bounds.center();
    let below = to_bevy([center[0], center[1], bounds.low[2] - 0.002]);
    *ground.0 = Transform { translation: below, scale: Vec3::splat(bounds.radius() * 40.0), ..default() };
    let aspect = rect.width() / rect.height().max(1.0);
    // Who never moved the camera sees everything, also after a panel or the window became larger.
    let is_stale = drawn.home.is_some_and(|(home, shape)| {
        home == *orbit && (drawn.is_another || (shape / aspect - 1.0).abs() > 1e-3)
    });
    if (drawn.wants_home || is_stale) && rect.height() > 1.0 {
        (drawn.wants_home, drawn.is_another) = (false, false);
        let view = match (&desk.session, drawn.is_flat) {
            (Some(session), false) if drawn.envs.len() > 1 => View::Wall(session.setup().task.camera()),
            (Some(session), false) => View::Env(session.setup().task.camera()),
            _ => View::Tiles,
        };
        *orbit = Orbit::home(view, &bounds, aspect);
        drawn.home = Some((*orbit, aspect));
        // The ground fades into the sky well behind everything that is drawn.
        let near = orbit.distance + 2.0 * bounds.radius();
        camera.1.falloff = FogFalloff::Linear { start: near, end: 4.0 * near };
    }
}

/// Spends the shadow map on what the camera sees, be it a hand or a field of boards.
fn shade(orbit: Res<Orbit>, mut sun: Single<&mut CascadeShadowConfig, With<Sun>>) {
    if orbit.is_changed() {
        let (near, far) = (0.1 * orbit.distance, 2.2 * orbit.distance);
        let fitted = CascadeShadowConfigBuilder {
            num_cascades: 1,
            minimum_distance: near,
            maximum_distance: far,
            ..default()
        };
        **sun = fitted.build();
    }
}

/// Keeps what moves in the middle, when asked to.
fn follow(desk: NonSend<Desk>, drawn: Res<Drawn>, time: Res<Time>, mut orbit: ResMut<Orbit>) {
    if let (true, Some(at)) = (desk.follow, drawn.followed) {
        let share = 1.0 - (-6.0 * time.delta_secs()).exp();
        let target = orbit.target.lerp(at, share);
        if target != orbit.target {
            orbit.target = target;
        }
    }
}

/// Writes the numbers of envs over a wall; the chosen one stands out.
fn name_envs(
    mut contexts: EguiContexts,
    desk: NonSend<Desk>,
    drawn: Res<Drawn>,
    rect: Res<WorldRect>,
    camera: Single<(&Camera, &GlobalTransform), With<WorldCamera>>,
) -> Result {
    let (Some(rect), Some(session), Some(bounds)) = (rect.0, &desk.session, drawn.bounds) else {
        return Ok(());
    };
    if drawn.envs.len() < 2 {
        return Ok(());
    }
    let ctx = contexts.ctx_mut()?;
    let painter = ctx.layer_painter(egui::LayerId::background());
    for env in &drawn.envs {
        let mut top = bounds.center();
        top[2] = bounds.high[2];
        let place = to_bevy(std::array::from_fn(|axis| top[axis] + env.offset[axis]));
        let Ok(at) = camera.0.world_to_viewport(camera.1, place) else { continue };
        let chosen = env.env as usize == session.env();
        layout::label(&painter, rect, [at.x, at.y - 8.0], env.env, chosen);
    }
    Ok(())
}
