//! What every package takes from the workspace: lints, fields, and versions of dependencies.

use std::path::Path;

use super::Violation;

const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Checks one `Cargo.toml`.
pub(super) fn check(file: &Path, text: &str) -> Vec<Violation> {
    let lines = || assignments(text);
    let section_line = |name: &str| {
        let header = format!("[{name}]");
        text.lines().position(|line| line.trim() == header).map_or(1, |index| index + 1)
    };
    let mut violations = Vec::new();

    for field in INHERITED {
        let inherits = |(_, section, key, value): (usize, &str, &str, &str)| {
            section == "package" && inherits_workspace(field, key, value)
        };
        if !lines().any(inherits) {
            let message = format!("`{field}.workspace = true` is missing");
            violations.push(Violation::new(file, section_line("package"), message));
        }
    }
    if !lines().any(|(_, section, key, _)| section == "package" && key == "description") {
        violations.push(Violation::new(file, section_line("package"), "`description` is missing"));
    }
    if !lines().any(|(_, section, key, value)| section == "lints" && key == "workspace" && value == "true") {
        violations.push(Violation::new(file, section_line("lints"), "`[lints] workspace = true` is missing"));
    }
    for (line, section, key, value) in lines() {
        // `[dependencies] foo = "1"` or `foo.version`, and `[dependencies.foo] version`.
        let table = section.rsplit_once('.').map_or("", |(table, _)| table);
        let own_version = if section.ends_with("dependencies") {
            !key.ends_with(".features")
                && !inherits_workspace(key.split('.').next().unwrap_or(key), key, value)
        } else {
            table.ends_with("dependencies") && ["version", "path", "git"].contains(&key)
        };
        if own_version {
            let message = format!("`{key}` does not come from `[workspace.dependencies]`");
            violations.push(Violation::new(file, line, message));
        }
    }
    violations
}

fn inherits_workspace(name: &str, key: &str, value: &str) -> bool {
    let dotted = key.strip_suffix(".workspace") == Some(name) && value == "true";
    let spaceless: String = value.split_whitespace().collect();
    dotted || (key == name && spaceless.starts_with('{') && spaceless.contains("workspace=true"))
}

/// `key = value` lines with their section: enough of TOML for manifests written by hand.
fn assignments(text: &str) -> impl Iterator<Item = (usize, &str, &str, &str)> {
    let mut section = "";
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if line.starts_with('[') && line.ends_with(']') && !line.contains('=') {
            section = line.trim_matches(['[', ']']);
        }
        // What continues an array or an inline table begins with a quote or a bracket, not with a bare key.
        let (key, value) = line.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        let bare = key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        (bare && !key.is_empty()).then_some((index + 1, section, key, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[package]
name = \"a\"
description = \"b\"
version.workspace = true
edition = { workspace = true }
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
serde.workspace = true
serde.features = [\"rc\"]
rand = { workspace = true, features = [
    \"std\",
] }

[target.'cfg(unix)'.dependencies.libc]
workspace = true

[lints]
workspace = true
";

    fn messages(text: &str) -> Vec<String> {
        check(Path::new("Cargo.toml"), text).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_manifest_that_inherits_everything_passes() {
        assert_eq!(messages(GOOD), [""; 0]);
    }

    #[test]
    fn what_is_not_inherited_is_named() {
        assert_eq!(
            messages(&GOOD.replace("edition = { workspace = true }", "edition = \"2024\"")),
            ["Cargo.toml:1: `edition.workspace = true` is missing"]
        );
        assert_eq!(
            messages(&GOOD.replace("[lints]\nworkspace = true", "")),
            ["Cargo.toml:1: `[lints] workspace = true` is missing"]
        );
        assert_eq!(
            messages(&GOOD.replace("description = \"b\"\n", "")),
            ["Cargo.toml:1: `description` is missing"]
        );
    }

    #[test]
    fn a_dependency_with_its_own_version_is_named() {
        let one = GOOD.replace("serde.workspace = true", "serde = \"1\"");
        assert_eq!(messages(&one), ["Cargo.toml:11: `serde` does not come from `[workspace.dependencies]`"]);
        let two = GOOD.replace("dependencies.libc]\nworkspace = true", "dependencies.libc]\nversion = \"1\"");
        assert_eq!(
            messages(&two),
            ["Cargo.toml:18: `version` does not come from `[workspace.dependencies]`"]
        );
    }
}
