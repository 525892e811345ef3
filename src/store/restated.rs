//! Bills that changed after their month was over. What a month was is gone with its old rows, so a mark is left: an
//! annotation that says by how much and when, in the same transaction. It is a record like any other.

use std::collections::BTreeMap;

use super::{ingest::month, names::Names};
use crate::{
    domain::{
        Decimal, Time,
        record::{Annotation, AnnotationKind, Body, CostLine, Record},
        window::{Tz, from_millis, millis},
    },
    kpi::cost::{self, RESTATED},
};

/// What one commit changed, by source, month of the charges (counted from year 0) and currency.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<(i64, i64, String), Change>);

#[derive(Debug, Default)]
struct Change {
    by: Decimal,
    /// A final line was replaced or withdrawn; new lines alone are a bill that arrives.
    replaced: bool,
}

impl Changes {
    /// A line as it was and as it is, each with the month it is charged in. What a later bill corrects on its own line says
    /// so itself.
    pub(super) fn add(&mut self, source: i64, was: Option<(i64, &CostLine)>, is: Option<(i64, &CostLine)>) {
        let replaced = was.is_some_and(|(_, line)| !line.estimated);
        if let Some((month, line)) = was {
            let change = self.of(source, month, line);
            change.by -= amount(line);
            change.replaced |= replaced;
        }
        if let Some((month, line)) = is.filter(|(_, line)| was.is_some() || !cost::is_correction(line)) {
            let change = self.of(source, month, line);
            change.by += amount(line);
            change.replaced |= replaced;
        }
    }

    fn of(&mut self, source: i64, month: i64, line: &CostLine) -> &mut Change {
        self.0.entry((source, month, line.billing_currency.clone().unwrap_or_default())).or_default()
    }

    /// One mark for each month that was over.
    pub(super) fn records(&self, names: &Names, now: Time) -> Vec<Record> {
        let this_month = month(millis(now));
        let past = self.0.iter().filter(|((_, month, _), change)| change.replaced && !change.by.is_zero() && *month < this_month);
        past.filter_map(|((source, month, currency), change)| {
            let source = names.text(*source)?;
            let from = super::cost::month_start(*month);
            let name = cost::month(from_millis(from), Tz::UTC);
            let on = now.date_naive();
            let annotation = Annotation {
                annotation_kind: AnnotationKind::Note,
                title: format!("{name} restated on {on} by {} {currency}", change.by.normalize()),
                from: Some(from_millis(from)),
                to: Some(from_millis(super::cost::month_start(month + 1))),
            };
            let mut record =
                Record::new(source.to_string(), format!("{RESTATED}/{name}/{currency}/{}", millis(now)), Body::Annotation(annotation));
            record.ts = Some(from_millis(from));
            record.observed_at = Some(now);
            let labels = [(RESTATED, name), ("on", on.to_string()), ("change", change.by.to_string()), ("currency", currency.clone())];
            record.labels = labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            Some(record)
        })
        .collect()
    }
}

fn amount(line: &CostLine) -> Decimal {
    line.effective_cost.or(line.billed_cost).unwrap_or_default()
}
