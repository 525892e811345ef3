//! `schema`: JSON Schema of the configuration file, and of one record line.

use std::io::Write;

use super::{
    Ended,
    args::{Schema, SchemaOf},
};
use crate::{config::schema::config_schema, domain::record::Record};

/// Print it.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &Schema, out: &mut dyn Write) -> Ended {
    let schema = match args.of {
        SchemaOf::Config => config_schema(),
        SchemaOf::Records => {
            let mut schema = schemars::schema_for!(Record).to_value();
            schema["title"] = "One Quarterdeck record: one line of `import`, `export` and the `records` source".into();
            schema
        }
    };
    writeln!(out, "{schema:#}")?;
    Ok(0)
}
