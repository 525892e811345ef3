//! Teams and services of the config as a roster.

use std::collections::BTreeMap;

use super::{
    check::{Check, Named},
    raw::{self, Text},
};
use crate::domain::{
    near,
    person::pseudonym,
    record::CatalogService,
    team::{Owned, Roster, Subject, Team, UNATTRIBUTED},
};

impl Check<'_> {
    /// Check names and references of teams and services, and make the roster of them.
    pub fn roster(&mut self, teams: &[raw::Team], services: &[raw::Service], named: &Named) -> Roster {
        self.unique("team", teams.iter().map(|t| &t.name));
        self.unique("service", services.iter().map(|s| &s.name));
        let mut roster = Roster::default();
        for team in teams {
            self.team(team, named, &mut roster);
        }
        self.circles(teams);
        for service in services {
            self.service(service, named, &mut roster);
        }
        services_of_teams(teams, &mut roster);
        roster
    }

    /// A fault when no `[[team]]` has this name.
    pub fn known_team(&mut self, name: &Text, named: &Named) {
        if !named.teams.contains(name.get_ref()) {
            let known: Vec<&str> = named.teams.iter().map(String::as_str).collect();
            let message = if known.is_empty() {
                format!("unknown team `{}`; there is no [[team]]", name.get_ref())
            } else {
                near::unknown("team", name.get_ref(), &known)
            };
            self.fault(name.span().start, message);
        }
    }

    /// A fault when nothing in the file names this service.
    pub fn known_service(&mut self, name: &Text, named: &Named) {
        if !named.services.contains(name.get_ref()) {
            let known: Vec<&str> = named.services.iter().map(String::as_str).collect();
            let message = if known.is_empty() {
                format!("unknown service `{}`; name it in a [[service]] or in a team's `services`", name.get_ref())
            } else {
                near::unknown("service", name.get_ref(), &known)
            };
            self.fault(name.span().start, message);
        }
    }

    fn team(&mut self, team: &raw::Team, named: &Named, roster: &mut Roster) {
        if team.name.get_ref() == UNATTRIBUTED {
            self.fault(team.name.span().start, format!("`{UNATTRIBUTED}` is the name of what no team owns; choose another"));
        }
        if let Some(parent) = &team.parent {
            self.known_team(parent, named);
        }
        for label in &team.labels {
            if !label.get_ref().split_once('=').is_some_and(|(key, value)| !key.trim().is_empty() && !value.trim().is_empty()) {
                let shown = crate::domain::text::clean(label.get_ref());
                self.fault(label.span().start, format!("`{shown}` is no label; expected `key=value`, such as \"team=payments\""));
            }
        }
        for (subject, names) in [(Subject::Service, &team.services), (Subject::Repo, &team.repos), (Subject::Label, &team.labels)] {
            for name in names {
                roster.owned.push(owned(subject, name.get_ref().clone(), team.name.get_ref()));
            }
        }
        for author in &team.authors {
            roster.owned.push(owned(Subject::Author, pseudonym(author.get_ref()), team.name.get_ref()));
        }
        for alias in &team.codeowners {
            // Owners by mail address are pseudonyms in the records, `@names` stay.
            let by_mail = alias.get_ref().find('@').is_some_and(|at| at > 0);
            let owner = if by_mail { pseudonym(alias.get_ref()) } else { alias.get_ref().clone() };
            if let Some(other) = roster.owner_alias.insert(owner, team.name.get_ref().clone()) {
                self.fault(alias.span().start, format!("`{}` already means the team `{other}`", alias.get_ref()));
            }
        }
        roster.teams.push(Team { name: team.name.get_ref().clone(), parent: team.parent.as_ref().map(|p| p.get_ref().clone()) });
    }

    /// A team must not be part of itself.
    fn circles(&mut self, teams: &[raw::Team]) {
        let parents: BTreeMap<&str, &str> =
            teams.iter().filter_map(|t| Some((t.name.get_ref().as_str(), t.parent.as_ref()?.get_ref().as_str()))).collect();
        for team in teams {
            let mut above = team.name.get_ref().as_str();
            for _ in 0..=parents.len() {
                match parents.get(above) {
                    Some(parent) if *parent == team.name.get_ref() => {
                        let at = team.parent.as_ref().map_or(team.name.span().start, |p| p.span().start);
                        self.fault(at, format!("the team `{}` would be part of itself", team.name.get_ref()));
                        break;
                    }
                    Some(parent) => above = parent,
                    None => break,
                }
            }
        }
    }

    fn service(&mut self, service: &raw::Service, named: &Named, roster: &mut Roster) {
        let name = service.name.get_ref();
        if let Some(team) = &service.team {
            self.known_team(team, named);
            let stated = owned(Subject::Service, name.clone(), team.get_ref());
            if let Some(other) = roster.owned.iter().find(|o| o.subject == Subject::Service && o.name == *name && o.team != stated.team) {
                let message = format!("the service `{name}` is listed by the team `{}`; say in one place whose it is", other.team);
                self.fault(team.span().start, message);
            } else if !roster.owned.contains(&stated) {
                roster.owned.push(stated);
            }
        }
        for needed in &service.depends_on {
            self.known_service(needed, named);
        }
        for path in &service.paths {
            if let Err(error) = globset::Glob::new(path.get_ref()) {
                self.fault(path.span().start, format!("not a path pattern: {}", crate::domain::text::clean(&error.to_string())));
            }
        }
        let list = |texts: &[Text]| texts.iter().map(|t| t.get_ref().clone()).collect();
        let entry = CatalogService {
            name: name.clone(),
            owner: service.team.as_ref().map(|t| t.get_ref().clone()),
            system: service.system.clone(),
            repo: service.repo.clone(),
            paths: list(&service.paths),
            depends_on: list(&service.depends_on),
            tier: service.tier.clone(),
            runbook: service.runbook.clone(),
        };
        roster.services.insert(name.clone(), entry);
    }
}

/// Services that only a team's list names exist too; one team alone is the owner.
fn services_of_teams(teams: &[raw::Team], roster: &mut Roster) {
    for name in teams.iter().flat_map(|t| &t.services).map(Text::get_ref) {
        if name.contains(['*', '?']) {
            continue;
        }
        let owners: Vec<&str> =
            teams.iter().filter(|t| t.services.iter().any(|s| s.get_ref() == name)).map(|t| t.name.get_ref().as_str()).collect();
        let service =
            roster.services.entry(name.clone()).or_insert_with(|| CatalogService { name: name.clone(), ..CatalogService::default() });
        if let (None, [owner]) = (&service.owner, owners.as_slice()) {
            service.owner = Some((*owner).to_owned());
        }
    }
}

fn owned(subject: Subject, name: String, team: &str) -> Owned {
    Owned { subject, name, team: team.to_owned(), share: None, from: None, to: None }
}
