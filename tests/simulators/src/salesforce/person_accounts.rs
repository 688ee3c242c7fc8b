//! A person account is an Account and a Contact with the same custom fields: `…__pc` of the one is `…__c` of the other.
//! Both were changed when either was. The history is that of the row that was written.

use super::objects::Object;
use super::record::Record;

/// The twin of a row's id, where the row is half of a person account.
pub(crate) fn twin_id(record: &Record) -> Option<&str> {
    let name = match record.object {
        Object::Account => "PersonContactId",
        Object::Contact if record.get("IsPersonAccount") == true => "AccountId",
        Object::Contact | Object::Lead => return None,
    };
    record.get(name).as_str()
}

/// Gives the twin the custom fields of a row, and the time of its last change.
pub(crate) fn mirror(record: &Record, twin: &mut Record) {
    for field in record.object.fields() {
        let name = match (record.object, field.name) {
            (_, "LastModifiedDate") => Some(field.name.to_owned()),
            (Object::Account, name) => name.strip_suffix("__pc").map(|stem| format!("{stem}__c")),
            (_, name) => name.strip_suffix("__c").map(|stem| format!("{stem}__pc")),
        };
        let Some(other) = name.and_then(|name| twin.object.field(&name)) else { continue };
        match record.fields.get(field.name) {
            Some(value) => twin.fields.insert(other.name, value.clone()),
            None => twin.fields.remove(other.name),
        };
    }
}
