//! The rows that an org begins with.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::behaviour::Behaviour;
use super::objects::Object;
use super::record::Record;
use super::records::Records;

impl Records {
    /// Reads `{"Lead": [{"Id": …, "Email": …, "simulator": {"locked_attempts": 2}}], "Contact": […]}`.
    ///
    /// # Errors
    /// Anything that such a row cannot have.
    pub fn from_json(json: &[u8]) -> anyhow::Result<Self> {
        let seed: BTreeMap<String, Vec<Map<String, Value>>> = serde_json::from_slice(json)?;
        let mut records = Self::default();
        for (object, rows) in seed {
            let object = Object::named(&object).with_context(|| format!("no object {object}"))?;
            for row in rows {
                let (id, record) = record(object, row)?;
                if records.0.insert(id.clone(), record).is_some() {
                    bail!("two rows have the id {id}");
                }
            }
        }
        Ok(records)
    }
}

fn record(object: Object, mut row: Map<String, Value>) -> anyhow::Result<(String, Record)> {
    let behaviour = match row.remove("simulator") {
        Some(behaviour) => serde_json::from_value(behaviour).context("read the key simulator")?,
        None => Behaviour::default(),
    };
    let mut record = Record::new(object, behaviour);
    for (name, value) in &row {
        let field = object.field(name).with_context(|| format!("{} has no field {name}", object.name()))?;
        if let Err(error) = record.set(field, value) {
            bail!("{name}: {}", error.message);
        }
    }
    let id = record.get("Id").as_str().context("a row has no Id")?.to_owned();
    if !id.starts_with(object.key_prefix()) {
        bail!("{id} is no id of a {}", object.name());
    }
    for field in object.fields().filter(|field| matches!(field.name, "IsConverted" | "IsPersonAccount")) {
        record.fields.entry(field.name).or_insert(json!(false));
    }
    record.fields.entry("CreatedDate").or_insert(json!("2025-01-01T00:00:00.000+0000"));
    let created = record.get("CreatedDate").clone();
    record.fields.entry("LastModifiedDate").or_insert(created);
    Ok((id, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: &str = "00Q5f00000A0001";

    #[test]
    fn a_seed_with_a_mistake_is_refused() {
        for (seed, error) in [
            (json!({ "Shoe": [{}] }), "no object Shoe"),
            (json!({ "Lead": [{ "Email": "a@x.org" }] }), "a row has no Id"),
            (json!({ "Lead": [{ "Id": LEAD, "Mail": "a@x.org" }] }), "Lead has no field Mail"),
            (json!({ "Lead": [{ "Id": LEAD }, { "Id": LEAD }] }), "two rows have the id 00Q5f00000A0001EAB"),
            (json!({ "Contact": [{ "Id": LEAD }] }), "00Q5f00000A0001EAB is no id of a Contact"),
            (json!({ "Lead": [{ "Id": LEAD, "simulator": { "shoe": 1 } }] }), "read the key simulator"),
        ] {
            let found = Records::from_json(&serde_json::to_vec(&seed).unwrap()).unwrap_err();
            assert_eq!(found.to_string(), error);
        }
    }
}
