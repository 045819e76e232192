//! Who may depend on whom: the rooms of the house and what each alone may name.

use super::{Package, Violation};

/// A crate and the workspace crates it may use outside its tests.
const ROOMS: [(&str, &[&str]); 13] = [
    ("carrot_scene", &[]),
    ("carrot_sim", &["carrot_scene"]),
    ("carrot_physics", &["carrot_sim", "carrot_scene"]),
    ("carrot_reward", &["carrot_sim", "carrot_scene"]),
    ("carrot_tasks", &["carrot_sim", "carrot_physics", "carrot_reward", "carrot_scene"]),
    ("carrot_record", &["carrot_sim", "carrot_reward"]),
    // Scenes, because a learner reads its own open part of them.
    ("carrot_learn", &["carrot_sim", "carrot_reward", "carrot_record", "carrot_scene"]),
    ("carrot_render", &["carrot_sim"]),
    ("carrot_judge", &["carrot_scene", "carrot_reward", "carrot_record"]),
    ("carrot_lab", BELOW_LAB),
    ("carrot_app", LAB_AND_BELOW),
    ("carrot_cli", LAB_AND_BELOW),
    ("xtask", &[]),
];

const LAB_AND_BELOW: &[&str] = &[
    "carrot_lab",
    "carrot_scene",
    "carrot_sim",
    "carrot_physics",
    "carrot_reward",
    "carrot_tasks",
    "carrot_record",
    "carrot_learn",
    "carrot_render",
    "carrot_judge",
];

const BELOW_LAB: &[&str] = LAB_AND_BELOW.split_at(1).1;

/// Packages that hold the others together in tests and measurements; they may use everything.
const FREE: [&str; 2] = ["tests", "benches"];

/// An outside crate (a name, or a beginning of names before `*`) and the rooms that may name it.
/// The first line that fits decides.
const OWNERS: [(&str, &[&str]); 21] = [
    ("ron", &["carrot_scene"]),
    ("miette", &["carrot_scene"]),
    ("bevy_app", &["carrot_sim"]),
    ("bevy_ecs", &["carrot_sim", "carrot_physics", "carrot_reward", "carrot_tasks", "carrot_lab"]),
    ("bevy*", &["carrot_app"]),
    ("egui*", &["carrot_app"]),
    ("rapier*", &["carrot_physics"]),
    ("parry*", &["carrot_physics"]),
    ("parquet", &["carrot_record"]),
    ("gif", &["carrot_record"]),
    ("tch", &["carrot_learn"]),
    // Elsewhere only for its build script's word on where libtorch lies.
    ("torch-sys", &["carrot_learn", "carrot_lab", "carrot_app", "carrot_cli"]),
    ("wgpu", &["carrot_render"]),
    ("tokio", &["carrot_judge"]),
    ("reqwest", &["carrot_judge"]),
    ("ureq", &["carrot_judge"]),
    ("hyper", &["carrot_judge"]),
    ("plotters*", &["carrot_lab"]),
    ("minijinja", &["carrot_lab"]),
    ("clap", &["carrot_cli"]),
    ("indicatif", &["carrot_cli"]),
];

/// Checks one package's dependencies; its manifest's text gives the lines.
pub(super) fn check(package: &Package, manifest: &str) -> Vec<Violation> {
    if FREE.contains(&bare(&package.name)) {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == package.name) else {
        let message = format!("`{}` is not among the rooms; add it to xtask's table", package.name);
        return vec![Violation::new(&package.manifest, 1, message)];
    };
    let offence = |dependency: &String| {
        let message = if ROOMS.iter().any(|(room, _)| room == dependency) {
            let is_allowed = allowed.contains(&dependency.as_str());
            (!is_allowed).then(|| format!("`{}` may not depend on `{dependency}`", package.name))
        } else {
            let owners = owners(dependency).filter(|owners| !owners.contains(&package.name.as_str()));
            owners.map(|owners| format!("only {} may name `{dependency}`", owners.join(", ")))
        };
        message.map(|message| Violation::new(&package.manifest, line_of(manifest, dependency), message))
    };
    package.dependencies.iter().filter_map(offence).collect()
}

fn owners(dependency: &str) -> Option<&'static [&'static str]> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => dependency.starts_with(beginning),
        None => dependency == pattern,
    };
    OWNERS.iter().find(|(pattern, _)| fits(pattern)).map(|(_, owners)| *owners)
}

/// `carrot_tests` and `tests` are the same package to the rules.
fn bare(name: &str) -> &str {
    name.trim_start_matches("carrot").trim_start_matches(['_', '-'])
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let line =
            line.trim_start().trim_start_matches("[dependencies.").trim_start_matches("[build-dependencies.");
        line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=', ']']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, dependencies: &[&str]) -> Vec<String> {
        let manifest = dependencies.iter().map(|name| format!("{name}.workspace = true\n"));
        let manifest = format!("[dependencies]\n{}", manifest.collect::<String>());
        let package = Package {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            dependencies: dependencies.iter().map(|name| (*name).into()).collect(),
        };
        check(&package, &manifest).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn the_table_itself_points_only_down() {
        for (index, (room, allowed)) in ROOMS.iter().enumerate() {
            let lower: Vec<&str> = ROOMS[..index].iter().map(|(room, _)| *room).collect();
            assert!(allowed.iter().all(|name| lower.contains(name)), "{room}");
        }
    }

    #[test]
    fn an_edge_upwards_is_refused_at_its_line() {
        assert_eq!(messages("carrot_reward", &["carrot_sim", "carrot_scene", "libm"]), [""; 0]);
        assert_eq!(
            messages("carrot_reward", &["carrot_sim", "carrot_tasks"]),
            ["Cargo.toml:3: `carrot_reward` may not depend on `carrot_tasks`"]
        );
        assert_eq!(messages("carrot_lab", &["carrot_learn", "carrot_cli"]).len(), 1);
        assert_eq!(messages("carrot_cli", &["carrot_lab", "carrot_scene", "clap"]), [""; 0]);
    }

    #[test]
    fn an_outside_crate_is_named_by_its_owner_alone() {
        assert_eq!(messages("carrot_learn", &["tch", "torch-sys"]), [""; 0]);
        assert_eq!(messages("carrot_lab", &["torch-sys", "bevy_ecs", "plotters"]), [""; 0]);
        assert_eq!(messages("carrot_lab", &["tch"]), ["Cargo.toml:2: only carrot_learn may name `tch`"]);
        for (room, name) in [
            ("carrot_sim", "rapier3d-urdf"),
            ("carrot_tasks", "bevy_app"),
            ("carrot_record", "bevy_ecs"),
            ("carrot_lab", "bevy_render"),
            ("carrot_lab", "ron"),
            ("carrot_sim", "torch-sys"),
        ] {
            assert_eq!(messages(room, &[name]).len(), 1, "{room} {name}");
        }
    }

    #[test]
    fn tests_and_benches_are_free_and_strangers_are_not() {
        assert_eq!(messages("carrot_tests", &["tch", "carrot_lab"]), [""; 0]);
        assert_eq!(messages("benches", &["rapier3d"]), [""; 0]);
        assert_eq!(messages("carrot_gadget", &[]).len(), 1);
    }
}
