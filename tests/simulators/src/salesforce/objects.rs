//! The objects of the org and their fields.

/// Longest text that the custom text fields hold.
pub const LONGEST_TEXT: usize = 255;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A prospect.
    Lead,
    /// A person at a customer; what a Lead is converted to.
    Contact,
    /// A customer; where person accounts are switched on, also a person who is one.
    Account,
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    /// API name.
    pub name: &'static str,
    /// What a person reads.
    pub label: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether an update may set it.
    pub updateable: bool,
    /// Whether a row must have it.
    pub required: bool,
    /// Whether the org keeps its history.
    pub tracked: bool,
    /// Whether rows are addressed by it, as by an id of another system.
    pub external_id: bool,
    /// Whether it is there only where person accounts are switched on.
    pub of_persons: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The row's own id.
    Id,
    /// The id of another row.
    Reference,
    /// A text of at most so many characters.
    Text(usize),
    /// An e-mail address.
    Email,
    /// One of some values, or any other: the picklists here are unrestricted.
    Picklist,
    /// Yes or no.
    Boolean,
    /// A moment, kept in whole seconds.
    DateTime,
}

const fn field(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field {
        name,
        label,
        kind,
        updateable: true,
        required: false,
        tracked: false,
        external_id: false,
        of_persons: false,
    }
}

impl Field {
    const fn read_only(mut self) -> Self {
        self.updateable = false;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn tracked(mut self) -> Self {
        self.tracked = true;
        self
    }

    const fn external_id(mut self) -> Self {
        self.external_id = true;
        self
    }

    const fn of_persons(mut self) -> Self {
        self.of_persons = true;
        self
    }

    /// Whether `/sobjects/Lead/Email/a@x.org` names a row by it.
    pub fn names_a_row(&self) -> bool {
        self.external_id || matches!(self.kind, Kind::Id | Kind::Email)
    }

    /// Most characters that it holds; 0 for what is no text.
    pub fn length(&self) -> usize {
        match self.kind {
            Kind::Id | Kind::Reference => 18,
            Kind::Text(length) => length,
            Kind::Email => 80,
            Kind::Picklist => 255,
            Kind::Boolean | Kind::DateTime => 0,
        }
    }
}

const EVERY: [Field; 4] = [
    field("Id", "Record ID", Kind::Id).read_only(),
    field("OwnerId", "Owner ID", Kind::Reference).tracked(),
    field("CreatedDate", "Created Date", Kind::DateTime).read_only(),
    field("LastModifiedDate", "Last Modified Date", Kind::DateTime).read_only(),
];

/// Of Leads and Contacts.
const PEOPLE: [Field; 6] = [
    field("FirstName", "First Name", Kind::Text(40)),
    field("LastName", "Last Name", Kind::Text(80)).required(),
    field("Email", "Email", Kind::Email).tracked(),
    field("Last_Voice_Session__c", "Last Voice Session", Kind::Text(LONGEST_TEXT)).tracked().external_id(),
    field("Last_Voice_Call_Date__c", "Last Voice Call Date", Kind::DateTime).tracked(),
    field("Voice_Qualification_Tier__c", "Voice Qualification Tier", Kind::Picklist).tracked(),
];

const LEAD: [Field; 4] = [
    field("Company", "Company", Kind::Text(255)).required(),
    field("Status", "Status", Kind::Picklist).tracked(),
    field("IsConverted", "Converted", Kind::Boolean).read_only(),
    field("ConvertedContactId", "Converted Contact ID", Kind::Reference).read_only(),
];

const CONTACT: [Field; 2] = [
    field("AccountId", "Account ID", Kind::Reference),
    field("IsPersonAccount", "Is Person Account", Kind::Boolean).read_only().of_persons(),
];

const ACCOUNT: [Field; 7] = [
    field("Name", "Account Name", Kind::Text(255)).required(),
    field("IsPersonAccount", "Is Person Account", Kind::Boolean).read_only().of_persons(),
    field("PersonContactId", "Contact ID", Kind::Reference).read_only().of_persons(),
    field("PersonEmail", "Email", Kind::Email).tracked().of_persons(),
    field("Last_Voice_Session__pc", "Last Voice Session", Kind::Text(LONGEST_TEXT)).tracked().of_persons(),
    field("Last_Voice_Call_Date__pc", "Last Voice Call Date", Kind::DateTime).tracked().of_persons(),
    field("Voice_Qualification_Tier__pc", "Voice Qualification Tier", Kind::Picklist).tracked().of_persons(),
];

impl Object {
    /// All objects.
    pub const ALL: [Self; 3] = [Self::Lead, Self::Contact, Self::Account];

    /// The object of that name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| object.name().eq_ignore_ascii_case(name))
    }

    /// API name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Contact => "Contact",
            Self::Account => "Account",
        }
    }

    /// First three characters of the ids of its rows.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Self::Lead => "00Q",
            Self::Contact => "003",
            Self::Account => "001",
        }
    }

    /// All its fields.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        let (people, own): (&[Field], &[Field]) = match self {
            Self::Lead => (&PEOPLE, &LEAD),
            Self::Contact => (&PEOPLE, &CONTACT),
            Self::Account => (&[], &ACCOUNT),
        };
        EVERY.iter().chain(people).chain(own)
    }

    /// The field of that name, whatever its case.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// The id with 18 characters for one with 15 or 18: the last three tell which letters are capitals. `None` for what is
/// no id.
pub fn long_id(id: &str) -> Option<String> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !matches!(id.len(), 15 | 18) {
        return None;
    }
    let suffix = id.as_bytes()[..15].chunks(5).map(|chunk| {
        let capitals =
            chunk.iter().rev().fold(0, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
        char::from(DIGITS[capitals])
    });
    let long: String = id[..15].chars().chain(suffix).collect();
    (id.len() == 15 || long == id).then_some(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_gains_its_checksum() {
        assert_eq!(long_id("001D000000IqhSL").as_deref(), Some("001D000000IqhSLIAZ"));
        assert_eq!(long_id("001D000000IqhSLIAZ").as_deref(), Some("001D000000IqhSLIAZ"));
        assert_eq!(long_id("001D000000IqhSLIAA"), None);
        assert_eq!(long_id("00Q"), None);
        assert_eq!(long_id("001D000000IqhS'"), None);
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        assert_eq!(Object::named("LEAD"), Some(Object::Lead));
        assert_eq!(Object::Lead.field("isconverted").unwrap().name, "IsConverted");
        assert!(Object::Contact.field("IsConverted").is_none());
    }
}
