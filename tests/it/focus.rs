//! Kind `focus`: FOCUS bills.
