//! Version tags: which there are, whose they are, and which changes each released first.
//!
//! The commits of the default branch that a tag reaches are always the oldest so many of its first-parent chain, also
//! for a tag on a release branch. So one number per tag, its *reach*, says everything: a tag released what lies between
//! the largest reach of the releases before it and its own. Reaches are kept in the cursor and stay true as the branch
//! grows, so a new tag costs one count.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::SourceError,
    classify::{Rules, Version},
    program::Git,
};

/// A version tag as it stands in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// Name without `refs/tags/`.
    pub name: String,
    /// First 16 digits of the ref's object: another one means the tag was moved or made anew.
    pub object: String,
    /// The commit it stands for.
    pub sha: String,
    /// When it was released: the tagger's date, else the commit's. Unix seconds.
    pub at: i64,
    /// The date lay in the future and was replaced by the time of reading.
    pub clamped: bool,
    /// The commit's date.
    pub committed: i64,
    /// What its name says.
    pub version: Version,
    /// The service it releases.
    pub service: String,
}

/// Names of services, from tag prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Services {
    /// Service of tags without a prefix, and of all tags when there is only one sort.
    pub default: String,
    /// Several prefixes are in use, so each names a service.
    pub several: bool,
}

impl Services {
    /// Judge by all version tags of a repository called `repo`.
    pub fn of<'a>(prefixes: impl Iterator<Item = &'a str>, repo: &str) -> Self {
        let distinct: HashSet<&str> = prefixes.map(|p| if p.eq_ignore_ascii_case(repo) { "" } else { p }).take(100_000).collect();
        Self { default: repo.to_owned(), several: distinct.len() > 1 }
    }

    /// The service of a prefix.
    pub fn name(&self, prefix: &str) -> String {
        let own = self.several && !prefix.is_empty() && !prefix.eq_ignore_ascii_case(&self.default);
        if own { prefix.to_owned() } else { self.default.clone() }
    }
}

/// Arguments whose answer [`parse`] reads: one line per tag.
pub(super) const LIST: [&str; 3] = [
    "for-each-ref",
    "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(*objecttype)%00%(*objectname)%00%(creatordate:unix)%00%(committerdate:unix)%00%(*committerdate:unix)",
    "refs/tags",
];

/// Version tags of commits, by name.
pub(super) async fn list(git: &Git, rules: &Rules, services: &Services, now: i64) -> Result<BTreeMap<String, Tag>, SourceError> {
    let mut tags = BTreeMap::new();
    let mut nested = Vec::new();
    for line in git.lines(&LIST).await? {
        let fields: Vec<&str> = line.split('\0').collect();
        let [name, object, kind, peeled_kind, peeled, created, committed, peeled_committed] = fields[..] else { continue };
        let Some(name) = name.strip_prefix("refs/tags/") else { continue };
        let Some(version) = rules.version(name) else { continue };
        let (sha, committed) = match (kind, peeled_kind) {
            ("commit", _) => (object, committed),
            ("tag", "commit") => (peeled, peeled_committed),
            ("tag", "tag") => (object, created),
            _ => continue,
        };
        let committed = committed.parse().unwrap_or(0);
        let at: i64 = created.parse().unwrap_or(committed);
        let service = services.name(&version.prefix);
        let object = object.get(..16).unwrap_or(object).to_owned();
        let tag = Tag { name: name.into(), object, sha: sha.into(), at: at.min(now), clamped: at > now, committed, version, service };
        if peeled_kind == "tag" {
            nested.push(tag.name.clone());
        }
        tags.insert(tag.name.clone(), tag);
    }
    // Older gits peel a tag of a tag only once.
    for name in nested {
        let inner = format!("{}^{{commit}}", tags[&name].sha);
        match (git.word(&["rev-parse", "--verify", "--quiet", &inner]).await?, tags.get_mut(&name)) {
            (Some(sha), Some(tag)) => tag.sha = sha,
            _ => drop(tags.remove(&name)),
        }
    }
    Ok(tags)
}

/// What one release brought: the commits of the default branch, counted from its beginning, in `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brought {
    /// `None`: the first release of its service, so what it brought is not known.
    pub from: Option<u64>,
    pub to: u64,
}

/// What each tag brought, given (name, service, not for production, reach, released at). A release counts against the
/// releases before it in time; a pre-release also against earlier pre-releases.
pub(super) fn brought<'a>(tags: impl Iterator<Item = (&'a str, &'a str, bool, u64, i64)>) -> HashMap<&'a str, Brought> {
    let mut sorted: Vec<_> = tags.collect();
    sorted.sort_by_key(|&(name, _, _, _, at)| (at, name));
    let mut released: HashMap<&str, (Option<u64>, Option<u64>)> = HashMap::new();
    let mut out = HashMap::new();
    for (name, service, prerelease, reach, _) in sorted {
        let (proper, any) = released.entry(service).or_default();
        let before = if prerelease { *any } else { *proper };
        out.insert(name, Brought { from: before.map(|b| b.min(reach)), to: reach });
        *any = (*any).max(Some(reach));
        if !prerelease {
            *proper = (*proper).max(Some(reach));
        }
    }
    out
}

/// Counting tags on other branches than the default one takes one command each; so many per step.
const COUNTED_PER_STEP: usize = 150;
/// Up to so many are counted one by one from the head; more are looked up in one pass over the default branch.
const FEW: usize = 8;
/// One commit in so many of the default branch is remembered as a place to count from.
const SAMPLE: u64 = 64;

/// One pass over the default branch: its length, which tags stand on it, and places to count the others from.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Commits on the default branch.
    pub height: u64,
    /// Reach of the tagged commits that are on it.
    on: HashMap<String, u64>,
    samples: Vec<Sample>,
}

/// A commit of the default branch: (its reach; its date; its name).
type Sample = (u64, i64, String);

/// Is a pass worth its time for so many tags?
pub(super) fn needs_pass(wanted: &[&Tag]) -> bool {
    wanted.len() > FEW
}

/// Make the pass.
pub(super) async fn pass(git: &Git, head: &str, wanted: &[&Tag]) -> Result<Pass, SourceError> {
    let shas: HashSet<&str> = wanted.iter().map(|t| t.sha.as_str()).collect();
    let mut pass = Pass::default();
    let on = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let Some((at, sha)) = line.split_once(' ') else { return };
        if shas.contains(sha) {
            pass.on.insert(sha.to_owned(), pass.height);
        }
        if pass.height % SAMPLE == 0 {
            pass.samples.push((pass.height, at.parse().unwrap_or(0), sha.to_owned()));
        }
        pass.height += 1;
    };
    git.each(&["rev-list", "--first-parent", "--timestamp", head, "--"], b'\n', on).await?;
    // Counted from the head so far; a reach counts from the beginning.
    let height = pass.height;
    pass.on.values_mut().chain(pass.samples.iter_mut().map(|s| &mut s.0)).for_each(|place| *place = height - *place);
    Ok(pass)
}

/// The reach of `wanted` tags and whether they stand on the default branch, which is `height` long. Some may be left for
/// the next step.
pub(super) async fn reaches(
    git: &Git,
    head: &str,
    height: u64,
    pass: Option<&Pass>,
    wanted: &[&Tag],
) -> Result<HashMap<String, (u64, bool)>, SourceError> {
    let mut found = HashMap::new();
    let mut counted = 0;
    for tag in wanted {
        if let Some(reach) = pass.and_then(|p| p.on.get(&tag.sha)) {
            found.insert(tag.name.clone(), (*reach, true));
        } else if counted < COUNTED_PER_STEP {
            counted += 1;
            let samples = pass.map_or(&[][..], |p| &p.samples);
            found.insert(tag.name.clone(), (count_from_near(git, head, height, samples, tag).await?, false));
        }
    }
    Ok(found)
}

/// How many commits of the default branch, from `top` down, a commit does not reach.
async fn missing(git: &Git, top: &str, sha: &str) -> Result<u64, SourceError> {
    git.count(&["rev-list", "--first-parent", "--count", top, &format!("^{sha}"), "--"]).await
}

/// Count from the oldest sample that is younger than the tag's commit, so that a tag of long ago does not cost the whole
/// way from the head. If the tag reaches that sample too (clocks differ), count from the head: exact in either case.
async fn count_from_near(git: &Git, head: &str, height: u64, samples: &[Sample], tag: &Tag) -> Result<u64, SourceError> {
    if let Some((reach, _, sha)) = samples.iter().rev().find(|(_, at, _)| *at > tag.committed) {
        let missing = missing(git, sha, &tag.sha).await?;
        if missing > 0 {
            return Ok(reach.saturating_sub(missing));
        }
    }
    Ok(height.saturating_sub(missing(git, head, &tag.sha).await?))
}

/// Names of the commits at places `[from, to)` of the default branch, oldest first. `top` is a commit on it and its reach.
pub(super) async fn places(git: &Git, (top, reach): (&str, u64), (from, to): (u64, u64)) -> Result<Vec<String>, SourceError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let (skip, count) = (format!("--skip={}", reach.saturating_sub(to)), format!("--max-count={}", to - from));
    let mut shas = git.lines(&["rev-list", "--first-parent", &skip, &count, top, "--"]).await?;
    shas.reverse();
    Ok(shas)
}

/// Tags to report, those that reach furthest first, so many that they name at most `limit` changes together and lie
/// within a bounded stretch of history (but at least one).
pub(super) fn portion(mut tags: Vec<(&Tag, Brought)>, limit: u64) -> Vec<(&Tag, Brought)> {
    tags.sort_by_key(|(t, b)| (std::cmp::Reverse((b.to, t.at)), t.name.clone()));
    let (mut named, mut lowest) = (0, u64::MAX);
    let highest = tags.first().map_or(0, |(_, b)| b.to);
    let fits = tags.iter().take_while(|(_, b)| {
        named += b.from.map_or(0, |from| b.to - from) + 1;
        lowest = lowest.min(b.lowest());
        named <= limit && highest - lowest.min(highest) <= 5 * limit
    });
    let count = fits.count().max(1).min(tags.len());
    tags.truncate(count);
    tags
}

/// The places of the default branch that a portion needs the names of.
pub(super) fn stretch(portion: &[(&Tag, Brought)]) -> (u64, u64) {
    let lowest = portion.iter().map(|(_, b)| b.lowest()).min().unwrap_or(0);
    (lowest, portion.iter().map(|(_, b)| b.to).max().unwrap_or(0))
}

impl Brought {
    /// The first change it brought, at least the last commit it contains.
    fn lowest(&self) -> u64 {
        self.from.unwrap_or(self.to).min(self.to.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_brings_what_no_earlier_release_of_its_service_had() {
        let tags = [
            ("v1.0", "shop", false, 3, 10),
            ("v1.1-rc1", "shop", true, 4, 15),
            ("v1.1", "shop", false, 5, 20),
            ("v1.0.1", "shop", false, 3, 25), // a backport: nothing new of the default branch
            ("v1.2", "shop", false, 9, 30),
            ("v1.2-again", "shop", false, 9, 31),
            ("pay-1.0", "pay", false, 5, 12),
        ];
        let b = brought(tags.into_iter());
        let span = |name: &str| (b[name].from, b[name].to);
        assert_eq!(span("v1.0"), (None, 3));
        assert_eq!(span("v1.1-rc1"), (Some(3), 4));
        assert_eq!(span("v1.1"), (Some(3), 5), "a pre-release ships nothing to production");
        assert_eq!(span("v1.0.1"), (Some(3), 3));
        assert_eq!(span("v1.2"), (Some(5), 9));
        assert_eq!(span("v1.2-again"), (Some(9), 9));
        assert_eq!(span("pay-1.0"), (None, 5));
    }

    #[test]
    fn one_prefix_is_a_habit_and_two_are_services() {
        let one = Services::of(["rel", "rel"].into_iter(), "shop");
        assert!(!one.several);
        assert_eq!(one.name("rel"), "shop");
        let two = Services::of(["api", "web", ""].into_iter(), "shop");
        assert!(two.several);
        assert_eq!((two.name("api"), two.name("")), ("api".into(), "shop".into()));
        assert!(!Services::of(["", "Shop"].into_iter(), "shop").several);
    }
}
