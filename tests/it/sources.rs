//! The contract every kind of source passes.
