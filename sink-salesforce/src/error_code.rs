//! Salesforce's error codes and messages, as a refused call and a refused row have them in common.

/// Codes of what passes by itself, for a row or for a whole call.
pub(crate) const PASSING: [&str; 6] = [
    "UNABLE_TO_LOCK_ROW",
    "ENTITY_IS_LOCKED",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "TOO_MANY_APEX_REQUESTS",
    "UNKNOWN_EXCEPTION",
];
/// Codes that say of the whole org that it takes nothing for the moment.
pub(crate) const PAUSING: [&str; 5] = [
    "REQUEST_LIMIT_EXCEEDED",
    "SERVER_UNAVAILABLE",
    "INVALID_SESSION_ID",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "STORAGE_LIMIT_EXCEEDED",
];

/// The code, where it is shaped as one: a proxy may answer with any text in its place.
pub(crate) fn code(code: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_code = (1..=80).contains(&code.len()) && code.bytes().all(plain);
    if is_code { code } else { "no code" }
}

/// A message that may be logged. Salesforce repeats the statement above its own sentence, so only the last line is
/// kept, and nothing of one that could hold an address.
pub(crate) fn safe(message: &str) -> String {
    let line = message.trim().lines().next_back().unwrap_or_default();
    match line.contains('@') {
        true => "the message is withheld, it holds an address".to_owned(),
        false => line.chars().filter(|character| !character.is_control()).take(200).collect(),
    }
}
