//! `app` and `tour`: the window for people, and the window walked through every panel on a virtual screen.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::cargo;
use crate::{Outcome, place, setup, system};

/// Usual and small size of the window, and how many pictures a whole tour has at least.
const USUAL: &str = "1280x720";
const SMALL: &str = "640x360";
const PICTURES: usize = 20;
/// The virtual screen: its pointer rests in the middle, which is outside of the window.
const SCREEN: &str = "2600x1460x24";
/// An image-text model for the panel of words and pictures: random weights show it as well as any.
const MODEL: &str = "clip=crates/carrot_learn/tests/vlm/clip";
/// Longest tour; a window that hangs is ended then.
const LIMIT: Duration = Duration::from_secs(900);

/// `app`: the window.
pub(crate) fn app(args: &[String]) -> Outcome {
    setup::ensure()?;
    let mut command = cargo();
    command.args(["run", "--package", "carrot_app", "--bin", "carrot-app", "--"]).args(args);
    crate::cargo::step("carrot-app", &mut command)
}

/// `tour`: fails on a panic, an error in the log, or an empty picture.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut size, mut is_built) = (USUAL, false);
    for arg in args {
        match arg.as_str() {
            "--small" => size = SMALL,
            "--built" => is_built = true,
            other => return Err(format!("`cargo xtask tour` knows --small and --built, got `{other}`")),
        }
    }
    setup::ensure()?;
    system::need_screen()?;
    if !is_built {
        crate::cargo::step("cargo build", cargo().args(["build", "--package", "carrot_app"]))?;
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| place::root().join("target"), Into::into);
    let folder = target.join("tour");
    fs::remove_dir_all(&folder).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(format!("cannot empty {}: {error}", folder.display())),
    })?;
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let screen = Screen::open()?;
    let start = Instant::now();
    let mut window = Command::new(target.join("debug/carrot-app"));
    window
        .current_dir(place::root())
        .args(["--tour".as_ref(), folder.as_os_str(), "--size".as_ref(), size.as_ref()])
        .arg("--runs")
        .arg(folder.join("runs"))
        .args(["--model", MODEL])
        .env("DISPLAY", &screen.name)
        .env("WGPU_BACKEND", "vulkan")
        .env("NO_COLOR", "1")
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::piped());
    let (ended_well, log) = watch(&mut window)?;
    judge(ended_well, &log, &folder)?;
    println!("tour: {} in {:.0} s", folder.display(), start.elapsed().as_secs_f64());
    Ok(())
}

/// A virtual screen, closed when it is dropped.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    /// The server itself chooses a free number and tells it.
    fn open() -> Outcome<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start Xvfb: {error}"))?;
        let mut number = String::new();
        let mut pipe = server.stdout.take().ok_or("Xvfb has no output")?;
        let mut byte = [0];
        while pipe.read(&mut byte).is_ok_and(|read| read == 1) && byte[0] != b'\n' {
            number.push(char::from(byte[0]));
        }
        if number.is_empty() {
            return Err("Xvfb did not open a screen".into());
        }
        Ok(Self { server, name: format!(":{number}") })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Runs the window to its end or to the limit; gives whether it ended well, and what it logged.
fn watch(window: &mut Command) -> Outcome<(bool, String)> {
    let mut child = window.spawn().map_err(|error| format!("cannot start the window: {error}"))?;
    let mut pipe = child.stderr.take().ok_or("the window has no log")?;
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        pipe.read_to_string(&mut log).map(|_| log)
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if start.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(200)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
            Err(error) => return Err(format!("cannot wait for the window: {error}")),
        }
    };
    let log = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    Ok((status, log))
}

/// Whether a tour went well.
fn judge(ended_well: bool, log: &str, folder: &Path) -> Outcome {
    let faults: Vec<&str> =
        log.lines().filter(|line| line.contains("ERROR ") || line.contains("panicked")).collect();
    if !ended_well || !faults.is_empty() {
        eprint!("{log}");
        return Err(format!("the tour failed, {} faults in the log above", faults.len()));
    }
    let pictures =
        fs::read_dir(folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let count =
        pictures.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "png")).count();
    if count < PICTURES {
        return Err(format!("the tour left {count} pictures, {PICTURES} were expected"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_fails_on_what_it_must() {
        let folder = std::env::temp_dir().join(format!("carrot-xtask-tour-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(judge(true, "", &folder).unwrap_err().contains("0 pictures"));
        (0..PICTURES).for_each(|i| fs::write(folder.join(format!("{i}.png")), []).unwrap());
        assert!(judge(true, "2026 WARN slow\n", &folder).is_ok());
        assert!(judge(true, "2026 ERROR wgpu: lost\n", &folder).is_err());
        assert!(judge(true, "thread 'main' panicked at src\n", &folder).is_err());
        assert!(judge(false, "", &folder).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
