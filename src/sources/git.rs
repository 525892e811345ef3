//! The `git` source: changes, releases and owners out of a local repository, with nothing to configure.
//!
//! Changes are the first-parent commits of the default branch; deployments are version tags, or, where there are none,
//! the changes themselves (*assumed*). History is read newest first in steps; afterwards a poll that finds nothing new
//! costs two short git commands. Must not: write to the repository, talk to a network, keep or show who somebody is.

mod catalog;
mod classify;
mod cursor;
mod history;
mod program;
mod reading;
mod records;
mod repository;
mod reverts;
mod tags;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{Batch, Cursor, Fut, Kind, Settings, Source, SourceError};
use crate::{
    config::Fault,
    domain::{Time, record::Kind as RecordKind, text::clean},
};
use classify::{Compiler, Rules};
use program::Git;

/// A local git repository.
pub const KIND: Kind = Kind {
    name: "git",
    summary: "a local repository: changes, releases by version tags, reverts, owners; nothing to configure",
    example: EXAMPLE,
    feeds: &[RecordKind::Change, RecordKind::Deployment, RecordKind::Catalog],
    every: Duration::from_secs(60),
    build,
};

const EXAMPLE: &str = r#"[[source]]
name = "code"
kind = "git"
path = "."                       # default: where this file lies; without a config: where you stand
# branch = "main"                # default: what origin calls its default branch, else main, master, trunk, else HEAD
# deploy_from = "auto"           # "tags", "commits", or "auto": tags, and commits (assumed) where no tag reads as a version
# tag_pattern = '^(?:(?P<service>.+)-)?v?(?P<version>\d+\.\d+\.\d+.*)$'
# prerelease_pattern = '(?i)-(rc|beta)'   # looked for in the version; a pre-release is not production
# default_service = "shop"       # service of tags without a prefix; default: the repository's name
# services = { api = ["services/api/**"], web = ["web/**"] }
# repo = "acme/shop"             # default: from origin's URL, else the directory's name
# bots = ['(?i)-ci <']           # more machine accounts, looked for in `Name <mail>`
# change_types = { fix = '^BUG-' }        # more types than conventional commits, looked for in the title
# number_patterns = ['^\[(?P<number>\d+)\]']
# revert_patterns = ['^Roll back (?P<sha>[0-9a-f]{7,})']   # groups: sha, number or title
# paths = true                   # changed paths, for owners and services; the dearest part of reading
# lines = false                  # count added and removed lines too: about twice as dear
# backfill = "365d"              # default: all of history
"#;

/// Where deployments are taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DeployFrom {
    #[default]
    Auto,
    Tags,
    Commits,
}

/// The kind's own keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Own {
    path: String,
    branch: Option<String>,
    repo: Option<String>,
    default_service: Option<String>,
    services: BTreeMap<String, Vec<String>>,
    deploy_from: DeployFrom,
    tag_pattern: String,
    prerelease_pattern: String,
    bots: Vec<String>,
    number_patterns: Vec<String>,
    revert_patterns: Vec<String>,
    change_types: BTreeMap<String, String>,
    paths: bool,
    lines: bool,
    program: String,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            path: ".".into(),
            branch: None,
            repo: None,
            default_service: None,
            services: BTreeMap::new(),
            deploy_from: DeployFrom::Auto,
            tag_pattern: classify::TAG.into(),
            prerelease_pattern: classify::PRERELEASE.into(),
            bots: Vec::new(),
            number_patterns: Vec::new(),
            revert_patterns: Vec::new(),
            change_types: BTreeMap::new(),
            paths: true,
            lines: false,
            program: "git".into(),
        }
    }
}

impl Own {
    /// Every pattern compiled; the settings' own come before the defaults.
    fn rules(&self) -> Result<Rules, Vec<(&'static str, String)>> {
        let mut compile = Compiler { faults: Vec::new() };
        let with =
            |own: &[String], defaults: &[&str]| own.iter().cloned().chain(defaults.iter().map(|d| (*d).to_owned())).collect::<Vec<_>>();
        let tag = compile.pattern("tag_pattern", &self.tag_pattern, &[]);
        let prerelease = compile.pattern("prerelease_pattern", &self.prerelease_pattern, &[]);
        let bots = compile.patterns("bots", &with(&self.bots, &classify::BOTS), &[]);
        let numbers = compile.patterns("number_patterns", &with(&self.number_patterns, &classify::NUMBERS), &["number"]);
        let reverts = compile.patterns("revert_patterns", &with(&self.revert_patterns, &classify::REVERTS), &["sha", "number", "title"]);
        let types = compile.types(&self.change_types);
        match (tag, prerelease) {
            (Some(tag), Some(prerelease)) if compile.faults.is_empty() => Ok(Rules { tag, prerelease, bots, numbers, reverts, types }),
            _ => Err(compile.faults),
        }
    }
}

/// A repository to read.
struct GitSource {
    name: String,
    own: Own,
    rules: Rules,
    git: Git,
    backfill: Option<Duration>,
    /// Of the settings: another one means reading all again.
    digest: String,
}

fn build(settings: &Settings) -> Result<Box<dyn Source>, Vec<Fault>> {
    let own: Own = settings.own.read()?;
    let rules = own.rules().map_err(|faults| {
        let fault = |(key, message)| settings.own.fault_at(key, format!("source `{}`: {message}", settings.name));
        faults.into_iter().map(fault).collect::<Vec<_>>()
    })?;
    let digest = cursor::digest([format!("{own:?}"), format!("{:?}", settings.backfill), "1".into()]);
    let git = Git { program: own.program.clone().into(), dir: settings.own.path(&own.path), timeout: settings.timeout };
    Ok(Box::new(GitSource { name: settings.name.clone(), rules, git, backfill: settings.backfill, digest, own }))
}

impl Source for GitSource {
    fn poll<'a>(&'a self, cursor: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        Box::pin(reading::poll(self, cursor, now))
    }

    /// What git touches when a commit or tag is made, also from another worktree.
    fn watch(&self) -> Vec<PathBuf> {
        let Some((git_dir, common)) = repository::locate(&self.git.dir) else { return Vec::new() };
        let mut paths = vec![git_dir.join("HEAD"), common.join("HEAD"), common.join("refs"), common.join("packed-refs")];
        paths.extend([common.join("logs"), common.join("reftable"), common.join("shallow")]);
        paths.dedup();
        paths
    }
}

/// A repository one stands in, for starting without a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// `acme/shop` from origin's URL, else the directory's name.
    pub name: String,
    /// Top of the working tree, or the repository itself when bare.
    pub path: PathBuf,
    /// Default branch; `None` while there are no commits.
    pub branch: Option<String>,
    /// Same for all worktrees of one repository, different for any other: 16 hexadecimal digits.
    pub id: String,
}

/// The repository that `dir` is in.
///
/// # Errors
/// In words for a person: no repository, not allowed to read it, no git program; and what to do.
pub fn discover(dir: &Path) -> Result<Discovered, String> {
    let git = Git { program: "git".into(), dir: dir.to_owned(), timeout: Duration::from_secs(30) };
    let said = |e: SourceError| e.to_string();
    let located = git.lines_now(&repository::LOCATE).map_err(said)?;
    let origin = git.lines_now(&repository::ORIGIN).unwrap_or_default();
    let repo = repository::Repository::parse(&located, dir, origin.first().map(String::as_str));
    let top = git.lines_now(&["rev-parse", "--show-toplevel"]).ok().and_then(|l| l.into_iter().next());
    let lines = git.lines_now(&repository::LIST_REFS).map_err(said)?;
    let refs = repository::Refs::parse(lines.iter().map(String::as_str));
    Ok(Discovered {
        path: top.map_or_else(|| repo.place.clone(), PathBuf::from),
        branch: refs.branch(None, repo.bare).map(|b| clean(&b)),
        id: cursor::digest([repo.place.to_string_lossy().as_bytes()]),
        name: repo.name,
    })
}
