//! One record: everything known, how it was linked, classified and attributed, what belongs to it.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, row, top},
    list, number, room, text,
};
use crate::{
    app::{Target, item::Item, place::Part},
    kpi::board::Row,
};

/// The page of a record.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, record: &Row) {
    let inside = head(canvas, area, record);
    if record.kind == "incident" {
        room::draw(canvas, inside);
        return;
    }
    let related = canvas.app.items(Part::Related).len();
    if canvas.app.narrow() {
        match canvas.app.level().part() {
            Part::Related => list::draw(canvas, inside, Part::Related, "nothing related is known"),
            _ => facts(canvas, inside, Part::Facts),
        }
        return;
    }
    if inside.width >= 120 {
        let left = inside.width * 3 / 5;
        facts(canvas, Rect { width: left, ..inside }, Part::Facts);
        let right = Rect { x: inside.x + left + 2, width: inside.width - left - 2, ..inside };
        list::draw(canvas, right, Part::Related, "nothing related is known");
        return;
    }
    let wanted = text::count(related.max(1) + 1).min((inside.height / 2).max(2));
    let high = inside.height.saturating_sub(wanted);
    facts(canvas, top(inside, high), Part::Facts);
    list::draw(canvas, below(inside, high), Part::Related, "nothing related is known");
}

/// Title, and one line of what it is.
fn head(canvas: &mut Canvas<'_>, area: Rect, record: &Row) -> Rect {
    let app = canvas.app;
    let title = if app.private() { "hidden" } else { record.title.as_str() };
    let first = row(area, 0);
    canvas.text(first.x + 1, first.y, first.width.saturating_sub(2), title, canvas.theme.strong);
    let mut words = vec![record.kind.replace('_', " "), number::moment(record.at, app.now(), app.zone()), app.zone().name().to_owned()];
    for name in [app.service_name(&record.service), app.team_name(&record.team)] {
        if !name.is_empty() {
            words.push(name);
        }
    }
    if let Some(board) = canvas.board() {
        let value = list::value_of(canvas, record, board);
        if !value.is_empty() {
            words.insert(1, value);
        }
    }
    words.extend(record.tags.iter().cloned());
    let second = row(area, 1);
    canvas.text(second.x + 1, second.y, second.width.saturating_sub(2), &words.join(" · "), canvas.theme.dim);
    let mut used = 2;
    if let Some(url) = record.url.as_ref().filter(|_| area.height > 8) {
        let third = row(area, 2);
        let shown = if app.private() { "hidden" } else { url.as_str() };
        canvas.text(third.x + 1, third.y, third.width.saturating_sub(2), shown, canvas.theme.accent);
        used = 3;
    }
    below(area, used)
}

/// Name and text of each fact, long texts wrapped; scrolled so that the selected one is seen.
pub fn facts(canvas: &mut Canvas<'_>, area: Rect, part: Part) {
    let app = canvas.app;
    let items = app.items(part);
    let focused = app.level().part() == part;
    canvas.hit(area, Target::Part(part));
    canvas.heading(row(area, 0), part.name(), ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    if items.is_empty() {
        super::empty::line(canvas, inside, "nothing more is known");
        return;
    }
    let names = items.iter().map(|item| canvas.width(item.id())).max().unwrap_or(0).min(inside.width / 3).min(28);
    let room = inside.width.saturating_sub(names + 4);
    let selected = app.selected_index(part);
    let blocks: Vec<(usize, &str, Vec<String>)> = items
        .iter()
        .enumerate()
        .filter_map(|(i, item)| match item {
            Item::Fact(name, text) if app.private() => {
                Some((i, *name, vec![if text.is_empty() { String::new() } else { "hidden".into() }]))
            }
            Item::Fact(name, text) => Some((i, *name, text::wrap(text, room.max(1)))),
            _ => None,
        })
        .collect();
    // start far enough down that the selected block ends inside
    let until: usize = blocks.iter().take(selected + 1).map(|(.., lines)| lines.len()).sum();
    let mut skip = until.saturating_sub(usize::from(inside.height));
    let mut y = inside.y;
    for (index, name, lines) in &blocks {
        if skip >= lines.len() && skip > 0 {
            skip -= lines.len();
            continue;
        }
        for (i, line) in lines.iter().enumerate().skip(std::mem::take(&mut skip)) {
            if y >= inside.bottom() {
                return;
            }
            let spot = Rect { y, height: 1, ..inside };
            if i == 0 {
                canvas.text(spot.x + 2, y, names, name, canvas.theme.dim);
            }
            canvas.text(spot.x + 2 + names + 2, y, room, line, canvas.theme.base);
            if focused && *index == selected && i == 0 {
                list::mark(canvas, spot);
            }
            canvas.hit(spot, Target::Item(part, *index));
            y += 1;
        }
    }
}
