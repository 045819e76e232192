//! What a person is asked to compare.

use crate::labels::Labels;
use crate::panels::labels::{ClipView, LabelsView};
use crate::solid::solids;

/// What a run asks people.
pub fn labels(labels: &Labels) -> LabelsView {
    let (open, answered) = labels.counts();
    let mut view = LabelsView {
        run: labels.run().display().to_string(),
        open,
        answered,
        pair: labels.pair(),
        said: labels.said().iter().rev().copied().collect(),
        ..LabelsView::default()
    };
    match labels.clips() {
        Some(Ok(clips)) => {
            view.clips = Some(clips.frames.each_ref().map(|frames| {
                let at = labels.step(frames.len());
                let Some(drawing) = frames.get(at) else { return ClipView::default() };
                ClipView {
                    solids: solids(drawing),
                    bounds: clips.bounds,
                    is_flat: drawing.tiles.is_some(),
                    step: at + 1,
                    steps: frames.len(),
                }
            }));
        }
        Some(Err(why)) => view.trouble = Some(why.into()),
        None => {}
    }
    view
}
