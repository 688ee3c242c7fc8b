//! The contract for readers in other languages, generated from the types. `make schemas` writes the documents, and a test
//! compares what is committed.

use serde_json::{Value, json};

use crate::{SCHEMA_VERSION, SessionEnded, names};

/// The documents: file name under `schemas/generated`, content.
pub fn all() -> [(&'static str, Value); 2] {
    [("session-ended.v1.schema.json", json_schema()), ("asyncapi.json", asyncapi())]
}

/// JSON Schema (2020-12) of the session-end payload.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(SessionEnded);
    schema.insert("$id".to_owned(), json!(format!("urn:postcall:session-ended:v{SCHEMA_VERSION}")));
    schema.to_value()
}

/// AsyncAPI 3.0 document of the streams' subjects and messages.
pub fn asyncapi() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "postcall",
            "version": format!("{SCHEMA_VERSION}.0.0"),
            "description": "What happens after a voice call ends.",
            "license": { "name": "Apache-2.0" }
        },
        "channels": {
            "sessionEnded": {
                "address": names::SESSION_ENDED_V1,
                "description": format!("Held by the JetStream stream {}.", names::SESSIONS_STREAM),
                "messages": { "sessionEnded": { "$ref": "#/components/messages/sessionEnded" } }
            },
            "deadLetter": {
                "address": names::dead_letter_subject("{sink}"),
                "description": format!("Held by the JetStream stream {}.", names::DEAD_LETTERS_STREAM),
                "parameters": { "sink": { "description": "Name of the sink, and of its durable consumer." } },
                "messages": { "deadLetter": { "$ref": "#/components/messages/deadLetter" } }
            }
        },
        "operations": {
            "publishSessionEnded": { "action": "send", "channel": { "$ref": "#/channels/sessionEnded" } },
            "moveToDeadLetters": { "action": "send", "channel": { "$ref": "#/channels/deadLetter" } }
        },
        "components": {
            "messages": {
                "sessionEnded": {
                    "title": "A voice session ended",
                    "contentType": "application/json",
                    "headers": headers(&[
                        (names::header::MESSAGE_ID, "Session and job, escaped: the same event twice is one message."),
                        (names::header::CONTENT_TYPE, "application/json"),
                        (names::header::TRACE_PARENT, "The publish in the call's trace (W3C Trace Context), where traces are on."),
                    ]),
                    "payload": { "$ref": "./session-ended.v1.schema.json" }
                },
                "deadLetter": {
                    "title": "A message that a sink could not write, with its bytes and headers as they were, unless they are too large for that",
                    "headers": headers(&[
                        (names::header::MESSAGE_ID, "Sink, sequence and time of the message, and a digest of its bytes."),
                        (names::header::DEAD_LETTER_ERROR, "Why it could not be written."),
                        (names::header::DEAD_LETTER_SINK, "The sink that could not write it."),
                        (names::header::DEAD_LETTER_STREAM_SEQUENCE, "Its sequence in the stream it came from."),
                        (names::header::DEAD_LETTER_SUBJECT, "The subject it had."),
                        (names::header::DEAD_LETTER_PUBLISHED, "When that stream took it."),
                        (names::header::DEAD_LETTER_DELIVERIES, "How often it had been delivered."),
                        (names::header::DEAD_LETTER_HEADERS, "Its own headers in base64, where they cannot be sent as headers."),
                        (names::header::DEAD_LETTER_PACKED, "The body is gzip of so many bytes of its headers and of its body."),
                        (names::header::DEAD_LETTER_CUT, "The body is only the beginning of its body, which has so many bytes."),
                    ]),
                    "payload": {}
                }
            }
        }
    })
}

fn headers(descriptions: &[(&str, &str)]) -> Value {
    let properties: serde_json::Map<String, Value> = descriptions
        .iter()
        .map(|(name, description)| {
            ((*name).to_owned(), json!({ "type": "string", "description": description }))
        })
        .collect();
    json!({ "type": "object", "properties": properties })
}
