//! Instants in serde forms: RFC 3339 where people read them, milliseconds since the epoch where only programs do.
//!
//! For `#[serde(with = "instant")]` on an `Option<Time>`. Finer than milliseconds, an instant is text in either form.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Time;

#[allow(clippy::ref_option, reason = "serde passes a reference to the field")]
pub(crate) fn serialize<S: Serializer>(at: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) if !serializer.is_human_readable() && at.timestamp_subsec_nanos() % 1_000_000 == 0 => {
            serializer.serialize_some(&at.timestamp_millis())
        }
        _ => at.serialize(serializer),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    if deserializer.is_human_readable() { Option::deserialize(deserializer) } else { deserializer.deserialize_option(Instant) }
}

struct Instant;

impl<'de> de::Visitor<'de> for Instant {
    type Value = Option<Time>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an instant: milliseconds since the epoch, or RFC 3339")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Self::Value, E> {
        Time::from_timestamp_millis(millis).map(Some).ok_or_else(|| E::custom("an instant beyond the calendar"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Some).map_err(E::custom)
    }
}
