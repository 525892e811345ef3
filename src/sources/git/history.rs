//! Reading a stretch of the default branch: first-parent commits, newest first, with the commits each merge brought.
//!
//! A stretch costs one `git log` of the first-parent chain with the paths each commit touches, and, when there are
//! merges in it, one `git log` of everything between its ends without paths. The second one comes children first, so
//! a single pass hands every side commit to the oldest merge that reaches it, remembering only the open ends.

use std::collections::HashMap;

use super::{super::SourceError, cursor::Span, program::Git};

/// Most paths kept of one change; the rest is only counted.
pub(super) const MAX_PATHS: usize = 300;
/// Most commits kept of one change; the rest is only counted.
pub(super) const MAX_COMMITS: usize = 300;
/// Most messages kept of a change's own commits, to see whether it is a revert.
const MAX_MESSAGES: usize = 2;

/// Fields of a commit, each ended by NUL; `//` cannot begin a path, so it tells a commit from the paths before it.
const FORMAT: &str = "--format=//%H%x00%P%x00%at%x00%ct%x00%aN%x00%aE%x00%B%x00";
const FIELDS: usize = 7;

/// A commit as git tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Commit {
    pub sha: String,
    pub parents: Vec<String>,
    /// Unix seconds; `None` when git cannot say (before 1970, or nonsense).
    pub authored: Option<i64>,
    pub committed: Option<i64>,
    pub name: String,
    pub mail: String,
    pub message: String,
    pub paths: Vec<String>,
    /// Paths in all, also those not kept.
    pub paths_total: usize,
    /// Lines added and removed, when asked for.
    pub lines: Option<(i64, i64)>,
}

/// A commit that came in with a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub sha: String,
    pub authored: Option<i64>,
    pub committed: Option<i64>,
    pub is_merge: bool,
}

/// One change: a first-parent commit, with what it brought when it is a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Landed {
    pub commit: Commit,
    pub sides: Vec<Side>,
    pub sides_total: usize,
    /// Of the side commits that are not merges: author of the last one and messages of the first few.
    pub author: Option<(String, String)>,
    pub messages: Vec<String>,
    /// Earliest author date of all side commits, also those not kept.
    pub started: Option<i64>,
    /// Side commits that are not merges.
    pub own_total: usize,
}

/// A stretch read.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// Newest first.
    pub changes: Vec<Landed>,
    /// What is left of the span.
    pub rest: Option<Span>,
    /// Which change brought a side commit.
    pub owner: HashMap<String, usize>,
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// First-parent commits at most.
    pub limit: usize,
    /// Stop before the first one older than this (Unix seconds).
    pub since: Option<i64>,
    /// Paths too.
    pub paths: bool,
    /// Line counts too.
    pub lines: bool,
}

/// Read the newest part of a span.
pub(super) async fn read(git: &Git, span: &Span, options: Options) -> Result<Stretch, SourceError> {
    let (commits, complete) = mainline(git, span, options).await?;
    let mut changes: Vec<Landed> = commits.into_iter().map(|commit| Landed { commit, ..Landed::default() }).collect();
    let old = changes.iter().position(|c| options.since.is_some_and(|since| c.commit.committed.is_some_and(|at| at < since)));
    let reached_end = old.is_some() || (complete && changes.len() < options.limit);
    let below = changes.get(old.unwrap_or(changes.len())).map(|c| c.commit.sha.clone());
    changes.truncate(old.unwrap_or(changes.len()));
    let next = below.or_else(|| changes.last().and_then(|c| c.commit.parents.first().cloned()));
    let rest =
        next.clone().filter(|n| !reached_end && Some(n) != span.bottom.as_ref()).map(|top| Span { top, bottom: span.bottom.clone() });
    let bottom = if rest.is_some() || old.is_some() { next } else { span.bottom.clone() };
    let owner = sides(git, &mut changes, bottom.as_deref()).await?;
    Ok(Stretch { changes, rest, owner })
}

/// The first-parent chain below a commit, without paths.
pub(super) async fn glance(git: &Git, top: String, limit: usize) -> Result<Vec<Commit>, SourceError> {
    let options = Options { limit, since: None, paths: false, lines: false };
    Ok(mainline(git, &Span { top, bottom: None }, options).await?.0)
}

/// The first-parent chain, newest first, and whether it was read as far as asked: what was read when time ran out is
/// kept, so that a slow disk makes small steps instead of none.
async fn mainline(git: &Git, span: &Span, options: Options) -> Result<(Vec<Commit>, bool), SourceError> {
    let limit = format!("-n{}", options.limit);
    let not_bottom = span.bottom.as_ref().map(|b| format!("^{b}"));
    let mut args = vec!["log", "-z", "-m", "--first-parent", "--encoding=UTF-8", "--no-color", "--no-ext-diff", "--no-textconv"];
    args.extend(["--no-renames", FORMAT, &limit]);
    args.push(if !options.paths {
        "--no-patch"
    } else if options.lines {
        "--numstat"
    } else {
        "--name-only"
    });
    args.push(&span.top);
    args.extend(not_bottom.as_deref());
    args.push("--");
    let mut reader = Reader::default();
    let mut commits: Vec<Commit> = Vec::new();
    let ended = git.each(&args, 0, |piece| reader.take(piece, |commit| commits.push(commit))).await;
    let last = reader.finish();
    match ended {
        Ok(()) => {
            commits.extend(last);
            Ok((commits, true))
        }
        // The last one may lack paths; the one before it is whole.
        Err(SourceError::Slow(_)) if !commits.is_empty() => Ok((commits, false)),
        Err(e) => Err(e),
    }
}

/// Hand out the commits that merges brought.
async fn sides(git: &Git, changes: &mut [Landed], bottom: Option<&str>) -> Result<HashMap<String, usize>, SourceError> {
    let mut owner = HashMap::new();
    let Some(first_merge) = changes.iter().position(|c| c.commit.parents.len() > 1) else { return Ok(owner) };
    let top = changes[first_merge].commit.sha.clone();
    let not_bottom = bottom.map(|b| format!("^{b}"));
    let mut args = vec!["log", "-z", "--topo-order", "--no-patch", "--encoding=UTF-8", "--no-color", FORMAT, &top];
    args.extend(not_bottom.as_deref());
    args.push("--");

    let on_mainline: HashMap<String, usize> = changes.iter().enumerate().map(|(i, c)| (c.commit.sha.clone(), i)).collect();
    let mut open: HashMap<String, usize> = HashMap::new();
    let mut hand_out = |commit: Commit| {
        let (brought_by, through) = match on_mainline.get(&commit.sha) {
            Some(&i) => (i, 1),
            None => match open.remove(&commit.sha) {
                Some(i) => (i, 0),
                None => return,
            },
        };
        for parent in commit.parents.iter().skip(through).filter(|p| !on_mainline.contains_key(*p)) {
            // Newest first: the larger index is the older merge, which had it first.
            let at = open.entry(parent.clone()).or_insert(brought_by);
            *at = (*at).max(brought_by);
        }
        if through == 0 {
            if owner.len() < MAX_OWNED {
                owner.insert(commit.sha.clone(), brought_by);
            }
            changes[brought_by].bring(commit);
        }
    };
    let mut reader = Reader::default();
    git.each(&args, 0, |piece| reader.take(piece, &mut hand_out)).await?;
    if let Some(last) = reader.finish() {
        hand_out(last);
    }
    Ok(owner)
}

/// Most side commits of one stretch whose change is remembered, to find what a revert undoes.
const MAX_OWNED: usize = 200_000;

impl Landed {
    fn bring(&mut self, commit: Commit) {
        self.sides_total += 1;
        let is_merge = commit.parents.len() > 1;
        let began = dated(commit.authored).or(dated(commit.committed));
        if !is_merge {
            self.own_total += 1;
            if self.messages.len() < MAX_MESSAGES {
                self.messages.push(commit.message);
            }
            // The newest comes first: its author had the last hand in it.
            self.author.get_or_insert((commit.name, commit.mail));
            if let Some(began) = began {
                self.started = Some(self.started.map_or(began, |s| s.min(began)));
            }
        }
        let side = Side { sha: commit.sha, authored: commit.authored, committed: commit.committed, is_merge };
        if self.sides.len() < MAX_COMMITS {
            self.sides.push(side);
        } else if !is_merge && began.is_some() && began == self.started {
            // The earliest one decides the lead time and is always kept.
            self.sides.pop();
            self.sides.push(side);
        }
    }
}

/// A date that can be one: a clock at or before 1970 was not set.
pub(super) fn dated(at: Option<i64>) -> Option<i64> {
    at.filter(|at| *at > 0)
}

/// Puts pieces of `git log -z` together to commits.
#[derive(Debug, Default)]
struct Reader {
    commit: Option<Commit>,
    field: usize,
}

impl Reader {
    fn take(&mut self, piece: &[u8], mut done: impl FnMut(Commit)) {
        if let Some(sha) = piece.strip_prefix(b"//")
            && (self.commit.is_none() || self.field >= FIELDS)
        {
            if let Some(commit) = self.commit.replace(Commit { sha: text(sha), ..Commit::default() }) {
                done(commit);
            }
            self.field = 1;
            return;
        }
        let Some(commit) = &mut self.commit else { return };
        match self.field {
            1 => commit.parents = text(piece).split(' ').filter(|p| !p.is_empty()).map(str::to_owned).collect(),
            2 => commit.authored = date(piece),
            3 => commit.committed = date(piece),
            4 => commit.name = text(piece),
            5 => commit.mail = text(piece),
            6 => commit.message = text(piece),
            _ => commit.touch(piece),
        }
        self.field += 1;
    }

    fn finish(self) -> Option<Commit> {
        self.commit
    }
}

impl Commit {
    /// One path, or `added TAB removed TAB path` (`-` for a binary file).
    fn touch(&mut self, piece: &[u8]) {
        let mut piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        let mut counts = piece.splitn(3, |b| *b == b'\t');
        if let (Some(added), Some(removed), Some(path)) = (counts.next(), counts.next(), counts.next())
            && let (Some(added), Some(removed)) = (line_count(added), line_count(removed))
        {
            let (a, r) = self.lines.unwrap_or_default();
            self.lines = Some((a.saturating_add(added), r.saturating_add(removed)));
            piece = path;
        }
        if piece.is_empty() {
            return;
        }
        self.paths_total += 1;
        if self.paths.len() < MAX_PATHS {
            self.paths.push(text(piece));
        }
    }
}

/// Unix seconds; a number too large for one is the far future, anything else no date.
fn date(text: &[u8]) -> Option<i64> {
    let number: i128 = std::str::from_utf8(text).ok()?.parse().ok()?;
    i64::try_from(number).ok().or((number > 0).then_some(i64::MAX))
}

fn line_count(text: &[u8]) -> Option<i64> {
    if text == b"-" { Some(0) } else { std::str::from_utf8(text).ok()?.parse().ok() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where two first-parent chains part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fork {
    /// The newest commit on both; `None` when they share nothing, or what they share is gone.
    pub common: Option<String>,
    /// On the old one only, newest first.
    pub gone: Vec<String>,
    /// How many are on the new one only.
    pub new: u64,
}

/// Compare the chain known so far (`old`, or `recent` when its objects are gone) with the new one.
pub(super) async fn fork(git: &Git, old: &str, recent: &[String], new: &str) -> Result<Fork, SourceError> {
    let old_exists = git.word(&["cat-file", "-t", old]).await?.is_some();
    let mut window = 1_000usize;
    loop {
        let was = if old_exists { chain(git, old, window).await? } else { recent.to_vec() };
        let is = chain(git, new, window).await?;
        let at: HashMap<&str, u64> = is.iter().map(String::as_str).zip(0..).collect();
        if let Some(i) = was.iter().position(|sha| at.contains_key(sha.as_str())) {
            return Ok(Fork { common: Some(was[i].clone()), gone: was[..i].to_vec(), new: at[was[i].as_str()] });
        }
        if was.len() < window && is.len() < window {
            return Ok(Fork { common: None, gone: was, new: is.len() as u64 });
        }
        window *= 10;
    }
}

/// The newest commits of a first-parent chain.
pub(super) async fn chain(git: &Git, top: &str, limit: usize) -> Result<Vec<String>, SourceError> {
    git.lines(&["rev-list", "--first-parent", &format!("-n{limit}"), top, "--"]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<Commit> {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        for piece in bytes.split(|b| *b == 0) {
            reader.take(piece, |c| out.push(c));
        }
        out.extend(reader.finish());
        out
    }

    #[test]
    fn commits_and_their_paths_are_told_apart() {
        let got = read_all(b"//aa\0bb cc\x001\x002\0N\0m@x\0Title\n\nBody //x\0\0\na b\0c\xff\0//bb\0\0\0x\0N\0\0//looks like one\0\0");
        assert_eq!(got.len(), 2);
        assert_eq!((got[0].parents.len(), got[0].authored, got[0].committed), (2, Some(1), Some(2)));
        assert_eq!(got[0].paths, ["a b", "c\u{fffd}"]);
        assert_eq!((got[1].message.as_str(), got[1].authored, got[1].committed), ("//looks like one", None, None));
        assert!(got[1].paths.is_empty());
    }

    #[test]
    fn line_counts_add_up_and_binary_files_count_none() {
        let got = read_all(b"//aa\0\x001\x002\0N\0m\0T\0\0\n3\t1\ta\x00-\t-\tb.png\0");
        assert_eq!(got[0].lines, Some((3, 1)));
        assert_eq!(got[0].paths, ["a", "b.png"]);
    }

    #[test]
    fn the_earliest_commit_of_a_huge_merge_is_kept() {
        let mut landed = Landed::default();
        for i in 0..MAX_COMMITS + 50 {
            let at = if i == MAX_COMMITS + 20 { 5 } else { 1_000 };
            landed.bring(Commit { sha: i.to_string(), authored: Some(at), committed: Some(at), ..Commit::default() });
        }
        assert_eq!(landed.sides.len(), MAX_COMMITS);
        assert_eq!(landed.sides_total, MAX_COMMITS + 50);
        assert_eq!(landed.started, Some(5));
        assert!(landed.sides.iter().any(|s| s.authored == Some(5)));
    }
}
