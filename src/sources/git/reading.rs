//! One poll: compare the repository with the cursor, read the next step, say how far it is.
//!
//! A step takes the newest unread stretch of history, or a portion of the releases. Anything that was reported and is no
//! longer true (rewritten history, moved tags, other settings) is taken back or reported again with the time of reading
//! as its revision; a plain first reading carries the events' own times, so that reading twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Batch, Cursor, SourceError},
    DeployFrom, GitSource,
    catalog::{catalog, codeowners_object},
    cursor::{Known, RECENT, Reported, Span, State, digest},
    history::{self, Options, dated},
    program::Git,
    records::Maker,
    repository::{Head, LIST_REFS, LOCATE, ORIGIN, Refs, Repository, head},
    reverts,
    tags::{self, Services, Tag},
};
use crate::domain::{Time, health::Progress, record::Record, text::clean};

/// First-parent commits of the first step: small, so that the screen fills at once.
const FIRST: usize = 1_000;
/// First-parent commits of every other step: some tenths of a second.
const STEP: usize = 5_000;
/// Changes that the releases of one step may name together.
const NAMED: u64 = 20_000;

/// Read the next step.
pub(super) async fn poll(source: &GitSource, cursor: &Cursor, now: Time) -> Result<Batch, SourceError> {
    let git = &source.git;
    let state = State::parse(&cursor.0);
    let located = git.lines(&LOCATE).await?;
    let lines = git.lines(&LIST_REFS).await?;
    let whereabouts = Repository::parse(&located, &git.dir, None);
    let checked_out = std::fs::read(std::path::Path::new(located.get(1).map_or("", String::as_str)).join("HEAD")).unwrap_or_default();
    let seen = digest([source.digest.as_bytes(), whereabouts.shallow.as_bytes(), &checked_out, lines.join("\n").as_bytes()]);
    if !state.is_fresh() && !state.is_busy() && state.refs == seen {
        return Ok(Batch { cursor: cursor.clone(), message: state.said.clone(), backfilled_from: from(&state), ..Batch::default() });
    }

    let origin = git.word(&ORIGIN).await?;
    let mut repo = Repository::parse(&located, &git.dir, origin.as_deref());
    repo.name = source.own.repo.as_deref().map_or(repo.name, clean);
    let refs = Refs::parse(lines.iter().map(String::as_str));
    let branch = refs.branch(source.own.branch.as_deref(), repo.bare);
    if let (Some(wanted), None) = (&source.own.branch, &branch) {
        let known = refs.heads.keys().chain(refs.origin.keys()).collect::<BTreeSet<_>>();
        let known = known.into_iter().take(12).map(|b| clean(b)).collect::<Vec<_>>().join(", ");
        return Err(SourceError::Malformed(format!("{}: no branch `{}`; there are: {known}", repo.name, clean(wanted))));
    }
    let Some(head) = head(git, &refs, branch).await? else {
        let message = format!("{}: no commits yet on the default branch", repo.name);
        return Ok(Batch { cursor: cursor.clone(), message, ..Batch::default() });
    };
    let mut step = Step::new(source, &repo, &refs, &head, state, now);
    step.state.refs = seen;
    let fresh = step.state.is_fresh();
    step.notice().await?;
    step.history(if fresh { FIRST } else { STEP }).await?;
    // The first step of a long history leaves counting to the next one.
    if !fresh || step.state.todo.is_empty() {
        step.releases().await?;
    }
    step.owners().await?;
    Ok(step.finish())
}

/// A poll under way.
struct Step<'a> {
    source: &'a GitSource,
    git: &'a Git,
    repo: &'a Repository,
    refs: &'a Refs,
    head: &'a Head,
    services: Services,
    /// Deployments are assumed from commits.
    assumed: bool,
    /// Assumed deployments were reported before.
    were_assumed: bool,
    now: Time,
    state: State,
    records: Vec<Record>,
}

impl<'a> Step<'a> {
    fn new(source: &'a GitSource, repo: &'a Repository, refs: &'a Refs, head: &'a Head, mut state: State, now: Time) -> Self {
        let versions: Vec<_> = refs.tags.iter().filter_map(|(name, _)| source.rules.version(name)).collect();
        let default = source.own.default_service.as_deref().map_or_else(|| repo.short().to_owned(), clean);
        let services = Services::of(versions.iter().map(|v| v.prefix.as_str()), &default);
        let assumed = match source.own.deploy_from {
            DeployFrom::Auto => versions.is_empty(),
            DeployFrom::Tags => false,
            DeployFrom::Commits => true,
        };
        let were_assumed = state.assumed;
        state.assumed = assumed;
        Self { source, git: &source.git, repo, refs, head, services, assumed, were_assumed, now, state, records: Vec::new() }
    }

    fn maker(&self) -> Maker<'_> {
        Maker {
            source: &self.source.name,
            repo: self.repo,
            services: &self.services,
            rules: &self.source.rules,
            branch: &self.head.branch,
            now: self.now,
        }
    }

    /// What is new or no longer there: plan what to read, take back what is gone.
    async fn notice(&mut self) -> Result<(), SourceError> {
        let several = if self.services.several { "several" } else { "one" };
        let assumed = if self.assumed { "assumed" } else { "tags" };
        let web = self.repo.web.as_deref().unwrap_or_default();
        let (name, shallow) = (self.repo.name.as_str(), self.repo.shallow.as_str());
        let rules = digest([self.source.digest.as_str(), name, web, shallow, &self.head.branch, several, assumed, &self.services.default]);
        let fresh = self.state.is_fresh();
        let again = self.state.rules != rules && !fresh;
        self.state.rules = rules;
        if fresh {
            self.read_all();
        } else if again || self.state.head != self.head.sha {
            self.follow(again).await?;
        }
        Ok(())
    }

    /// The head has moved, or everything is to be read again.
    async fn follow(&mut self, again: bool) -> Result<(), SourceError> {
        let fork = history::fork(self.git, &self.state.head, &self.state.recent, &self.head.sha).await?;
        let rewritten = !fork.gone.is_empty() || fork.common.is_none();
        for sha in &fork.gone {
            let make = self.maker();
            let mut gone = vec![make.no_change(sha)];
            if self.were_assumed {
                gone.push(make.no_assumed(sha));
            }
            self.records.extend(gone);
        }
        self.state.corrected |= rewritten || again;
        self.state.lost |= fork.common.is_none();
        self.state.sweep |= again && self.were_assumed && !self.assumed;
        let restart = again || (rewritten && !self.state.todo.is_empty());
        let Some(common) = fork.common.filter(|_| !restart) else {
            self.read_all();
            return Ok(());
        };
        if self.state.height > 0 {
            let gone = fork.gone.len() as u64;
            let shared = self.state.height.saturating_sub(gone);
            for tag in self.state.tags.values_mut().filter(|t| gone > 0 && t.reach.is_none_or(|r| r > shared)) {
                (tag.reach, tag.reported) = (None, Reported::No);
            }
            self.state.height = shared + fork.new;
            self.state.done = self.state.done.saturating_sub(gone);
            self.state.total = self.state.total.saturating_sub(gone) + fork.new;
        }
        if fork.new > 0 {
            self.state.todo.insert(0, Span { top: self.head.sha.clone(), bottom: Some(common) });
        }
        self.state.head.clone_from(&self.head.sha);
        Ok(())
    }

    /// Plan to read everything.
    fn read_all(&mut self) {
        let since = self.source.backfill.and_then(|b| i64::try_from(b.as_secs()).ok()).map(|b| self.now.timestamp().saturating_sub(b));
        self.state.head.clone_from(&self.head.sha);
        self.state.todo = vec![Span { top: self.head.sha.clone(), bottom: None }];
        self.state.since = since;
        (self.state.height, self.state.done, self.state.total, self.state.future) = (0, 0, 0, 0);
        self.state.oldest = None;
        self.state.recent.clear();
        self.state.catalog.clear();
        for tag in self.state.tags.values_mut() {
            (tag.reach, tag.reported) = (None, Reported::No);
        }
    }

    /// Read the newest unread stretch.
    async fn history(&mut self, limit: usize) -> Result<(), SourceError> {
        let Some(span) = self.state.todo.first().cloned() else { return Ok(()) };
        let options = Options { limit, since: self.state.since, paths: self.source.own.paths, lines: self.source.own.lines };
        // A slow disk must not eat the whole poll: what was read in a third of its time is a smaller step.
        let quick = Git { timeout: self.git.timeout / 3, ..self.git.clone() };
        let mut stretch = history::read(&quick, &span, options).await?;
        match stretch.rest.take() {
            Some(rest) => self.state.todo[0] = rest,
            None => drop(self.state.todo.remove(0)),
        }
        let undone = reverts::resolve(self.git, &self.head.sha, &stretch, &self.source.rules).await?;
        let mut records = Vec::with_capacity(stretch.changes.len());
        for (i, landed) in stretch.changes.iter().enumerate() {
            if let Some(at) = dated(landed.commit.committed) {
                self.state.oldest = Some(self.state.oldest.map_or(at, |o| o.min(at)));
                self.state.future += u64::from(at > self.now.timestamp());
            }
            // What the oldest commit of a shallow clone brought is not known.
            if self.repo.boundary.contains(&landed.commit.sha) {
                continue;
            }
            let make = self.maker();
            records.push(make.change(landed, undone.get(&i)));
            if self.assumed {
                records.push(make.assumed(landed));
            } else if self.state.sweep {
                records.push(make.no_assumed(&landed.commit.sha));
            }
        }
        self.records.extend(records);
        self.state.done += stretch.changes.len() as u64;
        if self.state.todo.is_empty() {
            self.state.sweep = false;
        }
        if span.top == self.state.head {
            self.state.recent = history::chain(self.git, &self.state.head, RECENT).await?;
        }
        Ok(())
    }

    /// Report releases that are new, changed or gone.
    async fn releases(&mut self) -> Result<(), SourceError> {
        let listed: Vec<&str> = self.refs.tags.iter().flat_map(|(name, object)| [name.as_str(), object.as_str()]).collect();
        let seen = digest(listed);
        if seen == self.state.tags_seen && !self.state.tags_pending() {
            return Ok(());
        }
        self.state.tags_seen = seen;
        let now = self.now.timestamp();
        let tags = if self.assumed { BTreeMap::new() } else { tags::list(self.git, &self.source.rules, &self.services, now).await? };
        self.compare(&tags);
        let wanted: Vec<&Tag> = tags.values().filter(|t| self.state.tags[&t.name].reach.is_none()).collect();
        let head = self.head.sha.as_str();
        let pass =
            if self.state.height == 0 || tags::needs_pass(&wanted) { Some(tags::pass(self.git, head, &wanted).await?) } else { None };
        if let Some(pass) = &pass {
            self.measured(pass.height).await?;
        }
        let reaches = tags::reaches(self.git, head, self.state.height, pass.as_ref(), &wanted).await?;
        for (name, (reach, on)) in reaches {
            self.state.tags.entry(name).and_modify(|t| (t.reach, t.on) = (Some(reach), on));
        }
        if self.state.tags.values().any(|t| t.reach.is_none()) {
            return Ok(()); // the next step goes on counting
        }
        self.report(&tags).await
    }

    /// The length of the default branch; the first time it also says how much there is to read.
    async fn measured(&mut self, height: u64) -> Result<(), SourceError> {
        if self.state.height == 0 {
            self.state.total = match self.state.since {
                Some(since) => {
                    let since = format!("--since=@{since}");
                    self.git.count(&["rev-list", "--first-parent", "--count", &since, &self.head.sha, "--"]).await?
                }
                None => height,
            };
        }
        self.state.height = height;
        Ok(())
    }

    /// Bring the known tags in line with those there are; take back those that are gone.
    fn compare(&mut self, tags: &BTreeMap<String, Tag>) {
        let gone: Vec<String> = self.state.tags.keys().filter(|name| !tags.contains_key(*name)).cloned().collect();
        for name in gone {
            if self.state.tags.remove(&name).is_some_and(|t| t.reported != Reported::No) || self.state.corrected {
                self.state.corrected = true;
                self.records.push(self.maker().no_release(&name));
            }
        }
        for tag in tags.values() {
            let new = Known { object: tag.object.clone(), reach: None, on: false, at: tag.at, reported: Reported::No };
            match self.state.tags.get_mut(&tag.name) {
                None => drop(self.state.tags.insert(tag.name.clone(), new)),
                Some(known) if known.object != tag.object => {
                    *known = new;
                    self.state.corrected = true;
                }
                Some(_) => {}
            }
        }
    }

    /// Report a portion of the releases that are new, or that brought something else than was reported.
    async fn report(&mut self, tags: &BTreeMap<String, Tag>) -> Result<(), SourceError> {
        let all = tags.values().map(|t| {
            let known = &self.state.tags[&t.name];
            (t.name.as_str(), t.service.as_str(), t.version.prerelease, known.reach.unwrap_or(0), known.at)
        });
        let brought = tags::brought(all);
        let mut open = Vec::new();
        for tag in tags.values() {
            let (brought, known) = (brought[tag.name.as_str()], &self.state.tags[&tag.name]);
            if known.reported == brought.from.into() {
                continue;
            }
            self.state.corrected |= known.reported != Reported::No;
            open.push((Tag { at: known.at, ..tag.clone() }, brought));
        }
        for (tag, _) in &open {
            self.state.tags.entry(tag.name.clone()).and_modify(|t| t.reported = Reported::No);
        }
        let portion = tags::portion(open.iter().map(|(t, b)| (t, *b)).collect(), NAMED);
        let stretch = tags::stretch(&portion);
        // The furthest tag is a shorter way to its stretch than the head, when it stands on the branch.
        let top = match portion.first() {
            Some((tag, brought)) if self.state.tags[&tag.name].on => (tag.sha.as_str(), brought.to),
            _ => (self.head.sha.as_str(), self.state.height),
        };
        let places = tags::places(self.git, top, stretch).await?;
        for (tag, brought) in portion {
            self.state.tags.entry(tag.name.clone()).and_modify(|t| t.reported = brought.from.into());
            if self.state.since.is_some_and(|since| tag.at < since) {
                continue;
            }
            self.state.future += u64::from(tag.clamped);
            let between = |from: u64| places.get(index(from, stretch.0)..index(brought.to, stretch.0)).unwrap_or_default();
            // Where the settings say which paths are the service's, the ledger picks its changes by ancestry and paths.
            let by_paths = self.source.own.services.get(&tag.service).is_some_and(|paths| !paths.is_empty());
            let changes = brought.from.filter(|_| !by_paths).map(between).unwrap_or_default();
            let base = between(brought.to.saturating_sub(1)).last();
            let record = self.maker().release(tag, brought, changes, base);
            self.records.push(record);
        }
        Ok(())
    }

    /// The catalog record, when its content is new.
    async fn owners(&mut self) -> Result<(), SourceError> {
        let object = codeowners_object(self.git, &self.head.sha).await?;
        let mut services = self.source.own.services.clone();
        if services.is_empty() {
            services.insert(self.services.default.clone(), Vec::new());
            if self.services.several {
                let versions = self.refs.tags.iter().filter_map(|(name, _)| self.source.rules.version(name));
                services.extend(versions.map(|v| (self.services.name(&v.prefix), Vec::new())));
            }
        }
        let content = digest([object.clone(), format!("{services:?}")]);
        if content == self.state.catalog {
            return Ok(());
        }
        let first = self.state.catalog.is_empty();
        let body = catalog(self.git, &object, &self.repo.name, services).await?;
        let head_at = self.git.word(&["log", "-1", "--format=%ct", &self.head.sha, "--"]).await?.and_then(|at| at.parse().ok());
        let mut record = self.maker().catalog(body, head_at);
        if !first {
            record.updated_at = Some(self.now);
        }
        self.state.catalog = content;
        self.records.push(record);
        Ok(())
    }

    fn finish(mut self) -> Batch {
        if self.state.corrected {
            for record in &mut self.records {
                record.updated_at = Some(self.now);
            }
        }
        let more = self.state.is_busy();
        let message = self.message(more);
        self.state.said.clone_from(&message);
        let total = (self.state.total > 0).then_some(self.state.total);
        Batch {
            cursor: Cursor(self.state.text()),
            more,
            progress: more.then_some(Progress { done: self.state.done, total }),
            backfilled_from: from(&self.state),
            message,
            records: self.records,
            budget_left: None,
        }
    }

    /// One line for the Sources screen: what was read, and what cannot be known.
    fn message(&self, more: bool) -> String {
        let (state, branch) = (&self.state, clean(&self.head.branch));
        let short = self.head.sha.get(..8).unwrap_or_default();
        let mut said = vec![if more {
            format!("{}: {branch} at {short}, reading history: {} changes so far", self.repo.name, state.done)
        } else {
            format!("{}: {branch} at {short}, {} changes, {} releases", self.repo.name, state.done, state.tags.len())
        }];
        if self.assumed {
            said.push("no version tags: every change counts as a deployment (assumed)".into());
        }
        if !self.repo.shallow.is_empty() {
            let until = from(state).map_or_else(|| "the oldest commit".into(), |at| at.format("%Y-%m-%d").to_string());
            said.push(format!("shallow clone: history before {until} is unknown (git fetch --unshallow brings it)"));
        }
        if state.future > 0 {
            said.push(format!("{} dated in the future, taken as the time of reading", state.future));
        }
        if state.lost {
            said.push("history was replaced and the old one is gone: some of its changes may remain".into());
        }
        said.extend(self.head.note.clone());
        said.join("; ")
    }
}

/// Where a place of the default branch stands in a list that begins at `first`.
fn index(place: u64, first: u64) -> usize {
    usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX)
}

/// History is complete from here on; `None` while releases are still to come.
fn from(state: &State) -> Option<Time> {
    if state.tags_pending() {
        return None;
    }
    let oldest = if state.todo.is_empty() { state.since.or(state.oldest) } else { state.oldest };
    Time::from_timestamp(oldest?, 0)
}
