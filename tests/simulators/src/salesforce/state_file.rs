//! The rows in a file, so that an org outlives its process, as a real one does. Tokens, faults and counters are forgotten.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::Path;

use serde_json::Value;

use super::Salesforce;
use super::objects::Object;
use super::record::Record;

/// What an earlier process has written; none where there was none.
pub(crate) fn read(file: Option<&Path>) -> Result<Option<Vec<u8>>> {
    match file.map(fs::read) {
        Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error),
        read => Ok(read.and_then(Result::ok)),
    }
}

impl Salesforce {
    /// Writes the rows down, as a seed: before the answer to what has changed them. A process that is killed meanwhile leaves the
    /// file before.
    pub(crate) fn write_down(&self) -> Result<()> {
        let Some(file) = &self.config().state_file else { return Ok(()) };
        // Held until it is written, so that no older state takes a newer one's place.
        let org = self.org();
        let rows = |object| org.records.of(object).map(Record::to_json).collect::<Vec<_>>();
        let objects = Object::ALL.into_iter().map(|object| (object.name().to_owned(), rows(object).into()));
        let beside = file.with_extension("new");
        fs::write(&beside, Value::Object(objects.collect()).to_string())?;
        fs::rename(&beside, file)
    }
}
