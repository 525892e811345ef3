//! The engine: supervision, isolation, live boards.
