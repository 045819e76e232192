//! `tidy`: the repository's own rules, each a pure function from text to violations.

mod edges;
mod manifest;
mod source;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use crate::cargo::cargo;
use crate::{Outcome, place};

/// A broken rule and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    file: PathBuf,
    line: usize,
    message: String,
}

impl Violation {
    fn new(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// A workspace package, as `cargo metadata` tells it.
#[derive(Debug)]
struct Package {
    name: String,
    /// `Cargo.toml`, relative to the repository root.
    manifest: PathBuf,
    /// What it needs outside its tests.
    dependencies: Vec<String>,
}

/// Checks every package of the workspace and prints each violation.
///
/// # Errors
/// When there is one, or the workspace cannot be read.
pub(crate) fn run() -> Outcome {
    let root = place::root();
    let packages = packages(&metadata()?, &root)?;
    let mut violations = Vec::new();
    let mut files = 0;
    for package in &packages {
        let text = read(&root, &package.manifest)?;
        violations.extend(edges::check(package, &text));
        violations.extend(manifest::check(&package.manifest, &text));
        let folder = package.manifest.parent().unwrap_or(Path::new(""));
        for file in rust_files(&root, folder)? {
            violations.extend(source::check(&file, &read(&root, &file)?));
            files += 1;
        }
    }
    violations.sort();
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} packages, {files} files, nothing to say", packages.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} violations")),
    }
}

fn metadata() -> Outcome<Value> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata is not JSON: {error}"))
}

fn packages(metadata: &Value, root: &Path) -> Outcome<Vec<Package>> {
    let read = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let needed = |dependency: &&Value| dependency["kind"] != "dev";
        Some(Package {
            name: package["name"].as_str()?.to_owned(),
            manifest: manifest.strip_prefix(root).ok()?.to_owned(),
            dependencies: package["dependencies"]
                .as_array()?
                .iter()
                .filter(needed)
                .map(|dependency| dependency["name"].as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        })
    };
    metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().map(read).collect())
        .ok_or_else(|| "cargo metadata has an unexpected shape".into())
}

/// The Rust files below a folder in name order, build outputs and hidden folders left out.
fn rust_files(root: &Path, folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files)
        .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    files.sort();
    Ok(files.iter().filter_map(|file| file.strip_prefix(root).ok()).map(Path::to_owned).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            if !hidden && name != "target" {
                collect(&entry.path(), files)?;
            }
        } else if !hidden && entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn read(root: &Path, file: &Path) -> Outcome<String> {
    fs::read_to_string(root.join(file)).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_packages_without_their_test_dependencies() {
        let sample = serde_json::json!({ "packages": [{
            "name": "carrot_sim",
            "manifest_path": "/repo/crates/carrot_sim/Cargo.toml",
            "dependencies": [
                { "name": "bevy_ecs", "kind": null },
                { "name": "cc", "kind": "build" },
                { "name": "proptest", "kind": "dev" },
            ],
        }]});
        let packages = packages(&sample, Path::new("/repo")).unwrap();
        assert_eq!(packages[0].manifest, Path::new("crates/carrot_sim/Cargo.toml"));
        assert_eq!(packages[0].dependencies, ["bevy_ecs", "cc"]);
    }

    #[test]
    fn a_violation_reads_like_a_compiler_error() {
        let violation = Violation::new(Path::new("crates/a/src/lib.rs"), 3, "no");
        assert_eq!(violation.to_string(), "crates/a/src/lib.rs:3: no");
    }
}
