//! A field map, and an org that has its fields, for the unit tests: what ships may change without them.

use crate::field_map::FieldMap;
use crate::field_type::FieldDescription;
use crate::fields::ObjectFields;
use crate::records::{Kind, OrgFields, Record};

/// A field that keeps its value where a payload has none, and one that is emptied.
pub(crate) const FIELD_MAP: &str = r#"
ended = "Ended__c"
session = "Session__c"

[[field]]
name = "Tier__c"
from = "/signals/tier"
absent = "omit"

[[field]]
name = "Team_Size__c"
from = "/signals/team_size"
absent = "null"
"#;

pub(crate) const TIER: &str = "/signals/tier";
pub(crate) const TEAM_SIZE: &str = "/signals/team_size";

pub(crate) fn field_map() -> FieldMap {
    FieldMap::parse(FIELD_MAP).unwrap()
}

/// What the org says of the fields.
pub(crate) fn descriptions() -> Vec<FieldDescription> {
    let described = [
        ("Ended__c", "datetime", 0),
        ("Session__c", "string", 255),
        ("Tier__c", "picklist", 255),
        ("Team_Size__c", "double", 0),
    ];
    let describe = |(name, kind, length): (&str, &str, usize)| FieldDescription {
        name: name.to_owned(),
        kind: kind.to_owned(),
        length,
        updateable: true,
        nillable: true,
        id_lookup: false,
    };
    described.map(describe).into()
}

pub(crate) fn org_fields() -> OrgFields {
    let fields = ObjectFields::resolve(&field_map(), "Lead", &descriptions()).unwrap();
    OrgFields { lead: fields.clone(), contact: fields, account: None }
}

/// A record that knows of no session.
pub(crate) fn record(kind: Kind, id: &str) -> Record {
    let fields = org_fields();
    let row = serde_json::Map::new();
    let (known, values) = (fields.of(kind).known_session(&row), fields.of(kind).known_values(&row));
    Record { kind, id: id.to_owned(), known, values }
}
