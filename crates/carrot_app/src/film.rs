//! Episodes as films: MP4 by ffmpeg where the machine has it, else a GIF.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use carrot_lab::LabError;
use carrot_record::Animation;

/// Hundredths of a second that each picture stays.
const DELAY: u16 = 6;

/// The encoder, where the machine has it.
pub fn encoder() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|program| program.is_file())
}

/// How a film's file ends.
pub fn suffix(encoder: Option<&Path>) -> &'static str {
    if encoder.is_some() { "mp4" } else { "gif" }
}

/// A film that is being made.
pub struct Film {
    path: PathBuf,
    size: (u16, u16),
    reel: Reel,
}

enum Reel {
    Gif(Animation),
    Mp4(Box<Child>, ChildStdin),
}

impl Film {
    /// A film without pictures, each of the same size.
    ///
    /// # Errors
    /// When the encoder does not start.
    pub fn begin(path: PathBuf, size: (u16, u16), encoder: Option<&Path>) -> Result<Self, LabError> {
        let reel = match encoder {
            None => Reel::Gif(Animation::new(size.0, size.1, DELAY)),
            Some(program) => {
                let failed = || LabError::file("cannot start ffmpeg for", &path);
                let mut child = Command::new(program)
                    .args(["-loglevel", "error", "-y", "-f", "rawvideo", "-pixel_format", "rgba"])
                    .args(["-video_size", &format!("{}x{}", size.0, size.1)])
                    .args(["-framerate", &format!("100/{DELAY}"), "-i", "-"])
                    // Players want even sides and this form of colour.
                    .args(["-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p"])
                    .arg(&path)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .map_err(failed())?;
                let pipe =
                    child.stdin.take().ok_or_else(|| failed()(std::io::ErrorKind::BrokenPipe.into()))?;
                Reel::Mp4(Box::new(child), pipe)
            }
        };
        Ok(Self { path, size, reel })
    }

    /// Adds a picture; one of another size is left out.
    ///
    /// # Shapes
    /// RGBA bytes, `[height, width, 4]`.
    ///
    /// # Errors
    /// When the encoder ended before.
    pub fn push(&mut self, pixels: Vec<u8>) -> Result<(), LabError> {
        if pixels.len() != usize::from(self.size.0) * usize::from(self.size.1) * 4 {
            return Ok(());
        }
        match &mut self.reel {
            Reel::Gif(animation) => animation.push(pixels),
            Reel::Mp4(_, pipe) => {
                pipe.write_all(&pixels)
                    .map_err(LabError::file("ffmpeg takes no more pictures of", &self.path))?;
            }
        }
        Ok(())
    }

    /// Writes the file; gives a sentence on what was written.
    ///
    /// # Errors
    /// When the disk or the encoder fails.
    pub fn finish(self) -> Result<String, LabError> {
        let shown = self.path.display().to_string();
        match self.reel {
            Reel::Gif(animation) => {
                animation.write(&self.path)?;
                Ok(format!("Animation: {shown} (a GIF, since there is no ffmpeg here to make an MP4)"))
            }
            Reel::Mp4(mut child, pipe) => {
                drop(pipe);
                let mut said = String::new();
                if let Some(mut errors) = child.stderr.take() {
                    errors.read_to_string(&mut said).ok();
                }
                let status = child.wait().map_err(LabError::file("cannot wait for ffmpeg on", &self.path))?;
                let why = said.lines().next().unwrap_or("it gave no reason");
                match status.success() {
                    true => Ok(format!("Film: {shown}")),
                    false => Err(LabError::Refused(format!("ffmpeg did not write {shown}: {why}"))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn film(encoder: Option<&Path>, folder: &Path) -> Result<(PathBuf, String), LabError> {
        let path = folder.join("film").with_extension(suffix(encoder));
        let mut film = Film::begin(path.clone(), (4, 2), encoder)?;
        for shade in [0, 100, 200] {
            film.push(vec![shade; 4 * 2 * 4])?;
        }
        film.push(vec![0; 5])?;
        Ok((path, film.finish()?))
    }

    #[test]
    fn without_an_encoder_it_is_a_gif_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let (path, said) = film(None, folder.path()).unwrap();
        assert!(std::fs::read(path).unwrap().starts_with(b"GIF89a"));
        assert!(said.contains("ffmpeg"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn an_encoder_gets_every_picture_and_its_complaints_are_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ffmpeg");
        let stand_in = |script: &str| {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            film(Some(&program), folder.path())
        };
        let (path, said) = stand_in("for last; do :; done\nwc -c > \"$last\"").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), "96", "three pictures of 32 bytes");
        assert!(said.contains("film.mp4"), "{said}");
        let error = stand_in("cat > /dev/null\necho 'no such codec' >&2\nexit 1").unwrap_err().to_string();
        assert!(error.contains("no such codec"), "{error}");
    }
}
