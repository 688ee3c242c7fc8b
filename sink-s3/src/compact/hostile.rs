//! Objects and payloads, whatever is in them.

use crate::compact::payload::{LONGEST, Payload, gunzip};
use crate::compact::rows::Rows;
use crate::gzip::gzip;

/// The bytes as an object, and as the payload in one.
///
/// # Panics
/// When a payload comes back as another one, or makes more or less than a row.
pub(crate) fn object(bytes: &[u8]) {
    let mut text = Vec::new();
    if gunzip(bytes, &mut text).is_ok() {
        assert!(text.len() as u64 <= LONGEST);
        row(&text);
    }
    gunzip(&gzip(bytes), &mut text).expect("read what was written");
    assert!(text == bytes, "another payload");
    row(bytes);
}

fn row(bytes: &[u8]) {
    let Ok(payload) = Payload::parse(bytes) else { return };
    let mut rows = Rows::new();
    rows.push("key", &payload);
    rows.push("key", &payload);
    assert_eq!(rows.take().expect("make columns").num_rows(), 2);
}
