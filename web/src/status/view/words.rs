//! Times, numbers and reasons in words.

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, Utc};

/// `42 s`, `3 min 12 s`, `1 h 2 min`.
pub(super) fn length(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The time of a day in UTC, with what of its date is another than now's.
pub(super) fn moment(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = match (time.date_naive() == now.date_naive(), time.year() == now.year()) {
        (true, _) => "%H:%M:%S",
        (false, true) => "%-d %b, %H:%M",
        (false, false) => "%-d %b %Y",
    };
    time.format(format).to_string()
}

/// With commas between the thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut counted = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            counted.push(',');
        }
        counted.push(digit);
    }
    counted
}

/// Why a call ended; a reason that is not known here stays as it is.
pub(super) fn end_reason(reason: &str) -> Cow<'_, str> {
    known_reason(reason).map_or_else(|| Cow::Owned(label(reason)), Cow::Borrowed)
}

fn known_reason(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "participant_left" => "Visitor hung up",
        "participant_removed" => "Visitor was removed",
        "connection_lost" => "Connection was lost",
        "participant_absent" => "Nobody came",
        "room_closed" => "Room was closed",
        "job_terminated" => "LiveKit ended it",
        "agent_shutdown" => "Agent was stopped",
        "agent_ended" => "Agent said goodbye",
        "provider_failed" => "A service failed",
        "time_limit" => "Time limit",
        "budget_spent" => "A budget was used up",
        "agent_failed" => "Agent failed",
        "agent_recovered" => "Agent died; recovered",
        "unknown" => "Not known",
        _ => return None,
    })
}

/// A name of programs, such as `no_match`, as people write it.
pub(super) fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_are_short() {
        let lengths = [0.4, 59.4, 59.6, 192.0, 3_720.0].map(length);
        assert_eq!(lengths, ["0 s", "59 s", "1 min 0 s", "3 min 12 s", "1 h 2 min"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_moment_has_as_much_of_its_date_as_is_needed() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-29T22:00:00Z");
        let moments = ["2026-11-29T01:02:03Z", "2026-11-28T23:59:59Z", "2025-11-29T01:02:03Z"];
        let moments = moments.map(|time| moment(at(time), now));
        assert_eq!(moments, ["01:02:03", "28 Nov, 23:59", "29 Nov 2025"]);
    }

    #[test]
    fn every_reason_of_the_contract_has_words() {
        let schema = schemas::documents::json_schema();
        let reasons = schema["$defs"]["EndReason"]["oneOf"].as_array().unwrap();
        assert!(reasons.len() > 10);
        for reason in reasons.iter().filter_map(|reason| reason["const"].as_str()) {
            assert!(known_reason(reason).is_some(), "{reason}");
        }
        assert_eq!([end_reason("of_a_newer_version"), end_reason("")], ["Of a newer version", ""]);
    }
}
