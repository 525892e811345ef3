//! Where one is: tabs, pages, the parts of each, and the way back.

use std::collections::BTreeMap;

use super::filter::Filter;
use crate::{
    domain::{
        defined::Catalogue,
        metric::{self, Metric, Quarter},
        value::Scope,
    },
    kpi::board::Row,
};

/// The places one can stand on without having drilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tab {
    /// Are we fine, what moved.
    Bridge,
    /// One of the quarters.
    Quarter(Quarter),
    /// Objectives with their key results, and KPIs by perspective.
    Objectives,
    /// How the sources do.
    Sources,
}

/// Every tab in order, with its key as shown and its name.
pub const TABS: &[(Tab, char, &str)] = &[
    (Tab::Bridge, '1', "Bridge"),
    (Tab::Quarter(Quarter::Reliability), '2', "Reliability"),
    (Tab::Quarter(Quarter::Delivery), '3', "Delivery"),
    (Tab::Quarter(Quarter::Cost), '4', "Cost"),
    (Tab::Quarter(Quarter::Quality), '5', "Quality"),
    (Tab::Quarter(Quarter::Engagement), '6', "Engagement"),
    (Tab::Quarter(Quarter::People), '7', "People"),
    (Tab::Objectives, '8', "Objectives"),
    (Tab::Sources, 's', "Sources"),
];

impl Tab {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABS.iter().find(|(tab, ..)| *tab == self).map_or("", |(.., name)| name)
    }

    /// Not everybody has it: it stands among the tabs once something feeds it.
    #[must_use]
    pub fn only_when_fed(self) -> bool {
        matches!(self, Self::Quarter(Quarter::Engagement | Quarter::People) | Self::Objectives)
    }
}

/// Anything that fills the body.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A tab.
    Tab(Tab),
    /// A KPI's page.
    Kpi(&'static Metric),
    /// A team's page.
    Team(String),
    /// A service's page.
    Service(String),
    /// An objective's page.
    Slo(String),
    /// One record's page; it holds the row, so that it stays when the window moves on.
    Row(Box<Row>),
}

/// A part of a place that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Open incidents.
    Open,
    /// KPIs whose change is real.
    Moved,
    /// Teams × KPIs.
    Matrix,
    /// KPI cards.
    Cards,
    /// Incidents of the window.
    Incidents,
    /// Deployments of the window.
    Deployments,
    /// The chart of a KPI page.
    Chart,
    /// Facets of a KPI: its other readings.
    Facets,
    /// Teams of a KPI page.
    Teams,
    /// Services of a page.
    Services,
    /// Why a KPI moved: contributions, records, suspects.
    Why,
    /// Rows behind the number.
    Rows,
    /// Key results of the objectives.
    KeyResults,
    /// KPIs by perspective of the Balanced Scorecard.
    Scorecard,
    /// What happened just before an incident.
    Suspects,
    /// How an incident went.
    Timeline,
    /// Facts of a record's page.
    Facts,
    /// Related records.
    Related,
    /// Sources.
    Sources,
    /// Service level objectives.
    Slos,
    /// Alerts of an objective.
    Alerts,
    /// Who spent its budget.
    Burners,
    /// What it is.
    Definition,
}

impl Part {
    /// Its title.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "Open incidents",
            Self::Moved => "What moved",
            Self::Matrix => "Teams",
            Self::Cards => "KPIs",
            Self::Incidents => "Incidents",
            Self::Deployments => "Deployments",
            Self::Chart => "Chart",
            Self::Facets => "Facets",
            Self::Teams => "By team",
            Self::Services => "By service",
            Self::Why => "Why",
            Self::Rows => "Behind it",
            Self::KeyResults => "Objectives",
            Self::Scorecard => "Scorecard",
            Self::Suspects => "Suspects",
            Self::Timeline => "Timeline",
            Self::Facts => "Facts",
            Self::Related => "Related",
            Self::Sources => "Sources",
            Self::Slos => "SLOs",
            Self::Alerts => "Alerts",
            Self::Burners => "Who burnt it",
            Self::Definition => "Definition",
        }
    }
}

impl Place {
    /// The parts one can move between, in the order of Tab.
    #[must_use]
    pub fn parts(&self) -> &'static [Part] {
        match self {
            Self::Tab(Tab::Bridge) => &[Part::Cards, Part::Slos, Part::Open, Part::Moved, Part::Matrix],
            Self::Tab(Tab::Quarter(Quarter::Reliability)) => &[Part::Cards, Part::Slos, Part::Incidents, Part::Matrix],
            Self::Tab(Tab::Quarter(Quarter::Delivery)) => &[Part::Cards, Part::Deployments, Part::Matrix],
            Self::Tab(Tab::Quarter(Quarter::Cost | Quarter::Quality | Quarter::Engagement | Quarter::People)) => {
                &[Part::Cards, Part::Matrix]
            }
            Self::Tab(Tab::Objectives) => &[Part::KeyResults, Part::Scorecard],
            Self::Tab(Tab::Sources) => &[Part::Sources],
            Self::Kpi(_) => &[Part::Chart, Part::Rows, Part::Why, Part::Facets, Part::Teams, Part::Services],
            Self::Team(_) => &[Part::Cards, Part::Services, Part::Incidents, Part::Deployments],
            Self::Service(_) => &[Part::Cards, Part::Incidents, Part::Deployments],
            Self::Slo(_) => &[Part::Chart, Part::Alerts, Part::Burners, Part::Definition],
            Self::Row(row) if row.kind == "incident" => &[Part::Suspects, Part::Timeline, Part::Facts, Part::Related],
            Self::Row(_) => &[Part::Facts, Part::Related],
        }
    }
}

/// One step of the way in: a place, whose numbers it shows, and where the cursor was.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Where.
    pub place: Place,
    /// Whose numbers.
    pub scope: Scope,
    /// Which part has the focus: an index into `place.parts()`.
    pub focus: usize,
    /// The selected item of each part.
    pub at: BTreeMap<Part, usize>,
    /// What its lists are narrowed to.
    pub filter: Filter,
}

impl Level {
    /// A place entered afresh.
    #[must_use]
    pub fn new(place: Place, scope: Scope) -> Self {
        Self { place, scope, focus: 0, at: BTreeMap::new(), filter: Filter::default() }
    }

    /// The part with the focus.
    #[must_use]
    pub fn part(&self) -> Part {
        let parts = self.place.parts();
        parts[self.focus.min(parts.len() - 1)]
    }

    /// Put the focus on a part, when this place has it.
    pub fn focus_on(&mut self, part: Part) {
        if let Some(index) = self.place.parts().iter().position(|p| *p == part) {
            self.focus = index;
        }
    }
}

/// KPIs of the Bridge: its cards and the columns of its matrix, most asked first.
pub const BRIDGE: &[&str] = &[
    "uptime",
    "latency_p95",
    "error_rate",
    "time_to_restore.mean",
    "lead_time.median",
    "deployment_frequency.per_day",
    "change_failure_rate",
    "infra_cost.effective",
    "code_coverage",
    "test_success_rate",
    "failed_deployment_recovery_time.median",
    "infra_cost_per_user",
    "technical_debt_ratio",
    "incidents.count",
];

/// The KPI cards of a place, in catalogue order.
#[must_use]
pub fn cards(place: &Place, catalogue: &Catalogue) -> Vec<&'static Metric> {
    match place {
        Place::Tab(Tab::Bridge) => BRIDGE.iter().filter_map(|id| metric::find(id)).collect(),
        Place::Tab(Tab::Quarter(quarter)) => catalogue.headlines(*quarter).collect(),
        Place::Team(_) | Place::Service(_) => catalogue.all().filter(|m| m.facet_of.is_none()).collect(),
        Place::Tab(Tab::Objectives | Tab::Sources) | Place::Kpi(_) | Place::Slo(_) | Place::Row(_) => Vec::new(),
    }
}

/// Too small for several things at once: one card, one part at a time.
#[must_use]
pub fn narrow((columns, rows): (u16, u16)) -> bool {
    columns < 60 || rows < 16
}

/// How many cards stand side by side.
#[must_use]
pub fn card_columns(place: &Place, size: (u16, u16), cards: usize) -> usize {
    if narrow(size) {
        return 1;
    }
    let width = usize::from(size.0);
    let fit = match place {
        Place::Tab(Tab::Bridge) => (width / 18).min(7),
        // five or six cards stand best in two rows of three
        _ if matches!(cards, 5 | 6) => (width / 26).min(3),
        // with room to spare, names in full rather than more columns
        _ if width >= 100 => width / 36,
        _ => width / 26,
    };
    // as many rows as that needs, evenly filled
    let fit = fit.clamp(1, cards.max(1));
    cards.max(1).div_ceil(cards.max(1).div_ceil(fit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridge_names_headlines_that_exist() {
        for id in BRIDGE {
            assert!(metric::find(id).is_some_and(|m| m.id == *id && m.facet_of.is_none()), "{id}");
        }
    }
}
