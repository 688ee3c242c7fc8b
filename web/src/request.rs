//! What a visitor may ask for: nothing but a call, with an e-mail address or without one.
//!
//! Two shapes are read, and a body may mix them. Both are JSON objects whose unknown fields are ignored:
//! - `{room_config?: {agents: [{agent_name}]}, user_email}`
//! - LiveKit's TokenSource: `room_name, participant_name, participant_identity, participant_metadata,
//!   participant_attributes, room_config{name, agents[{agent_name}], …}`

use schemas::{Email, InvalidEmail};
use serde_json::{Map, Value};

/// Why a request gets no token. No text of it repeats an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{field} must be {expected}")]
    WrongType { field: &'static str, expected: &'static str },
    #[error("{field}: {error}")]
    InvalidEmail { field: &'static str, error: InvalidEmail },
    #[error("{field} cannot be chosen: the server gives every call a room and an identity of its own")]
    NotYoursToChoose { field: &'static str },
    #[error("room_config.agents may name the agent of this service and no other")]
    OtherAgent,
}

/// The visitor's e-mail address: of `user_email`, else of the object in `participant_metadata`, else of the
/// attribute `user_email`. None where all of them are missing or blank.
///
/// # Errors
/// A field has a wrong type, the address is none, or the visitor asks for what the server would not give.
pub(crate) fn read(body: &Value, agent_name: &str) -> Result<Option<Email>, Refusal> {
    let body = object(body, "the body")?;
    for field in ["room_name", "participant_identity"] {
        if text(body, field, field)?.is_some() {
            return Err(Refusal::NotYoursToChoose { field });
        }
    }
    if let Some(room_config) = present(body, "room_config") {
        check_room_config(object(room_config, "room_config")?, agent_name)?;
    }
    text(body, "participant_name", "participant_name")?;
    email(body)
}

fn check_room_config(room_config: &Map<String, Value>, agent_name: &str) -> Result<(), Refusal> {
    if text(room_config, "name", "room_config.name")?.is_some() {
        return Err(Refusal::NotYoursToChoose { field: "room_config.name" });
    }
    let agents = match present(room_config, "agents") {
        None => return Ok(()),
        Some(Value::Array(agents)) => agents,
        Some(_) => return Err(Refusal::WrongType { field: "room_config.agents", expected: "an array" }),
    };
    if agents.len() > 1 {
        return Err(Refusal::OtherAgent);
    }
    for agent in agents {
        let agent = object(agent, "room_config.agents[0]")?;
        if text(agent, "agent_name", "room_config.agents[0].agent_name")? != Some(agent_name) {
            return Err(Refusal::OtherAgent);
        }
    }
    Ok(())
}

fn email(body: &Map<String, Value>) -> Result<Option<Email>, Refusal> {
    let attributes = match present(body, "participant_attributes") {
        None => &Map::new(),
        Some(attributes) => object(attributes, "participant_attributes")?,
    };
    if attributes.values().any(|value| !value.is_string()) {
        return Err(Refusal::WrongType { field: "participant_attributes", expected: "an object of strings" });
    }
    // Metadata is the caller's own text: one that is no object has no e-mail, and is no error.
    let metadata = text(body, "participant_metadata", "participant_metadata")?
        .and_then(|metadata| serde_json::from_str::<Map<String, Value>>(metadata).ok())
        .unwrap_or_default();

    let sources = [
        (body, "user_email"),
        (&metadata, "participant_metadata.user_email"),
        (attributes, "participant_attributes.user_email"),
    ];
    for (source, field) in sources {
        if let Some(address) = text(source, "user_email", field)? {
            return match Email::try_from(address) {
                Ok(email) => Ok(Some(email)),
                Err(error) => Err(Refusal::InvalidEmail { field, error }),
            };
        }
    }
    Ok(None)
}

fn object<'a>(value: &'a Value, field: &'static str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or(Refusal::WrongType { field, expected: "a JSON object" })
}

/// The string `key`; a blank one, which protocol buffers cannot tell from a missing one, is none.
fn text<'a>(
    object: &'a Map<String, Value>,
    key: &str,
    field: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    match present(object, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(Refusal::WrongType { field, expected: "a string" }),
    }
}

fn present<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}
