//! `export`: everything in the store as canonical JSON lines, oldest first, without holding it in memory.

use std::io::Write;

use super::{
    Ended,
    args::{Export, Global},
    events, paths,
};
use crate::{sources::records, store::RowQuery};

/// Write the lines.
///
/// # Errors
/// [`super::Stop::Could`] without a store.
pub fn run(global: &Global, args: &Export, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let kinds = events::kinds(&args.kind)?;
    let window = events::window(args.from.as_deref(), args.to.as_deref(), opened.config.zone)?;
    let query = RowQuery { kinds, window, ..RowQuery::default() };
    let mut failed = None;
    reader.each(&query, &mut |record| {
        failed = writeln!(out, "{}", records::to_line(&record)).err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(0),
    }
}
