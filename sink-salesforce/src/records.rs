//! Rows as look-ups give them, and records as updates name them.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::field_type::moment;
use crate::fields::{Change, FieldValue, LastSession, ObjectFields, Row};

/// The fields of the org's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgFields {
    /// The fields of Leads.
    pub lead: ObjectFields,
    /// The fields of Contacts.
    pub contact: ObjectFields,
    /// The fields of Accounts, where they can be persons.
    pub account: Option<ObjectFields>,
}

/// A Lead as a look-up gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LeadRow {
    /// Id of 18 characters.
    pub id: String,
    /// As it stands in the record, in whatever case.
    pub email: Option<String>,
    /// Whether it became a Contact; it can then not be changed.
    pub is_converted: bool,
    /// The Contact that it became.
    pub converted_contact_id: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "time")]
    pub created_date: DateTime<Utc>,
    /// When anybody last changed it.
    #[serde(deserialize_with = "time")]
    pub last_modified_date: DateTime<Utc>,
    /// All of the row; the mapped fields are read from it.
    #[serde(flatten)]
    pub fields: Row,
}

/// A Contact as a look-up gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContactRow {
    /// Id of 18 characters.
    pub id: String,
    /// As it stands in the record, in whatever case.
    pub email: Option<String>,
    /// Whether it is the person of an account, which then has its custom fields.
    #[serde(default)]
    pub is_person_account: bool,
    /// The account that it belongs to.
    #[serde(default)]
    pub account_id: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "time")]
    pub created_date: DateTime<Utc>,
    /// When anybody last changed it.
    #[serde(deserialize_with = "time")]
    pub last_modified_date: DateTime<Utc>,
    /// All of the row; the mapped fields are read from it.
    #[serde(flatten)]
    pub fields: Row,
}

/// A row as a look-up gives it.
pub trait Found: DeserializeOwned {
    /// Id of 18 characters.
    fn id(&self) -> &str;

    /// All fields of the row.
    fn fields(&self) -> &Row;
}

impl Found for LeadRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn fields(&self) -> &Row {
        &self.fields
    }
}

impl Found for ContactRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn fields(&self) -> &Row {
        &self.fields
    }
}

/// What a record is. They are updated in this order: each change of kind within a call costs one of ten chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A prospect who is not converted.
    Lead,
    /// What a Lead was converted to.
    Contact,
    /// An account that is a person.
    PersonAccount,
}

/// A record that belongs to an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The object that it is a record of.
    pub kind: Kind,
    /// Id of 18 characters.
    pub id: String,
    /// Its last session when it was looked up.
    pub known: LastSession,
    /// Its further fields: their values when it was looked up, and, in an update, those that they shall have.
    pub values: Vec<FieldValue>,
}

impl OrgFields {
    /// Statement up to the list of addresses.
    pub fn leads_by_email(&self) -> String {
        let fields = self.lead.select();
        format!(
            "SELECT Id, Email, IsConverted, ConvertedContactId, CreatedDate, LastModifiedDate, {fields} FROM Lead \
             WHERE Email IN "
        )
    }

    /// Statement up to the list of addresses.
    pub fn contacts_by_email(&self) -> String {
        self.contacts_by("Email")
    }

    /// Statement up to the list of ids.
    pub fn contacts_by_id(&self) -> String {
        self.contacts_by("Id")
    }

    fn contacts_by(&self, field: &str) -> String {
        let fields = self.contact.select();
        // An org without person accounts does not know this field.
        let person = if self.account.is_some() { "IsPersonAccount, AccountId, " } else { "" };
        format!(
            "SELECT Id, Email, {person}CreatedDate, LastModifiedDate, {fields} FROM Contact WHERE {field} IN "
        )
    }

    /// The fields of a kind of record, as look-ups name them.
    pub fn of(&self, kind: Kind) -> &ObjectFields {
        match kind {
            Kind::Lead => &self.lead,
            Kind::Contact => &self.contact,
            Kind::PersonAccount => self.account.as_ref().unwrap_or(&self.contact),
        }
    }

    /// The record that a Lead is.
    pub fn lead(&self, row: &LeadRow) -> Record {
        Record {
            kind: Kind::Lead,
            id: row.id.clone(),
            known: self.lead.known_session(&row.fields),
            values: self.lead.known_values(&row.fields),
        }
    }

    /// The record that is changed for a Contact.
    pub fn contact(&self, row: &ContactRow) -> Record {
        let known = self.contact.known_session(&row.fields);
        let values = self.contact.known_values(&row.fields);
        match &row.account_id {
            Some(account) if row.is_person_account => {
                let values = match &self.account {
                    Some(account) => account.of_person(&values),
                    None => values,
                };
                Record { kind: Kind::PersonAccount, id: account.clone(), known, values }
            }
            _ => Record { kind: Kind::Contact, id: row.id.clone(), known, values },
        }
    }

    /// What an update of a record changes.
    pub fn changes(&self, record: &Record, wanted: &LastSession) -> Vec<Change> {
        self.of(record.kind).changes(&record.known, wanted, &record.values)
    }

    /// What an update of a record sends.
    pub fn row(&self, record: &Record, wanted: &LastSession) -> Row {
        let attributes = serde_json::json!({ "type": record.kind.object() });
        let mut row = Row::from_iter([
            ("attributes".to_owned(), attributes),
            ("id".to_owned(), Value::String(record.id.clone())),
        ]);
        row.extend(self.of(record.kind).row(wanted, &record.values));
        row
    }
}

impl Record {
    /// The record once an update of it is written.
    pub fn after(self, wanted: LastSession) -> Self {
        let values = self.values.into_iter().map(FieldValue::after).collect();
        Self { known: wanted, values, ..self }
    }
}

impl Kind {
    /// API name of the object.
    pub fn object(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Contact => "Contact",
            Self::PersonAccount => "Account",
        }
    }
}

/// Reads `2025-10-29T12:03:04.000+0000`, as Salesforce gives times.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value.as_str().and_then(moment).ok_or_else(|| serde::de::Error::custom("a time is not readable"))
}
