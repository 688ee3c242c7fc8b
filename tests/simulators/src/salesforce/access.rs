//! What the integration user may see and change: objects and fields as its permission sets leave them.

use serde::{Deserialize, Deserializer, Serialize};

use super::objects::{Field, Object};
use super::settings::Settings;

/// `Lead`, or `Lead.Email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Name {
    object: Object,
    field: Option<&'static str>,
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (object, field) = text.split_once('.').map_or((text.as_str(), None), |(o, f)| (o, Some(f)));
        let object = Object::named(object).ok_or_else(|| format!("no object {object}"))?;
        let field = match field {
            Some(name) => Some(object.field(name).ok_or_else(|| format!("no field {text}"))?.name),
            None => None,
        };
        Ok(Self { object, field })
    }
}

/// By hand: derived, it would want to borrow the field's name from what is read.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        let object = name.object.name();
        name.field.map_or_else(|| object.to_owned(), |field| format!("{object}.{field}"))
    }
}

impl Settings {
    /// The object of that name, where the user may see it.
    pub(crate) fn object(&self, name: &str) -> Option<Object> {
        Object::named(name).filter(|object| !lists(&self.hidden, *object, None))
    }

    /// The fields that the user may see.
    pub(crate) fn fields(&self, object: Object) -> impl Iterator<Item = &'static Field> {
        object.fields().filter(move |field| {
            (self.person_accounts || !field.of_persons) && !lists(&self.hidden, object, Some(field))
        })
    }

    /// The field of that name, where the user may see it.
    pub(crate) fn field(&self, object: Object, name: &str) -> Option<&'static Field> {
        self.fields(object).find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether the user may change the rows of an object at all.
    pub(crate) fn may_edit(&self, object: Object) -> bool {
        !lists(&self.read_only, object, None)
    }

    /// Whether the user may set a field.
    pub(crate) fn may_set(&self, object: Object, field: &Field) -> bool {
        let visible = self.field(object, field.name).is_some();
        visible && field.updateable && !lists(&self.read_only, object, Some(field))
    }
}

fn lists(names: &[Name], object: Object, field: Option<&Field>) -> bool {
    names.contains(&Name { object, field: field.map(|field| field.name) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_is_not_there_and_what_is_read_only_cannot_be_set() {
        let settings: Settings = serde_json::from_value(json!({
            "hidden": ["Contact", "lead.company"], "read_only": ["Account", "Lead.Status"],
        }))
        .unwrap();
        assert_eq!((settings.object("Contact"), settings.object("lead")), (None, Some(Object::Lead)));
        let may_set = |name| settings.may_set(Object::Lead, Object::Lead.field(name).unwrap());
        assert!(settings.field(Object::Lead, "Company").is_none() && !may_set("Company"));
        assert!(settings.field(Object::Lead, "Status").is_some() && !may_set("Status"));
        assert!(may_set("Email") && !may_set("Id"));
        assert!(settings.may_edit(Object::Lead) && !settings.may_edit(Object::Account));
    }

    #[test]
    fn the_fields_of_persons_come_with_the_switch() {
        let seen = |person_accounts| {
            let settings = Settings { person_accounts, ..Settings::default() };
            settings.field(Object::Account, "Last_Voice_Session__pc").is_some()
                && settings.field(Object::Contact, "IsPersonAccount").is_some()
        };
        assert_eq!((seen(false), seen(true)), (false, true));
    }

    #[test]
    fn a_name_that_nothing_has_is_refused() {
        for (name, error) in [("Shoe", "no object Shoe"), ("Lead.Shoe__c", "no field Lead.Shoe__c")] {
            let found = serde_json::from_value::<Name>(json!(name)).unwrap_err();
            assert_eq!(found.to_string(), error);
        }
    }
}
