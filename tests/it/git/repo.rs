//! Making repositories: fixed dates and people, nobody's own git settings.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// 2024-03-01T00:00:00Z.
pub const START: i64 = 1_709_251_200;

/// A repository in a temporary directory, with a clock that moves an hour with every commit.
pub struct Repo {
    _dir: tempfile::TempDir,
    path: PathBuf,
    /// Unix seconds.
    pub clock: i64,
    /// Author and committer.
    pub who: (String, String),
}

impl Repo {
    /// An empty repository in `shop/`, on branch `main`.
    pub fn new() -> Self {
        let repo = Self::nowhere();
        std::fs::create_dir_all(&repo.path).unwrap();
        repo.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repo
    }

    /// A clone of another repository, in `shop/` too.
    pub fn clone_of(other: &Self, options: &[&str]) -> Self {
        let repo = Self { clock: other.clock, ..Self::nowhere() };
        let url = format!("file://{}", other.path.display());
        let parent = repo.path.parent().unwrap();
        std::fs::create_dir_all(parent).unwrap();
        let args = [&["clone", "--quiet"], options, &[url.as_str(), "shop"]].concat();
        run(parent, &args, START, &repo.who, None);
        repo
    }

    fn nowhere() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("shop");
        Self { path, clock: START, who: ("Ann Author".into(), "ann@example.org".into()), _dir: dir }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Beside the repository.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap().join(name)
    }

    pub fn git(&self, args: &[&str]) -> String {
        run(&self.path, args, self.clock, &self.who, None)
    }

    pub fn git_fed(&self, args: &[&str], input: &[u8]) -> String {
        run(&self.path, args, self.clock, &self.who, Some(input))
    }

    /// A commit that touches a file, an hour after the last; its name.
    pub fn commit(&mut self, message: &str, file: &str) -> String {
        self.clock += 3_600;
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{message}\n{}\n", self.clock)).unwrap();
        self.git(&["add", "--all"]);
        self.git_fed(&["commit", "--quiet", "--no-verify", "-F", "-"], message.as_bytes());
        self.head()
    }

    /// Commits on a branch of their own, merged; the merge's name.
    pub fn merge(&mut self, branch: &str, message: &str, commits: &[&str]) -> String {
        let back = self.git(&["symbolic-ref", "--short", "HEAD"]);
        self.git(&["switch", "--quiet", "-c", branch]);
        for title in commits {
            self.commit(title, &format!("{branch}/{title}.txt").replace(['"', ' '], "_"));
        }
        self.git(&["switch", "--quiet", &back]);
        self.clock += 3_600;
        self.git(&["merge", "--quiet", "--no-ff", "-m", message, branch]);
        self.head()
    }

    /// A lightweight tag on the head.
    pub fn tag(&self, name: &str) {
        self.git(&["tag", "--", name]);
    }

    /// An annotated tag on the head, an hour later.
    pub fn annotated(&mut self, name: &str) {
        self.clock += 3_600;
        self.git(&["tag", "-m", "release", "--", name]);
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit object with any headers and bytes on top of the head, made the new head.
    pub fn raw_commit(&self, authored: &str, committed: &str, message: &[u8]) -> String {
        let tree = self.git(&["rev-parse", "HEAD^{tree}"]);
        let parent = self.head();
        let mut text = format!("tree {tree}\nparent {parent}\nauthor Ann <ann@example.org> {authored} +0000\n").into_bytes();
        text.extend(format!("committer Ann <ann@example.org> {committed} +0000\n\n").bytes());
        text.extend(message);
        let sha = self.git_fed(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], &text);
        self.git(&["update-ref", "HEAD", &sha]);
        sha
    }
}

fn run(dir: &Path, args: &[&str], clock: i64, who: &(String, String), input: Option<&[u8]>) -> String {
    #[allow(clippy::disallowed_methods, reason = "a test makes its repository with git itself")]
    let mut command = Command::new("git");
    let date = format!("{clock} +0000");
    command.args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    command.env("GIT_AUTHOR_NAME", &who.0).env("GIT_AUTHOR_EMAIL", &who.1).env("GIT_AUTHOR_DATE", &date);
    command.env("GIT_COMMITTER_NAME", &who.0).env("GIT_COMMITTER_EMAIL", &who.1).env("GIT_COMMITTER_DATE", &date);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("git is on PATH");
    child.stdin.take().unwrap().write_all(input.unwrap_or_default()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
}

impl Repo {
    /// `count` commits `<word>0`, `<word>1`, … ten minutes apart from the start, replacing `main`; the last of every
    /// thousand is tagged when asked for.
    pub fn import(&mut self, count: i64, word: &str, tags: bool) {
        let mut stream = String::from("reset refs/heads/main\n\n");
        for i in 0..count {
            self.clock = START + i * 600;
            let at = self.clock;
            let commit = format!("commit refs/heads/main\nmark :1\ncommitter Ann <ann@example.org> {at} +0000\ndata <<E\n{word}{i}\nE\n\n");
            stream.push_str(&commit);
            if tags && i % 1_000 == 999 {
                let tag = format!("reset refs/tags/v0.{i}.0\nfrom :1\n\n");
                stream.push_str(&tag);
            }
        }
        self.git_fed(&["fast-import", "--quiet", "--force"], stream.as_bytes());
        self.git(&["reset", "--quiet", "--hard"]);
    }

    /// A commit, then a merge of two commits from branch `topic` as pull request 12; the merge's name.
    pub fn merge_first(&mut self) -> String {
        self.commit("first", "a.txt");
        self.merge("topic", "Merge pull request #12 from acme/topic\n\nAdd a thing", &["one", "two"])
    }
}
