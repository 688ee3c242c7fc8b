//! What participants say of themselves and send, whatever it is.

use serde_json::Value;

/// Data packets, each behind a time and its length.
pub(crate) fn data_packets(bytes: &[u8]) {
    super::data_guard::hostile::packets(bytes);
}

/// A participant's metadata.
///
/// # Panics
/// When what is kept of it cannot be held by every reader, or what is logged is more than a line.
pub(crate) fn metadata(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (metadata, _) = super::metadata::parse(&text);
    assert!(!metadata.masked().contains(char::is_control), "{:?}", metadata.masked());
    let kept = Value::Object(metadata.user_metadata);
    let read: Value = serde_json::from_str(&kept.to_string()).expect("read what is kept");
    // The last digit of a fraction may differ.
    assert_eq!(read.as_object().map(|fields| fields.len()), kept.as_object().map(|fields| fields.len()));
}
