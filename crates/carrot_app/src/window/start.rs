//! A machine without screen or graphics device, and one that loses it: said in a line, nothing is lost.

use std::panic::{set_hook, take_hook};

use bevy::prelude::*;
use bevy::render::error_handler::{RenderError, RenderErrorPolicy};

use crate::desk::Desk;

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

/// Ends the window in order when the graphics device is lost: a training of this window leaves its checkpoint.
pub(super) fn give_up(error: &RenderError, world: &mut World, _: &mut World) -> RenderErrorPolicy {
    let run =
        world.get_non_send::<Desk>().and_then(|desk| desk.training.as_ref()?.folder().map(ToOwned::to_owned));
    let resume = run.map_or_else(String::new, |run| format!("; go on with: carrot resume {}", run.display()));
    error!("the graphics device failed: {}{resume}", error.description);
    world.write_message(AppExit::error());
    RenderErrorPolicy::StopRendering
}
