//! `setup`: everything the other verbs need, found, made or named; quick when all is there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::libtorch::{self, Build};
use crate::{Outcome, place, system};

/// Set-up as the user asked for it: looks again, and moves to CUDA when a driver has come.
pub(crate) fn explicit(args: &[String]) -> Outcome {
    let build = match args {
        [] if system::has_nvidia_driver() => Build::Cuda,
        [] => Build::Cpu,
        [flag] if flag == "--cpu" => Build::Cpu,
        _ => return Err(format!("`cargo xtask setup` knows only --cpu, got `{}`", args.join(" "))),
    };
    system::need_compilers()?;
    system::need_vulkan()?;
    let link = place::libtorch_link();
    let linked = fs::canonicalize(&link).ok().filter(|folder| libtorch::check(folder).is_ok());
    match linked {
        Some(folder)
            if place::user_libtorch().is_none() && (build == Build::Cpu || libtorch::has_cuda(&folder)) =>
        {
            println!("libtorch {} is linked: {}", libtorch::VERSION, folder.display());
            Ok(())
        }
        _ => link_one(build),
    }
}

/// Set-up before another verb: silent and quick when `.libtorch` already leads to a libtorch that fits.
pub(crate) fn ensure() -> Outcome {
    system::need_compilers()?;
    system::need_vulkan()?;
    if place::user_libtorch().is_none() && libtorch::check(&place::libtorch_link()).is_ok() {
        return Ok(());
    }
    link_one(if system::has_nvidia_driver() { Build::Cuda } else { Build::Cpu })
}

fn link_one(build: Build) -> Outcome {
    let folder = libtorch::find_or_assemble(build)?;
    let link = place::libtorch_link();
    if fs::canonicalize(&link).ok() != fs::canonicalize(&folder).ok() {
        replace_link(&link, &folder)?;
        println!("linked .libtorch to {}", folder.display());
    }
    Ok(())
}

/// Puts the new link in place in one move, so that no build sees a moment without it.
fn replace_link(link: &Path, folder: &Path) -> Outcome {
    if link.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
        return Err(format!("{} is not a link; move it away", link.display()));
    }
    let fresh = link.with_extension(format!("new-{}", std::process::id()));
    symlink(folder, &fresh)
        .and_then(|()| fs::rename(&fresh, link))
        .map_err(|error| format!("cannot link {}: {error}", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_replaced_but_a_folder_is_not() {
        let base = std::env::temp_dir().join(format!("carrot-xtask-link-{}", std::process::id()));
        fs::create_dir_all(base.join("a")).unwrap();
        fs::create_dir_all(base.join("b")).unwrap();
        let link = base.join(".libtorch");
        replace_link(&link, &base.join("a")).unwrap();
        replace_link(&link, &base.join("b")).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), base.join("b"));
        assert!(replace_link(&base.join("a"), &base.join("b")).is_err());
        assert!(base.join("a").is_dir());
        fs::remove_dir_all(base).unwrap();
    }
}
