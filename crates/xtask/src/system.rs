//! What the machine itself must have: compilers, Python's pip, and whether an NVIDIA driver is there.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::Outcome;

/// A program that a build calls, and the Debian package it comes in.
struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const COMPILERS: [Need; 2] = [
    Need { program: "cc", package: "gcc", why: "links every Rust program" },
    Need { program: "c++", package: "g++", why: "builds the binding of libtorch" },
];

/// Installs the C and C++ compilers where they are missing and it may; otherwise names them.
///
/// # Errors
/// When one is missing and cannot be installed.
pub(crate) fn need_compilers() -> Outcome {
    let missing: Vec<&Need> = COMPILERS.iter().filter(|need| !on_path(need.program)).collect();
    for need in &missing {
        println!("`{}` is missing ({})", need.program, need.why);
    }
    install(&missing.iter().map(|need| need.package).collect::<Vec<_>>())
}

/// What a window on a virtual screen needs beside Vulkan: the screen, and libraries that the window opens when it runs.
const SCREEN: [(&str, &str, &str); 5] = [
    ("Xvfb", "xvfb", "a virtual screen"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "keyboards"),
    ("libXcursor.so.1", "libxcursor1", "pointers"),
    ("libXi.so.6", "libxi6", "input"),
    ("libX11-xcb.so.1", "libx11-xcb1", "windows"),
];

/// Makes sure that a window can be opened on a virtual screen.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn need_screen() -> Outcome {
    let missing: Vec<_> = SCREEN.iter().filter(|(name, ..)| !on_path(name) && !is_library(name)).collect();
    for (name, _, why) in &missing {
        println!("`{name}` is missing ({why})");
    }
    install(&missing.iter().map(|(_, package, _)| *package).collect::<Vec<_>>())
}

/// Whether the system has a library of this name.
fn is_library(name: &str) -> bool {
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
        .iter()
        .any(|folder| Path::new(folder).join(name).exists())
}

/// Makes sure that pictures can be drawn: Vulkan's loader and a driver, Mesa's software renderer where there is none.
///
/// # Errors
/// When one is missing and cannot be installed.
pub(crate) fn need_vulkan() -> Outcome {
    let has_loader = is_library("libvulkan.so.1");
    let has_driver = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .any(|folder| fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()));
    let missing = [
        (!has_loader).then_some(("libvulkan1", "Vulkan's loader")),
        (!has_driver).then_some(("mesa-vulkan-drivers", "a Vulkan driver")),
    ];
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    for (package, what) in &missing {
        println!("{what} is missing ({package}), without which no picture can be drawn");
    }
    install(&missing.iter().map(|(package, _)| *package).collect::<Vec<_>>())
}

/// The active Python: a virtual environment's when one is active.
pub(crate) fn python() -> Command {
    Command::new(if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" })
}

/// Makes sure that `python -m pip` runs.
///
/// # Errors
/// When it does not and cannot be installed.
pub(crate) fn need_pip() -> Outcome {
    if succeeds(python().args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    println!("Python's pip is missing (it fetches libtorch)");
    install(&["python3-pip"])
}

/// Whether the machine has a working NVIDIA driver.
pub(crate) fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
        || (on_path("nvidia-smi") && succeeds(Command::new("nvidia-smi").arg("-L")))
}

fn install(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    let is_root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    if !is_root || !on_path("apt-get") {
        return Err(format!("please install: {list} (on Debian: sudo apt-get install {list})"));
    }
    println!("installing {list}");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    // Package lists may be absent or stale: only then are they fetched.
    if apt(&install) || (apt(&["update"]) && apt(&install)) {
        Ok(())
    } else {
        Err(format!("apt-get could not install {list}"))
    }
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn on_path(program: impl AsRef<OsStr>) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder: PathBuf| folder.join(program.as_ref())).any(|file| file.is_file())
}
