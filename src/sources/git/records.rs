//! From commits and tags to records. Pure; every text is cleaned and every person hashed here.

use chrono::DateTime;

use super::{
    classify::{Rules, person, title_and_branch},
    history::{Landed, MAX_COMMITS, Side, dated},
    repository::Repository,
    tags::{Brought, Services, Tag},
};
use crate::domain::{
    Time,
    record::{Body, Catalog, Change, ChangeCommit, ChangeState, DeployStatus, Deployment, Record},
    text::clean_in_place,
};

/// Tier of releases that count, and of those that do not.
const PRODUCTION: &str = "production";
const PRERELEASE: &str = "pre-release";

/// What all records of one reading share.
pub(super) struct Maker<'a> {
    pub source: &'a str,
    pub repo: &'a Repository,
    pub services: &'a Services,
    pub rules: &'a Rules,
    pub branch: &'a str,
    pub now: Time,
}

impl Maker<'_> {
    fn record(&self, id: String, body: Body) -> Record {
        Record { repo: Some(self.repo.name.clone()), ..Record::new(self.source, id, body) }
    }

    fn at_commit(&self, id: String, sha: &str, body: Body) -> Record {
        let url = self.repo.web.as_ref().map(|web| format!("{web}/commit/{sha}"));
        let service = (!self.services.several).then(|| self.services.default.clone());
        Record { service, url, ..self.record(id, body) }
    }

    /// A change, as it landed. `reverts` is the commit of the change it undoes.
    pub fn change(&self, landed: &Landed, reverts: Option<&String>) -> Record {
        let commit = &landed.commit;
        let (title, branch) = title_and_branch(&commit.message);
        let (name, mail) = landed.author.as_ref().map_or((&commit.name, &commit.mail), |(n, m)| (n, m));
        let number = self.rules.number(&commit.message);
        let merge = commit.parents.len() > 1;
        let (merged_at, clock) = self.instant(commit.committed);
        let own = Side { sha: commit.sha.clone(), authored: commit.authored, committed: commit.committed, is_merge: false };
        let brought: &[Side] = if landed.sides.is_empty() { std::slice::from_ref(&own) } else { &landed.sides };
        let mut paths = commit.paths.clone();
        paths.iter_mut().for_each(clean_in_place);
        let body = Change {
            number,
            change_type: self.rules.change_type(&title),
            title,
            author: Some(person(mail, name)),
            author_is_bot: self.rules.is_bot(name, mail),
            state: Some(ChangeState::Merged),
            merged_at: Some(merged_at),
            merge_sha: Some(commit.sha.clone()),
            base_sha: commit.parents.first().cloned(),
            head_sha: if merge { commit.parents.get(1).cloned() } else { None },
            base_ref: Some(self.branch.to_owned()),
            merge_method: if merge { Some("merge".into()) } else { number.map(|_| "squash".into()) },
            commits: brought.iter().map(|s| self.commit(s)).collect(),
            paths,
            additions: commit.lines.map(|(added, _)| added),
            deletions: commit.lines.map(|(_, removed)| removed),
            reverts: reverts.map(|sha| change_id(sha)),
            ..Change::default()
        };
        let mut record = self.at_commit(change_id(&commit.sha), &commit.sha, Body::Change(body));
        let mut label = |name: &str, value: Option<String>| record.labels.extend(value.map(|v| (name.to_owned(), v)));
        label("branch", branch);
        label("clock", clock.map(str::to_owned));
        label("paths_in_all", (commit.paths_total > commit.paths.len()).then(|| commit.paths_total.to_string()));
        label("commits_in_all", (landed.sides_total > MAX_COMMITS).then(|| landed.sides_total.to_string()));
        let cut = landed.sides.iter().any(|s| self.repo.boundary.contains(&s.sha));
        label("history", cut.then(|| "shallow".to_owned()));
        record
    }

    fn commit(&self, side: &Side) -> ChangeCommit {
        let committed = self.instant(side.committed).0;
        let authored = dated(side.authored).map_or(committed, |at| self.instant(Some(at)).0);
        ChangeCommit { sha: side.sha.clone(), authored_at: Some(authored), committed_at: Some(committed), is_merge: side.is_merge }
    }

    /// A first-parent commit of a repository without version tags, taken for a deployment.
    pub fn assumed(&self, landed: &Landed) -> Record {
        let commit = &landed.commit;
        let (finished_at, clock) = self.instant(commit.committed);
        let (name, mail) = (&commit.name, &commit.mail);
        let body = Deployment {
            status: DeployStatus::Success,
            finished_at: Some(finished_at),
            sha: Some(commit.sha.clone()),
            version: Some(commit.sha.get(..10).unwrap_or(&commit.sha).to_owned()),
            reference: Some(self.branch.to_owned()),
            change_ids: vec![change_id(&commit.sha)],
            actor: Some(person(mail, name)),
            actor_is_bot: self.rules.is_bot(name, mail),
            assumed: true,
            ..Deployment::default()
        };
        let mut record = self.at_commit(assumed_id(&commit.sha), &commit.sha, Body::Deployment(body));
        record.service = Some(self.services.default.clone());
        record.env_tier = Some(PRODUCTION.into());
        record.labels.extend(clock.map(|c| ("clock".to_owned(), c.to_owned())));
        record
    }

    /// A version tag. `changes` are the commits of the default branch it released first, `base` the newest it contains.
    pub fn release(&self, tag: &Tag, brought: Brought, changes: &[String], base: Option<&String>) -> Record {
        let (finished_at, clock) = self.instant(Some(tag.at));
        let body = Deployment {
            // Packages released from one commit are one release.
            group_id: self.services.several.then(|| format!("release:{}", tag.sha)),
            status: DeployStatus::Success,
            finished_at: Some(finished_at),
            sha: Some(tag.sha.clone()),
            version: Some(tag.version.version.clone()),
            base_sha: base.filter(|base| **base != tag.sha).cloned(),
            reference: Some(cleaned(&tag.name)),
            change_ids: changes.iter().rev().map(|sha| change_id(sha)).collect(),
            ..Deployment::default()
        };
        let mut record = self.at_commit(tag_id(&tag.name), &tag.sha, Body::Deployment(body));
        record.service = Some(tag.service.clone());
        record.env_tier = Some(if tag.version.prerelease { PRERELEASE } else { PRODUCTION }.into());
        if brought.from.is_none() {
            // What a first release brought is all of history; how much is left out stays visible.
            record.labels.insert("first_release".into(), brought.to.to_string());
        }
        let clock = if tag.clamped { Some("future") } else { clock };
        record.labels.extend(clock.map(|c| ("clock".to_owned(), c.to_owned())));
        record
    }

    /// The catalog, as of the head's date.
    pub fn catalog(&self, catalog: Catalog, head_at: Option<i64>) -> Record {
        Record { ts: Some(self.instant(head_at).0), ..self.record("catalog".into(), Body::Catalog(catalog)) }
    }

    /// A change that is no longer there.
    pub fn no_change(&self, sha: &str) -> Record {
        self.tombstone(change_id(sha), Body::Change(Change::default()))
    }

    /// An assumed deployment that is no longer there.
    pub fn no_assumed(&self, sha: &str) -> Record {
        self.tombstone(assumed_id(sha), Body::Deployment(Deployment::default()))
    }

    /// A tag that is no longer there.
    pub fn no_release(&self, name: &str) -> Record {
        self.tombstone(tag_id(name), Body::Deployment(Deployment::default()))
    }

    fn tombstone(&self, id: String, body: Body) -> Record {
        Record { ts: Some(self.now), deleted: true, ..self.record(id, body) }
    }

    /// An instant no later than now, and what is wrong with the clock that said otherwise.
    fn instant(&self, at: Option<i64>) -> (Time, Option<&'static str>) {
        match at {
            Some(at) if at > self.now.timestamp() => (self.now, Some("future")),
            Some(at) if at > 0 => (DateTime::from_timestamp(at, 0).unwrap_or(self.now), None),
            _ => (Time::UNIX_EPOCH, Some("unset")),
        }
    }
}

fn cleaned(text: &str) -> String {
    crate::domain::text::clean(text)
}

fn change_id(sha: &str) -> String {
    format!("change:{sha}")
}

fn assumed_id(sha: &str) -> String {
    format!("commit-deploy:{sha}")
}

fn tag_id(name: &str) -> String {
    format!("tag:{}", cleaned(name))
}
