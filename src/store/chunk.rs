//! Event facts packed by column: the facts of one measure, service and span of four weeks in two blobs.
//!
//! A board reads hundreds of thousands of facts at once, so columns have fixed widths, constant columns shrink to one
//! cell, and owners are written once per chunk. What a board does not read stands apart, in the **rest**: the record behind
//! each fact, as its row number, and the dimensions, once per chunk. A label with more than [`MOST_VALUES`] values in a chunk
//! is left out of that chunk: a build number is no dimension, and would be written once per fact.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use crate::kpi::fact::{Dims, Event, OWN, Owners, Track};

/// Length of a chunk's span: 28 UTC days counted from the epoch. Longer spans make fewer chunks to open, shorter ones less
/// to write again when a fact changes.
pub(super) const SPAN_MS: i64 = 28 * 86_400_000;

/// Most values of one label within a chunk.
const MOST_VALUES: usize = 64;

/// Most different sets of dimensions within a chunk; where there are more, the labels with the most values go first. 16
/// dimensions a set, their words still fit 16 bits.
const MOST_SETS: usize = 2_000;

/// The span of an instant.
pub(super) fn span(at_ms: i64) -> i64 {
    at_ms.div_euclid(SPAN_MS)
}

/// The first span that a chunk's number has room for; no time we know comes near it.
pub(super) const FIRST_SPAN: i64 = -(1 << 24);

/// The number of a chunk, in order of measure, span and place; schema step 3 says the same.
pub(super) fn id(measure: i64, span: i64, place: i64) -> i64 {
    (measure << 57) + ((span - FIRST_SPAN) << 32) + place
}

/// The numbers of all chunks of a measure from one span to another, both included.
pub(super) fn ids(measure: i64, first: i64, last: i64) -> (i64, i64) {
    (id(measure, first, 0), id(measure, last, i64::from(u32::MAX)))
}

/// A chunk: what a board reads, and the rest.
pub(super) type Packed = (Vec<u8>, Vec<u8>);

/// Pack events of one span; `row` numbers stand for their keys. Times are kept to the millisecond, order by time.
pub(super) fn pack(span: i64, events: &mut [(i64, &Event)]) -> Packed {
    events.sort_by(|(r1, e1), (r2, e2)| {
        (e1.at, r1).cmp(&(e2.at, r2)).then_with(|| e1.values.partial_cmp(&e2.values).unwrap_or(std::cmp::Ordering::Equal))
    });
    let mut out = Vec::with_capacity(32 + events.len() * 12);
    out.extend(u32::try_from(events.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (_, e) in events.iter() {
        out.extend(u32::try_from(e.at.timestamp_millis() - span * SPAN_MS).unwrap_or(0).to_le_bytes());
    }
    column(&mut out, events, |(_, e)| e.flags.to_le_bytes());
    let owners = pack_owners(&mut out, events);
    column(&mut out, &owners, |i| i.to_le_bytes());
    column(&mut out, events, |(_, e)| e.group.to_le_bytes());
    column(&mut out, events, |(_, e)| [u8::try_from(e.values.len()).unwrap_or(0)]);
    let all = || events.iter().flat_map(|(_, e)| e.values.iter().copied());
    if all().all(|v| v.fract() == 0.0 && v.abs() < 2e9 && !(v == 0.0 && v.is_sign_negative())) {
        out.push(1);
        #[allow(clippy::cast_possible_truncation, reason = "whole numbers below 2e9, tested just above")]
        all().for_each(|v| out.extend((v as i32).to_le_bytes()));
    } else {
        out.push(0);
        all().for_each(|v| out.extend(v.to_le_bytes()));
    }
    let mut rest = Vec::with_capacity(32 + events.len() * 10);
    column(&mut rest, events, |(row, _)| row.to_le_bytes());
    pack_dims(&mut rest, events);
    (out, rest)
}

/// One cell per event, or a single cell when all are equal.
fn column<T, const N: usize>(out: &mut Vec<u8>, rows: &[T], cell: impl Fn(&T) -> [u8; N]) {
    let same = rows.split_first().is_some_and(|(first, rest)| rest.iter().all(|r| cell(r) == cell(first)));
    out.push(u8::from(same));
    for row in rows.iter().take(if same { 1 } else { rows.len() }) {
        out.extend(cell(row));
    }
}

fn pack_owners(out: &mut Vec<u8>, events: &[(i64, &Event)]) -> Vec<u16> {
    let mut lists: Vec<&Owners> = Vec::new();
    let index = events
        .iter()
        .map(|(_, e)| {
            let at = lists.iter().position(|l| **l == e.teams).unwrap_or_else(|| {
                lists.push(&e.teams);
                lists.len() - 1
            });
            u16::try_from(at).unwrap_or(u16::MAX)
        })
        .collect();
    out.extend(u16::try_from(lists.len()).unwrap_or(u16::MAX).to_le_bytes());
    for list in lists.iter().take(usize::from(u16::MAX)) {
        let start = out.len();
        out.extend([0; 4]);
        for (team, share) in list.iter() {
            let name = &team.as_bytes()[..team.len().min(usize::from(u16::MAX))];
            out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(name);
            out.extend(share.to_le_bytes());
        }
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
    index
}

/// The words that occur, the sets as numbers of words, and the set of each event.
fn pack_dims(out: &mut Vec<u8>, events: &[(i64, &Event)]) {
    // Lists are interned, so a glance at where they lie tells most of them apart.
    let (mut seen, mut lists): (HashMap<*const (), usize>, Vec<&Dims>) = (HashMap::new(), Vec::new());
    let list_of: Vec<usize> = events
        .iter()
        .map(|(_, e)| {
            *seen.entry(Arc::as_ptr(&e.dims).cast()).or_insert_with(|| {
                lists.push(&e.dims);
                lists.len() - 1
            })
        })
        .collect();
    let left_out = left_out(&lists);
    let (mut sets, mut words): (Vec<Set<'_>>, Vec<&str>) = (Vec::new(), Vec::new());
    let (mut known, mut numbers): (HashMap<Set<'_>, u16>, HashMap<&str, u16>) = (HashMap::new(), HashMap::new());
    let set_of: Vec<u16> = lists
        .iter()
        .map(|list| {
            // The last set is the empty one, for what does not fit.
            let set = if sets.len() < MOST_SETS { without(list, &left_out) } else { Set::new() };
            *known.entry(set).or_insert_with_key(|set| {
                for word in set.iter().flat_map(|(name, value)| [*name, *value]) {
                    numbers.entry(word).or_insert_with(|| {
                        words.push(word);
                        u16::try_from(words.len() - 1).unwrap_or(u16::MAX)
                    });
                }
                sets.push(set.clone());
                u16::try_from(sets.len() - 1).unwrap_or(u16::MAX)
            })
        })
        .collect();
    out.extend(u16::try_from(words.len()).unwrap_or(u16::MAX).to_le_bytes());
    for word in &words {
        out.extend(u16::try_from(word.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(word.as_bytes());
    }
    out.extend(u16::try_from(sets.len()).unwrap_or(u16::MAX).to_le_bytes());
    for set in &sets {
        out.push(u8::try_from(set.len()).unwrap_or(u8::MAX));
        for word in set.iter().flat_map(|(name, value)| [name, value]) {
            out.extend(numbers[word].to_le_bytes());
        }
    }
    column(out, &list_of, |list| set_of[*list].to_le_bytes());
}

type Set<'a> = Vec<(&'a str, &'a str)>;

fn without<'a>(list: &'a Dims, left_out: &BTreeSet<&str>) -> Set<'a> {
    list.iter().map(|(name, value)| (&**name, &**value)).filter(|(name, _)| !left_out.contains(name)).collect()
}

/// Labels with too many values to be a dimension of this chunk.
fn left_out<'a>(lists: &[&'a Dims]) -> BTreeSet<&'a str> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in lists.iter().flat_map(|l| l.iter()).filter(|(name, _)| !OWN.contains(&&**name)) {
        values.entry(name).or_default().insert(value);
    }
    let mut labels: Vec<(usize, &str)> = values.into_iter().map(|(name, values)| (values.len(), name)).collect();
    labels.sort_unstable();
    let mut out = BTreeSet::new();
    while let Some((count, name)) = labels.pop() {
        let fits = || lists.len() <= MOST_SETS || lists.iter().map(|l| without(l, &out)).collect::<BTreeSet<_>>().len() < MOST_SETS;
        if count <= MOST_VALUES && fits() {
            break;
        }
        out.insert(name);
    }
    out
}

/// A packed chunk, taken apart without copying.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) len: usize,
    at: &'a [u8],
    flags: Cells<'a, 2>,
    pub(super) owners: Vec<Owners>,
    owner: Cells<'a, 2>,
    group: Cells<'a, 8>,
    /// Of the rest; 0, which is no row, without it.
    row: Cells<'a, 8>,
    arity: Cells<'a, 1>,
    /// Where each event's values begin, and where the last one's end, when they are not equally many.
    starts: Vec<u32>,
    whole: bool,
    values: &'a [u8],
    /// Sets of dimensions and which one each event has; `None` when not asked for.
    dims: Option<(Vec<Dims>, Cells<'a, 2>)>,
}

#[derive(Debug, Clone, Copy)]
struct Cells<'a, const N: usize> {
    bytes: &'a [u8],
    same: bool,
}

impl<const N: usize> Cells<'_, N> {
    fn at(&self, i: usize) -> [u8; N] {
        let from = if self.same { 0 } else { i * N };
        let mut cell = [0; N];
        cell.copy_from_slice(&self.bytes[from..from + N]);
        cell
    }

    /// The cells of some events.
    fn over(&self, events: Range<usize>) -> impl Iterator<Item = [u8; N]> + Clone {
        let (one, each) = if self.same { (events.len(), 0..0) } else { (0, events.start * N..events.end * N) };
        let first = if one > 0 { self.at(0) } else { [0; N] };
        std::iter::repeat_n(first, one).chain(self.bytes[each].as_chunks::<N>().0.iter().copied())
    }
}

/// Lists of owners and words seen so far, so that facts of one owner share one list.
#[derive(Debug, Default)]
pub(super) struct Interned {
    lists: HashMap<Box<[u8]>, Owners>,
    words: HashMap<Box<str>, Arc<str>>,
}

impl Interned {
    fn owners(&mut self, bytes: &[u8]) -> Option<Owners> {
        if let Some(list) = self.lists.get(bytes) {
            return Some(Arc::clone(list));
        }
        let (mut rest, mut list) = (bytes, Vec::new());
        while !rest.is_empty() {
            let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
            let name = std::str::from_utf8(cut(&mut rest, length)?).ok()?;
            list.push((self.word(name), f64::from_le_bytes(take(&mut rest)?)));
        }
        let list: Owners = list.into();
        self.lists.insert(bytes.into(), Arc::clone(&list));
        Some(list)
    }

    /// What stands at the end of the rest.
    fn dims<'a>(&mut self, mut rest: &'a [u8], len: usize) -> Option<(Vec<Dims>, Cells<'a, 2>)> {
        let mut words = Vec::new();
        for _ in 0..u16::from_le_bytes(take(&mut rest)?) {
            let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
            words.push(self.word(std::str::from_utf8(cut(&mut rest, length)?).ok()?));
        }
        let mut sets = Vec::new();
        for _ in 0..u16::from_le_bytes(take(&mut rest)?) {
            let [count] = take(&mut rest)?;
            let mut set = Vec::with_capacity(usize::from(count));
            for _ in 0..count {
                let mut word = || words.get(usize::from(u16::from_le_bytes(take(&mut rest)?))).map(Arc::clone);
                set.push((word()?, word()?));
            }
            sets.push(set.into());
        }
        Some((sets, cells(&mut rest, len)?))
    }

    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = Arc::from(text);
        self.words.insert(text.into(), Arc::clone(&word));
        word
    }
}

fn cut<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    cut(rest, N)?.try_into().ok()
}

fn cells<'a, const N: usize>(rest: &mut &'a [u8], len: usize) -> Option<Cells<'a, N>> {
    let [same] = take(rest)?;
    let same = same == 1;
    Some(Cells { bytes: cut(rest, if same { N } else { N * len })?, same })
}

impl<'a> View<'a> {
    /// `None` when the bytes are not a chunk. Events have dimensions when `dims` asks for them, and rows where there is the
    /// rest.
    pub(super) fn new(body: &'a [u8], rest: Option<&'a [u8]>, interned: &mut Interned, dims: bool) -> Option<Self> {
        let (mut rest, mut apart) = (body, rest);
        let len = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let at = cut(&mut rest, len.checked_mul(4)?)?;
        let flags = cells(&mut rest, len)?;
        let lists = u16::from_le_bytes(take(&mut rest)?);
        let mut owners = Vec::with_capacity(usize::from(lists));
        for _ in 0..lists {
            let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
            owners.push(interned.owners(cut(&mut rest, length)?)?);
        }
        let owner = cells(&mut rest, len)?;
        let group = cells(&mut rest, len)?;
        let arity: Cells<'_, 1> = cells(&mut rest, len)?;
        let [whole] = take(&mut rest)?;
        let (mut starts, mut total) = (Vec::new(), 0u32);
        if arity.same {
            total = u32::from(arity.at(0)[0]).checked_mul(u32::try_from(len).ok()?)?;
        } else {
            starts.reserve_exact(len + 1);
            for count in arity.bytes {
                starts.push(total);
                total = total.checked_add(u32::from(*count))?;
            }
            starts.push(total);
        }
        let width = if whole == 1 { 4 } else { 8 };
        let values = cut(&mut rest, usize::try_from(total).ok()? * width)?;
        let row = apart.as_mut().map_or(Some(Cells { bytes: &[0; 8], same: true }), |rest| cells(rest, len))?;
        let dims = if dims { Some(interned.dims(apart?, len)?) } else { None };
        Some(Self { len, at, flags, owners, owner, group, row, arity, starts, whole: whole == 1, values, dims })
    }

    /// Milliseconds of an event after the start of the span; ascending.
    pub(super) fn offset(&self, i: usize) -> u32 {
        let b = &self.at[i * 4..i * 4 + 4];
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    }

    /// First event at or after a number of milliseconds into the span.
    pub(super) fn first_at(&self, ms: i64) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let mid = low.midpoint(high);
            if i64::from(self.offset(mid)) < ms { low = mid + 1 } else { high = mid }
        }
        low
    }

    pub(super) fn row(&self, i: usize) -> i64 {
        i64::from_le_bytes(self.row.at(i))
    }

    /// Which of the chunk's lists of owners an event has.
    pub(super) fn owner(&self, i: usize) -> usize {
        usize::from(u16::from_le_bytes(self.owner.at(i)))
    }

    /// The longest stretches of `span` whose events have one list of owners each.
    pub(super) fn stretches(&self, span: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut from = span.start;
        std::iter::from_fn(move || {
            let first = (from < span.end).then_some(from)?;
            let changes = |i: &usize| self.owner(*i) != self.owner(first);
            from = if self.owner.same { span.end } else { (first..span.end).find(changes).unwrap_or(span.end) };
            Some(first..from)
        })
    }

    pub(super) fn flags(&self, i: usize) -> u16 {
        u16::from_le_bytes(self.flags.at(i))
    }

    /// The first value of an event.
    pub(super) fn first_value(&self, i: usize) -> Option<f64> {
        self.values_of(i..i + 1).next()
    }

    /// Put events at the end of a track, column by column; keys are the caller's. `None` when dimensions are missing from
    /// the chunk.
    pub(super) fn append(&self, events: Range<usize>, span: i64, track: &mut Track) -> Option<()> {
        let (start, before) = (span * SPAN_MS, track.at.len());
        track.extend_ends(self.arity.over(events.clone()).map(|[count]| count));
        let offsets = self.at[events.start * 4..events.end * 4].as_chunks::<4>().0;
        track.at.extend(offsets.iter().map(|b| start + i64::from(u32::from_le_bytes(*b))));
        track.flags.extend(self.flags.over(events.clone()).map(u16::from_le_bytes));
        let alone = self.group.same && self.group.at(0) == [0; 8];
        if !alone && track.groups.is_empty() {
            track.groups.resize(before, 0);
        }
        if !alone || !track.groups.is_empty() {
            track.groups.extend(self.group.over(events.clone()).map(u64::from_le_bytes));
        }
        track.values.extend(self.values_of(events.clone()));
        if let Some((sets, set)) = &self.dims {
            // Another stretch of a chunk finds the chunk's sets at the end.
            let there = track.sets.last().zip(sets.last()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
            track.sets.extend(sets.iter().filter(|_| !there).cloned());
            let first = u32::try_from(track.sets.len() - sets.len()).ok()?;
            let count = u16::try_from(sets.len()).ok()?;
            for set in set.over(events).map(u16::from_le_bytes) {
                track.dims.push(first + u32::from(Some(set).filter(|s| *s < count)?));
            }
        }
        Some(())
    }

    fn values_of(&self, events: Range<usize>) -> impl Iterator<Item = f64> {
        let start = |i: usize| if self.arity.same { i * usize::from(self.arity.at(0)[0]) } else { self.starts[i] as usize };
        let width = if self.whole { 4 } else { 8 };
        let bytes = &self.values[start(events.start) * width..start(events.end) * width];
        let (whole, split) = if self.whole { (bytes, &[][..]) } else { (&[][..], bytes) };
        let whole = whole.as_chunks::<4>().0.iter().map(|b| f64::from(i32::from_le_bytes(*b)));
        whole.chain(split.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{domain::window::from_millis, kpi::fact::EventRef};

    fn event(at_ms: i64, owners: &[(&str, f64)], flags: u16, group: u64, values: &[f64]) -> Event {
        Event {
            at: from_millis(at_ms),
            service: Arc::from("pay"),
            teams: owners.iter().map(|(t, s)| (Arc::from(*t), *s)).collect(),
            flags,
            group,
            key: Arc::from(""),
            values: values.into(),
            dims: Arc::default(),
        }
    }

    fn round(span: i64, events: &[Event]) -> Vec<Event> {
        let mut rows: Vec<(i64, &Event)> = events.iter().enumerate().map(|(i, e)| (i64::try_from(i).unwrap(), e)).collect();
        let (body, rest) = pack(span, &mut rows);
        let mut interned = Interned::default();
        let view = View::new(&body, Some(&rest), &mut interned, true).unwrap();
        let rows: BTreeSet<i64> = (0..view.len).map(|i| view.row(i)).collect();
        assert_eq!(rows, (0..i64::try_from(events.len()).unwrap()).collect());
        let bare = View::new(&body, None, &mut interned, false).unwrap();
        assert!((0..bare.len).all(|i| bare.row(i) == 0 && bare.offset(i) == view.offset(i)));
        read(&view, span).unwrap()
    }

    fn read(view: &View<'_>, span: i64) -> Option<Vec<Event>> {
        let mut out = Vec::new();
        for stretch in view.stretches(0..view.len) {
            let mut track = Track::new(Arc::from("pay"), Arc::clone(view.owners.get(view.owner(stretch.start))?));
            view.append(stretch, span, &mut track)?;
            out.extend(track.iter().map(EventRef::to_event));
        }
        Some(out)
    }

    fn any_dims() -> impl Strategy<Value = Dims> {
        prop::collection::btree_map("[a-d]", "[a-zü]{1,3}", 0..4).prop_map(|m| dims(m.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    }

    fn dims<'a>(list: impl IntoIterator<Item = (&'a str, &'a str)>) -> Dims {
        list.into_iter().map(|(k, v)| (Arc::from(k), Arc::from(v))).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(
            list in prop::collection::vec((0..SPAN_MS, 0usize..3, any::<u16>(), any::<u64>(), prop::collection::vec(-1e12f64..1e12, 0..=5), any_dims()), 1..40),
            same in any::<bool>(), span in -3000i64..3000,
        ) {
            let owners: [&[(&str, f64)]; 3] = [&[("a", 1.0)], &[("b", 0.25), ("ü", 0.75)], &[]];
            let mut events: Vec<Event> = list.iter()
                .map(|(at, o, flags, group, values, dims)| {
                    let values: Vec<f64> = if same { vec![values.len() as f64] } else { values.clone() };
                    let event = event(span * SPAN_MS + at, owners[if same { 0 } else { *o }], *flags, *group, &values);
                    Event { dims: if same { Arc::default() } else { dims.clone() }, ..event }
                }).collect();
            events.sort_by_key(|e| e.at);
            let out = round(span, &events);
            prop_assert_eq!(out.len(), events.len());
            for e in &events {
                prop_assert!(out.contains(e));
            }
        }

        #[test]
        fn bytes_that_are_no_chunk_are_refused_or_read_but_never_panic(
            body in prop::collection::vec(any::<u8>(), 0..200), rest in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
            dims in any::<bool>(),
        ) {
            if let Some(view) = View::new(&body, rest.as_deref(), &mut Interned::default(), dims) {
                let _ = read(&view, 0);
            }
        }
    }

    #[test]
    fn a_label_with_too_many_values_is_left_out_and_our_own_dimensions_never_are() {
        let events: Vec<Event> = (0..100)
            .map(|i| {
                let (build, repo, region) = (format!("build-{i}"), format!("repo-{i}"), ["eu", "us"][i % 2]);
                let dims = dims([("build", &*build), ("region", region), ("repo", &*repo)]);
                Event { dims, ..event(i64::try_from(i).unwrap(), &[], 0, 0, &[]) }
            })
            .collect();
        let out = round(0, &events);
        assert_eq!(out[7].dims, dims([("region", "us"), ("repo", "repo-7")]));
    }

    #[test]
    fn where_sets_are_too_many_the_labels_with_most_values_go_first() {
        let events: Vec<Event> = (0..4_000)
            .map(|i| {
                let (a, b, c) = (format!("a{}", i % 60), format!("b{}", i / 60 % 60), format!("c{}", i % 3));
                Event { dims: dims([("a", &*a), ("b", &*b), ("c", &*c)]), ..event(i, &[], 0, 0, &[]) }
            })
            .collect();
        let out = round(0, &events);
        assert_eq!(out[61].dims, dims([("a", "a1"), ("c", "c1")]));
    }

    #[test]
    fn whole_numbers_take_half_the_room() {
        let whole = [event(5, &[("a", 1.0)], 0, 0, &[3600.0]), event(6, &[("a", 1.0)], 0, 0, &[-7.0])];
        let split = [event(5, &[("a", 1.0)], 0, 0, &[3600.5]), event(6, &[("a", 1.0)], 0, 0, &[-7.0])];
        let size = |events: &[Event]| pack(0, &mut events.iter().map(|e| (1, e)).collect::<Vec<_>>()).0.len();
        assert_eq!(size(&whole) + 8, size(&split));
        assert_eq!(round(0, &whole)[0].values[0], 3600.0);
    }
}
