//! Animations: pictures as a GIF that plays anywhere.

use std::path::Path;

use gif::{Encoder, Frame, Repeat};

use crate::storage::replace_file;
use crate::{DiskStorage, RecordError};

/// Speed against quality of the palette, 1 (best) to 30, as the encoder takes it.
const PALETTE_SPEED: i32 = 10;

/// Pictures of one size, in order.
#[derive(Debug, Clone)]
pub struct Animation {
    width: u16,
    height: u16,
    delay: u16,
    frames: Vec<Frame<'static>>,
}

impl Animation {
    /// An animation without pictures; each will stay for `delay` hundredths of a second.
    pub fn new(width: u16, height: u16, delay: u16) -> Self {
        Self { width, height, delay, frames: Vec::new() }
    }

    /// Adds a picture; one of another size is left out.
    ///
    /// # Shapes
    /// RGBA bytes, `[height, width, 4]`.
    pub fn push(&mut self, mut pixels: Vec<u8>) {
        if pixels.len() == usize::from(self.width) * usize::from(self.height) * 4 {
            let mut frame = Frame::from_rgba_speed(self.width, self.height, &mut pixels, PALETTE_SPEED);
            frame.delay = self.delay;
            self.frames.push(frame);
        }
    }

    /// Pictures so far.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is no picture yet.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Writes the file, in one step; it plays over and over.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let failed = |error: gif::EncodingError| match error {
            gif::EncodingError::Io(error) => RecordError::io("write", path)(error),
            other => RecordError::io("encode", path)(std::io::Error::other(other.to_string())),
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.width, self.height, &[]).map_err(failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        for frame in &self.frames {
            encoder.write_frame(frame).map_err(failed)?;
        }
        drop(encoder);
        replace_file(&DiskStorage, path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_written_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let mut animation = Animation::new(2, 1, 5);
        animation.push(vec![255, 0, 0, 255, 0, 0, 255, 255]);
        animation.push(vec![0, 255, 0, 255, 0, 0, 0, 255]);
        animation.push(vec![1, 2, 3]);
        assert_eq!(animation.len(), 2);
        animation.write(&path).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(std::fs::File::open(&path).unwrap()).unwrap();
        let mut pictures = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            pictures.push((frame.delay, frame.buffer.to_vec()));
        }
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[0], (5, vec![255, 0, 0, 255, 0, 0, 255, 255]));
    }
}
