//! Where the configuration and the store are, and reading the one with all its faults.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{Stop, args::Global};
use crate::{
    config::{Config, Fault},
    sources::{self, git::Discovered},
};

/// What a command works on.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// The database file.
    pub store: PathBuf,
}

/// What a command cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Something to watch: a configuration, or a repository.
    Sources,
    /// A store only; with `--store` no configuration is needed.
    Store,
}

/// Where a configuration was looked for and found.
#[derive(Debug)]
enum Found {
    /// Named by the person.
    Named(PathBuf),
    /// The platform's own.
    Default(PathBuf),
    /// None; the repository one stands in.
    Repository(Discovered),
    /// Neither, and why not the repository.
    Nothing(String),
}

/// Find and read the configuration, and say where the store is.
///
/// # Errors
/// [`Stop::Use`] with every fault of the configuration, or what to do when there is nothing to watch.
pub fn open(global: &Global, need: Need) -> Result<Opened, Stop> {
    let found = find(global)?;
    let config = match &found {
        Found::Named(path) | Found::Default(path) => load(path).map_err(|faults| Stop::Use(listed(&faults)))?,
        Found::Repository(repo) => Config::zero(&repo.path, &repo.name),
        Found::Nothing(_) if need == Need::Store && global.store.is_some() => {
            Config { sources: Vec::new(), ..Config::zero(Path::new("."), "no configuration") }
        }
        Found::Nothing(why) => return Err(nothing_to_watch(why)),
    };
    let store = match global.store.clone().or_else(|| config.store.path.clone()) {
        Some(path) => path,
        None => default_store(&found)?,
    };
    Ok(Opened { config: Arc::new(config), store })
}

/// [`open`], for commands that read what must already be there.
///
/// # Errors
/// As [`open`]; [`Stop::Could`] when there is no store, and how one comes to be.
pub fn open_reader(global: &Global) -> Result<(Opened, crate::store::Reader), Stop> {
    let opened = open(global, Need::Store)?;
    if !opened.store.exists() {
        let at = opened.store.display();
        return Err(Stop::Could(format!("no store at {at} yet; start `quarterdeck` once, or fill it with `quarterdeck import`")));
    }
    let reader = crate::store::Reader::open(&opened.store)?;
    Ok((opened, reader))
}

fn find(global: &Global) -> Result<Found, Stop> {
    if let Some(path) = &global.config {
        return Ok(Found::Named(path.clone()));
    }
    if let Some(path) = std::env::var_os("QUARTERDECK_CONFIG").filter(|p| !p.is_empty()) {
        return Ok(Found::Named(path.into()));
    }
    if let Some(path) = project().map(|p| p.config_dir().join("config.toml")).filter(|p| p.exists()) {
        return Ok(Found::Default(path));
    }
    let here = std::env::current_dir().map_err(|e| Stop::Could(format!("the directory we stand in: {e}")))?;
    Ok(sources::git::discover(&here).map_or_else(Found::Nothing, Found::Repository))
}

fn nothing_to_watch(why: &str) -> Stop {
    let place = project().map_or_else(|| "config.toml".into(), |p| p.config_dir().join("config.toml").display().to_string());
    Stop::Use(format!(
        "nothing to watch: there is no configuration, and {why}.\n  \
         Either change into a git repository and run `quarterdeck` there,\n  \
         or write a configuration to {place} (or name one with --config), for example:\n\n    \
         [[source]]\n    name = \"code\"\n    kind = \"git\"\n    path = \"/path/to/a/repository\""
    ))
}

/// Read and check a configuration file: the common part, and every source's own keys.
///
/// # Errors
/// Every fault.
pub fn load(path: &Path) -> Result<Config, Vec<Fault>> {
    let config = Config::load(path)?;
    let faults: Vec<Fault> = config.sources.iter().filter_map(|s| sources::build(s).err()).flatten().collect();
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

/// All faults, one per line.
#[must_use]
pub fn listed(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|f| format!("\n  {f}")).collect();
    let many = if faults.len() == 1 { "1 fault".into() } else { format!("{} faults", faults.len()) };
    format!("the configuration has {many}; nothing was started:{}", lines.concat())
}

fn default_store(found: &Found) -> Result<PathBuf, Stop> {
    let data =
        project().ok_or_else(|| Stop::Use("this system names no directory for data; set HOME, or name a store with --store".into()))?;
    let data = data.data_dir();
    Ok(match found {
        Found::Named(path) => data.join("configs").join(own_name(path)),
        // One store for all worktrees of a repository.
        Found::Repository(repo) => {
            data.join("repos").join(format!("{}-{}.db", safe(repo.name.rsplit('/').next().unwrap_or_default()), repo.id))
        }
        Found::Default(_) | Found::Nothing(_) => data.join("store.db"),
    })
}

/// `name-hash.db`: readable, and different for two paths with one name.
fn own_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let hash = hash.iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
    let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{}-{hash:016x}.db", safe(&name))
}

/// A name that is a file name everywhere.
fn safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).take(40).collect()
}

/// Where logs go.
#[must_use]
pub fn state_dir() -> Option<PathBuf> {
    let dirs = project()?;
    Some(dirs.state_dir().unwrap_or(dirs.data_dir()).to_path_buf())
}

fn project() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "quarterdeck")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_configurations_of_one_name_have_two_stores() {
        let (a, b) = (own_name(Path::new("/nowhere/a/shop.toml")), own_name(Path::new("/nowhere/b/shop.toml")));
        assert!(a.starts_with("shop-") && b.starts_with("shop-") && a != b, "{a} {b}");
        assert_eq!(a, own_name(Path::new("/nowhere/a/shop.toml")));
        assert!(own_name(Path::new("/x/a b\u{1b}[31m.toml")).starts_with("a_b_"));
    }

    #[test]
    fn a_missing_configuration_is_a_fault_that_names_the_file() {
        let faults = load(Path::new("/nowhere/quarterdeck.toml")).unwrap_err();
        assert!(listed(&faults).contains("/nowhere/quarterdeck.toml: cannot read"), "{faults:?}");
    }
}
