//! The incident room: clock, owner and runbook; suspects with their reasons; the timeline; live charts of the services.
//!
//! ```text
//!  open 42 m · owner payments · runbook https://wiki…                       (head)
//! ━ Suspects 3 ━━━━━━━━━━━━━━━━━━━━  ─ Error rate of checkout ─────────────
//!  51 %  checkout  deployment 1.4.2 · same service, 20 min before
//!  16 %  none of these                4% ┤      ⣀⠤⠒
//!  by chance 86 % of hours have one
//! ─ Timeline 9 ────────────────────  ─ Latency P95 of checkout ────────────
//!  -0:20  deployment 1.4.2
//!  +0:00  began
//! ```
//! Narrow: the part with the focus below the first chart. "Suspect", never "cause", unless a link says so.

use chrono::Duration;
use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, first_shown, row, top},
    chart, deck, empty, list, number, record, text,
};
use crate::{
    app::{SECONDS_SHOWN, Target, item::Item, place::Part},
    kpi::{
        room::{Moment, Room},
        why::{Suspected, Suspicion},
    },
};

/// Rows of a chart that still says something.
const CHART: u16 = 7;

/// The body of an incident's page, below its head.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let Some(room) = canvas.app.room() else {
        let high = area.height.saturating_sub(1);
        empty::line(canvas, top(area, 1.min(area.height)), "looking at what happened around it…");
        record::facts(canvas, Rect { y: area.y + 1.min(area.height), height: high, ..area }, Part::Facts);
        return;
    };
    let area = standing(canvas, area, room);
    let parts = canvas.app.place().parts();
    if canvas.app.narrow() {
        one(canvas, area, canvas.app.level().part(), room);
        return;
    }
    if area.width < 120 {
        let high = if room.charts.is_empty() || area.height < CHART + 8 { 0 } else { (area.height * 2 / 5).max(CHART) };
        charts(canvas, top(area, high), room);
        one_of(canvas, below(area, high), parts, room);
        return;
    }
    let left = if room.charts.is_empty() { area.width } else { area.width / 2 };
    let column = Rect { width: left, ..area };
    let suspects = text::count(room.suspected.as_ref().map_or(1, |s| s.suspects.len() + 4) + 1).min(area.height / 3);
    one(canvas, top(column, suspects), Part::Suspects, room);
    let rest = below(column, suspects);
    let timeline = text::count(room.timeline.len() + 1).min(rest.height * 3 / 5);
    one(canvas, top(rest, timeline), Part::Timeline, room);
    one_of(canvas, below(rest, timeline), &parts[2..], room);
    if left < area.width {
        charts(canvas, Rect { x: area.x + left + 2, width: area.width - left - 2, ..area }, room);
    }
}

/// One line: how long, who owns it, what to follow, which budget it spends.
fn standing(canvas: &mut Canvas<'_>, area: Rect, room: &Room) -> Rect {
    let app = canvas.app;
    let live = app.moment().is_none() && app.paused_since().is_none();
    let now = app.newest().map_or(app.now(), |b| if live { app.now().max(b.as_of) } else { b.as_of });
    let (word, style) = match room.end {
        None => ("open", canvas.theme.bad),
        Some(_) => ("lasted", canvas.theme.base),
    };
    let span = room.end.unwrap_or(now) - room.onset;
    let mut words = vec![format!("{word} {}", number::running(span.max(Duration::zero()), SECONDS_SHOWN))];
    words.extend(room.owners.iter().map(|o| format!("owner {}", app.team_name(o))));
    words.extend(room.runbooks.iter().map(|r| format!("runbook {}", if app.private() { "hidden" } else { r.as_str() })));
    let line = row(area, 0);
    canvas.text(line.x + 1, line.y, line.width.saturating_sub(2), &words.join(" · "), style);
    below(area, 1)
}

/// The part with the focus, or the first; the others are named in its heading.
fn one_of(canvas: &mut Canvas<'_>, area: Rect, parts: &[Part], room: &Room) {
    let focus = canvas.app.level().part();
    let shown = parts.iter().copied().find(|p| *p == focus).or_else(|| parts.first().copied()).unwrap_or(focus);
    one(canvas, area, shown, room);
    let hidden: Vec<Part> = parts.iter().copied().filter(|p| *p != shown).collect();
    deck::others(canvas, row(area, 0), shown, &hidden);
}

fn one(canvas: &mut Canvas<'_>, area: Rect, part: Part, room: &Room) {
    match part {
        Part::Suspects => suspects(canvas, area, room),
        Part::Timeline => timeline(canvas, area, room),
        Part::Related => list::draw(canvas, area, part, "nothing related is known"),
        _ => record::facts(canvas, area, Part::Facts),
    }
}

fn heading(canvas: &mut Canvas<'_>, area: Rect, part: Part, count: usize) -> bool {
    let focused = canvas.app.level().part() == part;
    canvas.hit(area, Target::Part(part));
    let title = if count == 0 { part.name().to_owned() } else { format!("{} {count}", part.name()) };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    focused
}

fn suspects(canvas: &mut Canvas<'_>, area: Rect, room: &Room) {
    let items = canvas.app.items(Part::Suspects);
    let focused = heading(canvas, area, Part::Suspects, items.len());
    let inside = below(area, 1);
    let Some(suspected) = &room.suspected else {
        empty::line(canvas, inside, "nothing can be said: no time of its beginning is known");
        return;
    };
    let notes = notes(suspected);
    let space = usize::from(inside.height).saturating_sub(notes.len().min(usize::from(inside.height / 2)));
    let selected = canvas.app.selected_index(Part::Suspects);
    let first = first_shown(selected, items.len(), space);
    let mut y = 0;
    for (index, item) in items.iter().enumerate().skip(first).take(space) {
        let Item::Suspect(s) = item else { continue };
        let spot = row(inside, text::count(y));
        suspect(canvas, spot, s);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(Part::Suspects, index));
        y += 1;
    }
    for (words, strong) in notes {
        let spot = row(inside, text::count(y));
        let style = if strong { canvas.theme.strong } else { canvas.theme.dim };
        canvas.text(spot.x + 2, spot.y, spot.width.saturating_sub(2), &words, style);
        y += 1;
    }
}

/// What keeps one from believing too much, or what a link confirms.
fn notes(s: &Suspected) -> Vec<(String, bool)> {
    let mut out: Vec<(String, bool)> = s.confirmed.iter().map(|(key, how)| (format!("confirmed by link ({how}): {key}"), true)).collect();
    if s.confirmed.is_empty() && s.suspects.is_empty() {
        out.push(("nothing was deployed or switched in the day before".into(), false));
    } else if s.confirmed.is_empty() {
        let chance = if s.per_hour > 0.0 { format!("; by chance {:.0} % of hours have one", s.chance * 100.0) } else { String::new() };
        out.push((format!("none of these {:.0} %{chance}", s.none_share * 100.0), false));
    }
    if let Some(shift) = &s.shift {
        let text = format!(
            "errors {:+.2} pp against the same hours a week before (± {:.2}, optimistic)",
            shift.against_control * 100.0,
            shift.standard_error * 196.0
        );
        out.push((text, false));
    }
    for v in &s.versions {
        let share = if v.total > 0.0 { v.bad / v.total } else { 0.0 };
        out.push((format!("version {}: {} bad of {} requests", v.version, number::ratio(share), number::count(v.total)), false));
    }
    out
}

fn suspect(canvas: &mut Canvas<'_>, spot: Rect, s: &Suspicion) {
    let share = format!("{:>4.0} %", s.share * 100.0);
    canvas.text(spot.x + 1, spot.y, 6, &share, canvas.theme.strong);
    let service = canvas.app.service_name(&s.service);
    let hidden = canvas.app.private();
    let title = if hidden { "hidden" } else { s.title.as_str() };
    let words = format!("{service}  {title} · {}", s.reasons.join(", "));
    canvas.text(spot.x + 9, spot.y, spot.width.saturating_sub(9), words.trim_start(), canvas.theme.base);
}

fn timeline(canvas: &mut Canvas<'_>, area: Rect, room: &Room) {
    let items = canvas.app.items(Part::Timeline);
    let focused = heading(canvas, area, Part::Timeline, items.len());
    let inside = below(area, 1);
    let selected = canvas.app.selected_index(Part::Timeline);
    let space = usize::from(inside.height);
    let first = first_shown(selected, items.len(), space);
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(space).enumerate() {
        let Item::Moment(moment) = item else { continue };
        let spot = row(inside, text::count(line));
        step(canvas, spot, moment, room);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(Part::Timeline, index));
    }
}

fn step(canvas: &mut Canvas<'_>, spot: Rect, moment: &Moment, room: &Room) {
    let clock = moment.at.with_timezone(&canvas.app.zone()).format("%H:%M").to_string();
    canvas.text(spot.x + 2, spot.y, 5, &clock, canvas.theme.dim);
    canvas.text(spot.x + 8, spot.y, 8, &since(moment.at - room.onset), canvas.theme.dim);
    let style: Style = if moment.kind.is_none() { canvas.theme.strong } else { canvas.theme.base };
    let words = if canvas.app.private() && moment.kind.is_some() { "hidden" } else { &moment.text };
    canvas.text(spot.x + 17, spot.y, spot.width.saturating_sub(17), words, style);
}

/// `-0:20`, `+1:05`: hours and minutes from the onset.
fn since(d: Duration) -> String {
    let sign = if d < Duration::zero() { '-' } else { '+' };
    let minutes = d.num_minutes().abs();
    format!("{sign}{}:{:02}", minutes / 60, minutes % 60)
}

/// As many charts as fit, one above the other.
fn charts(canvas: &mut Canvas<'_>, area: Rect, room: &Room) {
    if area.height == 0 || room.charts.is_empty() {
        return;
    }
    let fit = usize::from(area.height / CHART).clamp(1, room.charts.len());
    let high = area.height / text::count(fit);
    let markers = room.markers();
    for (i, of) in room.charts.iter().take(fit).enumerate() {
        let y = area.y + text::count(i) * high;
        let height = if i + 1 == fit { area.bottom() - y } else { high };
        chart::around(canvas, Rect { y, height, ..area }, of, &markers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_the_onset() {
        let texts = [-20, 0, 65, -125].map(|m| since(Duration::minutes(m)));
        assert_eq!(texts, ["-0:20", "+0:00", "+1:05", "-2:05"]);
    }
}
