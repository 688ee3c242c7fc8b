//! The field map held against what the org describes: what is selected, what is written, and what is the same already.

use chrono::{DateTime, SubsecRound, Utc};
use schemas::json::Json;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::field_map::{Absent, FieldMap};
use crate::field_type::{FieldDescription, FieldType, Fit, moment, text, written_time};

/// Fields of a row, by their names.
pub type Row = Map<String, Value>;

/// The mapped fields of one object of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFields {
    ended: String,
    session: String,
    session_length: usize,
    others: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    kind: FieldType,
    absent: Absent,
}

/// What a record knows of its last call, or shall know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastCall {
    /// When it ended, in whole seconds.
    pub ended: Option<DateTime<Utc>>,
    /// Its session: the beginning of the name, where that is longer than the field.
    pub session: Option<String>,
    /// The further fields in the order of the map. Of what shall be, `None` is left as it is.
    pub others: Vec<Option<Value>>,
}

/// One field that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// API name.
    pub field: String,
    /// What stands there.
    pub now: Value,
    /// What shall stand there.
    pub then: Value,
}

impl ObjectFields {
    /// Holds the map against the description of an object.
    ///
    /// # Errors
    /// A sentence for each field that is not as it must be.
    pub fn resolve(
        map: &FieldMap,
        object: &str,
        described: &[FieldDescription],
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut find = |name: &str, absent: Absent| {
            let found = described.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            match found {
                None => {
                    faults.push(format!("{object} has no field {name} that the integration user may see"))
                }
                Some(field) if !field.updateable => {
                    faults.push(format!("the integration user may not edit {object}.{}", field.name));
                }
                Some(field) if absent == Absent::Null && !field.nillable => faults.push(format!(
                    "{object}.{} may not be empty, so the field map has to say absent = \"omit\"",
                    field.name
                )),
                Some(field) => match field.field_type() {
                    Some(kind) => return Some((field.name.clone(), kind)),
                    None => faults
                        .push(format!("{object}.{} is a {}, which takes no value", field.name, field.kind)),
                },
            }
            None
        };
        let ended = find(map.ended.as_str(), Absent::Omit);
        let session = find(map.session.as_str(), Absent::Omit);
        let others: Vec<_> = map
            .others
            .iter()
            .filter_map(|mapped| {
                let (name, kind) = find(mapped.name.as_str(), mapped.absent)?;
                Some(Field { name, kind, absent: mapped.absent })
            })
            .collect();
        match (ended, session) {
            (Some((ended, FieldType::DateTime)), Some((session, FieldType::Text(session_length))))
                if faults.is_empty() =>
            {
                Ok(Self { ended, session, session_length, others })
            }
            (ended, session) => {
                if let Some((name, kind)) = ended.filter(|(_, kind)| *kind != FieldType::DateTime) {
                    faults.push(format!("{object}.{name} must be a Date/Time and is a {kind:?}"));
                }
                if let Some((name, kind)) = session.filter(|(_, kind)| !matches!(kind, FieldType::Text(_))) {
                    faults.push(format!("{object}.{name} must be a Text and is a {kind:?}"));
                }
                Err(faults)
            }
        }
    }

    /// Names for a statement.
    pub fn select(&self) -> String {
        let others = self.others.iter().map(|field| field.name.as_str());
        let names: Vec<_> = [self.ended.as_str(), &self.session].into_iter().chain(others).collect();
        names.join(", ")
    }

    /// Whether a row has all that was asked for, and says when the last call was, where there was one. What has not would be
    /// taken for a record without a call, and an older one be written over a newer one.
    pub fn is_complete(&self, row: &Row) -> bool {
        let ended = row.get(&self.ended);
        let readable =
            ended.is_some_and(|ended| ended.is_null() || ended.as_str().and_then(moment).is_some());
        let session = row.get(&self.session).is_some_and(|session| session.is_null() || session.is_string());
        readable && session && self.others.iter().all(|field| row.contains_key(&field.name))
    }

    /// What a record knows.
    pub fn known(&self, row: &Row) -> LastCall {
        let value = |name: &str| row.get(name).cloned().unwrap_or_default();
        LastCall {
            ended: value(&self.ended).as_str().and_then(moment),
            session: value(&self.session).as_str().map(str::to_owned),
            others: self.others.iter().map(|field| Some(value(&field.name))).collect(),
        }
    }

    /// What a record shall know after a session; `values` are the payload's, in the order of the map. A field that
    /// cannot take its value is left as it is: there is one, so nobody asked to empty the field.
    pub fn wanted(&self, session_id: &str, end_time: DateTime<Utc>, values: &[Option<Json<'_>>]) -> LastCall {
        let other = |(field, value): (&Field, &Option<Json<'_>>)| match value
            .map_or(Fit::Nothing, |value| field.kind.fit(value))
        {
            Fit::Value(value) => Some(value),
            Fit::Nothing => (field.absent == Absent::Null).then_some(Value::Null),
            Fit::Unfit => None,
        };
        LastCall {
            ended: Some(end_time.trunc_subsecs(0)),
            session: text(session_id, self.session_length),
            others: self.others.iter().zip(values).map(other).collect(),
        }
    }

    /// The fields that cannot take their value.
    pub fn unfit<'f>(&'f self, values: &'f [Option<Json<'_>>]) -> impl Iterator<Item = &'f str> {
        let fields = self.others.iter().zip(values);
        let unfit =
            fields.filter(|(field, value)| value.is_some_and(|value| field.kind.fit(value) == Fit::Unfit));
        unfit.map(|(field, _)| field.name.as_str())
    }

    /// What has to be written so that a record that knows `known` knows `wanted` as well.
    pub fn changes(&self, known: &LastCall, wanted: &LastCall) -> Vec<Change> {
        let [now, then] = [known, wanted].map(|call| self.order_fields(call));
        let order = now.into_iter().zip(then).filter(|(now, then)| now != then);
        let order = order.map(|((field, now), (_, then))| Change { field, now, then });
        let others = self.others.iter().zip(&known.others).zip(&wanted.others);
        let others = others.filter_map(|((field, now), then)| {
            let (now, then) = (now.clone().unwrap_or_default(), then.clone()?);
            (!field.kind.is_same(&then, &now)).then(|| Change { field: field.name.clone(), now, then })
        });
        order.chain(others).collect()
    }

    /// The fields that are written.
    pub fn row(&self, wanted: &LastCall) -> Row {
        let others = self.others.iter().zip(&wanted.others);
        let others = others.filter_map(|(field, value)| Some((field.name.clone(), value.clone()?)));
        self.order_fields(wanted).into_iter().chain(others).collect()
    }

    /// The fields that order the calls.
    fn order_fields(&self, call: &LastCall) -> [(String, Value); 2] {
        let ended = call.ended.map(|time| Value::String(written_time(time)));
        let session = call.session.clone().map(Value::String);
        [(self.ended.clone(), ended.unwrap_or_default()), (self.session.clone(), session.unwrap_or_default())]
    }
}

impl LastCall {
    /// What orders the calls of one record: the second, then the session's name. The record shows both, so the order is
    /// the same within a batch and against what is there, and the outcome does not depend on the order of arrival.
    pub fn order(&self) -> (Option<DateTime<Utc>>, Option<&str>) {
        (self.ended, self.session.as_deref())
    }

    /// What is known after `wanted` was written.
    pub fn overwritten_by(&self, wanted: &Self) -> Self {
        let others = self.others.iter().zip(&wanted.others);
        Self {
            others: others.map(|(known, wanted)| wanted.clone().or_else(|| known.clone())).collect(),
            ..wanted.clone()
        }
    }
}

/// The fields of an org that has the metadata of `deploy/salesforce`.
#[cfg(test)]
pub(crate) fn example_org() -> crate::records::OrgFields {
    let fields = tests::resolve(&tests::org()).unwrap();
    crate::records::OrgFields { lead: fields.clone(), contact: fields, account: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::field_map::DEFAULT;

    fn description(name: &str, kind: &str, length: usize) -> FieldDescription {
        FieldDescription {
            name: name.to_owned(),
            kind: kind.to_owned(),
            length,
            updateable: true,
            nillable: true,
            id_lookup: false,
        }
    }

    pub(super) fn org() -> Vec<FieldDescription> {
        vec![
            description("Last_Voice_Call_Date__c", "datetime", 0),
            description("Last_Voice_Session__c", "string", 255),
            description("Voice_Qualification_Tier__c", "picklist", 255),
        ]
    }

    pub(super) fn resolve(described: &[FieldDescription]) -> Result<ObjectFields, Vec<String>> {
        ObjectFields::resolve(&FieldMap::parse(DEFAULT).unwrap(), "Lead", described)
    }

    fn parse(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn row(value: Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_written_is_known_afterwards() {
        let fields = resolve(&org()).unwrap();
        assert_eq!(
            fields.select(),
            "Last_Voice_Call_Date__c, Last_Voice_Session__c, Voice_Qualification_Tier__c"
        );
        let end_time = "2025-10-29T14:03:04.900+02:00".parse().unwrap();
        let wanted = fields.wanted(" room ", end_time, &[Some(parse(r#""hot""#))]);
        let written = fields.row(&wanted);
        insta::assert_snapshot!(
            Value::Object(written).to_string(),
            @r#"{"Last_Voice_Call_Date__c":"2025-10-29T12:03:04.000Z","Last_Voice_Session__c":"room","Voice_Qualification_Tier__c":"hot"}"#
        );
        let given = row(json!({
            "Last_Voice_Call_Date__c": "2025-10-29T12:03:04.000+0000",
            "Last_Voice_Session__c": "room",
            "Voice_Qualification_Tier__c": "hot",
        }));
        let known = fields.known(&given);
        assert_eq!(fields.changes(&known, &wanted), []);
        let nothing = fields.known(&Row::new());
        let changes = fields.changes(&nothing, &wanted);
        assert_eq!(changes.len(), 3);
        let tier = "Voice_Qualification_Tier__c".to_owned();
        assert_eq!(changes[2], Change { field: tier, now: Value::Null, then: json!("hot") });
        assert_eq!(fields.changes(&nothing.overwritten_by(&wanted), &wanted), []);
        let without_tier = fields.wanted("later", end_time, &[None]);
        assert_eq!(wanted.overwritten_by(&without_tier).others, wanted.others);
    }

    #[test]
    fn an_absent_value_is_left_out_or_empties_its_field() {
        let end_time = "2025-10-29T12:00:00Z".parse().unwrap();
        let fields = resolve(&org()).unwrap();
        assert!(
            !fields.row(&fields.wanted("s", end_time, &[None])).contains_key("Voice_Qualification_Tier__c")
        );
        let map =
            FieldMap::parse(&DEFAULT.replace("\"omit\"", "\"null\"").replace("null\" empties", "")).unwrap();
        let fields = ObjectFields::resolve(&map, "Lead", &org()).unwrap();
        for absent in [None, Some(parse("\" \""))] {
            let row = fields.row(&fields.wanted("s", end_time, &[absent]));
            assert_eq!(row["Voice_Qualification_Tier__c"], Value::Null);
        }
    }

    #[test]
    fn a_value_that_does_not_fit_never_empties_its_field() {
        let map =
            FieldMap::parse(&DEFAULT.replace("\"omit\"", "\"null\"").replace("null\" empties", "")).unwrap();
        let mut described = org();
        described[2].kind = "double".to_owned();
        let fields = ObjectFields::resolve(&map, "Lead", &described).unwrap();
        let end_time = "2025-10-29T12:00:00Z".parse().unwrap();
        for unfit in ["1e400", "\"hot\"", "[]"] {
            let values = [Some(parse(unfit))];
            let row = fields.row(&fields.wanted("s", end_time, &values));
            assert!(!row.contains_key("Voice_Qualification_Tier__c"), "{unfit}");
            assert_eq!(fields.unfit(&values).collect::<Vec<_>>(), ["Voice_Qualification_Tier__c"]);
        }
        assert_eq!(fields.unfit(&[Some(parse("7"))]).count() + fields.unfit(&[None]).count(), 0);
    }

    #[test]
    fn a_row_without_what_was_asked_for_says_nothing_of_its_record() {
        let fields = resolve(&org()).unwrap();
        let whole = json!({
            "Last_Voice_Call_Date__c": "2025-10-29T12:03:04.000+0000",
            "Last_Voice_Session__c": null,
            "Voice_Qualification_Tier__c": null,
        });
        assert!(fields.is_complete(&row(whole.clone())));
        for (field, odd) in [
            ("Last_Voice_Call_Date__c", Some(json!("yesterday"))),
            ("Last_Voice_Call_Date__c", Some(json!(1_761_739_384))),
            ("Last_Voice_Session__c", Some(json!(["room"]))),
            ("Last_Voice_Call_Date__c", None),
            ("Last_Voice_Session__c", None),
            ("Voice_Qualification_Tier__c", None),
        ] {
            let mut row = row(whole.clone());
            match odd {
                Some(odd) => drop(row.insert(field.to_owned(), odd)),
                None => drop(row.remove(field)),
            }
            assert!(!fields.is_complete(&row), "{row:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_the_org_is_said_at_once() {
        let mut described = org();
        described[0].kind = "string".to_owned();
        described[1].updateable = false;
        described.pop();
        let map =
            FieldMap::parse(&DEFAULT.replace("\"omit\"", "\"null\"").replace("null\" leaves", "")).unwrap();
        let required = FieldDescription { nillable: false, ..org().remove(2) };
        let described_so: Vec<_> = org().into_iter().take(2).chain([required]).collect();
        assert_eq!(
            ObjectFields::resolve(&map, "Lead", &described_so).unwrap_err(),
            [
                "Lead.Voice_Qualification_Tier__c may not be empty, so the field map has to say absent = \"omit\""
            ]
        );
        let faults = resolve(&described).unwrap_err();
        insta::assert_snapshot!(faults.join("\n"), @r"
        the integration user may not edit Lead.Last_Voice_Session__c
        Lead has no field Voice_Qualification_Tier__c that the integration user may see
        Lead.Last_Voice_Call_Date__c must be a Date/Time and is a Text(0)
        ");
    }
}
