//! What the lists hold: the items of a part, filtered, in the order shown. The cursor and the picture share it.

use std::cmp::Ordering;

use super::{
    App,
    place::{Part, Place, Tab, cards},
};
use crate::{
    domain::{
        health::SourceHealth,
        metric::{self, Metric},
        value::{Reading, Scope, Status},
    },
    kpi::{
        board::{Board, GroupRow, Row},
        objective::{KeyResultState, ObjectiveState},
        room::Moment,
        slo::{
            AlertState, State,
            burnt::{Burner, Detail},
        },
        why::{self, Cut, Why},
    },
};

/// One selectable thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// A KPI: a card, or a line of what moved.
    Kpi(&'static Metric),
    /// A team's line.
    Team(&'a GroupRow),
    /// A service's line.
    Service(&'a GroupRow),
    /// A record.
    Row(&'a Row),
    /// A related record outside this board.
    Key(&'a str),
    /// A group's contribution to a change, with its dimension.
    Part(&'a str, &'a why::Part),
    /// A record that moved a value.
    Moved(&'a why::Moved),
    /// What happened just before a shift.
    Suspect(&'a why::Suspicion),
    /// A key result with its objective.
    KeyResult(&'a ObjectiveState, &'a KeyResultState),
    /// A step of an incident, or what happened meanwhile.
    Moment(&'a Moment),
    /// A line of a record's page.
    Fact(&'a str, &'a str),
    /// A source.
    Source(&'a SourceHealth),
    /// An objective.
    Slo(&'a State),
    /// One of its alerts.
    Alert(&'a AlertState),
    /// Who spent some of its budget.
    Burner(&'a Burner),
}

impl Item<'_> {
    /// What it is, across boards: selection follows this, not the position.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Kpi(metric) => metric.id,
            Self::Team(group) | Self::Service(group) => &group.name,
            Self::Row(row) => &row.key,
            Self::Key(key) => key,
            Self::Part(_, part) => &part.name,
            Self::Moved(moved) => &moved.key,
            Self::Suspect(suspect) => &suspect.key,
            Self::KeyResult(_, k) => k.metric,
            Self::Moment(moment) if moment.key.is_empty() => &moment.text,
            Self::Moment(moment) => &moment.key,
            Self::Fact(name, _) => name,
            Self::Source(source) => &source.name,
            Self::Slo(state) => &state.slo.name,
            Self::Alert(alert) => &alert.rule.name,
            Self::Burner(burner) => burner.key.as_deref().unwrap_or(&burner.name),
        }
    }

    /// Enter leads somewhere.
    #[must_use]
    pub fn opens(&self) -> bool {
        let leads = matches!(self, Self::Kpi(_) | Self::Team(_) | Self::Service(_) | Self::Row(_) | Self::Slo(_) | Self::KeyResult(..));
        leads || self.group().is_some() || self.named().is_some()
    }

    /// Key of the record it names.
    #[must_use]
    pub fn named(&self) -> Option<&str> {
        let key = match self {
            Self::Moved(moved) => &moved.key,
            Self::Suspect(suspect) => &suspect.key,
            Self::Moment(moment) => &moment.key,
            Self::Burner(burner) => burner.key.as_ref()?,
            _ => return None,
        };
        (!key.is_empty()).then_some(key)
    }

    /// The team or service whose contribution it is.
    #[must_use]
    pub fn group(&self) -> Option<Scope> {
        match self {
            Self::Part("team", part) if !part.name.contains(" + ") => Some(Scope::Team(part.name.clone())),
            Self::Part("service", part) if part.name != why::UNKNOWN => Some(Scope::Service(part.name.clone())),
            _ => None,
        }
    }

    /// The texts a filter looks at.
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Kpi(metric) => vec![metric.id, metric.name],
            Self::Team(group) | Self::Service(group) => vec![&group.name, group.team.as_deref().unwrap_or_default()],
            Self::Row(row) => {
                let mut texts = vec![row.key.as_str(), row.kind, &row.service, &row.team, &row.title];
                texts.extend(row.tags.iter().map(String::as_str));
                texts
            }
            Self::Key(key) => vec![key],
            Self::Part(by, part) => vec![by, &part.name],
            Self::Moved(moved) => vec![&moved.key, &moved.service],
            Self::Suspect(suspect) => vec![&suspect.key, &suspect.title, &suspect.service],
            Self::KeyResult(objective, k) => vec![&objective.name, k.metric, k.verdict.word()],
            Self::Moment(moment) => vec![&moment.key, &moment.text],
            Self::Fact(name, text) => vec![name, text],
            Self::Source(source) => vec![&source.name, &source.kind, source.status.word(), &source.message],
            Self::Slo(state) => {
                let mut texts = vec![state.slo.name.as_str(), state.slo.sli.word(), state.standing.words()];
                texts.extend(state.slo.services.iter().map(String::as_str));
                texts.extend(state.slo.team.as_deref());
                texts
            }
            Self::Alert(alert) => vec![&alert.rule.name],
            Self::Burner(burner) => vec![&burner.by, &burner.name],
        }
    }
}

/// The items of a part of the present place, narrowed by its filter.
#[must_use]
pub fn items(app: &App, part: Part) -> Vec<Item<'_>> {
    let mut all = unfiltered(app, part);
    let filter = app.filter();
    if !filter.is_empty() {
        all.retain(|item| filter.keeps(&item.texts()));
    }
    all
}

fn unfiltered(app: &App, part: Part) -> Vec<Item<'_>> {
    match part {
        Part::Sources => return app.health().iter().map(Item::Source).collect(),
        Part::Cards => return ordered_cards(app).into_iter().map(Item::Kpi).collect(),
        Part::Chart => return Vec::new(),
        Part::Facts => return facts(app.place()),
        Part::Suspects => {
            let suspected = app.room().and_then(|room| room.suspected.as_ref());
            return suspected.iter().flat_map(|s| &s.suspects).map(Item::Suspect).collect();
        }
        Part::Timeline => return app.room().iter().flat_map(|room| &room.timeline).map(Item::Moment).collect(),
        Part::Facets => return facets(app.place()).into_iter().map(Item::Kpi).collect(),
        _ => {}
    }
    let Some(board) = app.board() else { return Vec::new() };
    match part {
        Part::Open => board.open_incidents.iter().map(Item::Row).collect(),
        Part::Moved => moved(board).into_iter().map(Item::Kpi).collect(),
        Part::Matrix | Part::Teams => board.teams.iter().map(Item::Team).collect(),
        Part::Services => board.services.iter().map(Item::Service).collect(),
        Part::Incidents => board.incidents.iter().map(Item::Row).collect(),
        Part::Deployments => board.deployments.iter().map(Item::Row).collect(),
        Part::Rows if app.rows_fresh() => board.rows.iter().map(Item::Row).collect(),
        Part::Why if app.rows_fresh() => because(app, board),
        Part::Related => related(app.place(), board),
        // the Bridge tells of those that burn, and is silent when all is well
        Part::Slos if *app.place() == Place::Tab(Tab::Bridge) => {
            let mut burning: Vec<&State> = board.slos.iter().filter(|s| s.burns()).collect();
            burning.sort_by_key(|s| s.standing);
            burning.into_iter().map(Item::Slo).collect()
        }
        Part::KeyResults => board.objectives.iter().flat_map(|o| o.key_results.iter().map(move |k| Item::KeyResult(o, k))).collect(),
        Part::Scorecard => board.scorecard().map(|(_, metric)| Item::Kpi(metric)).collect(),
        Part::Slos => board.slos.iter().map(Item::Slo).collect(),
        Part::Alerts => open_slo(app.place(), board).map_or_else(Vec::new, |s| s.alerts.iter().map(Item::Alert).collect()),
        Part::Burners => detail(app.place(), board).map_or_else(Vec::new, |d| d.burners.iter().map(Item::Burner).collect()),
        Part::Definition => {
            detail(app.place(), board).map_or_else(Vec::new, |d| d.lines.iter().map(|(name, text)| Item::Fact(name, text)).collect())
        }
        _ => Vec::new(),
    }
}

/// Cards of a place; on a quarter's tab those that nothing feeds stand last. Where they come from everywhere (Bridge, team,
/// service), those with a value stand first.
fn ordered_cards(app: &App) -> Vec<&'static Metric> {
    let mut cards = cards(app.place(), &app.catalogue());
    let Some(board) = app.board() else { return cards };
    if matches!(app.place(), Place::Tab(Tab::Quarter(_))) {
        cards.sort_by_key(|m| board.unfed.contains(m.id));
    } else {
        cards.sort_by_key(|m| board.readings.get(m.id).is_none_or(|r| r.value.is_none() && r.status == Status::NoData));
    }
    cards
}

/// The other readings of a KPI's family: the facets of a headline; of a facet, its headline and siblings.
fn facets(place: &Place) -> Vec<&'static Metric> {
    let Place::Kpi(metric) = place else { return Vec::new() };
    let family = metric.facet_of.unwrap_or(metric.id);
    metric::CATALOGUE.iter().filter(|m| m.id != metric.id && (m.id == family || m.facet_of == Some(family))).collect()
}

fn facts(place: &Place) -> Vec<Item<'_>> {
    match place {
        Place::Row(row) => row.details.iter().map(|(name, text)| Item::Fact(name, text)).collect(),
        _ => Vec::new(),
    }
}

fn related<'a>(place: &'a Place, board: &'a Board) -> Vec<Item<'a>> {
    let Place::Row(row) = place else { return Vec::new() };
    row.related.iter().map(|key| find_row(board, key).map_or(Item::Key(key), Item::Row)).collect()
}

/// The objective whose page is open.
#[must_use]
pub fn open_slo<'a>(place: &Place, board: &'a Board) -> Option<&'a State> {
    let Place::Slo(name) = place else { return None };
    board.slos.iter().find(|s| s.slo.name == *name)
}

fn detail<'a>(place: &Place, board: &'a Board) -> Option<&'a Detail> {
    open_slo(place, board)?.detail.as_deref()
}

/// A record of the board by key.
#[must_use]
pub fn find_row<'a>(board: &'a Board, key: &str) -> Option<&'a Row> {
    let behind_slos = board.slos.iter().filter_map(|s| s.detail.as_deref()).flat_map(|d| &d.rows);
    let around = board.room.iter().flat_map(|room| &room.rows);
    let lists = [&board.rows, &board.open_incidents, &board.incidents, &board.deployments];
    lists.into_iter().flatten().chain(behind_slos).chain(around).find(|row| row.key == key)
}

/// Lines of the why panel: the groups of the chosen cut, the records that moved the value, what happened just before. What
/// the board has as a record is that record.
fn because<'a>(app: &App, board: &'a Board) -> Vec<Item<'a>> {
    let Some(why) = &board.why else { return Vec::new() };
    let mut lines: Vec<Item<'a>> = Vec::new();
    if let Some(cut) = chosen(why, app.cut_name()) {
        lines.extend(cut.parts.iter().map(|part| Item::Part(&cut.by, part)));
    }
    lines.extend(why.members.iter().map(Item::Moved));
    lines.extend(why.suspected.iter().flat_map(|s| &s.suspects).map(Item::Suspect));
    lines
}

/// The cut shown: the one asked for, else the best.
#[must_use]
pub fn chosen<'a>(why: &'a Why, name: Option<&str>) -> Option<&'a Cut> {
    cuts(why).find(|cut| Some(cut.by.as_str()) == name).or_else(|| cuts(why).next())
}

/// The cuts one can step through: dimensions, the best first, then identities.
pub fn cuts(why: &Why) -> impl Iterator<Item = &Cut> {
    why.cuts.iter().chain(&why.drivers).filter(|cut| cut.refused.is_none())
}

/// Headlines whose change passed the noise guard, largest relative change first.
#[must_use]
pub fn moved(board: &Board) -> Vec<&'static Metric> {
    let size = |m: &Metric| board.readings.get(m.id).and_then(relative_change).map_or(0.0, f64::abs);
    let mut moved: Vec<_> = board
        .catalogue
        .all()
        .filter(|m| m.facet_of.is_none() && board.readings.get(m.id).is_some_and(|r| r.change_is_real == Some(true)))
        .collect();
    moved.sort_by(|a, b| size(b).partial_cmp(&size(a)).unwrap_or(Ordering::Equal));
    moved
}

/// Change against the window before as a share of it; `None` without both values or from 0.
#[must_use]
pub fn relative_change(reading: &Reading) -> Option<f64> {
    let (now, before) = (reading.number()?, reading.before?);
    let change = (now - before) / before.abs();
    change.is_finite().then_some(change)
}
