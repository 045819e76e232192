//! A machine without screen or graphics device, and one that loses it: said in a line, nothing is lost.

use std::panic::{set_hook, take_hook};

use bevy::prelude::*;
use bevy::render::error_handler::{ErrorType, RenderError, RenderErrorPolicy};
use bevy::window::PrimaryWindow;

use crate::desk::Desk;

/// Drawings that the device may refuse before drawing stops: a fault that stays would flash.
const PASSED_OVER: u32 = 3;

/// Until the first frame a panic is the graphics stack's way to say that the machine lacks what a window needs.
pub(super) fn guard(cannot_open: impl Fn(&str) + Send + Sync + 'static) {
    set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("the graphics stack gave no reason");
        cannot_open(message.lines().next().unwrap_or_default());
    }));
}

/// From the first frame on, a panic is a bug.
pub(super) fn unguard() {
    drop(take_hook());
}

/// What has become of drawing.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// So many drawings were refused.
    Sees(u32),
    /// Nothing is drawn any more.
    Blind,
}

impl Default for Sight {
    fn default() -> Self {
        Self::Sees(0)
    }
}

impl Sight {
    /// What becomes of it after an error of a kind.
    fn after(self, kind: ErrorType) -> Self {
        match self {
            Self::Sees(refused) if kind != ErrorType::DeviceLost && refused < PASSED_OVER => {
                Self::Sees(refused + 1)
            }
            _ => Self::Blind,
        }
    }
}

/// Answers errors of the graphics device. A refused drawing is told in the window and passed over. Without a device
/// nothing can be told there, so the title of the window and the terminal say it; a training goes on to its end.
pub(super) fn answer(error: &RenderError, world: &mut World, _: &mut World) -> RenderErrorPolicy {
    let before = *world.get_resource_or_init::<Sight>();
    let now = before.after(error.ty);
    world.insert_resource(now);
    let Some(mut desk) = world.get_non_send_mut::<Desk>() else { return RenderErrorPolicy::StopRendering };
    if let Sight::Sees(_) = now {
        desk.note(refused(&error.description));
        return RenderErrorPolicy::Ignore;
    }
    let goes_on = desk.is_training();
    if before != Sight::Blind {
        let told = desk.lose_sight(&error.description);
        error!("{told}");
        let title = format!("Carrot: {told}");
        let mut windows = world.query_filtered::<&mut Window, With<PrimaryWindow>>();
        windows.iter_mut(world).for_each(|mut window| window.title.clone_from(&title));
    }
    if !goes_on {
        world.write_message(AppExit::error());
    }
    RenderErrorPolicy::StopRendering
}

/// What the window says of a drawing that the device refused.
fn refused(why: &str) -> String {
    let why = why.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason");
    format!(
        "The graphics device refused a drawing: {why}. If something is missing, draw fewer envs (W) or make the window smaller; trainings are not touched"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_drawings_are_passed_over_until_they_do_not_stop() {
        let mut sight = Sight::default();
        for refused in 1..=PASSED_OVER {
            sight = sight.after(ErrorType::Validation);
            assert_eq!(sight, Sight::Sees(refused));
        }
        assert_eq!(sight.after(ErrorType::OutOfMemory), Sight::Blind);
        assert_eq!(Sight::default().after(ErrorType::DeviceLost), Sight::Blind);
        assert_eq!(Sight::Blind.after(ErrorType::Validation), Sight::Blind, "there is no way back");
    }

    #[test]
    fn a_refused_drawing_is_told_in_the_window_and_a_lost_device_ends_a_window_without_a_training() {
        let mut world = World::new();
        world.init_resource::<Messages<AppExit>>();
        world.insert_non_send(Desk::new(crate::desk::Places::default()));
        let error = |world: &mut World, ty: ErrorType, description: &str| {
            let error = RenderError { ty, description: description.into(), source: None };
            answer(&error, world, &mut World::new())
        };
        let told = |world: &World| world.get_non_send::<Desk>().map(|desk| desk.notices.clone());
        let policy = error(&mut world, ErrorType::Validation, "\n  Texture too large\nmore");
        assert!(matches!(policy, RenderErrorPolicy::Ignore));
        let notices = told(&world).unwrap_or_default();
        assert!(notices.last().is_some_and(|note| note.contains("Texture too large. If")), "{notices:?}");
        assert!(world.resource::<Messages<AppExit>>().is_empty(), "the window stays");
        let policy = error(&mut world, ErrorType::DeviceLost, "removed");
        assert!(matches!(policy, RenderErrorPolicy::StopRendering));
        assert!(!world.resource::<Messages<AppExit>>().is_empty());
    }
}
