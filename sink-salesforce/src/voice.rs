//! What a record knows of the last voice call.

use chrono::{DateTime, SubsecRound, Utc};
use schemas::SessionEvent;
use serde::{Deserialize, Deserializer};

/// Longest text that the fields hold, in UTF-16 units.
const LONGEST_TEXT: usize = 255;

/// The three fields of a record, as they are or as they shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Voice {
    /// Name of the session: its beginning, where it is longer than the field.
    #[serde(rename = "Last_Voice_Session__c", default)]
    pub session: Option<String>,
    /// When the call ended, in whole seconds: Salesforce keeps no more.
    #[serde(rename = "Last_Voice_Call_Date__c", default, deserialize_with = "optional_time")]
    pub call_date: Option<DateTime<Utc>>,
    /// How promising the visitor is; where a call brought no tier, the one of an earlier call stays.
    #[serde(rename = "Voice_Qualification_Tier__c", default)]
    pub tier: Option<String>,
}

impl Voice {
    /// What a record shall know after a session.
    pub fn of(event: &SessionEvent) -> Self {
        Self {
            session: text(event.identity.session_id.as_str()),
            call_date: Some(event.end_time.trunc_subsecs(0)),
            tier: event.qualification_tier.as_deref().and_then(text),
        }
    }

    /// What orders the calls of one record: the second, then the session's name. The record shows both, so the order is
    /// the same within a batch and against what is there, and the outcome does not depend on the order of arrival.
    pub fn order(&self) -> (Option<DateTime<Utc>>, Option<&str>) {
        (self.call_date, self.session.as_deref())
    }
}

/// A text as Salesforce keeps it: without white space around it and control characters within, cut to the field's
/// length; nothing where nothing is left.
fn text(text: &str) -> Option<String> {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= LONGEST_TEXT
    };
    let plain =
        |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    let text: String = text.trim().chars().map(plain).take_while(fits).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads `2025-10-29T12:03:04.000+0000`, as Salesforce gives times.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z");
    time.map(|time| time.with_timezone(&Utc)).map_err(serde::de::Error::custom)
}

fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    #[derive(Deserialize)]
    struct Time(#[serde(deserialize_with = "time")] DateTime<Utc>);
    Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn voice(session_id: &str, end_time: &str) -> Voice {
        let payload = serde_json::json!({ "session_id": session_id, "end_time": end_time });
        Voice::of(&SessionEvent::decode(payload.to_string().as_bytes(), None).unwrap())
    }

    #[test]
    fn is_what_salesforce_will_give_back() {
        let written = voice(" room ", "2025-10-29T14:03:04.900+02:00");
        let row = r#"{"Last_Voice_Session__c":"room","Last_Voice_Call_Date__c":"2025-10-29T12:03:04.000+0000",
            "Voice_Qualification_Tier__c":null}"#;
        assert_eq!(written, serde_json::from_str(row).unwrap());
        assert_eq!(Voice::default(), serde_json::from_str("{}").unwrap());
    }

    #[test]
    fn a_long_name_is_cut_and_an_empty_one_is_nothing() {
        assert_eq!(voice(&"x".repeat(300), "2025-10-29T12:00:00Z").session.unwrap().len(), 255);
        assert_eq!(voice(" \u{a0}", "2025-10-29T12:00:00Z").session, None);
        assert_eq!(voice("a\u{0}b", "2025-10-29T12:00:00Z").session.unwrap(), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn every_text_fits_and_is_stable(value in "\\PC{0,300}|[🦀 \\n]{0,300}") {
            if let Some(kept) = text(&value) {
                prop_assert!(kept.encode_utf16().count() <= LONGEST_TEXT);
                prop_assert_eq!(text(&kept).unwrap(), kept);
            }
        }
    }
}
