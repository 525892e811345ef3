//! Which files a source reads: names and patterns of the config, found within bounds.
//!
//! Looks only below the directory a pattern begins with: a symbolic link that leads out of it is not followed, a
//! directory behind a link never. Special files (pipes, devices) are not opened, for they could block for ever.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer};

use super::SourceError;
use crate::{
    config::{Fault, OwnKeys},
    domain::{Time, text::clean},
};

/// More files than this are not read by one source.
pub const MAX_FILES: usize = 1_000;
/// More directory entries than this are not looked at for one pattern.
const MAX_ENTRIES: usize = 200_000;
/// Deepest directory below the beginning of a pattern.
const MAX_DEPTH: usize = 32;
/// Directories nobody keeps reports in, and that are large.
const SKIPPED: [&str; 2] = [".git", "node_modules"];

/// One or several patterns, as `"a/*.xml"` or `["a.xml", "b.xml"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(pub Vec<String>);

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Patterns;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path or a list of paths, in which `*`, `?` and `**` match")
            }
            fn visit_str<E>(self, one: &str) -> Result<Patterns, E> {
                Ok(Patterns(vec![one.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut many: A) -> Result<Patterns, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = many.next_element()? {
                    all.push(one);
                }
                Ok(Patterns(all))
            }
        }
        d.deserialize_any(OneOrMany)
    }
}

/// The patterns of one source, ready to look.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Names are shown, and make ids, relative to it.
    dir: PathBuf,
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// The part without wildcards: a directory, or the file itself.
    base: PathBuf,
    /// What a path below `base` must match; absent: `base` is the file, or a directory of `in_directory` files.
    matcher: Option<GlobMatcher>,
    /// What is read in a directory that is named without a pattern.
    in_directory: Vec<GlobMatcher>,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// How it is called in messages and ids: relative to the config's directory when it is below it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Last change.
    pub modified: Time,
    /// Tells a replaced file from a longer one; 0 where the platform has none.
    pub inode: u64,
}

/// What was found, and what could not be looked at.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// In order of name.
    pub files: Vec<FoundFile>,
    /// One line each.
    pub problems: Vec<String>,
}

impl Paths {
    /// Patterns of the key `key`; `in_directory` says which files are read of a directory that is named plainly.
    ///
    /// # Errors
    /// A pattern that does not read as one, at its key.
    pub fn new(own: &OwnKeys, key: &str, patterns: &Patterns, in_directory: &[&str]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if patterns.0.is_empty() {
            faults.push(own.fault_at(key, "no path given; expected at least one"));
        }
        let in_directory: Vec<GlobMatcher> = in_directory.iter().filter_map(|g| matcher(g).ok()).collect();
        let mut out = Vec::new();
        for text in &patterns.0 {
            let (base, rest) = split(&own.path(text));
            match rest.map(|rest| matcher(&rest)).transpose() {
                Ok(matcher) => out.push(Pattern { base, matcher, in_directory: in_directory.clone() }),
                Err(why) => faults.push(own.fault_at(key, format!("`{}` is no path pattern: {}", clean(text), clean(&why)))),
            }
        }
        if faults.is_empty() { Ok(Self { dir: own.dir.clone(), patterns: out }) } else { Err(faults) }
    }

    /// Look. Blocks: call it off the async threads.
    ///
    /// # Errors
    /// When there is nothing at all to read.
    pub fn find(&self) -> Result<Found, SourceError> {
        let mut found = BTreeMap::new();
        let mut problems = Vec::new();
        for pattern in &self.patterns {
            pattern.find(&mut found, &mut problems);
        }
        let too_many = found.len() > MAX_FILES;
        let files: Vec<FoundFile> = found.into_iter().take(MAX_FILES).filter_map(|(path, meta)| self.found_file(path, &meta)).collect();
        if too_many {
            problems.push(format!("more than {MAX_FILES} files match; only the first {MAX_FILES} by name are read"));
        }
        if files.is_empty() {
            let why = problems.first().cloned().unwrap_or_else(|| {
                let first = self.patterns.first().map(|p| clean(&p.base.display().to_string())).unwrap_or_default();
                format!("no file matches below {first}")
            });
            return Err(SourceError::Unreachable(why));
        }
        Ok(Found { files, problems })
    }

    /// Files and directories whose change may mean something new to read: a plainly named file itself, else the directory
    /// a pattern begins with.
    #[must_use]
    pub fn watch(&self) -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = Vec::new();
        for pattern in &self.patterns {
            if !out.contains(&pattern.base) {
                out.push(pattern.base.clone());
            }
        }
        out
    }

    fn found_file(&self, path: PathBuf, meta: &fs::Metadata) -> Option<FoundFile> {
        let name = path.strip_prefix(&self.dir).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let modified = Time::from(meta.modified().ok()?);
        Some(FoundFile { name, size: meta.len(), modified, inode: inode(meta), path })
    }
}

impl Pattern {
    fn find(&self, found: &mut BTreeMap<PathBuf, fs::Metadata>, problems: &mut Vec<String>) {
        let shown = clean(&self.base.display().to_string());
        let meta = match fs::metadata(&self.base) {
            Ok(meta) => meta,
            Err(error) => {
                problems.push(format!("{shown}: {error}"));
                return;
            }
        };
        match (&self.matcher, meta.is_dir()) {
            (None, true) => self.walk(&|below| self.in_directory.iter().any(|g| g.is_match(below)), MAX_DEPTH, found, problems),
            (Some(matcher), true) => {
                let pattern = matcher.glob().glob();
                let depth = if pattern.contains("**") { MAX_DEPTH } else { pattern.matches('/').count() };
                self.walk(&|below| matcher.is_match(below), depth, found, problems);
            }
            (None, false) if meta.is_file() => {
                found.insert(self.base.clone(), meta);
            }
            _ => problems.push(format!("{shown}: not a regular file or directory")),
        }
    }

    fn walk(&self, wanted: &dyn Fn(&Path) -> bool, depth: usize, found: &mut BTreeMap<PathBuf, fs::Metadata>, problems: &mut Vec<String>) {
        let home = fs::canonicalize(&self.base).unwrap_or_else(|_| self.base.clone());
        let mut looked_at = 0;
        let mut todo = vec![(self.base.clone(), 0)];
        while let Some((dir, level)) = todo.pop() {
            let entries = match fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) => {
                    problems.push(format!("{}: {error}", clean(&dir.display().to_string())));
                    continue;
                }
            };
            for entry in entries.filter_map(Result::ok) {
                looked_at += 1;
                if looked_at > MAX_ENTRIES {
                    problems.push(format!(
                        "{}: more than {MAX_ENTRIES} entries; name the directory more closely",
                        clean(&self.base.display().to_string())
                    ));
                    return;
                }
                let path = entry.path();
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    if level < depth && !SKIPPED.iter().any(|s| entry.file_name() == *s) {
                        todo.push((path, level + 1));
                    }
                } else if path.strip_prefix(&self.base).is_ok_and(wanted)
                    && (kind.is_file() || fs::canonicalize(&path).is_ok_and(|real| real.starts_with(&home)))
                    && let Ok(meta) = fs::metadata(&path)
                    && meta.is_file()
                    && found.len() <= MAX_FILES
                {
                    found.insert(path, meta);
                }
            }
        }
    }
}

/// A path up to its first wildcard, and the rest as a pattern.
fn split(path: &Path) -> (PathBuf, Option<String>) {
    let wild = |c: &Component<'_>| c.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let parts: Vec<Component<'_>> = path.components().collect();
    match parts.iter().position(wild) {
        None => (path.to_owned(), None),
        Some(at) => {
            let rest: Vec<String> = parts[at..].iter().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            let base: PathBuf = parts[..at].iter().collect();
            (if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }, Some(rest.join("/")))
        }
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(pattern).literal_separator(true).build().map(|g| g.compile_matcher()).map_err(|e| e.to_string())
}

#[cfg(unix)]
fn inode(meta: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Run blocking file work off the async threads.
///
/// # Errors
/// The work's own; [`SourceError::Malformed`] when it broke.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, SourceError> + Send + 'static) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(SourceError::Malformed("reading broke off; this is a fault of the program, please report it".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(dir: &Path, patterns: &[&str]) -> Result<Vec<String>, SourceError> {
        let own = OwnKeys { dir: dir.to_owned(), ..OwnKeys::default() };
        let patterns = Patterns(patterns.iter().map(|p| (*p).to_owned()).collect());
        let found = Paths::new(&own, "path", &patterns, &["*.xml"]).unwrap().find()?;
        Ok(found.files.into_iter().map(|f| f.name).collect())
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        dir
    }

    #[test]
    fn names_patterns_and_directories_find_files_in_order_of_name() {
        let dir = tree(&["b/r.xml", "a/r.xml", "a/deep/er/r.xml", "top.xml", "a/r.txt", ".git/r.xml"]);
        assert_eq!(look(dir.path(), &["top.xml"]).unwrap(), ["top.xml"]);
        assert_eq!(look(dir.path(), &["*/r.xml"]).unwrap(), ["a/r.xml", "b/r.xml"]);
        assert_eq!(look(dir.path(), &["**/r.xml"]).unwrap(), ["a/deep/er/r.xml", "a/r.xml", "b/r.xml"]);
        assert_eq!(look(dir.path(), &["a"]).unwrap(), ["a/r.xml"]);
        assert_eq!(look(dir.path(), &["a/r.xml", "a/*.xml"]).unwrap(), ["a/r.xml"]);
    }

    #[test]
    fn nothing_to_read_says_what_was_looked_for() {
        let dir = tree(&["a/r.txt"]);
        assert!(look(dir.path(), &["a/*.xml"]).unwrap_err().to_string().contains("no file matches below"));
        assert!(look(dir.path(), &["gone.xml"]).unwrap_err().to_string().contains("gone.xml: No such file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_of_the_directory_is_not_followed() {
        let outside = tree(&["secret.xml"]);
        let dir = tree(&["in/r.xml"]);
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        link(&outside.path().join("secret.xml"), "in/out.xml");
        link(outside.path(), "in/outdir");
        link(&dir.path().join("in/r.xml"), "in/same.xml");
        assert_eq!(look(dir.path(), &["in/**/*.xml"]).unwrap(), ["in/r.xml", "in/same.xml"]);
    }

    #[test]
    fn a_named_file_is_watched_by_itself_and_a_pattern_by_the_directory_it_begins_with() {
        let dir = tree(&["a/r.xml", "b/r.xml"]);
        let own = OwnKeys { dir: dir.path().to_owned(), ..OwnKeys::default() };
        let patterns = Patterns(["a/r.xml", "b/*.xml", "b/?.xml"].map(str::to_owned).into());
        let watched = Paths::new(&own, "path", &patterns, &[]).unwrap().watch();
        assert_eq!(watched, [dir.path().join("a/r.xml"), dir.path().join("b")]);
    }

    #[test]
    fn a_pattern_that_is_none_is_a_fault_of_its_key() {
        let own = OwnKeys::default();
        let fault = Paths::new(&own, "path", &Patterns(vec!["a/[".into()]), &[]).unwrap_err();
        assert!(fault[0].message.contains("no path pattern"), "{fault:?}");
        assert!(Paths::new(&own, "path", &Patterns(Vec::new()), &[]).is_err());
    }
}
