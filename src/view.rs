//! Drawing: a function of the app's state. Reads, never changes.
