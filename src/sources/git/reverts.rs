//! Which change a revert undoes. Messages name a commit, a number or a title; records name the change that carried it.

use std::collections::HashMap;

use super::{
    super::SourceError,
    classify::{Rules, Undone, title_and_branch},
    history::{self, Commit, Landed, Stretch},
    program::Git,
};

/// How far below a stretch to look for what a revert names.
const LOOK_BACK: usize = 3_000;
/// Most reverted commits per step that are looked for in all of history.
const SEARCHES: usize = 5;

/// Changes by what a message may call them; of several with one number the newest.
#[derive(Default)]
struct Names {
    shas: HashMap<String, String>,
    numbers: HashMap<i64, String>,
    /// With how far down they stand, newest first: a title may have come back after it was reverted.
    titles: HashMap<String, Vec<(usize, String)>>,
    added: usize,
}

impl Names {
    fn add(&mut self, rules: &Rules, commit: &Commit) {
        let sha = || commit.sha.clone();
        self.shas.entry(sha()).or_insert_with(sha);
        if let Some(number) = rules.number(&commit.message) {
            self.numbers.entry(number).or_insert_with(sha);
        }
        self.titles.entry(title_and_branch(&commit.message).0).or_default().push((self.added, sha()));
        self.added += 1;
    }

    /// What the change at place `at`, named `not`, undoes.
    fn find(&self, undone: &Undone, at: usize, not: &str) -> Option<String> {
        let by_sha = || {
            let sha = undone.sha.as_deref()?;
            let abbreviated = || self.shas.iter().find(|(full, _)| full.starts_with(sha)).map(|(_, change)| change);
            self.shas.get(sha).or_else(|| (sha.len() < 40).then(abbreviated).flatten())
        };
        let by_number = || undone.number.and_then(|n| self.numbers.get(&n));
        let by_title = || {
            let title = undone.title.as_ref().filter(|_| undone.sha.is_none())?;
            self.titles.get(title)?.iter().find(|(place, _)| *place > at).map(|(_, change)| change)
        };
        by_sha().or_else(by_number).or_else(by_title).filter(|found| *found != not).cloned()
    }
}

/// For changes of a stretch that undo another: the commit that other change is named by.
pub(super) async fn resolve(git: &Git, head: &str, stretch: &Stretch, rules: &Rules) -> Result<HashMap<usize, String>, SourceError> {
    let mut open: Vec<(usize, Undone)> = stretch.changes.iter().enumerate().filter_map(|(i, c)| Some((i, undone(rules, c)?))).collect();
    let mut found = HashMap::new();
    if open.is_empty() {
        return Ok(found);
    }
    let mut names = Names::default();
    for change in &stretch.changes {
        names.add(rules, &change.commit);
    }
    for (side, &i) in &stretch.owner {
        names.shas.insert(side.clone(), stretch.changes[i].commit.sha.clone());
    }
    settle(&names, stretch, &mut open, &mut found);
    if open.is_empty() {
        return Ok(found);
    }
    if let Some(below) = stretch.changes.last().and_then(|c| c.commit.parents.first()) {
        for commit in history::glance(git, below.clone(), LOOK_BACK).await? {
            names.add(rules, &commit);
        }
        settle(&names, stretch, &mut open, &mut found);
    }
    for (i, undone) in open.iter().filter(|(_, u)| u.sha.is_some()).take(SEARCHES) {
        let sha = undone.sha.as_deref().unwrap_or_default();
        if let Some(change) = carrier(git, head, sha).await? {
            found.insert(*i, change);
        }
    }
    Ok(found)
}

fn settle(names: &Names, stretch: &Stretch, open: &mut Vec<(usize, Undone)>, found: &mut HashMap<usize, String>) {
    open.retain(|(i, undone)| match names.find(undone, *i, &stretch.changes[*i].commit.sha) {
        Some(change) => found.insert(*i, change).is_some(),
        None => true,
    });
}

/// A change undoes another when its own message says so, or the message of its only commit.
fn undone(rules: &Rules, change: &Landed) -> Option<Undone> {
    let own = rules.undone(&change.commit.message);
    let only = || if change.own_total == 1 { rules.undone(change.messages.first()?) } else { None };
    match (own, only()) {
        (Some(own), Some(only)) => {
            Some(Undone { sha: own.sha.or(only.sha), number: own.number.or(only.number), title: own.title.or(only.title) })
        }
        (own, only) => own.or(only),
    }
}

/// The commit of the default branch that first had `sha`: itself, or the merge that brought it; `None` when it is not in
/// the history of `head`.
async fn carrier(git: &Git, head: &str, sha: &str) -> Result<Option<String>, SourceError> {
    let Some(sha) = git.word(&["rev-parse", "--verify", "--quiet", &format!("{sha}^{{commit}}")]).await? else { return Ok(None) };
    let without = format!("^{sha}");
    let later = git.lines(&["rev-list", "--first-parent", "--parents", head, &without, "--"]).await?;
    let mut oldest = later.last().map(|l| l.split(' ')).into_iter().flatten().skip(1);
    if head == sha || oldest.next() == Some(sha.as_str()) {
        return Ok(Some(sha));
    }
    let mut between = std::collections::HashSet::new();
    git.each(&["rev-list", "--ancestry-path", head, &without, "--"], b'\n', |line| {
        between.insert(line.to_vec());
    })
    .await?;
    let first_word = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    Ok(later.iter().rev().map(first_word).find(|sha| between.contains(sha.as_bytes())))
}
