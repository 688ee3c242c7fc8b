//! Objects of the archive, and answers of the store: the fuzz targets in `fuzz/` call these with any bytes, the test with those
//! that they begin with.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use futures::executor::block_on;

use crate::answer::{EntityTags, Proof};
use crate::compact::hostile;
use crate::store_error::of_put;

/// What separates the headers of an answer from each other, and from its body: no text has it.
const END: u8 = 0xff;
/// What was put, and its MD5.
const OBJECT: &[u8] = b"{}";
const MD5: &str = "99914b932bd37a50b983c5e7c90ae93b";

/// An object of the archive, or the payload in one.
///
/// # Panics
/// When a payload comes back as another one, or makes more or less than a row.
pub fn object(bytes: &[u8]) {
    hostile::object(bytes);
}

/// What the store, or whoever is in its place, answers to a put.
///
/// # Panics
/// When it counts as stored without a proof, or a reason has more than one line.
pub fn put_answer(bytes: &[u8]) {
    const HEADERS: [&str; 4] = ["etag", "content-type", "retry-after", "x-amz-bucket-region"];
    let Some((first, rest)) = bytes.split_first() else { return };
    let status: u16 = [200, 204, 301, 400, 403, 404, 412, 503][usize::from(first % 8)];
    let mut parts = rest.splitn(HEADERS.len() + 1, |byte| *byte == END);
    let values =
        HEADERS.map(|name| (name, String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned()));
    let body = SdkBody::from(parts.next().unwrap_or_default());
    let Ok(status) = status.try_into() else { return };
    let mut response = HttpResponse::new(status, body);
    let mut entity_tag = String::new();
    for (name, value) in values {
        // Only what can be a header.
        if value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            if name == "etag" {
                value.clone_into(&mut entity_tag);
            }
            response.headers_mut().insert(name, value);
        }
    }
    match block_on(Proof::of(OBJECT, None, EntityTags::Md5).judge(response)) {
        Ok(()) => assert!(entity_tag.trim_matches('"').eq_ignore_ascii_case(MD5), "{entity_tag:?}"),
        Err(error) => {
            let reason = of_put("bucket", &error).to_string();
            assert!(!reason.contains(char::is_control), "{reason:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[("object", object), ("put_answer", put_answer)]);
    }
}
