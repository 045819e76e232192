//! What can go wrong when pictures are drawn.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is neither a GPU nor a software renderer.
    #[error(
        "no Vulkan device was found ({0}); install a GPU driver, or Mesa's software renderer (on Debian: \
         `apt-get install mesa-vulkan-drivers libvulkan1`)"
    )]
    NoAdapter(String),
    /// The device cannot do what the shaders ask for.
    #[error("`{adapter}` cannot draw pictures: {why}")]
    Device {
        /// The device's name.
        adapter: String,
        /// What it lacks.
        why: String,
    },
    /// The pictures are smaller or larger than can be drawn.
    #[error("pictures of {given} pixels square cannot be drawn: the size must be from {least} to {most}")]
    Size {
        /// What was asked for.
        given: u32,
        /// Smallest size.
        least: u32,
        /// Largest size.
        most: u32,
    },
    /// The number of samples is not one that the device offers.
    #[error("{given} samples per pixel are not possible: the number must be 1 or 4")]
    Samples {
        /// What was asked for.
        given: u32,
    },
    /// The device was lost, or has no memory left.
    #[error("`{adapter}` was lost while it drew: {why}; what was saved is safe, resume from there")]
    Lost {
        /// The device's name.
        adapter: String,
        /// What it said.
        why: String,
    },
    /// The device stopped answering.
    #[error("the pictures did not come back: {0}")]
    Readback(String),
}
