//! Where things lie: the repository root and the user's cache folder.

use std::env;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// The repository root: two folders above this package, which cargo names when it runs it.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).map(Path::to_path_buf).unwrap_or(package)
}

/// The link through which cargo finds libtorch, as `.cargo/config.toml` names it.
pub(crate) fn libtorch_link() -> PathBuf {
    root().join(".libtorch")
}

/// Carrot's folder in the user's cache: outside the clone, safe to delete at any time.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn cache() -> Outcome<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("carrot"))
        .ok_or_else(|| "no cache folder: set XDG_CACHE_HOME or HOME".into())
}

/// The `LIBTORCH` that the user set, not the one that `.cargo/config.toml` fills in when there is none.
pub(crate) fn user_libtorch() -> Option<PathBuf> {
    let set = env::var_os("LIBTORCH").filter(|value| !value.is_empty()).map(PathBuf::from)?;
    (set != libtorch_link()).then_some(set)
}
