//! One test binary; one file per subject.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

mod analysis;
mod boards;
mod business;
mod cli;
mod config;
mod defined;
mod engine;
mod files;
mod focus;
mod git;
mod kpis;
mod money;
mod pty;
mod readme;
mod records;
mod reviewed;
mod screens;
mod slos;
mod sources;
mod store;
mod tidy;
mod values;
mod vectors;
mod why;
