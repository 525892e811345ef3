//! # Quarterdeck: architecture
//!
//! A terminal live monitor for the people who answer for software. This page is the architecture document; it is kept
//! true by the tests that hold it (`tests/it/tidy.rs`).
//!
//! ## In nine sentences
//! 1. Sources report **records** (deployments, changes, incidents, samples, costs, measurements…); they decide nothing.
//! 2. Records are kept as reported; teams, links, windows and KPIs are applied afterwards.
//! 3. One **keeper** thread owns the store; a batch, its cursor and what follows from it commit together.
//! 4. Derived records become **facts** (exact events in chunks, live series in mergeable buckets) and facts become KPIs:
//!    a view costs what it shows, not what the history holds.
//! 5. The keeper publishes one immutable **board**: everything the screen can show for the range and scope looked at;
//!    a few cores share its parts (`kpi::beside`).
//! 6. The screen is a function of (app state, board); keys, ticks and new boards are the only messages.
//! 7. Metrics, source kinds, keys, panes and commands are **tables**; adding one adds a row.
//! 8. Waiting, retrying, timing, limiting, size caps, redaction and sanitising are done once, outside the sources.
//! 9. The direction between modules is tested, because one crate gives no borders.
//!
//! ## From a record to a reason
//! ```text
//! record ─ledger─► derived (shipped, linked, classed, owned)
//!        ─store──► facts: tracks of columns per service and owners (`kpi::fact`), live buckets, costs by day
//!        ─kpi────► readings by one formula each ─guard─► judged as one family ─► board
//!                  └─ why: parts ─► cuts by dimension, identities, members, suspects
//!                  └─ slo: budgets, burn rates, who spent it   └─ care, objective: is it worth it, are we there
//!                  └─ room: one incident and what happened around it
//! ```
//! `kpi::defined` computes what the configuration defines (`[[metric]]`) from the same kinds of fact, so that trend, guard and
//! explanation come for free. What costs half a year of weeks (`engine::trend`) or one incident's surroundings is loaded only
//! while its page is open; the numbers are published first.
//!
//! ## Direction
//! ```text
//!                             run                       (may use everything)
//!           ┌──────────┬───────┴────┐
//!         engine      view          │
//!     ┌─────┼─────┐     │           │
//!  sources store  │    app          │
//!     │     │     └──┬──┘           │
//!     │     │       kpi ─► ledger ─► analysis
//!   config  └────────┴───────┬────────────────┘
//!     └──────────────────► domain                        (uses nothing)
//! ```
//! (`config` asks `analysis` too: an objective whose alerts could never fire is a fault of the file.)
//!
//! Deliberately absent: a global, a lock around shared state, a second writer, a `utils` module, an event bus, a plug-in
//! interface, dependency injection, a widget framework, a person as a subject.

pub mod analysis;
pub mod app;
pub mod config;
pub mod domain;
pub mod engine;
pub mod kpi;
pub mod ledger;
pub mod run;
pub mod sources;
pub mod store;
pub mod view;
