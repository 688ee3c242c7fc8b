//! Who is in the org, and how their records behave.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use simulators::salesforce::objects::long_id;

use super::scenario::typed;

/// The people made so far.
#[derive(Default)]
pub(crate) struct People {
    leads: Vec<Value>,
    contacts: Vec<Value>,
    number: usize,
}

pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) outlook: Outlook,
}

/// Where a person's sessions lead.
pub(crate) enum Outlook {
    /// This record is written.
    Written(String),
    /// The record knows of a newer session already, or somebody writes one meanwhile.
    KnowsNewer(String),
    /// No record has the address, or none has it any more.
    Nobody,
    /// The org refuses every update of the record.
    Refused,
}

const KINDS: [(Kind, u32); 11] = [
    (Kind::Open, 760),
    (Kind::Double, 30),
    (Kind::Warned, 10),
    (Kind::Converted, 40),
    (Kind::ConvertedMeanwhile, 20),
    (Kind::KnowsNewer, 10),
    (Kind::OvertakenMeanwhile, 10),
    (Kind::Nobody, 80),
    (Kind::Deleted, 10),
    (Kind::DeletedMeanwhile, 10),
    (Kind::Refused, 20),
];

#[derive(Clone, Copy)]
enum Kind {
    Open,
    /// Two Leads have the address.
    Double,
    /// A duplicate rule warns of it.
    Warned,
    Converted,
    ConvertedMeanwhile,
    KnowsNewer,
    OvertakenMeanwhile,
    Nobody,
    Deleted,
    DeletedMeanwhile,
    Refused,
}

/// The newer session of [`Outlook::KnowsNewer`].
pub(crate) const FUTURE: &str = "2099-01-01T00:00:00.000+0000";

impl People {
    /// Makes one more person, who is like nobody before.
    pub(crate) fn another(&mut self, chance: &mut StdRng) -> Person {
        self.number += 1;
        let number = self.number;
        let email = match chance.random_range(0..20) {
            0 => format!("o'brien+{number}@y.inc"),
            1 => format!("zoë.{number}@müller.example"),
            2 => format!(r#""back\\slash {number}"@x.example"#),
            _ => format!("person{number}@company{}.example", number % 100),
        };
        let (kind, _) = KINDS.choose_weighted(chance, |(_, weight)| *weight).unwrap();
        let outlook = self.add(*kind, &typed(&email, chance), chance);
        Person { email, outlook }
    }

    pub(crate) fn count(&self) -> usize {
        self.number
    }

    /// What the org begins with.
    pub(crate) fn seed(&self) -> Value {
        json!({ "Lead": self.leads, "Contact": self.contacts })
    }

    fn add(&mut self, kind: Kind, email: &str, chance: &mut StdRng) -> Outlook {
        let (lead, contact) = (id("00Q", self.number), id("003", self.number));
        let mut row =
            json!({ "Id": lead, "Email": email.trim(), "Company": "Company", "LastName": "Person" });
        let mut outlook = Outlook::Written(lead.clone());
        match kind {
            Kind::Open => {}
            Kind::Double => {
                let mut older = row.clone();
                older["Id"] = json!(id("00Q", 1_000_000 + self.number));
                row["LastModifiedDate"] = json!("2025-06-01T00:00:00.000+0000");
                self.leads.push(older);
            }
            Kind::Warned => row["simulator"] = json!({ "duplicate_rule": "alert" }),
            Kind::Converted => {
                row["IsConverted"] = json!(true);
                row["ConvertedContactId"] = json!(contact);
            }
            Kind::ConvertedMeanwhile => {
                row["simulator"] = json!({ "before_update": { "convert_to": contact } });
            }
            Kind::KnowsNewer => {
                row["Last_Voice_Call_Date__c"] = json!(FUTURE);
                outlook = Outlook::KnowsNewer(lead);
            }
            Kind::OvertakenMeanwhile => {
                row["simulator"] = json!({ "before_update": { "newer_call": FUTURE } });
                outlook = Outlook::KnowsNewer(lead);
            }
            Kind::Nobody => return Outlook::Nobody,
            Kind::Deleted => {
                row["simulator"] = json!({ "deleted": true });
                outlook = Outlook::Nobody;
            }
            Kind::DeletedMeanwhile => {
                row["simulator"] = json!({ "before_update": "delete" });
                outlook = Outlook::Nobody;
            }
            Kind::Refused => {
                let codes = ["STRING_TOO_LONG", "REQUIRED_FIELD_MISSING", "CANNOT_EXECUTE_FLOW_TRIGGER"];
                row["simulator"] = json!({ "refused_with": codes.choose(chance).unwrap() });
                outlook = Outlook::Refused;
            }
        }
        if let Kind::Converted | Kind::ConvertedMeanwhile = kind {
            self.contacts.push(json!({ "Id": contact, "Email": email.trim(), "LastName": "Person" }));
            outlook = Outlook::Written(contact);
        }
        self.leads.push(row);
        outlook
    }
}

impl Outlook {
    pub(crate) fn is_written(&self) -> bool {
        matches!(self, Self::Written(_))
    }
}

/// An id of 18 characters, as the org keeps it.
fn id(prefix: &str, number: usize) -> String {
    long_id(&format!("{prefix}5f0{number:09}")).unwrap()
}
