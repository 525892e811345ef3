//! What a board costs.
fn main() {}
