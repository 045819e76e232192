//! The window itself: Bevy draws the world, egui the panels; both only look at the desk.

mod camera;
mod draw;
mod field;
mod marks;
mod meshes;
mod picture;
mod start;
mod tour;
mod trail;

use std::time::{Duration, Instant};

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{CameraOutputMode, Viewport};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::error_handler::RenderErrorHandler;
use bevy::render::render_resource::BlendState;
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy_egui::{
    EguiContext, EguiContexts, EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass, PrimaryEguiContext,
    egui,
};

use crate::desk::Desk;
use crate::launch::WindowSpec;
use crate::session::Session;
use crate::{layout, theme};

/// Time in a frame for stepping envs, so that the window stays smooth.
const STEP_BUDGET: Duration = Duration::from_millis(25);

/// What is left of the window for the world, in egui's points; none on the start page.
#[derive(Resource, Default)]
struct WorldRect(Option<egui::Rect>);

/// The camera that looks at the world.
#[derive(Component)]
struct WorldCamera;

/// Runs the window until it is closed; true when all went well. Where the machine has no screen or no graphics
/// device, `cannot_open` hears why.
pub fn run(desk: Desk, spec: &WindowSpec, cannot_open: impl Fn(&str) + Send + Sync + 'static) -> bool {
    start::guard(cannot_open);
    let window = Window {
        title: "Carrot".into(),
        name: Some("carrot-app".into()),
        resolution: WindowResolution::new(spec.size.0, spec.size.1),
        ..default()
    };
    let way = match (&desk.opening, &desk.scene_path) {
        _ if spec.tour.is_none() => tour::Way::Gallery,
        (Some(scenario), _) => tour::Way::Scenario(scenario.path().into()),
        (None, Some(scene)) => {
            let people = |session: &Session| {
                session.setup().preferences.as_ref().is_some_and(|config| config.asks_people())
            };
            let asks = |session: &Session| [people(session), !session.asking().is_empty()];
            tour::Way::Scene(scene.clone(), desk.session.as_ref().map(asks).unwrap_or_default())
        }
        (None, None) => {
            let mut models = desk.places.models.iter();
            tour::Way::Families(models.find(|(_, path)| path.is_dir()).map(|(name, _)| name.clone()))
        }
    };
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(WindowPlugin { primary_window: Some(window), ..default() })
            // Scripted pictures must not be taken before there is anything to draw with.
            .set(RenderPlugin { synchronous_pipeline_compilation: spec.is_scripted(), ..default() })
            .set(LogPlugin { filter: logged(spec).into(), ..default() }),
    )
    .add_plugins(EguiPlugin::default())
    .add_plugins((camera::CameraPlugin, draw::DrawPlugin, picture::PicturePlugin))
    .init_resource::<WorldRect>()
    .insert_non_send(desk)
    .add_systems(Startup, set_up)
    .insert_resource(RenderErrorHandler(start::answer))
    .add_systems(First, (start::unguard.run_if(run_once), advance))
    .add_systems(EguiPrimaryContextPass, show)
    .add_systems(PostUpdate, fit_viewport.before(bevy::camera::CameraUpdateSystems));
    if let Some(folder) = spec.tour.as_ref().or(spec.gallery.as_ref()) {
        app.add_plugins(tour::TourPlugin { folder: folder.clone(), way });
    }
    app.run().is_success()
}

/// What the log holds: for a tour everything that went wrong; for people not what drivers say to each other.
fn logged(spec: &WindowSpec) -> &'static str {
    match spec.is_scripted() {
        true => "warn,carrot_app=info",
        false => "warn,wgpu_hal=off,winit=error,bevy_egui=error,carrot_app=info",
    }
}

fn set_up(mut commands: Commands, mut settings: ResMut<EguiGlobalSettings>) {
    settings.auto_create_primary_context = false;
    commands.spawn((
        WorldCamera,
        Camera3d::default(),
        DistanceFog::default(),
        Camera { clear_color: ClearColorConfig::Custom(Color::BLACK), ..default() },
        Projection::Perspective(PerspectiveProjection { fov: camera::FOV, near: 0.01, ..default() }),
        Msaa::Sample4,
    ));
    // A camera of its own for egui: on a 3D camera its pass would race tone mapping.
    commands.spawn((
        PrimaryEguiContext,
        Camera2d,
        RenderLayers::none(),
        Msaa::Off,
        Camera {
            order: 1,
            output_mode: CameraOutputMode::Write {
                blend_state: Some(BlendState::ALPHA_BLENDING),
                clear_color: ClearColorConfig::None,
            },
            clear_color: ClearColorConfig::Custom(Color::NONE),
            ..default()
        },
    ));
}

/// Lets time go on at the desk, within the frame's budget.
fn advance(mut desk: NonSendMut<Desk>, time: Res<Time<Real>>) {
    let began = Instant::now();
    desk.advance(time.delta_secs().min(0.25), || began.elapsed() < STEP_BUDGET);
}

/// Shows the panels.
fn show(
    mut contexts: EguiContexts,
    mut desk: NonSendMut<Desk>,
    mut rect: ResMut<WorldRect>,
    mut look: Local<Option<bool>>,
) -> Result {
    let ctx = contexts.ctx_mut()?;
    if *look != Some(desk.dark) {
        theme::apply(ctx, desk.dark);
        *look = Some(desk.dark);
    }
    let mut root = egui::Ui::new(
        ctx.clone(),
        "root".into(),
        egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(ctx.viewport_rect()),
    );
    rect.0 = layout::show(&mut root, &mut desk);
    Ok(())
}

/// Gives the world's camera the rectangle that the panels leave.
fn fit_viewport(
    rect: Res<WorldRect>,
    window: Single<&Window, With<PrimaryWindow>>,
    mut camera: Single<&mut Camera, (With<WorldCamera>, Without<EguiContext>)>,
) {
    let Some(rect) = rect.0 else {
        camera.is_active = true;
        camera.viewport = None;
        return;
    };
    let scale = window.scale_factor();
    let (width, height) = (window.physical_width(), window.physical_height());
    let x = ((rect.left() * scale) as u32).min(width.saturating_sub(1));
    let y = ((rect.top() * scale) as u32).min(height.saturating_sub(1));
    let size = UVec2::new(
        ((rect.width() * scale) as u32).clamp(1, width - x),
        ((rect.height() * scale) as u32).clamp(1, height - y),
    );
    camera.viewport =
        Some(Viewport { physical_position: UVec2::new(x, y), physical_size: size, ..default() });
}
