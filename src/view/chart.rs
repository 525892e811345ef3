//! A KPI's course in full: axes with round numbers, calendar time, target, the window before, markers, crosshair.
//!
//! ```text
//! ── Chart ─ ─ value  ┄ target < 24 h  · 28d before  ▴ deployment ◆ incident ──
//!  36h ┤⠀⠀⠀⠀⠀⠀⠀⠀⣀⠤⠒
//!  24h ┤┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
//!  12h ┤⠤⠤⠒⠒⠉
//!      └──────────────────
//!        ▴ ▴▴  ◆  ▴
//!      2 Mar   9 Mar
//! ```

use ratatui::{layout::Rect, style::Style};

use super::{
    axis::{self, Scale, bucket_label},
    canvas::{Canvas, below, row},
    card, empty, number,
    plot::{self, Form},
    text,
};
use crate::{
    app::{Target, place::Part},
    domain::{
        metric::{self, Metric, Unit},
        window::Window,
    },
    kpi::{
        board::{Board, Marker, MarkerKind, Series},
        room, slo,
    },
};

/// What a chart shows.
#[derive(Clone, Copy)]
struct Course<'a> {
    unit: Unit,
    series: &'a Series,
    /// The window before, aligned bucket by bucket.
    before: Option<&'a Series>,
    /// A line across: its value, and what it is called.
    line: Option<(f64, &'a str)>,
    markers: &'a [Marker],
    board: &'a Board,
}

/// Draw the chart of a metric with its heading.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric) {
    let before = canvas.board().and_then(|b| b.series_before.as_ref()).filter(|_| canvas.app.rows_fresh());
    let course = canvas.board().and_then(|board| {
        let line = board.target(metric.id).map(|t| (t.bound, t.text.as_str()));
        Some(Course { unit: metric.unit, series: board.series.get(metric.id)?, before, line, markers: &board.markers, board })
    });
    let ready = canvas.board().is_some() && canvas.app.rows_fresh();
    chart(canvas, area, course, ready);
}

/// Draw how the budget of an objective went, with its heading.
pub fn budget(canvas: &mut Canvas<'_>, area: Rect, state: &slo::State) {
    let course = state.detail.as_ref().zip(canvas.board()).map(|(detail, board)| Course {
        unit: Unit::Ratio,
        series: &detail.series,
        before: None,
        line: Some((0.0, "nothing left")),
        markers: &detail.markers,
        board,
    });
    chart(canvas, area, course, state.detail.is_some());
}

/// Draw a live series around an incident, under its own name.
pub fn around(canvas: &mut Canvas<'_>, area: Rect, of: &room::Chart, markers: &[Marker]) {
    let (Some(board), Some(metric)) = (canvas.board(), metric::find(of.metric)) else { return };
    let service = canvas.app.service_name(&of.service);
    let title = format!("{} of {service}", metric.name);
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), false);
    let line = board.target(metric.id).map(|t| (t.bound, t.text.as_str()));
    plot_area(canvas, below(area, 1), Course { unit: metric.unit, series: &of.series, before: None, line, markers, board });
}

fn chart(canvas: &mut Canvas<'_>, area: Rect, course: Option<Course<'_>>, ready: bool) {
    canvas.hit(area, Target::Part(Part::Chart));
    let focused = canvas.app.level().part() == Part::Chart;
    let heading = row(area, 0);
    canvas.heading(heading, Part::Chart.name(), ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    let Some(course) = course.filter(|c| c.series.values.iter().any(Option::is_some)) else {
        empty::line(canvas, inside, if ready { "no values over time in this window" } else { "computing…" });
        return;
    };
    legend(canvas, heading, course);
    plot_area(canvas, inside, course);
}

/// What a chart is made of once its size is known.
struct Frame {
    picture: Rect,
    scale: Scale,
    ticks: Vec<f64>,
    labels: u16,
}

fn plot_area(canvas: &mut Canvas<'_>, area: Rect, course: Course<'_>) {
    let Course { unit, series, before, .. } = course;
    let frame = frame(canvas, area, course);
    let (picture, scale) = (frame.picture, frame.scale);
    if picture.width == 0 || picture.height == 0 {
        return;
    }
    let (line, dim) = (canvas.theme.line, canvas.theme.dim);
    // from behind to the front: the window before, the course, then lines only where nothing is
    let form = Form::of(unit);
    if let Some(before) = before.filter(|_| canvas.glyphs.braille && form == Form::Line) {
        plot::draw(canvas, picture, before, scale, Form::Line, dim, dim);
    }
    plot::draw(canvas, picture, series, scale, form, line, dim);
    if let Some(before) = before.filter(|_| form == Form::Bars) {
        levels(canvas, picture, before, scale);
    }
    y_axis(canvas, area, &frame, course);
    x_axis(canvas, area, &frame, course);
    markers(canvas, area, &frame, course);
    target_line(canvas, &frame, course);
    crosshair(canvas, picture, series);
    columns_hit(canvas, area, picture, series);
}

/// The height of each earlier bar as a dash where it stands above the present one.
fn levels(canvas: &mut Canvas<'_>, picture: Rect, before: &Series, scale: Scale) {
    for x in 0..picture.width {
        let index = plot::bucket_at(x, before.values.len(), picture.width);
        let Some(v) = before.values.get(index).copied().flatten() else { continue };
        let y = plot::value_row(v, scale, picture);
        if canvas.is_blank(picture.x + x, y) {
            canvas.sign(picture.x + x, y, canvas.glyphs.partial, canvas.theme.dim);
        }
    }
}

/// Rows below the picture: axis, markers, labels; fewer when low.
fn rows_below(height: u16) -> u16 {
    match height {
        0..=2 => 0,
        3 | 4 => 1,
        5 | 6 => 2,
        _ => 3,
    }
}

fn frame(canvas: &Canvas<'_>, area: Rect, course: Course<'_>) -> Frame {
    let Course { unit, series, before, board, .. } = course;
    let form = Form::of(unit);
    let target = course.line.map(|(bound, _)| bound);
    let values = series.values.iter().chain(before.map_or(&[][..], |b| &b.values)).flatten().copied();
    let plain = Scale::around(values.clone(), unit, form == Form::Bars);
    // the target's line belongs in the picture unless it would press the course flat
    let near = target.filter(|t| (*t - plain.high).max(plain.low - *t) < 2.0 * (plain.high - plain.low));
    let scale = Scale::around(values.chain(near), unit, form == Form::Bars);
    let height = area.height.saturating_sub(rows_below(area.height));
    let (scale, ticks) = axis::ticks(scale, unit, usize::from(height / 2).clamp(2, 7));
    let step = if ticks.len() > 1 { ticks[1] - ticks[0] } else { 0.0 };
    let widest = ticks.iter().map(|t| canvas.width(&axis::label(unit, *t, step, &board.currency))).max().unwrap_or(0);
    let hidden = canvas.app.private() && card::is_money(unit);
    let labels = if hidden || area.width < 24 { 0 } else { widest.min(area.width / 3) };
    let left = labels + 2;
    let picture = Rect { x: area.x + left.min(area.width), width: area.width.saturating_sub(left + 1), height, ..area };
    Frame { picture, scale, ticks, labels }
}

fn y_axis(canvas: &mut Canvas<'_>, area: Rect, frame: &Frame, course: Course<'_>) {
    let dim = canvas.theme.dim;
    let x = frame.picture.x - 1;
    for y in frame.picture.top()..frame.picture.bottom() {
        canvas.sign(x, y, canvas.glyphs.cross, dim);
    }
    let step = if frame.ticks.len() > 1 { frame.ticks[1] - frame.ticks[0] } else { 0.0 };
    for tick in &frame.ticks {
        let y = plot::value_row(*tick, frame.scale, frame.picture);
        canvas.sign(x, y, canvas.glyphs.side, dim);
        let label = axis::label(course.unit, *tick, step, &course.board.currency);
        if frame.labels > 0 {
            canvas.right(Rect { x: area.x, y, width: frame.labels, height: 1 }, &label, dim);
        }
    }
}

fn x_axis(canvas: &mut Canvas<'_>, area: Rect, frame: &Frame, course: Course<'_>) {
    let Course { series, board, .. } = course;
    let rows = rows_below(area.height);
    if rows == 0 {
        return;
    }
    let (picture, dim) = (frame.picture, canvas.theme.dim);
    let line = Rect { y: picture.bottom(), height: 1, ..picture };
    canvas.sign(line.x - 1, line.y, canvas.glyphs.corner, dim);
    canvas.fill(line, canvas.glyphs.axis, dim);
    if series.last_is_partial && !series.values.is_empty() {
        let count = series.values.len();
        let from = text::count((count - 1) * usize::from(picture.width) / count);
        canvas.fill(Rect { x: line.x + from, width: line.width - from, ..line }, canvas.glyphs.partial, dim);
    }
    if rows < 2 {
        return;
    }
    let labels = Rect { y: area.bottom() - 1, ..line };
    let span = span(series).unwrap_or(board.window);
    let mut free = labels.x;
    for tick in axis::times(span, board.zone, picture.width) {
        let x = labels.x + text::cells(tick.at * f64::from(picture.width));
        let wide = canvas.width(&tick.label);
        if x >= free && x + wide <= area.right() {
            canvas.text(x, labels.y, wide, &tick.label, dim);
            canvas.sign(x, line.y, if canvas.app.ascii() { "+" } else { "┴" }, dim);
            free = x + wide + 1;
        }
    }
}

/// From the first bucket to the last.
fn span(series: &Series) -> Option<Window> {
    Some(Window::new(series.buckets.first()?.from, series.buckets.last()?.to))
}

/// The signs under the axis; where several fall on one column the gravest is shown.
fn markers(canvas: &mut Canvas<'_>, area: Rect, frame: &Frame, course: Course<'_>) {
    if rows_below(area.height) < 3 {
        return;
    }
    let picture = frame.picture;
    let y = picture.bottom() + 1;
    let mut gravest: Vec<Option<MarkerKind>> = vec![None; usize::from(picture.width)];
    let span = span(course.series).unwrap_or(course.board.window);
    for marker in course.markers.iter().filter(|m| span.contains(m.at)) {
        let share = (marker.at - span.from).num_milliseconds() as f64 / 1000.0 / span.seconds().max(1.0);
        let x = usize::from(text::cells(share * f64::from(picture.width))).min(gravest.len() - 1);
        if gravest[x].is_none_or(|kind| gravity(marker.kind) > gravity(kind)) {
            gravest[x] = Some(marker.kind);
        }
    }
    for (x, kind) in gravest.iter().enumerate().filter_map(|(x, kind)| Some((picture.x + text::count(x), (*kind)?))) {
        let (sign, style) = marker_sign(canvas, kind);
        canvas.sign(x, y, sign, style);
        if kind == MarkerKind::Incident {
            for y in picture.top()..picture.bottom() {
                if canvas.is_blank(x, y) {
                    canvas.sign(x, y, canvas.glyphs.thread, style);
                }
            }
        }
    }
}

fn gravity(kind: MarkerKind) -> u8 {
    match kind {
        MarkerKind::Deployment => 0,
        MarkerKind::Annotation => 1,
        MarkerKind::FailedDeployment => 2,
        MarkerKind::Incident => 3,
    }
}

fn marker_sign(canvas: &Canvas<'_>, kind: MarkerKind) -> (&'static str, Style) {
    match kind {
        MarkerKind::Deployment => (canvas.glyphs.deployment, canvas.theme.base),
        MarkerKind::Annotation => (canvas.glyphs.annotation, canvas.theme.base),
        MarkerKind::FailedDeployment => (canvas.glyphs.failed, canvas.theme.bad),
        MarkerKind::Incident => (canvas.glyphs.incident, canvas.theme.bad),
    }
}

fn target_line(canvas: &mut Canvas<'_>, frame: &Frame, course: Course<'_>) {
    let Some((bound, _)) = course.line else { return };
    if bound < frame.scale.low || bound > frame.scale.high {
        return;
    }
    let y = plot::value_row(bound, frame.scale, frame.picture);
    for x in frame.picture.left()..frame.picture.right() {
        if canvas.is_blank(x, y) {
            canvas.sign(x, y, canvas.glyphs.target, canvas.theme.fair);
        }
    }
}

fn crosshair(canvas: &mut Canvas<'_>, picture: Rect, series: &Series) {
    let Some(index) = cross_index(canvas, series) else { return };
    let x = picture.x + plot::column(index, series.values.len(), picture.width);
    let (sign, style) = (canvas.glyphs.cross, canvas.theme.accent);
    for y in picture.top()..picture.bottom() {
        if canvas.is_blank(x, y) {
            canvas.sign(x, y, sign, style);
        } else {
            canvas.restyle(Rect { x, y, width: 1, height: 1 }, canvas.theme.selected);
        }
    }
}

/// Clicking a column puts the crosshair there.
fn columns_hit(canvas: &mut Canvas<'_>, area: Rect, picture: Rect, series: &Series) {
    for x in 0..picture.width {
        let index = plot::bucket_at(x, series.buckets.len(), picture.width);
        if let Some(bucket) = series.buckets.get(index) {
            canvas.hit(Rect { x: picture.x + x, y: area.y, width: 1, height: area.height }, Target::Moment(bucket.from));
        }
    }
}

fn cross_index(canvas: &Canvas<'_>, series: &Series) -> Option<usize> {
    let at = canvas.app.cross()?;
    series.buckets.iter().rposition(|b| b.from <= at).or(if series.buckets.is_empty() { None } else { Some(0) })
}

/// In the heading: what the signs mean, or what lies under the crosshair.
fn legend(canvas: &mut Canvas<'_>, heading: Rect, course: Course<'_>) {
    let start = canvas.width(Part::Chart.name()) + 5;
    let room = Rect { x: heading.x + start.min(heading.width), width: heading.width.saturating_sub(start), ..heading };
    let pieces = match cross_index(canvas, course.series) {
        Some(index) => under_cross(canvas, course, index),
        None => signs(canvas, course),
    };
    let mut x = room.x;
    for (text, style) in pieces {
        let text = format!(" {text} ");
        let wide = canvas.width(&text);
        // whole pieces only, the most important first
        if x + wide > room.right() {
            break;
        }
        x += canvas.text(x, room.y, wide, &text, style);
    }
}

fn signs(canvas: &Canvas<'_>, course: Course<'_>) -> Vec<(String, Style)> {
    let Course { unit, series, board, .. } = course;
    let (g, t) = (canvas.glyphs, &canvas.theme);
    let mut out = Vec::new();
    if let Some((_, text)) = course.line {
        let what = if text.starts_with(['<', '>']) { "target " } else { "" };
        out.push((format!("{} {what}{text}", g.target), t.fair));
    }
    let span = span(series).unwrap_or(board.window);
    let seen = |kind| course.markers.iter().any(|m| m.kind == kind && span.contains(m.at));
    for (kind, word) in [
        (MarkerKind::Incident, "incident"),
        (MarkerKind::Deployment, "deployment"),
        (MarkerKind::FailedDeployment, "failed"),
        (MarkerKind::Annotation, "note"),
    ] {
        if seen(kind) {
            let (sign, style) = marker_sign(canvas, kind);
            out.push((format!("{sign} {word}"), style));
        }
    }
    if course.before.is_some() && (g.braille || Form::of(unit) == Form::Bars) {
        out.push((format!("dim: {} before", board.look.range.word), t.dim));
    }
    if series.last_is_partial {
        out.push((format!("{} unfinished", g.partial), t.dim));
    }
    out
}

fn under_cross(canvas: &Canvas<'_>, course: Course<'_>, index: usize) -> Vec<(String, Style)> {
    let Course { unit, series, board, .. } = course;
    let t = &canvas.theme;
    let bucket = series.buckets[index];
    let hidden = canvas.app.private() && card::is_money(unit);
    let text = |v: Option<f64>| match v {
        _ if hidden => "hidden".to_owned(),
        Some(v) => number::short(unit, v, &board.currency),
        None => "no data".to_owned(),
    };
    let partial = series.last_is_partial && index + 1 == series.values.len();
    let mut out = vec![
        (bucket_label(bucket, board.zone), t.accent),
        (format!("{}{}", text(series.values[index]), if partial { " so far" } else { "" }), t.strong),
    ];
    if let Some(before) = course.before.and_then(|b| b.values.get(index)) {
        out.push((format!("before {}", text(*before)), t.dim));
    }
    if let Some(marker) = nearest(course.markers, bucket) {
        let (sign, style) = marker_sign(canvas, marker.kind);
        let label = if canvas.app.private() { "hidden" } else { marker.label.as_str() };
        let label = text::fit(label, 40, canvas.glyphs.cut);
        out.push((format!("{sign} {} {label}", number::moment(marker.at, board.as_of, board.zone)), style));
    }
    out
}

/// The gravest marker inside a bucket, else the nearest one.
fn nearest(markers: &[Marker], bucket: Window) -> Option<&Marker> {
    let inside = markers.iter().filter(|m| bucket.contains(m.at)).max_by_key(|m| gravity(m.kind));
    let middle = bucket.from + (bucket.to - bucket.from) / 2;
    inside.or_else(|| markers.iter().min_by_key(|m| (m.at - middle).abs()))
}
