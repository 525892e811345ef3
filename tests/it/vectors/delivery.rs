//! Answers of the delivery, attribution, ingestion and recovery vectors (ATT, CFR, DF, ING, LT, REC).

use quarterdeck::domain::value::Reading;

use super::input::{self, Expect, Vector};

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    input::evaluate(vector, expect)
}
