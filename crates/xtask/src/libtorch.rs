//! libtorch: the copy the user has, or one assembled from PyPI wheels in the user's cache folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, place, system};

/// The version that tch 0.24 is generated for.
pub(crate) const VERSION: &str = "2.11.0";

/// Prints version and folder of the Python's PyTorch without the seconds that importing it takes.
const FIND_PYTORCH: &str = "
import importlib.metadata, importlib.util
print(importlib.metadata.version('torch'))
print(importlib.util.find_spec('torch').submodule_search_locations[0])
";

/// The wheels are taken for one fixed Python, whatever the user's is: only C++ parts are used of them.
const WHEEL_TAGS: [&str; 14] = [
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_27_x86_64",
    "--platform=manylinux_2_25_x86_64",
    "--platform=manylinux_2_18_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux_2_12_x86_64",
    "--platform=manylinux_2_5_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux2010_x86_64",
    "--platform=manylinux1_x86_64",
];

/// Which half of libtorch to assemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Build {
    Cpu,
    Cuda,
}

impl Build {
    /// What follows the version, as PyTorch writes it.
    fn suffix(self) -> &'static str {
        match self {
            Build::Cpu => "cpu",
            Build::Cuda => "cu130",
        }
    }

    /// The wheels, each pinned by its hash.
    fn requirements(self) -> String {
        let cpu = include_str!("libtorch-cpu.txt");
        match self {
            Build::Cpu => cpu.into(),
            Build::Cuda => [cpu, include_str!("libtorch-cuda.txt")].concat(),
        }
    }
}

/// Whether a folder holds a libtorch that tch can be built with.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn check(folder: &Path) -> Outcome {
    let header = folder.join("include/torch/headeronly/version.h");
    let text = fs::read_to_string(&header).map_err(|error| {
        format!("no libtorch {VERSION} in {}: {}: {error}", folder.display(), header.display())
    })?;
    let found = version(&text).ok_or_else(|| format!("{} names no version", header.display()))?;
    if found != VERSION {
        return Err(format!("{} is libtorch {found}, tch 0.24 needs {VERSION}", folder.display()));
    }
    let library = folder.join("lib/libtorch_cpu.so");
    if library.is_file() { Ok(()) } else { Err(format!("{} is missing", library.display())) }
}

/// Whether a libtorch folder has the CUDA half too.
pub(crate) fn has_cuda(folder: &Path) -> bool {
    folder.join("lib/libtorch_cuda.so").is_file()
}

/// The folder to build with: the user's `LIBTORCH`, else the active Python's PyTorch, else an assembled one.
///
/// # Errors
/// When `LIBTORCH` does not fit, or nothing was found and assembling failed.
pub(crate) fn find_or_assemble(build: Build) -> Outcome<PathBuf> {
    if let Some(folder) = place::user_libtorch() {
        return match check(&folder) {
            Ok(()) => Ok(folder),
            Err(reason) => Err(format!("LIBTORCH does not fit: {reason}")),
        };
    }
    if let Some(folder) = in_python() {
        println!("found PyTorch {VERSION} in the active Python");
        return Ok(folder);
    }
    match assemble(build) {
        Err(reason) if build == Build::Cuda => {
            eprintln!("warning: no CUDA libraries, going on with the CPU alone: {reason}");
            assemble(Build::Cpu)
        }
        outcome => outcome,
    }
}

fn in_python() -> Option<PathBuf> {
    let output = system::python().args(["-c", FIND_PYTORCH]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (version, folder) = text.trim_end().split_once('\n')?;
    let folder = PathBuf::from(folder);
    let fits = version.split('+').next() == Some(VERSION) && check(&folder).is_ok();
    fits.then_some(folder)
}

/// Makes the folder in the cache, in one move at the end: an interrupted set-up is simply begun again.
fn assemble(build: Build) -> Outcome<PathBuf> {
    let cache = place::cache()?;
    let home = cache.join(format!("libtorch-{VERSION}-{}", build.suffix()));
    if check(&home).is_ok() {
        return Ok(home);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(format!("set LIBTORCH to a libtorch {VERSION}: ready wheels are for x86-64 Linux only"));
    }
    system::need_pip()?;
    fs::create_dir_all(&cache).map_err(failed("create", &cache))?;

    // Two set-ups at once: the second waits, then finds the folder there.
    let lock_path = cache.join("setup.lock");
    let lock = File::create(&lock_path).map_err(failed("create", &lock_path))?;
    lock.lock().map_err(failed("lock", &lock_path))?;
    if check(&home).is_ok() {
        return Ok(home);
    }

    let partial = cache.join(format!("libtorch-{VERSION}-{}.partial", build.suffix()));
    remove(&partial)?;
    fs::create_dir_all(partial.join("tmp")).map_err(failed("create", &partial))?;
    let size = if build == Build::Cuda { "2.5 GB" } else { "545 MB" };
    println!("assembling libtorch {VERSION} ({}) in {}: {size} to fetch", build.suffix(), home.display());
    download(build, &partial)?;
    let ready = partial.join("ready");
    unpack(build, &partial.join("wheels"), &ready)?;

    remove(&home)?;
    fs::rename(&ready, &home).map_err(failed("fill", &home))?;
    remove(&partial)?;
    Ok(home)
}

fn download(build: Build, partial: &Path) -> Outcome {
    let list = partial.join("requirements.txt");
    fs::write(&list, build.requirements()).map_err(failed("write", &list))?;
    let mut pip = system::python();
    pip.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"])
        .args(["--require-hashes", "--progress-bar=on", "--dest"])
        .arg(partial.join("wheels"))
        .arg("--requirement")
        .arg(&list)
        .args(WHEEL_TAGS)
        // A small /tmp must not break a large download.
        .env("TMPDIR", partial.join("tmp"));
    // pip retries a connection, not a download that stopped half-way.
    if runs(&mut pip)? {
        return Ok(());
    }
    println!("pip failed; trying once more");
    if runs(&mut pip)? { Ok(()) } else { Err("pip could not fetch libtorch's wheels (see above)".into()) }
}

fn unpack(build: Build, wheels: &Path, ready: &Path) -> Outcome {
    let kind = if build == Build::Cuda { "cuda" } else { "cpu" };
    let mut python = system::python();
    python.args(["-c", include_str!("unpack.py")]).arg(wheels).arg(ready).arg(kind);
    if !runs(&mut python)? {
        return Err("the wheels could not be unpacked (see above)".into());
    }
    // torch-sys reads this name too.
    let version_path = ready.join("build-version");
    fs::write(&version_path, format!("{VERSION}+{}\n", build.suffix()))
        .map_err(failed("write", &version_path))?;
    check(ready)
}

fn runs(command: &mut Command) -> Outcome<bool> {
    match command.status() {
        Ok(status) => Ok(status.success()),
        Err(error) => Err(format!("cannot run {}: {error}", command.get_program().display())),
    }
}

fn remove(folder: &Path) -> Outcome {
    if folder.symlink_metadata().is_err() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(failed("remove", folder))
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> String + 'a {
    move |error| format!("cannot {what} {}: {error}", path.display())
}

/// The version that libtorch's own header states.
fn version(header: &str) -> Option<String> {
    let part = |name: &str| {
        let line =
            header.lines().find_map(|line| line.strip_prefix("#define TORCH_VERSION_")?.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    };
    Some([part("MAJOR ")?, part("MINOR ")?, part("PATCH ")?].join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "#define TORCH_VERSION_MAJOR 2\n\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";

    #[test]
    fn version_is_read_from_the_header() {
        assert_eq!(version(HEADER).as_deref(), Some(VERSION));
        assert_eq!(version("#define TORCH_VERSION_MAJOR 2\n"), None);
    }

    #[test]
    fn a_folder_fits_only_with_the_right_version_and_its_library() {
        let folder = std::env::temp_dir().join(format!("carrot-xtask-libtorch-{}", std::process::id()));
        let header = folder.join("include/torch/headeronly/version.h");
        fs::create_dir_all(header.parent().unwrap()).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        assert!(check(&folder).unwrap_err().contains("no libtorch"));
        fs::write(&header, HEADER.replace("11", "10")).unwrap();
        assert!(check(&folder).unwrap_err().contains("2.10.0"));
        fs::write(&header, HEADER).unwrap();
        assert!(check(&folder).unwrap_err().contains("is missing"));
        fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        assert_eq!(check(&folder), Ok(()));
        assert!(!has_cuda(&folder));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn every_wheel_is_pinned_by_version_and_hash() {
        let text = Build::Cuda.requirements();
        let wheels: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(wheels.len(), 16);
        for wheel in wheels {
            let (pin, hash) = wheel.split_once(" --hash=sha256:").unwrap();
            assert!(pin.contains("=="), "{wheel}");
            assert_eq!(hash.len(), 64, "{wheel}");
        }
        assert!(Build::Cpu.requirements().contains(&format!("torch=={VERSION} ")));
    }
}
