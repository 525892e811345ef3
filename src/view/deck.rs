//! The pages: which parts stand where at which size.
//!
//! Narrow: the part with the focus, alone. Otherwise cards on top and lists below, side by side when wide. The part
//! with the focus is always seen; parts out of sight are named in the heading of the one that is.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, row, top},
    card, chart, empty, groups, list, matrix, moved, objective, progress, record, slo, sources, summary, text, why,
};
use crate::{
    app::{
        Target, item,
        place::{Part, Place, Tab},
    },
    domain::metric::{Metric, Quarter},
};

/// Most rows of a card on the Bridge, and on the other pages.
const BRIDGE_CARD: u16 = 10;
const CARD: u16 = 16;

/// The body of the present place.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let app = canvas.app;
    if matches!(app.place(), Place::Tab(Tab::Sources)) {
        sources::draw(canvas, area);
        return;
    }
    let area = progress::draw(canvas, area);
    if app.board().is_none() && !matches!(app.place(), Place::Row(_)) {
        waiting(canvas, area);
        return;
    }
    match app.place() {
        Place::Tab(Tab::Bridge) if app.narrow() => alone(canvas, area),
        Place::Tab(Tab::Bridge) => bridge(canvas, area),
        Place::Tab(Tab::Objectives) if !app.narrow() => objectives(canvas, area),
        Place::Kpi(metric) => kpi(canvas, area, metric),
        Place::Row(record) => record::draw(canvas, area, record),
        Place::Slo(name) => objective(canvas, area, name),
        _ if app.narrow() => alone(canvas, area),
        Place::Tab(Tab::Quarter(Quarter::Reliability)) if canvas.board().is_some_and(|b| b.slos.is_empty()) => {
            // no objective yet: what there is comes first, how to have one last
            cards_and_lists(canvas, area, &[Part::Incidents, Part::Matrix, Part::Slos]);
        }
        place => cards_and_lists(canvas, area, &place.parts()[1..]),
    }
}

fn waiting(canvas: &mut Canvas<'_>, area: Rect) {
    let words = match canvas.app.newest() {
        None => "opening the store; the first numbers appear as soon as there are any…",
        Some(_) => "computing…",
    };
    empty::line(canvas, area, words);
}

fn alone(canvas: &mut Canvas<'_>, area: Rect) {
    let part = canvas.app.level().part();
    if part == Part::Cards { card::grid(canvas, area, area.height) } else { one(canvas, area, part) }
}

/// Any part, in any area.
fn one(canvas: &mut Canvas<'_>, area: Rect, part: Part) {
    let app = canvas.app;
    match (part, app.place()) {
        (Part::Cards, _) => card::grid(canvas, area, area.height),
        (Part::Moved, _) => moved::draw(canvas, area),
        (Part::Why, Place::Kpi(metric)) => why::draw(canvas, area, metric),
        (Part::Facets | Part::Teams | Part::Services, Place::Kpi(metric)) => groups::draw(canvas, area, part, metric),
        (Part::Matrix | Part::Teams | Part::Services, _) => matrix::draw(canvas, area, part),
        (Part::Open, _) => list::draw(canvas, area, part, nothing_open(canvas)),
        (Part::Incidents, _) => list::draw(canvas, area, part, nothing_of(canvas, "incidents.count", "no incident in this window")),
        (Part::Deployments, _) => {
            list::draw(canvas, area, part, nothing_of(canvas, "deployment_frequency.per_day", "no deployment in this window"));
        }
        (Part::Rows, _) => {
            let of_people = matches!(app.place(), Place::Kpi(metric) if metric.quarter == Quarter::People);
            let words = match app.rows_fresh() {
                _ if of_people => "nothing is shown per person",
                true => "no record behind it in this window",
                false => "fetching the records behind it…",
            };
            list::draw(canvas, area, part, words);
        }
        (Part::Chart, Place::Kpi(metric)) => chart::draw(canvas, area, metric),
        (Part::Chart, Place::Slo(_)) => {
            if let Some(state) = canvas.board().and_then(|b| item::open_slo(app.place(), b)) {
                chart::budget(canvas, area, state);
            }
        }
        (Part::KeyResults, _) => objective::key_results(canvas, area),
        (Part::Scorecard, _) => objective::scorecard(canvas, area),
        (Part::Slos, _) => slo::table(canvas, area),
        (Part::Alerts, _) => slo::alerts(canvas, area),
        (Part::Burners, _) => slo::burners(canvas, area),
        (Part::Definition, _) => record::facts(canvas, area, Part::Definition),
        (_, _) => {
            list::draw(canvas, area, part, "nothing here");
        }
    }
}

fn nothing_open(canvas: &Canvas<'_>) -> &'static str {
    nothing_of(canvas, "incidents.count", "no open incident")
}

/// "None" is only said of what somebody reports.
fn nothing_of(canvas: &Canvas<'_>, id: &str, words: &'static str) -> &'static str {
    if canvas.board().is_some_and(|b| b.unfed.contains(id)) { "no source reports these yet" } else { words }
}

fn bridge(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let gap = u16::from(area.height >= 28);
    let teams = text::count(app.items(Part::Matrix).len() + 3);
    let list_lines = text::count(app.items(Part::Open).len().max(app.items(Part::Moved).len()).max(2) + 1);
    let lists = list_lines.min((area.height / 4).max(5));
    // what burns, in two lines at most
    let burning = app.items(Part::Slos).len();
    let slos = if burning == 0 { 0 } else { text::count(burning.min(2)) + 1 };
    let rows = text::count(app.items(Part::Cards).len().div_ceil(app.columns(Part::Cards)));
    // cards take what teams and lists leave, between a quarter of the page and what cards can use
    let least = (area.height / 4).max(card::LEAST);
    let cards = area.height.saturating_sub(slos + lists + teams + 2 * gap).min(rows * BRIDGE_CARD).max(least);
    card::grid(canvas, top(area, cards), BRIDGE_CARD);
    let rest = below(area, cards + gap);
    if slos > 0 {
        one(canvas, top(rest, slos), Part::Slos);
    }
    let rest = below(rest, slos);
    let [left, right] = halves(top(rest, lists));
    one(canvas, left, Part::Open);
    one(canvas, right, Part::Moved);
    one(canvas, below(rest, lists + gap), Part::Matrix);
}

/// Objectives above, the scorecard below; side by side when wide.
fn objectives(canvas: &mut Canvas<'_>, area: Rect) {
    let (above, below_it) = if area.width >= 140 {
        let [left, right] = halves(area);
        (left, right)
    } else {
        let wanted = text::count(canvas.app.items(Part::KeyResults).len() * 2 + 3).clamp(4, (area.height * 3 / 5).max(4));
        let high = if canvas.app.items(Part::Scorecard).is_empty() { area.height } else { wanted };
        (top(area, high), below(area, high))
    };
    one(canvas, above, Part::KeyResults);
    if below_it.height > 0 && !canvas.app.items(Part::Scorecard).is_empty() {
        one(canvas, below_it, Part::Scorecard);
    }
}

fn halves(area: Rect) -> [Rect; 2] {
    let left = area.width.saturating_sub(2) / 2;
    [Rect { width: left, ..area }, Rect { x: area.x + left + 2, width: area.width.saturating_sub(left + 2), ..area }]
}

/// Cards above, lists below.
fn cards_and_lists(canvas: &mut Canvas<'_>, area: Rect, lower: &[Part]) {
    let columns = canvas.app.columns(Part::Cards);
    let rows = text::count(canvas.app.items(Part::Cards).len().div_ceil(columns)).max(1);
    // lists get what they need, but not more than the cards may spare
    let longest = lower.iter().map(|part| canvas.app.items(*part).len() + 3).max().unwrap_or(0);
    let spare = if area.height < 26 { area.height * 2 / 5 } else { area.height / 2 };
    let lists = text::count(longest).clamp(4, spare.max(4));
    let cards = rows.saturating_mul(CARD).min(area.height.saturating_sub(lists)).max(card::LEAST);
    card::grid(canvas, top(area, cards), CARD);
    parts_below(canvas, below(area, cards), lower);
}

/// As many parts as fit, side by side when wide, the one with the focus among them.
fn parts_below(canvas: &mut Canvas<'_>, area: Rect, parts: &[Part]) {
    let across = usize::from(area.width / 90).clamp(1, parts.len().max(1));
    let down = if across == 1 { usize::from(area.height / 12).clamp(1, parts.len().max(1)) } else { 1 };
    let shown = (across * down).min(parts.len());
    let focus = canvas.app.level().part();
    let index = parts.iter().position(|p| *p == focus).unwrap_or(0);
    let first = index.saturating_sub(shown.saturating_sub(1)).min(parts.len() - shown);
    let (seen, hidden): (Vec<Part>, Vec<Part>) = (
        parts[first..first + shown].to_vec(),
        parts.iter().enumerate().filter(|(i, _)| *i < first || *i >= first + shown).map(|(_, p)| *p).collect(),
    );
    let count = text::count(shown).max(1);
    for (i, part) in seen.iter().enumerate() {
        let i = text::count(i);
        let spot = if across > 1 {
            let wide = (area.width.saturating_sub(2 * (count - 1))) / count;
            Rect { x: area.x + i * (wide + 2), width: if i + 1 == count { area.right() - (area.x + i * (wide + 2)) } else { wide }, ..area }
        } else {
            let high = area.height / count;
            Rect { y: area.y + i * high, height: if i + 1 == count { area.height - i * high } else { high }, ..area }
        };
        one(canvas, spot, *part);
        if i + 1 == count {
            others(canvas, row(spot, 0), *part, &hidden);
        }
    }
}

/// Parts out of sight, as buttons in a heading.
pub(super) fn others(canvas: &mut Canvas<'_>, heading: Rect, shown: Part, hidden: &[Part]) {
    if hidden.is_empty() || !canvas.app.filter().is_empty() {
        return;
    }
    let names: Vec<&str> = hidden.iter().map(|p| p.name()).collect();
    let wide: u16 = names.iter().map(|n| canvas.width(n) + 3).sum::<u16>() + 5;
    // left of it stands the title of the part that is seen
    if wide + 24 > heading.width {
        return;
    }
    let mut x = heading.right() - wide;
    // over whatever the heading says there
    let (sign, style) = if canvas.app.level().part() == shown {
        (canvas.glyphs.heavy, canvas.theme.accent)
    } else {
        (canvas.glyphs.rule, canvas.theme.dim)
    };
    canvas.fill(Rect { x, width: wide, height: 1, ..heading }, sign, style);
    x += canvas.text(x, heading.y, 5, " tab:", canvas.theme.dim);
    for (name, part) in names.iter().zip(hidden) {
        let text = format!(" {name} ");
        let used = canvas.text(x, heading.y, heading.right().saturating_sub(x), &text, canvas.theme.base);
        canvas.hit(Rect { x, width: used, ..heading }, Target::Part(*part));
        x += used + 1;
    }
}

/// An objective's page: summary, chart of its budget, alerts, who spent it, what it is.
fn objective(canvas: &mut Canvas<'_>, area: Rect, name: &str) {
    let app = canvas.app;
    let Some(state) = canvas.board().and_then(|b| item::open_slo(app.place(), b)) else {
        let words = format!("no objective is called `{}` here any more; Esc goes back", app.slo_name(name));
        empty::line(canvas, area, &words);
        return;
    };
    let area = slo::summary(canvas, area, state);
    if app.full() {
        chart::budget(canvas, area, state);
        return;
    }
    if app.narrow() {
        one(canvas, area, app.level().part());
        return;
    }
    let lower = [Part::Alerts, Part::Burners, Part::Definition];
    if area.width < 120 || area.height < 20 {
        let high = (area.height / 2).max(6).min(area.height);
        chart::budget(canvas, top(area, high), state);
        parts_below(canvas, below(area, high), &lower);
        return;
    }
    let left_wide = area.width / 2;
    let left = Rect { width: left_wide, ..area };
    let right = Rect { x: area.x + left_wide + 2, width: area.width - left_wide - 2, ..area };
    let high = area.height / 2;
    chart::budget(canvas, top(left, high), state);
    one(canvas, below(left, high), Part::Burners);
    stack(canvas, right, &[Part::Alerts, Part::Definition]);
}

/// A KPI's page: summary, chart, and what lies behind.
fn kpi(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric) {
    let app = canvas.app;
    let area = summary::draw(canvas, area, metric);
    if area.height == 0 {
        return;
    }
    if app.full() {
        chart::draw(canvas, area, metric);
        return;
    }
    if app.narrow() {
        one(canvas, area, app.level().part());
        return;
    }
    let lower = [Part::Rows, Part::Why, Part::Facets, Part::Teams, Part::Services];
    if area.width < 120 || area.height < 20 {
        let high = (area.height / 2).max(6).min(area.height);
        chart::draw(canvas, top(area, high), metric);
        parts_below(canvas, below(area, high), &lower);
        return;
    }
    let left_wide = area.width * 3 / 5;
    let left = Rect { width: left_wide, ..area };
    let right = Rect { x: area.x + left_wide + 2, width: area.width - left_wide - 2, ..area };
    let high = area.height * 3 / 5;
    chart::draw(canvas, top(left, high), metric);
    one(canvas, below(left, high), Part::Rows);
    stack(canvas, right, &lower[1..]);
}

/// Parts one above the other, each as high as it needs while there is room.
fn stack(canvas: &mut Canvas<'_>, area: Rect, parts: &[Part]) {
    let mut rest = area;
    for (i, part) in parts.iter().enumerate() {
        let left = text::count(parts.len() - i);
        // an explanation has lines that are no items: what to know first, what lies inside a part
        let extra = if *part == Part::Why { 10 } else { 2 };
        let wanted = text::count(canvas.app.items(*part).len().max(1) + extra);
        let share = rest.height / left;
        // the last takes all; the others leave the ones below their share
        let high = if left == 1 { rest.height } else { wanted.min(share.max(rest.height.saturating_sub(share * (left - 1)))) };
        one(canvas, top(rest, high), *part);
        rest = below(rest, high);
    }
}
