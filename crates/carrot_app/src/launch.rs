//! The command line of `carrot-app`.

use std::path::{Path, PathBuf};

use carrot_lab::{LabError, ModelFiles};

use crate::desk::{Desk, Places};
use crate::session::Scenario;

/// What the command line says.
pub const USAGE: &str = "\
See what a reward does, live, on every task.

Usage: carrot-app [SCENE | SCENARIO | RUN] [--runs FOLDER] [--scenes FOLDER] [--model NAME=PATH].. [--size WIDTHxHEIGHT] [--light] [--tour FOLDER | --gallery FOLDER]

  SCENE            a scene file, to play with
  SCENARIO         a scenario file, to watch what it expects being decided
  RUN              a run's folder, finished or being written
  --runs FOLDER    where runs lie (default: runs)
  --scenes FOLDER  where scenes lie (default: scenes)
  --model NAME=PATH a model that scenes name: a file, or the folder of an image-text model
  --size WxH       size of the window (default: 1280x720)
  --light          light look
  --tour FOLDER    walk through every panel, of the scene or scenario given or of one of each family, write
                   numbered pictures there, and end
  --gallery FOLDER write a picture of every scene there, without panels, and end
";

/// How the window begins.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSpec {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Where the tour writes its pictures, when there is one.
    pub tour: Option<PathBuf>,
    /// Where the gallery does.
    pub gallery: Option<PathBuf>,
}

impl WindowSpec {
    /// Whether a script holds the keys.
    pub fn is_scripted(&self) -> bool {
        self.tour.is_some() || self.gallery.is_some()
    }
}

impl Default for WindowSpec {
    fn default() -> Self {
        Self { size: (1280, 720), tour: None, gallery: None }
    }
}

/// A request understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Launch {
    /// What to open.
    pub path: Option<PathBuf>,
    /// Folder of runs.
    pub runs: Option<PathBuf>,
    /// Folder of scenes.
    pub scenes: Option<PathBuf>,
    /// Models that scenes may name.
    pub models: ModelFiles,
    /// Light look.
    pub light: bool,
    /// The window.
    pub window: WindowSpec,
    /// Show [`USAGE`] and end.
    pub help: bool,
}

impl Launch {
    /// Reads arguments, without the program's name.
    ///
    /// # Errors
    /// A sentence on the first argument that is not understood.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut launch = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "-h" | "--help" => launch.help = true,
                "--light" => launch.light = true,
                "--runs" => launch.runs = Some(value()?.into()),
                "--scenes" => launch.scenes = Some(value()?.into()),
                "--model" => {
                    let given = value()?;
                    let named =
                        given.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
                    let (name, path) =
                        named.ok_or_else(|| format!("`{given}` is no model; write NAME=PATH"))?;
                    launch.models.insert(name.into(), path.into());
                }
                "--tour" => launch.window.tour = Some(value()?.into()),
                "--gallery" => launch.window.gallery = Some(value()?.into()),
                "--size" => launch.window.size = size(&value()?)?,
                flag if flag.starts_with('-') => {
                    return Err(format!("there is no option {flag}; see --help"));
                }
                path if launch.path.is_none() => launch.path = Some(path.into()),
                path => {
                    return Err(format!("one scene, scenario or run at a time; `{path}` is one too many"));
                }
            }
        }
        Ok(launch)
    }

    /// The desk that it asks for, and the window.
    ///
    /// # Errors
    /// When the scene or run is not there; what is wrong with one that is there, the window says.
    pub fn desk(self) -> Result<(Desk, WindowSpec), LabError> {
        let usual = Places::default();
        let places = Places {
            scenes: self.scenes.unwrap_or(usual.scenes),
            runs: self.runs.unwrap_or(usual.runs),
            pictures: usual.pictures,
            models: self.models,
        };
        let mut desk = Desk::new(places);
        desk.dark = !self.light;
        if let Some(path) = &self.path {
            if !path.exists() {
                return Err(LabError::Refused(format!(
                    "there is no scene, scenario or run {}",
                    path.display()
                )));
            }
            if let Err(error) = desk.open(path) {
                desk.note(error.to_string());
            }
        }
        Ok((desk, self.window))
    }
}

/// `1280x720`.
fn size(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let fits = |&(w, h): &(u32, u32)| (320..=7680).contains(&w) && (240..=4320).contains(&h);
    parts.filter(fits).ok_or_else(|| format!("`{text}` is no size; write 1280x720"))
}

/// The command that does the same job without a window.
pub fn headless(path: Option<&Path>) -> String {
    match path {
        Some(path) if path.is_dir() => format!("carrot report {}", path.display()),
        Some(path) if Scenario::is_one(path) => format!("carrot test {}", path.display()),
        Some(path) => format!("carrot audit {}", path.display()),
        None => "carrot tasks list".into(),
    }
}

/// Whether there is no screen to open a window on.
pub fn has_no_display() -> bool {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "linux") && !has("DISPLAY")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn read(line: &str) -> Result<Launch, String> {
        Launch::read(line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn arguments_are_understood_or_named() {
        let launch = read("scenes/a.ron --size 640x360 --light --tour out").unwrap_or_default();
        assert_eq!((launch.path, launch.light), (Some("scenes/a.ron".into()), true));
        let models = read("--model clip=models/clip --model net=a.net").unwrap_or_default().models;
        assert_eq!(models.get("clip"), Some(&"models/clip".into()));
        assert_eq!(models.len(), 2);
        assert_eq!(launch.window, WindowSpec { size: (640, 360), tour: Some("out".into()), gallery: None });
        for (line, part) in [
            ("--sise 1x1", "--sise"),
            ("--size 12", "`12`"),
            ("a b", "`b`"),
            ("--runs", "--runs needs"),
            ("--model clip", "`clip`"),
        ] {
            assert!(read(line).is_err_and(|error| error.contains(part)), "{line}");
        }
    }

    #[test]
    fn a_scene_with_errors_opens_the_window_and_says_them() {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("wrong.ron");
        std::fs::write(
            &scene,
            "(version: 1, task: \"CartPole-v2\", batch: (num_envs: 1, num_steps: 1), reward: \"sparse\")",
        )
        .unwrap();
        let launch = |path: &Path| Launch { path: Some(path.to_path_buf()), ..Launch::default() };
        let (desk, _) = launch(&scene).desk().unwrap();
        assert!(desk.session.is_none() && desk.notices[0].contains("CartPole-v1"), "{:?}", desk.notices);
        let (desk, _) = launch(folder.path()).desk().unwrap();
        assert!(desk.notices[0].contains("is not a run folder"), "{:?}", desk.notices);
        assert!(launch(&folder.path().join("absent.ron")).desk().is_err());
    }
}
