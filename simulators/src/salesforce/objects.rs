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

const fn field(name: &'static str, label: &'static str, kind: Kind, updateable: bool) -> Field {
    Field { name, label, kind, updateable }
}

const COMMON: [Field; 10] = [
    field("Id", "Record ID", Kind::Id, false),
    field("FirstName", "First Name", Kind::Text(40), true),
    field("LastName", "Last Name", Kind::Text(80), true),
    field("Email", "Email", Kind::Email, true),
    field("OwnerId", "Owner ID", Kind::Reference, true),
    field("CreatedDate", "Created Date", Kind::DateTime, false),
    field("LastModifiedDate", "Last Modified Date", Kind::DateTime, false),
    field("Last_Voice_Session__c", "Last Voice Session", Kind::Text(LONGEST_TEXT), true),
    field("Last_Voice_Call_Date__c", "Last Voice Call Date", Kind::DateTime, true),
    field("Voice_Qualification_Tier__c", "Voice Qualification Tier", Kind::Picklist, true),
];

const LEAD: [Field; 4] = [
    field("Company", "Company", Kind::Text(255), true),
    field("Status", "Status", Kind::Picklist, true),
    field("IsConverted", "Converted", Kind::Boolean, false),
    field("ConvertedContactId", "Converted Contact ID", Kind::Reference, false),
];

impl Object {
    /// Both objects.
    pub const ALL: [Self; 2] = [Self::Lead, Self::Contact];

    /// The object of that name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| object.name().eq_ignore_ascii_case(name))
    }

    /// API name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Contact => "Contact",
        }
    }

    /// First three characters of the ids of its rows.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Self::Lead => "00Q",
            Self::Contact => "003",
        }
    }

    /// All its fields.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        let own: &[Field] = if self == Self::Lead { &LEAD } else { &[] };
        COMMON.iter().chain(own)
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
