//! The `git` source on real repositories, made by the git program in temporary directories.

mod change;
mod odd;
mod release;
mod repo;
mod rewritten;

use std::path::Path;

use chrono::{DateTime, Duration};
use quarterdeck::{
    config::Config,
    domain::{
        Time,
        record::{Body, Change, Deployment, Record},
    },
    sources::{self, Batch, Cursor, Fut, Source, SourceError},
};

pub use self::repo::Repo;

/// A small repository with a bit of everything: for tests of other parts.
pub fn contract_repository() -> Repo {
    let mut repo = Repo::new();
    repo.commit("feat: first", "src/a.txt");
    repo.tag("v1.0.0");
    repo.merge("topic", "Merge pull request #2 from acme/topic\n\nAdd a thing", &["one", "two"]);
    repo.annotated("v1.1.0");
    repo.commit("fix: mend it (#3)", "src/b.txt");
    repo
}

/// The evaluation instant of these tests: three months after [`repo::START`].
pub fn now() -> Time {
    DateTime::from_timestamp(repo::START, 0).unwrap() + Duration::days(90)
}

/// A source on a path, with more lines of settings.
fn source(path: &Path, more: &str) -> Box<dyn Source> {
    let text = format!("[[source]]\nname = \"code\"\nkind = \"git\"\npath = {:?}\n{more}\n", path.to_str().unwrap());
    let config = Config::parse(&text, "test.toml", path).unwrap_or_else(|f| panic!("{f:?}"));
    sources::build(&config.sources[0]).unwrap_or_else(|f| panic!("{f:?}")).0
}

/// Reads a repository again and again, keeping the newest revision of every record as the store does.
struct Reader {
    source: Box<dyn Source>,
    cursor: Cursor,
    now: Time,
    records: std::collections::BTreeMap<String, Record>,
    message: String,
    backfilled_from: Option<Time>,
    /// Polls made, and records delivered, by the last [`Reader::read`].
    polls: usize,
    delivered: usize,
}

impl Reader {
    fn new(path: &Path, more: &str) -> Self {
        Self {
            source: source(path, more),
            cursor: Cursor::default(),
            now: now(),
            records: std::collections::BTreeMap::new(),
            message: String::new(),
            backfilled_from: None,
            polls: 0,
            delivered: 0,
        }
    }

    /// The same store and cursor, other settings or another place.
    fn with(self, path: &Path, more: &str) -> Self {
        Self { source: source(path, more), ..self }
    }

    /// Poll until there is no more, a second later than the last time.
    async fn read(&mut self) -> Result<(), SourceError> {
        self.now += Duration::seconds(1);
        (self.polls, self.delivered) = (0, 0);
        loop {
            let batch = self.step().await?;
            if !batch.more {
                return Ok(());
            }
            assert!(self.polls < 100, "no end: {}", self.message);
        }
    }

    async fn step(&mut self) -> Result<Batch, SourceError> {
        let poll: Fut<'_, _> = self.source.poll(&self.cursor, self.now);
        let batch = poll.await?;
        for record in &batch.records {
            assert!(record.event_time().is_none_or(|at| at <= self.now), "{} lies in the future", record.id);
            let old = self.records.get(&record.id);
            if old.is_none_or(|old| old.revision() < record.revision()) {
                self.records.insert(record.id.clone(), record.clone());
            } else {
                assert_eq!(old, Some(record), "another content with the same revision");
            }
        }
        self.polls += 1;
        self.delivered += batch.records.len();
        self.cursor = batch.cursor.clone();
        self.message.clone_from(&batch.message);
        self.backfilled_from = batch.backfilled_from;
        Ok(batch)
    }

    fn live(&self) -> impl Iterator<Item = &Record> {
        self.records.values().filter(|r| !r.deleted)
    }

    /// Live changes, newest first.
    fn changes(&self) -> Vec<(&Record, &Change)> {
        let change = |r| if let &Record { body: Body::Change(ref c), .. } = r { Some((r, c)) } else { None };
        let mut found: Vec<_> = self.live().filter_map(change).collect();
        found.sort_by_key(|(_, c)| std::cmp::Reverse(c.merged_at));
        found
    }

    fn titles(&self) -> Vec<&str> {
        self.changes().into_iter().map(|(_, c)| c.title.as_str()).collect()
    }

    fn change(&self, title: &str) -> (&Record, &Change) {
        self.changes().into_iter().find(|(_, c)| c.title == title).unwrap_or_else(|| panic!("no change `{title}` in {:?}", self.titles()))
    }

    /// Live deployments, oldest first.
    fn deployments(&self) -> Vec<(&Record, &Deployment)> {
        let deployment = |r| if let &Record { body: Body::Deployment(ref d), .. } = r { Some((r, d)) } else { None };
        let mut found: Vec<_> = self.live().filter_map(deployment).collect();
        found.sort_by_key(|(r, d)| (d.finished_at, r.id.clone()));
        found
    }

    fn release(&self, tag: &str) -> (&Record, &Deployment) {
        let id = format!("tag:{tag}");
        self.deployments().into_iter().find(|(r, _)| r.id == id).unwrap_or_else(|| panic!("no release {tag}"))
    }

    /// Titles of the changes a release brought, oldest first.
    fn brought(&self, tag: &str) -> Vec<&str> {
        let ids = &self.release(tag).1.change_ids;
        let title = |id| match &self.records[id].body {
            Body::Change(c) => c.title.as_str(),
            _ => panic!("{id} is no change"),
        };
        ids.iter().rev().map(title).collect()
    }
}

/// A repository read to the end.
async fn read(repo: &Repo) -> Reader {
    read_with(repo, "").await
}

async fn read_with(repo: &Repo, more: &str) -> Reader {
    let mut reader = Reader::new(repo.path(), more);
    reader.read().await.unwrap();
    reader
}
