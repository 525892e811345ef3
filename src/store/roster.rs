//! The roster in force: the configured one, and what catalog and ownership records add to it.
//!
//! Configured statements come first, so they win; nothing configured is taken away.

use rusqlite::Connection;

use super::{names::Names, row};
use crate::domain::{
    record::{Body, Catalog, Kind, Ownership, Record},
    team::{Owned, Roster, Subject, Team},
};

/// `configured` with what the store's records add.
pub(super) fn assemble(conn: &Connection, names: &Names, configured: &Roster) -> rusqlite::Result<Roster> {
    let mut roster = configured.clone();
    let mut find =
        conn.prepare_cached("SELECT source, id, kind, seq, seen, body FROM record WHERE kind = ?1 AND deleted = 0 ORDER BY ts, row")?;
    for kind in [Kind::Catalog, Kind::Ownership] {
        let mut rows = find.query([row::code(kind)])?;
        let mut records = Vec::new();
        while let Some(r) = rows.next()? {
            let source = names.text(r.get(0)?).cloned().unwrap_or_default();
            let id = r.get_ref(1)?.as_str()?;
            let columns = row::Columns { source: &source, id, kind, seq: r.get(3)?, deleted: false, seen: r.get(4)? };
            records.push(row::decode(columns, r.get_ref(5)?.as_blob()?));
        }
        // Newest last in time, ties by identity: the same roster whatever the order of arrival.
        records.sort_by(|a, b| (a.event_time(), a.revision(), &a.source, &a.id).cmp(&(b.event_time(), b.revision(), &b.source, &b.id)));
        for record in &records {
            add(&mut roster, configured, record);
        }
    }
    Ok(roster)
}

fn add(roster: &mut Roster, configured: &Roster, record: &Record) {
    match &record.body {
        Body::Catalog(catalog) => add_catalog(roster, configured, catalog, record.repo.as_deref().unwrap_or_default()),
        Body::Ownership(owned) => {
            if let Some(owned) = statement(owned)
                && !roster.owned.contains(&owned)
            {
                add_team(roster, &owned.team, None);
                roster.owned.push(owned);
            }
        }
        _ => {}
    }
}

fn add_catalog(roster: &mut Roster, configured: &Roster, catalog: &Catalog, repo: &str) {
    for service in &catalog.services {
        if !configured.services.contains_key(&service.name) {
            roster.services.insert(service.name.clone(), service.clone());
        }
        if let Some(owner) = &service.owner {
            add_team(roster, owner, None);
        }
    }
    for (team, parent) in &catalog.parents {
        add_team(roster, parent, None);
        add_team(roster, team, Some(parent));
    }
    if !catalog.codeowners.is_empty() && !configured.codeowners.contains_key(repo) {
        roster.codeowners.insert(repo.to_owned(), catalog.codeowners.clone());
    }
}

fn add_team(roster: &mut Roster, name: &str, parent: Option<&str>) {
    match roster.teams.iter_mut().find(|t| t.name == name) {
        Some(team) if team.parent.is_none() && parent.is_some_and(|p| p != name) => team.parent = parent.map(str::to_owned),
        Some(_) => {}
        None => roster.teams.push(Team { name: name.to_owned(), parent: parent.map(str::to_owned) }),
    }
}

fn statement(owned: &Ownership) -> Option<Owned> {
    let subject = match owned.subject_kind.as_str() {
        "service" => Subject::Service,
        "repo" => Subject::Repo,
        "author" => Subject::Author,
        "label" | "tag" => Subject::Label,
        _ => return None,
    };
    let Ownership { subject: name, owner, share, from, to, .. } = owned.clone();
    Some(Owned { subject, name, team: owner, share, from, to })
}
