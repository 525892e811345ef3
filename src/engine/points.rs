//! What the config's own KPIs take from records: one light point per record that is meant, owned as any record of its kind.
//!
//! Reads the records of the span one at a time, so it costs what the span holds of the kinds that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    domain::{
        defined::{Catalogue, Definition, Over},
        record::{Kind, Record},
        team::Roster,
        window::Window,
    },
    kpi::fact::{Event, Owners, Track, dims_of, tracks},
    ledger::{Share, attribute::Attributor},
    store::{Reader, RowQuery, StoreError},
};

/// Kinds whose owners the ledger derived.
const DERIVED: [Kind; 4] = [Kind::Deployment, Kind::Change, Kind::Incident, Kind::Commit];

/// Records whose derived owners are asked for at a time.
const AT_ONCE: usize = 500;

/// The points of every definition over records, in order of time. A definition whose kind was ever seen has a list, however
/// empty.
///
/// # Errors
/// [`StoreError`].
pub fn load(
    reader: &Reader,
    catalogue: &Catalogue,
    roster: &Arc<Roster>,
    service: Option<&str>,
    span: Window,
    keys: bool,
) -> Result<BTreeMap<&'static str, Vec<Arc<Track>>>, StoreError> {
    let mut out: BTreeMap<&'static str, Vec<Event>> = BTreeMap::new();
    let kinds: BTreeSet<Kind> =
        catalogue.definitions().iter().filter_map(|d| if let Over::Records(kind) = d.over { Some(kind) } else { None }).collect();
    if kinds.is_empty() {
        return Ok(BTreeMap::new());
    }
    let seen = reader.seen()?;
    for kind in kinds.into_iter().filter(|k| seen.contains(k.word())) {
        let mine: Vec<&Definition> = catalogue.definitions().iter().filter(|d| d.over == Over::Records(kind)).collect();
        for definition in &mine {
            out.entry(definition.metric.id).or_default();
        }
        let query = RowQuery {
            kinds: vec![kind],
            window: Some(span),
            service: service.map(str::to_owned),
            roster: Some(Arc::clone(roster)),
            ..RowQuery::default()
        };
        let mut pen = Pen { reader, owners: Attributor::new(roster), interned: Vec::new(), waiting: Vec::new(), keys, out: &mut out };
        let mut failed = None;
        reader.each(&query, &mut |record| {
            for definition in &mine {
                if let Some((top, bottom, group)) = definition.read(&record) {
                    pen.put(definition.metric.id, &record, [top, bottom], group);
                }
            }
            if pen.waiting.len() >= AT_ONCE {
                failed = pen.settle().err();
            }
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        pen.settle()?;
    }
    Ok(out.into_iter().map(|(id, points)| (id, tracks(points))).collect())
}

struct Pen<'a> {
    reader: &'a Reader,
    owners: Attributor<'a>,
    interned: Vec<Owners>,
    /// Points whose owners the ledger knows better: the metric, the record's key, the point.
    waiting: Vec<(&'static str, String, Event)>,
    keys: bool,
    out: &'a mut BTreeMap<&'static str, Vec<Event>>,
}

impl Pen<'_> {
    fn put(&mut self, id: &'static str, record: &Record, values: [f64; 2], group: u64) {
        let Some(at) = record.event_time() else { return };
        let shares = self.owners.of(record).shares;
        let teams = self.intern(&shares);
        let key = record.key();
        let event = Event {
            at,
            service: record.service.as_deref().unwrap_or_default().into(),
            teams,
            flags: 0,
            group,
            key: if self.keys { key.as_str().into() } else { "".into() },
            values: values.into(),
            dims: dims_of(record),
        };
        if DERIVED.contains(&record.body.kind()) {
            self.waiting.push((id, key, event));
        } else {
            self.out.entry(id).or_default().push(event);
        }
    }

    /// Give the waiting points the owners that were derived for their records.
    fn settle(&mut self) -> Result<(), StoreError> {
        let keys: BTreeSet<String> = self.waiting.iter().map(|(_, key, _)| key.clone()).collect();
        let derived = self.reader.derived(&keys.into_iter().collect::<Vec<_>>())?;
        for (id, key, mut event) in std::mem::take(&mut self.waiting) {
            if let Some(known) = derived.attributions.get(&key).filter(|a| !a.shares.is_empty()) {
                event.teams = self.intern(&known.shares);
            }
            self.out.entry(id).or_default().push(event);
        }
        Ok(())
    }

    /// One list for equal owners.
    fn intern(&mut self, shares: &[Share]) -> Owners {
        let owners: Owners = shares.iter().map(|s| (s.team.as_str().into(), s.share)).collect();
        if let Some(known) = self.interned.iter().find(|known| ***known == *owners) {
            return Arc::clone(known);
        }
        self.interned.push(Arc::clone(&owners));
        owners
    }
}
