//! Whose a record is: the first rule that answers, in the order explicit, catalog, CODEOWNERS, repository, label,
//! author. Ownership is taken as of the record's own time. What nobody owns belongs to `unattributed`, never to nobody.

use std::collections::{BTreeMap, HashMap};

use super::{
    Attribution, Share,
    codeowners::CodeOwners,
    partition::Partition,
    ship::{Item, Shipped},
};
use crate::domain::{
    Time,
    record::{Body, Record},
    team::{Owned, Roster, Subject, UNATTRIBUTED},
};

/// Attributes records of any kind by one roster. Keeps what it has looked up, so use one for many records.
#[derive(Debug)]
pub struct Attributor<'a> {
    roster: &'a Roster,
    codeowners: HashMap<&'a str, CodeOwners>,
    /// Owner shares of a path, by repository and path.
    paths: HashMap<&'a str, HashMap<String, Shares>>,
    statements: HashMap<Subject, HashMap<String, Vec<&'a Owned>>>,
    /// The one team that owns every catalogued service of a repository.
    repo_owner: HashMap<&'a str, Option<&'a str>>,
}

/// Team → share; sums to 1.
type Shares = BTreeMap<String, f64>;

impl<'a> Attributor<'a> {
    /// For one roster.
    #[must_use]
    pub fn new(roster: &'a Roster) -> Self {
        let codeowners = roster.codeowners.iter().map(|(repo, lines)| (repo.as_str(), CodeOwners::parse(lines))).collect();
        let mut repo_owner: HashMap<&str, Option<&str>> = HashMap::new();
        for service in roster.services.values() {
            if let (Some(repo), Some(owner)) = (service.repo.as_deref(), service.owner.as_deref()) {
                let one = repo_owner.entry(repo).or_insert(Some(owner));
                if *one != Some(owner) {
                    *one = None; // a shared repository has no single owner
                }
            }
        }
        Self { roster, codeowners, paths: HashMap::new(), statements: HashMap::new(), repo_owner }
    }

    /// Whose a record is. A deployment of a shared repository needs its changes: see [`Attributor::deployment`].
    pub fn of(&mut self, record: &Record) -> Attribution {
        let at = record.event_time();
        if let Some(team) = record.team.as_deref().filter(|t| !t.is_empty()) {
            return one(team, "explicit");
        }
        let services = services_of(record);
        if let Some(shares) = self.of_services(&services, at) {
            return attribution(shares, "catalog");
        }
        if let Some(shares) = self.of_paths(record) {
            return attribution(shares, "codeowners");
        }
        if let Some(shares) = record.repo.as_deref().and_then(|repo| self.of_repo(repo, at)) {
            return attribution(shares, "repo");
        }
        if let Some(shares) = self.of_labels(&record.labels, at) {
            return attribution(shares, "label");
        }
        if let Some(shares) = author_of(record).and_then(|author| self.stated(Subject::Author, author, at)) {
            return attribution(shares, "author");
        }
        one(UNATTRIBUTED, "none")
    }

    /// Whose a deployment is: as [`Attributor::of`], but where a repository has CODEOWNERS and the service no owner of its
    /// own, the owners of the changes it shipped have it in equal parts per change.
    pub fn deployment(&mut self, record: &Record, changes: &[&Attribution]) -> Attribution {
        let own = self.of(record);
        if matches!(own.rule, "explicit" | "catalog") || changes.is_empty() || self.file_of(record).is_none() {
            return own;
        }
        let mut shares = Shares::new();
        for share in changes.iter().flat_map(|c| &c.shares) {
            *shares.entry(share.team.clone()).or_default() += share.share / changes.len() as f64;
        }
        attribution(shares, "changes")
    }

    /// Whose a service is at a time, by name.
    pub fn service(&mut self, name: &str, at: Option<Time>) -> Attribution {
        self.of_services(&[name], at).map_or_else(|| one(UNATTRIBUTED, "none"), |shares| attribution(shares, "catalog"))
    }

    fn of_services(&mut self, services: &[&str], at: Option<Time>) -> Option<Shares> {
        let mut parts = Vec::new();
        for name in services {
            parts.extend(self.stated(Subject::Service, name, at).or_else(|| {
                let owner = self.roster.services.get(*name)?.owner.as_deref()?;
                Some(Shares::from([(owner.to_owned(), 1.0)]))
            }));
        }
        mix(&parts)
    }

    fn of_repo(&mut self, repo: &str, at: Option<Time>) -> Option<Shares> {
        self.stated(Subject::Repo, repo, at)
            .or_else(|| self.repo_owner.get(repo).copied().flatten().map(|owner| Shares::from([(owner.to_owned(), 1.0)])))
    }

    fn of_labels(&mut self, labels: &BTreeMap<String, String>, at: Option<Time>) -> Option<Shares> {
        if !self.roster.owned.iter().any(|o| o.subject == Subject::Label) {
            return None;
        }
        labels.iter().find_map(|(key, value)| self.stated(Subject::Label, &format!("{key}={value}"), at))
    }

    /// Shares by file count of the paths a change touches; `None` when no file has an owner.
    fn of_paths(&mut self, record: &Record) -> Option<Shares> {
        let paths: &[String] = match &record.body {
            Body::Change(c) => &c.paths,
            Body::Commit(c) => &c.paths,
            _ => return None,
        };
        let repo = self.file_of(record)?;
        let mut shares = Shares::new();
        for path in paths {
            for (team, share) in self.of_path(repo, path) {
                match shares.get_mut(team) {
                    Some(sum) => *sum += share / paths.len() as f64,
                    None => drop(shares.insert(team.clone(), share / paths.len() as f64)),
                }
            }
        }
        shares.keys().any(|team| team != UNATTRIBUTED).then_some(shares)
    }

    fn of_path(&mut self, repo: &'a str, path: &str) -> &Shares {
        let known = self.paths.entry(repo).or_default();
        if !known.contains_key(path) {
            let owners = self.codeowners.get(repo).map(|file| file.owners(path)).unwrap_or_default();
            let mut shares = Shares::new();
            for owner in &owners {
                *shares.entry(team_of_owner(self.roster, owner)).or_default() += 1.0 / owners.len() as f64;
            }
            if shares.is_empty() {
                shares.insert(UNATTRIBUTED.into(), 1.0);
            }
            known.insert(path.to_owned(), shares);
        }
        &known[path]
    }

    /// Which CODEOWNERS applies: the repository's own, else the one for any.
    fn file_of(&self, record: &Record) -> Option<&'a str> {
        let (repo, _) = record
            .repo
            .as_deref()
            .and_then(|repo| self.roster.codeowners.get_key_value(repo))
            .or_else(|| self.roster.codeowners.get_key_value(""))?;
        self.codeowners.get(repo.as_str()).filter(|file| !file.is_empty()).map(|_| repo.as_str())
    }

    /// What the roster states of a subject at a time: the first valid statement that matches, with those that share it.
    fn stated(&mut self, subject: Subject, name: &str, at: Option<Time>) -> Option<Shares> {
        let known = self.statements.entry(subject).or_default();
        if !known.contains_key(name) {
            let about = self.roster.owned.iter().filter(|o| o.subject == subject && names(subject, &o.name, name));
            known.insert(name.to_owned(), about.collect());
        }
        let statements = &known[name];
        let mut valid = statements.iter().filter(|o| at.is_none_or(|at| o.from.is_none_or(|f| f <= at) && o.to.is_none_or(|t| at < t)));
        let first = valid.next()?;
        let joint: Vec<&Owned> = std::iter::once(*first).chain(valid.filter(|o| o.name == first.name).copied()).collect();
        Some(joint_shares(&joint))
    }
}

fn team_of_owner(roster: &Roster, owner: &str) -> String {
    match roster.owner_alias.get(owner) {
        Some(team) => team.clone(),
        None => owner.rsplit('/').next().unwrap_or(owner).trim_start_matches('@').to_owned(),
    }
}

/// One attribution per record of the partition, by key. Deployments come last: they may follow their changes.
pub(super) fn attributions(partition: &Partition<'_>, shipped: &[Shipped], roster: &Roster) -> BTreeMap<String, Attribution> {
    let mut attributor = Attributor::new(roster);
    let changes: Vec<Attribution> = partition.changes.iter().map(|c| attributor.of(c.record)).collect();
    let commits: Vec<Attribution> = partition.commits.iter().map(|c| attributor.of(c.record)).collect();
    let mut carried: Vec<Vec<&Attribution>> = vec![Vec::new(); partition.deployments.len()];
    for s in shipped.iter().filter(|s| !s.first) {
        carried[s.deployment].push(match s.item {
            Item::Change(i) => &changes[i],
            Item::Commit(i) => &commits[i],
        });
    }
    let deployments: Vec<Attribution> =
        partition.deployments.iter().zip(&carried).map(|(d, carried)| attributor.deployment(d.record, carried)).collect();
    let incidents: Vec<Attribution> = partition.incidents.iter().map(|i| attributor.of(i.record)).collect();
    let keys = partition.deployments.iter().map(|d| &d.key).chain(partition.incidents.iter().map(|i| &i.key));
    let keys = keys.chain(partition.changes.iter().map(|c| &c.key)).chain(partition.commits.iter().map(|c| &c.key));
    keys.cloned().zip(deployments.into_iter().chain(incidents).chain(changes).chain(commits)).collect()
}

/// Stated shares, the rest in equal parts among those without one; scaled to 1. Statements without any share: equal.
fn joint_shares(joint: &[&Owned]) -> Shares {
    let stated: f64 = joint.iter().filter_map(|o| o.share).filter(|s| *s > 0.0).sum();
    let open = joint.iter().filter(|o| o.share.is_none()).count();
    let rest = if open == 0 { 0.0 } else { (1.0 - stated).max(0.0) / open as f64 };
    let mut shares = Shares::new();
    for o in joint {
        *shares.entry(o.team.clone()).or_default() += o.share.map_or(rest, |s| s.max(0.0));
    }
    let total: f64 = shares.values().sum();
    if total > 0.0 {
        for share in shares.values_mut() {
            *share /= total;
        }
    } else {
        let equal = 1.0 / shares.len() as f64;
        for share in shares.values_mut() {
            *share = equal;
        }
    }
    shares
}

/// The mean of several shares; `None` of none.
fn mix(parts: &[Shares]) -> Option<Shares> {
    let mut shares = Shares::new();
    for (team, share) in parts.iter().flatten() {
        *shares.entry(team.clone()).or_default() += share / parts.len() as f64;
    }
    (!shares.is_empty()).then_some(shares)
}

fn attribution(shares: Shares, rule: &'static str) -> Attribution {
    let mut shares: Vec<Share> = shares.into_iter().filter(|(_, s)| *s > 0.0).map(|(team, share)| Share { team, share }).collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.team.cmp(&b.team)));
    Attribution { shares, rule }
}

fn one(team: &str, rule: &'static str) -> Attribution {
    Attribution { shares: vec![Share { team: team.to_owned(), share: 1.0 }], rule }
}

/// The services a record names: the envelope's, and an incident's list.
pub fn services_of(record: &Record) -> Vec<&str> {
    let mut services: Vec<&str> = record.service.as_deref().filter(|s| !s.is_empty()).into_iter().collect();
    if let Body::Incident(incident) = &record.body {
        for service in &incident.services {
            if !services.contains(&service.as_str()) {
                services.push(service);
            }
        }
    }
    services
}

fn author_of(record: &Record) -> Option<&str> {
    match &record.body {
        Body::Change(c) if !c.author_is_bot => c.author.as_deref(),
        Body::Commit(c) if !c.author_is_bot => c.author.as_deref(),
        _ => None,
    }
}

/// Does a stated name mean this subject? Labels are compared without case; `*` and `?` match as in file names.
fn names(subject: Subject, stated: &str, name: &str) -> bool {
    if subject == Subject::Label {
        return wild(stated.to_lowercase().as_bytes(), name.to_lowercase().as_bytes());
    }
    wild(stated.as_bytes(), name.as_bytes())
}

fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    t = from + 1;
                    retry = Some((star, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}
