//! JSON Schema of the config file, for editors and for `quarterdeck schema config`.

use serde_json::{Value, json};

use super::raw;

/// The schema; a `[[source]]` block may hold its kind's own keys beside the common ones.
#[must_use]
pub fn config_schema() -> Value {
    let mut schema = schemars::schema_for!(raw::File).to_value();
    schema["title"] = json!("Quarterdeck configuration");
    if let Some(source) = schema.pointer_mut("/$defs/Source").and_then(Value::as_object_mut) {
        source.remove("additionalProperties");
    }
    schema
}
