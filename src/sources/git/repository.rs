//! What a repository is called, where it is hosted, which branch is its default one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{super::SourceError, cursor::digest, program::Git};
use crate::domain::text::clean;

/// Names tried when the repository does not say which branch is the default one.
const USUAL: [&str; 3] = ["main", "master", "trunk"];

/// One answer of `git for-each-ref`: heads, origin's heads and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refs {
    pub heads: BTreeMap<String, String>,
    pub origin: BTreeMap<String, String>,
    /// Branch that `origin/HEAD` points at.
    pub origin_head: Option<String>,
    /// Branch checked out, when it has commits.
    pub current: Option<String>,
    /// Tag name and object.
    pub tags: Vec<(String, String)>,
}

/// Arguments whose answer [`Refs::parse`] reads.
pub(super) const LIST_REFS: [&str; 5] =
    ["for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)%00%(HEAD)", "refs/heads", "refs/remotes/origin", "refs/tags"];

impl Refs {
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut refs = Self::default();
        for line in lines {
            let mut fields = line.split('\0');
            let mut next = || fields.next().unwrap_or_default();
            let (name, object, symref, current) = (next(), next(), next(), next());
            if let Some(name) = name.strip_prefix("refs/heads/") {
                if current == "*" {
                    refs.current = Some(name.to_owned());
                }
                refs.heads.insert(name.to_owned(), object.to_owned());
            } else if name == "refs/remotes/origin/HEAD" {
                refs.origin_head = symref.strip_prefix("refs/remotes/origin/").map(str::to_owned);
            } else if let Some(name) = name.strip_prefix("refs/remotes/origin/") {
                refs.origin.insert(name.to_owned(), object.to_owned());
            } else if let Some(name) = name.strip_prefix("refs/tags/") {
                refs.tags.push((name.to_owned(), object.to_owned()));
            }
        }
        refs
    }

    /// The branch that `wanted` names, or the default one: what origin calls its default, in a bare repository what HEAD
    /// names, else a usual name, else what is checked out.
    pub fn branch(&self, wanted: Option<&str>, bare: bool) -> Option<String> {
        let known = |b: &String| self.heads.contains_key(b) || self.origin.contains_key(b);
        if let Some(wanted) = wanted {
            let short = ["refs/heads/", "refs/remotes/origin/", "origin/"].iter().find_map(|p| wanted.strip_prefix(p));
            return [Some(wanted), short].into_iter().flatten().map(str::to_owned).find(known);
        }
        let head_of_bare = self.current.clone().filter(|_| bare);
        let usual = USUAL.iter().map(|b| (*b).to_owned());
        let only = (self.heads.len() == 1).then(|| self.heads.keys().next().cloned()).flatten();
        let candidates =
            [self.origin_head.clone(), head_of_bare].into_iter().flatten().chain(usual).chain(self.current.clone()).chain(only);
        candidates.into_iter().find(known)
    }
}

/// Which commit is the head of the default branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Branch name; `HEAD` when detached without any known branch.
    pub branch: String,
    pub sha: String,
    /// Worth saying: local and remote branch went different ways.
    pub note: Option<String>,
}

/// A clone has two branches of one name. The one that contains the other is the newer; when they have gone different
/// ways, origin's is what everybody else sees.
pub(super) async fn head(git: &Git, refs: &Refs, branch: Option<String>) -> Result<Option<Head>, SourceError> {
    let Some(branch) = branch else {
        let sha = git.word(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?;
        return Ok(sha.map(|sha| Head { branch: "HEAD".into(), sha, note: None }));
    };
    let (local, remote) = (refs.heads.get(&branch), refs.origin.get(&branch));
    let (sha, note) = match (local, remote) {
        (Some(local), Some(remote)) if local != remote => {
            let base = git.word(&["merge-base", local, remote]).await?;
            if base.as_ref() == Some(remote) {
                (local, None)
            } else if base.as_ref() == Some(local) {
                (remote, None)
            } else {
                (remote, Some(format!("local {} has gone another way than origin's, which is read", clean(&branch))))
            }
        }
        (Some(sha), _) | (None, Some(sha)) => (sha, None),
        (None, None) => return Ok(None),
    };
    Ok(Some(Head { sha: sha.clone(), branch, note }))
}

/// Where a repository lies and what it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Repository {
    /// `acme/shop` from origin's URL, else the directory's name.
    pub name: String,
    /// `https://host/acme/shop`, when origin is such a place; never with credentials.
    pub web: Option<String>,
    pub bare: bool,
    /// Digest of the shallow boundary; empty for a whole clone.
    pub shallow: String,
    /// Commits whose parents a shallow clone has not got.
    pub boundary: Vec<String>,
    /// Working tree, or the repository itself when bare.
    pub place: PathBuf,
}

/// Arguments whose answer is origin's URL.
pub(super) const ORIGIN: [&str; 3] = ["config", "--get", "remote.origin.url"];

/// Arguments whose answer [`Repository::parse`] reads. (`--git-common-dir` may be relative to the directory asked.)
pub(super) const LOCATE: [&str; 4] = ["rev-parse", "--is-bare-repository", "--absolute-git-dir", "--git-common-dir"];

impl Repository {
    pub fn parse(lines: &[String], dir: &Path, origin: Option<&str>) -> Self {
        let line = |i: usize| lines.get(i).map(String::as_str).unwrap_or_default();
        let bare = line(0) == "true";
        let common = dir.join(line(2));
        let common = common.canonicalize().unwrap_or(common);
        let shallow = std::fs::read_to_string(common.join("shallow")).unwrap_or_default();
        // A worktree or submodule has its own git directory; the repository is where the common one lies.
        let place = match common.file_name() {
            Some(name) if name == ".git" => common.parent().map_or_else(|| common.clone(), Path::to_owned),
            _ => common.clone(),
        };
        let remote = origin.and_then(Remote::parse);
        let directory = place.file_name().map(|n| n.to_string_lossy().trim_end_matches(".git").to_owned()).unwrap_or_default();
        let name = remote.as_ref().map(|r| r.name.clone()).filter(|n| !n.is_empty()).unwrap_or(directory);
        Self {
            name: if name.is_empty() { "repository".into() } else { clean(&name) },
            web: remote.and_then(|r| r.web),
            bare,
            boundary: shallow.lines().map(str::to_owned).collect(),
            shallow: if shallow.is_empty() { String::new() } else { digest([&shallow]) },
            place,
        }
    }

    /// The last part of the name: what the service of a one-service repository is called.
    pub fn short(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// What origin's URL says, without user, password and port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remote {
    name: String,
    web: Option<String>,
}

impl Remote {
    fn parse(url: &str) -> Option<Self> {
        let url = url.trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme, rest.to_owned()),
            // `git@host:acme/shop.git`, unless the part before the colon is a path or a drive.
            None => match url.split_once(':') {
                Some((host, path)) if !host.contains('/') && host.len() > 1 => ("ssh", format!("{host}/{path}")),
                _ => ("file", url.to_owned()),
            },
        };
        let path = |text: &str| text.trim_end_matches('/').trim_end_matches(".git").trim_end_matches('/').to_owned();
        let parts = |text: &str| text.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        if scheme == "file" {
            let whole = path(&rest.replace('\\', "/"));
            return Some(Self { name: parts(&whole).pop()?, web: None });
        }
        let (authority, after) = rest.split_once('/')?;
        let host = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = host.split_once(':').map_or((host, None), |(h, p)| (h, Some(p)));
        let after = path(after.split(['?', '#']).next().unwrap_or_default());
        let parts = parts(&after);
        let name = parts[parts.len().saturating_sub(2)..].join("/");
        let sound = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        let plain = after.chars().all(|c| c.is_ascii_alphanumeric() || "/._-~".contains(c));
        let port = port.filter(|p| matches!(scheme, "http" | "https") && !p.is_empty()).map(|p| format!(":{p}")).unwrap_or_default();
        let web_scheme = if scheme == "http" { "http" } else { "https" };
        let web = (matches!(scheme, "http" | "https" | "ssh" | "git") && sound && plain && parts.len() >= 2 && host.contains('.'))
            .then(|| format!("{web_scheme}://{host}{port}/{}", parts.join("/")));
        Some(Self { name, web })
    }
}

/// The git directory and the common one (for a worktree they differ), found without starting git.
pub(super) fn locate(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let start = dir.canonicalize().ok()?;
    let git_dir = start.ancestors().find_map(|at| {
        let dot = at.join(".git");
        if dot.is_file() {
            let text = std::fs::read_to_string(&dot).ok()?;
            return Some(at.join(text.trim().strip_prefix("gitdir:")?.trim()));
        }
        [dot, at.to_owned()].into_iter().find(|d| d.join("HEAD").is_file() && d.join("objects").is_dir())
    })?;
    let git_dir = git_dir.canonicalize().unwrap_or(git_dir);
    let common = std::fs::read_to_string(git_dir.join("commondir")).map_or_else(|_| git_dir.clone(), |c| git_dir.join(c.trim()));
    let common = common.canonicalize().unwrap_or(common);
    Some((git_dir, common))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> (String, Option<String>) {
        let r = Remote::parse(url).unwrap();
        (r.name, r.web)
    }

    #[test]
    fn origins_become_a_name_and_a_place_without_credentials() {
        let web = Some("https://git.example.org/acme/shop".to_owned());
        for url in [
            "https://git.example.org/acme/shop.git",
            "https://ann:secret@git.example.org/acme/shop.git",
            "https://token@git.example.org/acme/shop/",
            "ssh://git@git.example.org:2222/acme/shop.git",
            "git@git.example.org:acme/shop.git",
        ] {
            assert_eq!(remote(url), ("acme/shop".into(), web.clone()), "{url}");
        }
        assert_eq!(remote("https://git.example.org:8443/a/b/shop").1.as_deref(), Some("https://git.example.org:8443/a/b/shop"));
        assert_eq!(remote("/srv/git/shop.git"), ("shop".into(), None));
        assert_eq!(remote("file:///srv/git/shop.git"), ("shop".into(), None));
        assert_eq!(remote("../shop"), ("shop".into(), None));
        assert_eq!(remote("backup:shop.git").1, None);
        assert!(Remote::parse("").is_none());
    }

    #[test]
    fn the_default_branch_is_origins_then_a_usual_name_then_the_one_checked_out() {
        let refs = Refs::parse([
            "refs/heads/dev\0a1\0\0*",
            "refs/heads/main\0a2\0\0 ",
            "refs/remotes/origin/HEAD\0a3\0refs/remotes/origin/stable\0 ",
            "refs/remotes/origin/stable\0a3\0\0 ",
            "refs/tags/v1.0\0a4\0\0 ",
        ]);
        assert_eq!(refs.branch(None, false).as_deref(), Some("stable"));
        assert_eq!(refs.branch(Some("dev"), false).as_deref(), Some("dev"));
        assert_eq!(refs.branch(Some("refs/heads/dev"), false).as_deref(), Some("dev"));
        assert_eq!(refs.branch(Some("-x"), false), None);
        let without = Refs { origin_head: None, ..refs };
        assert_eq!(without.branch(None, false).as_deref(), Some("main"));
        assert_eq!(without.branch(None, true).as_deref(), Some("dev"));
        assert_eq!(without.tags, [("v1.0".to_owned(), "a4".to_owned())]);
    }
}
