//! Which stretch of time a poll reads: first the history from old to new, coarse while it is far back, then the newest
//! points over and over with an overlap.
//!
//! All times are seconds of the epoch. A point at `t` stands for the window `(t - step, t]`, so two stretches that meet
//! at `t` neither overlap nor leave a gap.

/// History older than this is read by the hour: the store keeps minutes no longer.
const FINE_S: i64 = 48 * 3600;
/// Points of one stretch; far below the 11,000 a server allows per series.
const HOURS: i64 = 7 * 24;
const POINTS: i64 = 720;
/// Newest points read again, because scrapes and remote writes arrive late.
const OVERLAP: i64 = 2;

/// Points `start`, `start + step`, … `end` are read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: i64,
    pub end: i64,
    pub step: i64,
    /// Far back: one point per hour instead of per configured step.
    pub coarse: bool,
    /// The next poll goes on here.
    pub read_to: i64,
    /// There is more to read now.
    pub more: bool,
    /// Seconds of history read and asked for.
    pub done: i64,
    pub total: i64,
}

/// The next stretch. `read_to` is the last window's end, `None` at first; `fine` the configured step.
pub(super) fn next(read_to: Option<i64>, fine: i64, backfill: i64, now: i64) -> Span {
    let hour = fine.max(3600);
    // The newest window is read when it is sure to be filled, but a short step must not wait long.
    let settled = floor(now - (fine / 2).min(30), fine);
    let begin = floor(now - backfill, hour).min(settled - fine);
    let fine_from = floor(now - FINE_S, hour);
    let at = ceil(read_to.unwrap_or(begin), fine).max(begin);
    let total = (settled - begin).max(1);
    let made = |start: i64, end: i64, step: i64, coarse: bool| {
        let read_to = at.max(end);
        Span { start, end, step, coarse, read_to, more: read_to < settled, done: (read_to - begin).min(total), total }
    };
    if at < fine_from && at == floor(at, hour) {
        return made(at + hour, (at + HOURS * hour).min(fine_from), hour, fine < hour);
    }
    // After a long pause the stretch to the next full hour is fine, so that coarse windows do not overlap it.
    let border = if at < fine_from { ceil(at, hour) } else { settled };
    let end = (at + POINTS * fine).min(border).min(settled);
    let oldest = fine_from.max(begin) + fine;
    let start = (at + fine - OVERLAP * fine).max(oldest.min(at + fine)).min(end);
    made(start, end, fine, false)
}

fn floor(at: i64, step: i64) -> i64 {
    at.div_euclid(step) * step
}

fn ceil(at: i64, step: i64) -> i64 {
    floor(at + step - 1, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_772_366_417; // 12:00:17
    const DAY: i64 = 86_400;

    /// All stretches from the beginning until nothing is left.
    fn backfill(fine: i64, days: i64) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        loop {
            let span = next(spans.last().map(|s| s.read_to), fine, days * DAY, NOW);
            spans.push(span);
            assert!(spans.len() < 500, "never ends");
            if !span.more {
                return spans;
            }
        }
    }

    #[test]
    fn history_is_covered_once_from_old_to_new_and_coarse_far_back() {
        for (fine, days) in [(60, 56), (15, 56), (300, 7), (3600, 400), (86_400, 60), (60, 1)] {
            let spans = backfill(fine, days);
            let mut covered = Vec::new();
            for span in &spans {
                assert!(span.start <= span.end && (span.end - span.start) % span.step == 0, "{span:?}");
                assert!((span.end - span.start) / span.step < 11_000);
                covered.extend((0..).map(|i| span.start + i * span.step).take_while(|at| *at <= span.end).map(|at| (at - span.step, at)));
            }
            covered.sort_unstable();
            covered.dedup();
            for pair in covered.windows(2) {
                assert_eq!(pair[0].1, pair[1].0, "a gap or an overlap with step {fine}");
            }
            assert!(covered[0].0 <= NOW - days * DAY + fine.max(3600), "step {fine}: begins at {}", covered[0].0);
            assert!(NOW - covered.last().unwrap().1 <= fine + 30, "step {fine}: ends at {}", covered.last().unwrap().1);
            assert_eq!(spans.last().map(|s| s.done), spans.last().map(|s| s.total));
        }
    }

    #[test]
    fn afterwards_only_the_newest_points_are_read_with_two_again() {
        let last = *backfill(60, 7).last().unwrap();
        let again = next(Some(last.read_to), 60, 7 * DAY, NOW);
        assert_eq!((again.start, again.end, again.more), (last.end - 60, last.end, false));
        let later = next(Some(last.read_to), 60, 7 * DAY, NOW + 60);
        assert_eq!((later.start, later.end), (last.end - 60, last.end + 60));
    }

    #[test]
    fn the_newest_window_is_left_to_settle() {
        let end = |now: i64, fine: i64| next(Some(now - 120), fine, DAY, now).end;
        assert_eq!(end(1_772_366_429, 60), 1_772_366_340, "29 s after the minute");
        assert_eq!(end(1_772_366_431, 60), 1_772_366_400, "31 s after the minute");
        assert_eq!(end(1_772_366_408, 15), 1_772_366_400, "half a step of 15 s");
    }

    #[test]
    fn a_long_pause_is_caught_up_without_a_window_twice() {
        let paused = NOW - 10 * DAY - 17 + 120; // two minutes past an hour
        let (mut at, mut ends) = (paused, Vec::new());
        loop {
            let span = next(Some(at), 60, 56 * DAY, NOW);
            ends.push((span.start - span.step, span.end, span.step));
            at = span.read_to;
            if !span.more {
                break;
            }
        }
        assert_eq!(ends[0].1 % 3600, 0, "fine up to the full hour");
        assert!(ends[1].2 == 3600 && ends[1].0 == ends[0].1, "{ends:?}");
    }

    #[test]
    fn a_clock_that_went_back_reads_nothing_new_and_loses_no_place() {
        let span = next(Some(NOW + 5000), 60, DAY, NOW);
        assert!(span.end <= NOW && span.start <= span.end && !span.more);
        assert!(span.read_to >= NOW + 5000);
    }
}
