//! The first two lines: whose deck this is, where one stands, which time is shown, how the sources do; and the tabs.
//!
//! ```text
//!  Acme › payments › Lead time          28d Europe/Berlin  ● LIVE  14 ok · 1 stale  14:32
//!  1 Bridge  2 Reliability  3 Delivery  4 Cost  5 Quality  s Sources
//! ```
//! Tabs that not everybody has stand there once something feeds them.
//! What does not fit goes in this order: the zone, the sources' words (a count stays), the range, the clock, the count,
//! the crumbs from the left.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, row},
    number, text,
};
use crate::{
    app::{
        App, Target,
        place::{Level, Place, TABS, Tab},
    },
    domain::{health::SourceStatus, value::Scope},
};

/// Most cells of a record's title among the crumbs; the page has it whole.
const TITLE: u16 = 32;

/// Least cells kept for the crumbs.
const CRUMBS: u16 = 14;

/// Letters of a tab's name: all of the longest, down to the fewest that still say something.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=11;

/// The first line.
pub fn first(canvas: &mut Canvas<'_>, line: Rect) {
    let pieces = right_side(canvas, line.width);
    let wide: u16 = pieces.iter().map(|(text, _)| canvas.width(text) + 2).sum();
    let mut x = line.right().saturating_sub(wide.min(line.width));
    let crumbs = Rect { width: x.saturating_sub(line.x), ..line };
    breadcrumb(canvas, crumbs);
    for (text, style) in pieces {
        x += 1;
        x += canvas.text(x, line.y, line.right().saturating_sub(x), &text, style) + 1;
    }
}

/// The pieces on the right that fit, in order.
fn right_side(canvas: &Canvas<'_>, width: u16) -> Vec<(String, Style)> {
    let app = canvas.app;
    let theme = &canvas.theme;
    let (badge, badge_style) = badge(canvas);
    let (long_health, short_health, health_style) = health(canvas);
    let range = format!("{}{}", app.range().word, if app.window_fresh() { "" } else { "…" });
    let clock = app.now().with_timezone(&app.zone()).format("%H:%M").to_string();
    // (text, style, when it goes: the highest first)
    let mut pieces = vec![
        (range, theme.base, 4),
        (app.zone().name().to_owned(), theme.dim, 6),
        (badge, badge_style, 0),
        (long_health, health_style, 5),
        (clock, theme.dim, 3),
    ];
    pieces.retain(|(text, ..)| !text.is_empty());
    while pieces.iter().map(|(text, ..)| canvas.width(text) + 2).sum::<u16>() + CRUMBS > width && pieces.len() > 1 {
        let last = pieces.iter().map(|(.., when)| *when).max().unwrap_or(0);
        if last == 5 {
            // the sources' words shrink before they go: trouble stays in sight
            pieces.iter_mut().filter(|p| p.2 == 5).for_each(|p| (p.0, p.2) = (short_health.clone(), 1));
        } else {
            pieces.retain(|(.., when)| *when != last);
        }
    }
    pieces.into_iter().map(|(text, style, _)| (text, style)).collect()
}

/// LIVE, PAUSED or PAST, by sign, word and reverse.
fn badge(canvas: &Canvas<'_>) -> (String, Style) {
    let app = canvas.app;
    if let Some(since) = app.paused_since() {
        let age = (app.now() - since).num_minutes();
        let age = if age > 0 { format!(" {age} min") } else { String::new() };
        return (format!(" {} PAUSED{age} ", canvas.glyphs.paused), canvas.theme.badge);
    }
    if let Some(at) = app.moment() {
        return (format!(" {} PAST {} ", canvas.glyphs.past, number::moment(at, app.now(), app.zone())), canvas.theme.badge);
    }
    (format!("{} LIVE", canvas.glyphs.live), canvas.theme.good)
}

/// `14 ok · 1 stale` and, shorter, `14/15 ok`; the gravest trouble is named first, at most three kinds are.
fn health(canvas: &Canvas<'_>) -> (String, String, Style) {
    use SourceStatus::{Backfilling, Denied, Failing, Off, Ok, Stale, Starting, Throttled};
    let all: Vec<SourceStatus> = canvas.app.health().iter().map(|h| h.status).filter(|s| *s != Off).collect();
    if all.is_empty() {
        return (String::new(), String::new(), canvas.theme.dim);
    }
    let of = |status: SourceStatus| all.iter().filter(|s| **s == status).count();
    let mut words = Vec::new();
    let mut told = 0;
    for status in [Ok, Denied, Failing, Stale, Throttled, Backfilling, Starting] {
        let n = of(status);
        if n > 0 && words.len() < 3 {
            words.push(format!("{n} {}", status.word()));
            told += n;
        }
    }
    if told < all.len() {
        words.push(format!("{} more", all.len() - told));
    }
    let style = if of(Denied) + of(Failing) > 0 {
        canvas.theme.bad
    } else if of(Stale) + of(Throttled) > 0 {
        canvas.theme.fair
    } else {
        canvas.theme.dim
    };
    (words.join(" · "), format!("{}/{} ok", of(Ok), all.len()), style)
}

/// The words of each step of the way in.
#[must_use]
pub fn crumbs(app: &App) -> Vec<String> {
    let mut out = vec![app.org_name().to_owned()];
    for (i, level) in app.trail().iter().enumerate().skip(1) {
        out.push(crumb(app, level, &app.trail()[i - 1]));
    }
    out
}

fn crumb(app: &App, level: &Level, parent: &Level) -> String {
    let whose = |scope: &Scope| match scope {
        Scope::Org => app.org_name().to_owned(),
        Scope::Team(name) => app.team_name(name),
        Scope::Service(name) | Scope::Group(_, name) => app.service_name(name),
    };
    match &level.place {
        Place::Tab(tab) => tab.name().to_owned(),
        // the same KPI, narrowed: the step is the team, not the KPI again
        Place::Kpi(_) if level.place == parent.place => whose(&level.scope),
        Place::Kpi(metric) => metric.name.to_owned(),
        Place::Team(name) => app.team_name(name),
        Place::Service(name) => app.service_name(name),
        Place::Slo(name) => app.slo_name(name),
        Place::Row(_) if app.private() => "record".to_owned(),
        Place::Row(row) => text::fit(&row.title, TITLE, "…").into_owned(),
    }
}

fn breadcrumb(canvas: &mut Canvas<'_>, line: Rect) {
    let all = crumbs(canvas.app);
    let gap = format!(" {} ", canvas.glyphs.crumb);
    let wide = |canvas: &Canvas<'_>, crumbs: &[String]| crumbs.iter().map(|c| canvas.width(c) + 3).sum::<u16>().saturating_sub(2);
    let mut first = 0;
    while first + 1 < all.len() && wide(canvas, &all[first..]) + if first > 0 { 4 } else { 0 } > line.width {
        first += 1;
    }
    let mut x = line.x + u16::from(line.width > 1);
    if first > 0 {
        let mark = format!("{} {} ", canvas.glyphs.cut, canvas.glyphs.crumb);
        x += canvas.text(x, line.y, line.right().saturating_sub(x), &mark, canvas.theme.dim);
    }
    for (i, crumb) in all.iter().enumerate().skip(first) {
        let last = i + 1 == all.len();
        let style = if last { canvas.theme.strong } else { canvas.theme.dim };
        let used = canvas.text(x, line.y, line.right().saturating_sub(x), crumb, style);
        canvas.hit(Rect { x, width: used, ..line }, Target::Crumb(i));
        x += used;
        if !last {
            x += canvas.text(x, line.y, line.right().saturating_sub(x), &gap, canvas.theme.dim);
        }
    }
}

/// The tabs; the one stood in is reversed.
pub fn tabs(canvas: &mut Canvas<'_>, line: Rect) {
    let app = canvas.app;
    let here = app.trail().first().map(|level| level.place.clone());
    let shown: Vec<_> = TABS.iter().filter(|(tab, ..)| app.tab_shown(*tab)).collect();
    // too narrow for all names: they are cut alike, down to their key; the one stood in keeps its own
    let cut = |name: &str, active: bool, letters: usize| {
        if active { name.to_owned() } else { name.chars().take(letters).collect() }
    };
    let fits = |letters: usize| {
        let one = |(tab, _, name): &(Tab, char, &str)| canvas.width(&cut(name, here == Some(Place::Tab(*tab)), letters)) + 5;
        shown.iter().map(|tab| one(tab)).sum::<u16>() <= line.width
    };
    let letters = LETTERS.rev().find(|n| fits(*n)).unwrap_or(0);
    let mut x = line.x;
    for (tab, key, name) in shown {
        let active = here == Some(Place::Tab(*tab));
        let name = cut(name, active, letters);
        let text = if name.is_empty() { format!(" {key} ") } else { format!(" {key} {name} ") };
        let style = if active { canvas.theme.accent.patch(reversed()) } else { tab_style(canvas, *tab) };
        let used = canvas.text(x, line.y, line.right().saturating_sub(x), &text, style);
        canvas.hit(Rect { x, width: used, ..row(line, 0) }, Target::Tab(*tab));
        x += used + 1;
    }
}

fn reversed() -> Style {
    Style::new().add_modifier(ratatui::style::Modifier::REVERSED)
}

/// Sources in trouble colour their tab.
fn tab_style(canvas: &Canvas<'_>, tab: Tab) -> Style {
    let trouble =
        tab == Tab::Sources && canvas.app.health().iter().any(|h| matches!(h.status, SourceStatus::Failing | SourceStatus::Denied));
    if trouble { canvas.theme.bad } else { canvas.theme.base }
}
