//! Taking in a model as it is published: everything is checked, and only what is needed is kept.

use std::path::Path;

use carrot_learn::Device;
use carrot_learn::vlm::{Family, VLM_FILES, Vlm};
use serde::Serialize;

use crate::error::LabError;
use crate::models::keep_vlm;

/// What an image-text model is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VlmCard {
    /// Whose arrangement of layers.
    pub family: Family,
    /// Number of weights.
    pub weights: usize,
    /// Side of its pictures in pixels.
    pub image: usize,
    /// Most tokens of a prompt.
    pub context: usize,
    /// Width of an embedding.
    pub embedding: usize,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Opens the model in `folder`, lets it see and read once, and keeps its files in `out`.
///
/// # Errors
/// When a file is missing, broken or fits no other, its embeddings are not finite, or `out` cannot be written.
pub fn import_vlm(folder: &Path, out: &Path) -> Result<VlmCard, LabError> {
    let model = Vlm::open(folder, Device::Cpu)?;
    let config = *model.config();
    let grey = vec![128; config.image * config.image * 3];
    let seen = model.see(&grey, [config.image, config.image])?;
    let read = model.read(&["a picture"])?;
    if seen.iter().chain(&read).any(|x| !x.is_finite()) {
        let message = format!("{} gives embeddings that are not finite", folder.display());
        return Err(LabError::Refused(message));
    }
    keep_vlm(folder, out)?;
    let size = |name: &&str| std::fs::metadata(out.join(name)).map_or(0, |found| found.len());
    Ok(VlmCard {
        family: config.family,
        weights: model.weights(),
        image: config.image,
        context: config.context,
        embedding: config.embedding,
        bytes: VLM_FILES.iter().map(size).sum(),
    })
}
