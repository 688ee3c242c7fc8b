//! What is not the sink's own: addresses in statements, the file with the field map, payloads, and what an org answers. The
//! fuzz targets in `fuzz/` call these with any bytes, the test with those that they begin with.

use std::collections::HashMap;

use chrono::DateTime;
use schemas::json::Json;

use crate::call_error::refused;
use crate::client::{Description, SaveResult};
use crate::field_map::{DEFAULT, FieldMap};
use crate::field_type::FieldDescription;
use crate::fields::ObjectFields;
use crate::plan::{Session, plan};
use crate::records::{ContactRow, LeadRow, OrgFields, Record};
use crate::soql::{split, statement};

/// What separates the parts of an input: no text has it.
const END: u8 = 0xff;
const SELECT: &str = "SELECT Id FROM Lead WHERE Email IN ";

/// Texts in statements.
///
/// # Panics
/// When what is between the quotes of a statement is another text, or one is left out.
pub fn soql(bytes: &[u8]) {
    let texts: Vec<_> = bytes.split(|byte| *byte == END).map(String::from_utf8_lossy).collect();
    let lists = split(SELECT, texts.iter().map(|text| &**text), 500);
    assert_eq!(lists.concat(), texts);
    for list in lists {
        let statement = statement(SELECT, &list);
        let read = statement.strip_prefix(SELECT).and_then(read_list);
        assert_eq!(
            read.as_deref(),
            Some(list.iter().map(|text| text.to_string()).collect::<Vec<_>>()).as_deref()
        );
    }
}

/// The texts of `('a','b')`, as Salesforce reads them, and nothing but these.
fn read_list(list: &str) -> Option<Vec<String>> {
    let mut characters = list.strip_prefix('(')?.strip_suffix(')')?.chars();
    let mut texts = Vec::new();
    loop {
        if characters.next()? != '\'' {
            return None;
        }
        let mut text = String::new();
        loop {
            text.push(match characters.next()? {
                '\'' => break,
                '\n' | '\r' => return None,
                '\\' => match characters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    escaped @ ('\\' | '\'' | '"') => escaped,
                    _ => return None,
                },
                plain => plain,
            });
        }
        texts.push(text);
        match characters.next() {
            None => return Some(texts),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// The file with the field map.
///
/// # Panics
/// When a name that is taken is more than a name, or a fault is at no line.
pub fn field_map(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match FieldMap::parse(text) {
        Ok(map) => {
            for map in [map.of_persons(), map] {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                assert!(
                    map.names().all(|name| !name.as_str().is_empty() && name.as_str().bytes().all(plain))
                );
            }
        }
        Err(faults) => {
            let lines = 1 + text.matches('\n').count();
            assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
        }
    }
}

/// A payload, whose value `a` goes into a field of each type, and the Lead as the org gives it.
///
/// # Panics
/// When a value does not fit into its field, or what was written would be written again.
pub fn record(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == END);
    let (Some(payload), row) = (parts.next(), parts.next().unwrap_or_default()) else { return };
    let Ok(payload) = Json::parse(payload) else { return };
    let (map, fields) = fields_of_all_types();
    let lead =
        serde_json::from_slice(row).ok().filter(|lead: &LeadRow| fields.lead.is_complete(&lead.fields));
    let lead = lead.unwrap_or_else(empty_lead);
    let values = map.others.iter().filter_map(|field| Some((field.from.as_str(), field.value(payload)?)));
    let session_id = payload.compact();
    let session = Session {
        index: 0,
        email: "ann@example.org",
        session_id: &session_id,
        job_id: "AJ_1",
        end_time: DateTime::from_timestamp_nanos(1_761_739_200_000_000_001),
        values: values.collect(),
    };
    let lookup = |record: Record| HashMap::from([(session.email, Ok(vec![record]))]);
    let (updates, _) = plan(&[&session], &lookup(fields.lead(&lead)), &fields);
    for update in updates {
        for (name, value) in fields.row(&update.record, &update.wanted) {
            let length = value.as_str().map_or(0, |text| text.encode_utf16().count());
            assert!(length <= LENGTH || name == "id", "{length} of {name}");
            let has_control = value.as_str().is_some_and(|text| text.contains(['\0', '\u{1b}']));
            assert!(!has_control || name == "id", "{value:?} of {name}");
        }
        let written = update.record.clone().after(update.wanted);
        let (again, _) = plan(&[&session], &lookup(written), &fields);
        assert!(
            again.is_empty(),
            "{:?}",
            again.first().map(|update| fields.changes(&update.record, &update.wanted))
        );
    }
}

/// What an org answers, or whoever is in its place.
///
/// # Panics
/// When a reason that is logged holds an e-mail address, or has more than one line.
pub fn answers(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let status = [400, 401, 403, 404, 414, 429, 500, 503][usize::from(first % 8)];
    let check = |reason: &str| assert!(!reason.contains(|letter: char| letter == '@' || letter.is_control()));
    check(&refused(status, None, body).to_string());
    let (map, fields) = fields_of_all_types();
    let lead = fields.lead(&empty_lead());
    for result in serde_json::from_slice::<Vec<SaveResult>>(body).unwrap_or_default() {
        drop(result.verdict(&lead));
    }
    for row in serde_json::from_slice::<Vec<LeadRow>>(body).unwrap_or_default() {
        drop(fields.lead(&row));
    }
    for row in serde_json::from_slice::<Vec<ContactRow>>(body).unwrap_or_default() {
        drop(fields.contact(&row));
    }
    if let Ok(description) = serde_json::from_slice::<Description>(body) {
        drop(ObjectFields::resolve(&map, "Lead", &description.fields));
        if let Ok(map) = FieldMap::parse(DEFAULT) {
            drop(ObjectFields::resolve(&map, "Lead", &description.fields));
        }
    }
}

/// Longest text of a field, in UTF-16 units.
const LENGTH: usize = 40;

fn fields_of_all_types() -> (FieldMap, OrgFields) {
    const KINDS: [&str; 9] =
        ["string", "textarea", "multipicklist", "double", "int", "boolean", "datetime", "date", "picklist"];
    let names = (0..KINDS.len()).map(|number| format!("F{number}__c"));
    let entry = |name: String| {
        let absent = if name.contains(['1', '3', '5', '7']) { "null" } else { "omit" };
        format!("[[field]]\nname = \"{name}\"\nfrom = \"/a\"\nabsent = \"{absent}\"\n")
    };
    let text: String = names.clone().map(entry).collect();
    let map = FieldMap::parse(&format!("ended = \"Ended__c\"\nsession = \"Session__c\"\n{text}"))
        .expect("read map");
    let described = [("Ended__c".to_owned(), "datetime"), ("Session__c".to_owned(), "string")];
    let describe = |(name, kind): (String, &str)| FieldDescription {
        name,
        kind: kind.to_owned(),
        length: LENGTH,
        updateable: true,
        nillable: true,
        id_lookup: false,
    };
    let described: Vec<_> = described.into_iter().chain(names.zip(KINDS)).map(describe).collect();
    let fields = ObjectFields::resolve(&map, "Lead", &described).expect("an org that has the fields");
    (map, OrgFields { lead: fields.clone(), contact: fields, account: None })
}

fn empty_lead() -> LeadRow {
    let row = r#"{
        "Id": "00Q000000000001AAA", "Email": null, "IsConverted": false, "ConvertedContactId": null,
        "CreatedDate": "2025-10-29T12:03:04.000+0000", "LastModifiedDate": "2025-10-29T12:03:04.000+0000"
    }"#;
    serde_json::from_str(row).expect("read a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[
            ("soql", soql),
            ("field_map", field_map),
            ("record", record),
            ("answers", answers),
        ]);
    }
}
