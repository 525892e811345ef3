//! The store: what survives, what is refused.
