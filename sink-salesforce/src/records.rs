//! Rows as look-ups give them, and records as updates name them.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::voice::Voice;

/// What [`LeadRow`] is read from; the e-mail addresses follow in an `IN` list.
pub const LEADS_BY_EMAIL: &str = "SELECT Id, Email, IsConverted, ConvertedContactId, CreatedDate, LastModifiedDate, \
    Last_Voice_Session__c, Last_Voice_Call_Date__c, Voice_Qualification_Tier__c FROM Lead WHERE Email IN ";
/// What [`ContactRow`] is read from; the ids follow in an `IN` list.
pub const CONTACTS_BY_ID: &str = "SELECT Id, Last_Voice_Session__c, Last_Voice_Call_Date__c, \
    Voice_Qualification_Tier__c FROM Contact WHERE Id IN ";

/// One Lead.
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
    #[serde(deserialize_with = "crate::voice::time")]
    pub created_date: DateTime<Utc>,
    /// When anybody last changed it.
    #[serde(deserialize_with = "crate::voice::time")]
    pub last_modified_date: DateTime<Utc>,
    /// What it knows of the last voice call.
    #[serde(flatten)]
    pub voice: Voice,
}

/// One Contact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactRow {
    /// Id of 18 characters.
    #[serde(rename = "Id")]
    pub id: String,
    /// What it knows of the last voice call.
    #[serde(flatten)]
    pub voice: Voice,
}

/// What a record is. Leads are updated before Contacts: each change of kind within a call costs one of ten chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A prospect.
    Lead,
    /// What a Lead was converted to.
    Contact,
}

impl Kind {
    /// API name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Contact => "Contact",
        }
    }
}

/// The record that belongs to an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Id of 18 characters.
    pub id: String,
    /// What it knew of the last voice call when it was looked up.
    pub voice: Voice,
}
