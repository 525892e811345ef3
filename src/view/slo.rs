//! Objectives: the table, the summary of one, its alerts, and who spent its budget. States are told in words and signs.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, first_shown, row},
    empty, gauge, list, number, text,
};
use crate::{
    app::{
        Target,
        item::Item,
        place::{Part, Place, Tab},
    },
    kpi::slo::{Alert, AlertState, Standing, State, words},
};

/// What would give the table its first line.
const FEED: [&str; 3] =
    ["[[slo]]", r#"name = "checkout"   service = "checkout"   sli = "requests""#, r#"target = "99.9%"   window = "30d""#];

/// The table of objectives, or the lines that would make one.
pub fn table(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let items = app.items(Part::Slos);
    let focused = app.level().part() == Part::Slos;
    let bridge = *app.place() == Place::Tab(Tab::Bridge);
    canvas.hit(area, Target::Part(Part::Slos));
    let title = match (items.len(), bridge) {
        (0, _) => "SLOs".to_owned(),
        (n, true) => format!("SLOs {n} burning"),
        (n, false) => format!("SLOs {n}"),
    };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    if items.is_empty() {
        if app.filter().is_empty() {
            nothing(canvas, inside);
        } else {
            empty::line(canvas, inside, "nothing matches the filter; Esc clears it");
        }
        return;
    }
    let (inside, named) = if bridge || inside.height < 4 { (inside, false) } else { (below(inside, 1), true) };
    let columns = Columns::new(canvas, &items, inside.width);
    if named {
        columns.head(canvas, row(area, 1));
    }
    each(canvas, inside, Part::Slos, &items, |canvas, spot, item| {
        if let Item::Slo(state) = item {
            columns.line(canvas, spot, state);
        }
    });
}

fn nothing(canvas: &mut Canvas<'_>, area: Rect) {
    let first = row(area, 0);
    let words = text::choose(&["no objective yet; in the config:", "none yet; config:"], area.width);
    canvas.text(first.x, first.y, first.width, words, canvas.theme.strong);
    for (i, line) in FEED.iter().enumerate() {
        let spot = row(area, text::count(i) + 1);
        canvas.text(spot.x, spot.y, spot.width, line, canvas.theme.dim);
    }
}

/// The lines of a part, scrolled so that the selected one is seen.
fn each(canvas: &mut Canvas<'_>, area: Rect, part: Part, items: &[Item<'_>], draw: impl Fn(&mut Canvas<'_>, Rect, &Item<'_>)) {
    let focused = canvas.app.level().part() == part;
    let selected = canvas.app.selected_index(part);
    let room = usize::from(area.height);
    let first = first_shown(selected, items.len(), room);
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let spot = row(area, text::count(line));
        draw(canvas, spot, item);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(part, index));
    }
}

/// Sign and style of a standing.
fn sign(canvas: &Canvas<'_>, standing: Standing) -> (&'static str, Style) {
    let (g, t) = (canvas.glyphs, &canvas.theme);
    match standing {
        Standing::Page => (g.incident, t.bad),
        Standing::Overspent => (g.bad, t.bad),
        Standing::Silent => (g.none, t.bad),
        Standing::Ticket => (g.fair, t.fair),
        Standing::Refused => (g.error, t.bad),
        Standing::NoData => (g.none, t.dim),
        Standing::Ok => (g.good, t.good),
    }
}

/// Which columns fit, and how wide each is; 0 is left out.
struct Columns {
    state: u16,
    name: u16,
    service: u16,
    target: u16,
    value: u16,
    bar: u16,
    left: u16,
    burn: u16,
    exhausted: u16,
}

impl Columns {
    fn new(canvas: &Canvas<'_>, items: &[Item<'_>], wide: u16) -> Self {
        let names = items.iter().map(|item| match item {
            Item::Slo(state) => canvas.width(&canvas.app.slo_name(&state.slo.name)),
            _ => 0,
        });
        let longest = names.max().unwrap_or(0).clamp(8, 40);
        let mut c = Self { state: 0, name: longest, service: 0, target: 0, value: 0, bar: 0, left: 16, burn: 0, exhausted: 0 };
        // the most asked first, as long as the name keeps its room
        let mut rest = wide.saturating_sub(3 + c.left + 1 + longest + 1);
        let mut take = |cells: u16| {
            let fits = rest > cells;
            rest = if fits { rest - cells - 1 } else { 0 };
            if fits { cells } else { 0 }
        };
        c.state = take(13);
        c.burn = take(21);
        c.value = take(9);
        c.target = take(8);
        c.bar = take(10);
        c.service = take(16);
        c.exhausted = take(28);
        if wide < 3 + c.left + 1 + longest {
            c.left = c.left.min(wide / 2);
            c.name = wide.saturating_sub(4 + c.left);
        }
        c
    }

    fn head(&self, canvas: &mut Canvas<'_>, spot: Rect) {
        let dim = canvas.theme.dim;
        let cells = [
            (self.state, "state"),
            (self.name, "name"),
            (self.service, "service"),
            (self.target, "target"),
            (self.value, "value"),
            (self.bar, "budget"),
            (self.left, if self.bar == 0 { "budget" } else { "" }),
            (self.burn, "burn rates"),
            (self.exhausted, "exhausted"),
        ];
        let mut x = spot.x + 3;
        for (wide, word) in cells.into_iter().filter(|(wide, _)| *wide > 0) {
            canvas.text(x, spot.y, wide.min(spot.right().saturating_sub(x)), word, dim);
            x += wide + 1;
        }
    }

    fn line(&self, canvas: &mut Canvas<'_>, spot: Rect, state: &State) {
        let (base, dim, strong) = (canvas.theme.base, canvas.theme.dim, canvas.theme.strong);
        let (glyph, style) = sign(canvas, state.standing);
        canvas.text(spot.x + 1, spot.y, spot.width.saturating_sub(1).min(1), glyph, style);
        let mut x = spot.x + 3;
        // without room for the word, what is told beside the sign is the budget
        let name = canvas.app.slo_name(&state.slo.name);
        let target = words::percent(state.slo.target).replace(' ', "");
        let value = state.value.map_or_else(|| "no data".into(), |v| number::ratio(v).replace(' ', ""));
        let pieces = [
            (self.state, state.standing.words().to_owned(), style),
            (self.name, name, strong),
            (self.service, service_words(canvas, state), dim),
            (self.target, target, dim),
            (self.value, value, base),
        ];
        for (wide, text, style) in pieces.into_iter().filter(|(wide, ..)| *wide > 0) {
            canvas.text(x, spot.y, wide.min(spot.right().saturating_sub(x)), &text, style);
            x += wide + 1;
        }
        if self.bar > 0 {
            if let Some(left) = state.left() {
                let style = if left < 0.0 { canvas.theme.bad } else { style };
                gauge::bar_of(canvas, Rect { x, width: self.bar, ..spot }, left, style);
            }
            x += self.bar + 1;
        }
        let left = left_words(state);
        canvas.text(x, spot.y, self.left.min(spot.right().saturating_sub(x)), &left, if state.burns() { style } else { base });
        x += self.left + 1;
        if self.burn > 0 {
            canvas.text(x, spot.y, self.burn.min(spot.right().saturating_sub(x)), &burn_words(state.gravest()), dim);
            x += self.burn + 1;
        }
        if self.exhausted > 0 {
            canvas.text(x, spot.y, spot.right().saturating_sub(x), &words::exhaustion(state), dim);
        }
    }
}

fn service_words(canvas: &Canvas<'_>, state: &State) -> String {
    match (state.slo.services.as_slice(), &state.slo.team) {
        (_, Some(team)) => canvas.app.team_name(team),
        ([one], None) => canvas.app.service_name(one),
        (many, None) => format!("{} services", many.len()),
    }
}

fn left_words(state: &State) -> String {
    state.left().map_or_else(|| if state.standing == Standing::Refused { "refused".into() } else { "no data".into() }, words::left)
}

/// `1h 15.2x 5m 14.9x`: both windows of the alert that matters most.
fn burn_words(alert: Option<&AlertState>) -> String {
    let Some(alert) = alert else { return String::new() };
    let window = |seconds: f64| words::length(seconds).replace(" min", "m").replace(' ', "");
    format!("{} {} {} {}", window(alert.rule.long_s), words::rate(&alert.long), window(alert.rule.short_s), words::rate(&alert.short))
}

/// The top of an objective's page; gives the area below.
pub fn summary(canvas: &mut Canvas<'_>, area: Rect, state: &State) -> Rect {
    let slo = &state.slo;
    let (glyph, style) = sign(canvas, state.standing);
    let first = row(area, 0);
    let value = state.value.map_or_else(|| "no data".into(), number::ratio);
    let aim = format!("target {}", words::percent(slo.target));
    let standing = format!("{glyph} {}", state.standing.words());
    let pieces = [
        (format!(" {value}"), canvas.theme.strong),
        (standing, style),
        (left_words(state), if state.burns() { style } else { canvas.theme.base }),
        (aim, canvas.theme.dim),
        (service_words(canvas, state), canvas.theme.dim),
    ];
    let mut x = first.x;
    for (text, style) in pieces {
        if x < first.right() {
            x += canvas.text(x, first.y, first.right() - x, &text, style) + 3;
        }
    }
    let second = row(area, 1);
    let mut told = Vec::new();
    if let Some(reason) = &state.reason {
        told.push(reason.clone());
    }
    if state.silent > 0 {
        let plural = if state.silent == 1 { "" } else { "s" };
        let limit = state.slo.silent_after.filter(|_| state.silence_fires()).map(|n| format!(", alert after {n}")).unwrap_or_default();
        told.push(format!("no data for {} interval{plural} of {}{limit}", state.silent, words::length(state.interval_s)));
    }
    told.push(words::exhaustion(state));
    if let (Some(so_far), Some(_)) = (state.remaining, state.of_period) {
        told.push(format!("so far {}", words::left(so_far)));
    }
    told.push(format!("{} bad of {} {}", number::count(state.bad), number::count(state.valid), slo.unit()));
    told.push(slo.period.words());
    told.extend(state.notes.iter().cloned());
    canvas.text(second.x + 1, second.y, second.width.saturating_sub(2), &told.join(" · "), canvas.theme.dim);
    below(area, if area.height > 24 { 3 } else { 2.min(area.height) })
}

/// The alerts of the open objective: both windows against the factor.
pub fn alerts(canvas: &mut Canvas<'_>, area: Rect) {
    let items = canvas.app.items(Part::Alerts);
    heading(canvas, area, Part::Alerts, items.len());
    let inside = below(area, 1);
    if items.is_empty() {
        empty::line(canvas, inside, "nothing matches the filter; Esc clears it");
        return;
    }
    each(canvas, inside, Part::Alerts, &items, |canvas, spot, item| {
        if let Item::Alert(alert) = item {
            alert_line(canvas, spot, alert);
        }
    });
}

fn alert_line(canvas: &mut Canvas<'_>, spot: Rect, alert: &AlertState) {
    let (g, t) = (canvas.glyphs, &canvas.theme);
    let (glyph, style) = match alert.state {
        Ok(Alert::Firing) if alert.rule.pages() => (g.incident, t.bad),
        Ok(Alert::Firing) => (g.fair, t.fair),
        Ok(Alert::Quiet) => (g.good, t.good),
        Ok(Alert::LowTraffic) => (g.few, t.dim),
        Ok(Alert::NoData) => (g.none, t.dim),
        Err(_) => (g.error, t.bad),
    };
    let (base, dim) = (t.base, t.dim);
    let window = |seconds: f64| words::length(seconds).replace(" min", "m").replace(' ', "");
    let against = format!("limit {}x", number::decimal(alert.factor, 3));
    let pieces = [
        (1, glyph.to_owned(), style),
        (12, alert.rule.name.replace('_', " "), base),
        (11, words::alert_word(alert).to_owned(), style),
        (12, format!("{} {}", window(alert.rule.long_s), words::rate(&alert.long)), base),
        (12, format!("{} {}", window(alert.rule.short_s), words::rate(&alert.short)), base),
        (13, against, dim),
    ];
    let mut x = spot.x + 1;
    for (wide, text, style) in pieces {
        if x >= spot.right() {
            break;
        }
        canvas.text(x, spot.y, wide.min(spot.right() - x), &text, style);
        x += wide + 1;
    }
    // whole words only: a cut number says something else
    let share = words::percent(alert.rule.share);
    let (long, short) = (format!("{share} spent when it fires"), format!("{share} spent"));
    let room = spot.right().saturating_sub(x);
    let wording = text::choose(&[&long, &short, ""], room);
    canvas.text(x, spot.y, room, wording, dim);
}

/// Who spent the budget of the open objective: share of the whole budget, and of what.
pub fn burners(canvas: &mut Canvas<'_>, area: Rect) {
    let items = canvas.app.items(Part::Burners);
    heading(canvas, area, Part::Burners, items.len());
    let inside = below(area, 1);
    if items.is_empty() {
        let ready = canvas.board().is_some_and(|b| b.slos.iter().any(|s| s.detail.is_some()));
        let words = match (canvas.app.filter().is_empty(), ready) {
            (false, _) => "nothing matches the filter; Esc clears it",
            (true, true) => "nothing was spent",
            (true, false) => "computing…",
        };
        empty::line(canvas, inside, words);
        return;
    }
    each(canvas, inside, Part::Burners, &items, |canvas, spot, item| {
        let Item::Burner(burner) = item else { return };
        let (base, dim) = (canvas.theme.base, canvas.theme.dim);
        let share = format!("{:>7}", format!("{:.1} %", burner.share * 100.0));
        let hidden = canvas.app.private();
        let name = match burner.by.as_str() {
            "service" => canvas.app.service_name(&burner.name),
            _ if hidden => "hidden".into(),
            _ => burner.name.clone(),
        };
        let by = if hidden { "hidden" } else { burner.by.as_str() };
        let mut x = spot.x + 1;
        x += canvas.text(x, spot.y, spot.right().saturating_sub(x), &share, base) + 1;
        if spot.width >= 50 {
            gauge::bar_of(canvas, Rect { x, width: 8, ..spot }, burner.share, canvas.theme.line);
            x += 9;
        }
        canvas.text(x, spot.y, 11.min(spot.right().saturating_sub(x)), by, dim);
        x += 12;
        let bad = format!("{} bad", number::count(burner.bad));
        let wide = canvas.width(&bad);
        let room = spot.right().saturating_sub(x);
        let with_count = room > wide + 14;
        canvas.text(x, spot.y, if with_count { room - wide - 1 } else { room }, &name, base);
        if with_count {
            canvas.right(spot, &bad, dim);
        }
    });
}

fn heading(canvas: &mut Canvas<'_>, area: Rect, part: Part, count: usize) {
    canvas.hit(area, Target::Part(part));
    let focused = canvas.app.level().part() == part;
    let title = if count == 0 { part.name().to_owned() } else { format!("{} {count}", part.name()) };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
}
