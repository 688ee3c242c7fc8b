//! What a store's answer to a put says. Only an answer that proves itself counts: a proxy's page, a captive portal or a wrong
//! port also answer 200.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_xml::decode::{Document, try_data};
use md5::{Digest as _, Md5};

use crate::hex::hex;
use crate::put::PutError;

/// Longest that a store may ask to be left alone: it may say anything, and may be well again long before.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Longest body of an answer that is looked at, bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// What entity tags of single puts are at this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EntityTags {
    /// The MD5 of the object, as at S3 and nearly all other stores. With encryption by KMS they are not, and that is known.
    Md5,
    /// Anything: the tags prove nothing.
    Any,
}

/// An answer that is not what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// S3's error code; empty where there is none.
    pub(crate) code: String,
    /// Media type of the body, where that is not XML; empty otherwise.
    pub(crate) page: String,
    /// Region of the bucket, where the answer names it.
    pub(crate) region: Option<String>,
}

impl Answer {
    /// Whether a store says that it has no such object: a page, or a missing bucket, says nothing of an object.
    pub(crate) fn is_missing_object(&self) -> bool {
        self.status == 404
            && matches!(self.code.as_str(), "" | "NoSuchKey" | "NotFound")
            && self.page.is_empty()
    }

    /// What a web server gives to whoever asks.
    pub(crate) fn is_page_without_error(&self) -> bool {
        (200..400).contains(&self.status) && self.code.is_empty() && !self.page.is_empty()
    }

    pub(crate) fn is_missing_bucket(&self) -> bool {
        self.status == 404
            && matches!(self.code.as_str(), "" | "NoSuchBucket" | "NotFound")
            && self.page.is_empty()
    }

    /// Whether a store that knows who asks does not let them. A page is none of a store's.
    pub(crate) fn is_denial(&self) -> bool {
        self.status == 403
            && matches!(self.code.as_str(), "" | "AccessDenied" | "Forbidden")
            && self.page.is_empty()
    }
}

/// What shows that the store has the bytes that were sent.
pub(crate) struct Proof {
    md5: [u8; 16],
    /// The header as it was sent, where it was.
    checksum: Option<String>,
    entity_tags: EntityTags,
}

impl Proof {
    pub(crate) fn of(object: &[u8], checksum: Option<String>, entity_tags: EntityTags) -> Self {
        Self { md5: Md5::digest(object).into(), checksum, entity_tags }
    }

    /// Reads the answer to its end, or the connection could not be used again.
    pub(crate) async fn judge(&self, response: HttpResponse) -> Result<(), PutError> {
        let head = Head::of(&response);
        // What can be had of the body of an error may tell more; the status is enough.
        let body = read(response).await;
        if (200..300).contains(&head.status) {
            return self.holds(&head, &body);
        }
        let code = std::str::from_utf8(&body).ok().and_then(error_code).unwrap_or_default();
        let Head { status, page, region, after, .. } = head;
        Err(PutError::Refused { answer: Answer { status, code, page, region }, after })
    }

    fn holds(&self, head: &Head, body: &[u8]) -> Result<(), PutError> {
        if let Some(code) = std::str::from_utf8(body).ok().and_then(error_code) {
            let answer = Answer { status: head.status, code, ..Answer::default() };
            return Err(PutError::Refused { answer, after: head.after });
        }
        let no_store = |what: &str| Err(PutError::NoStore(format!("{what} ({})", head.describe())));
        if !head.page.is_empty() && !body.is_empty() {
            return no_store("it answers a put with a page");
        }
        let Some(entity_tag) = head.entity_tag.as_deref() else {
            return no_store("it answers a put without an ETag");
        };
        let entity_tag = entity_tag.trim_matches('"');
        if entity_tag.is_empty() || !entity_tag.chars().all(|character| character.is_ascii_graphic()) {
            return no_store("it answers a put with an ETag that is none");
        }
        match (&self.checksum, &head.checksum) {
            (Some(sent), Some(stored)) if sent != stored => {
                return Err(PutError::Differs(format!("its checksum is {stored}, not {sent}")));
            }
            (Some(_), None) if head.kms && self.entity_tags == EntityTags::Md5 => {
                return no_store("it answers a put with KMS without the checksum that was sent");
            }
            _ => {}
        }
        let md5 = hex(&self.md5);
        if head.kms || self.entity_tags == EntityTags::Any || entity_tag.eq_ignore_ascii_case(&md5) {
            return Ok(());
        }
        Err(PutError::Differs(format!("its ETag is {entity_tag}, not {md5}")))
    }
}

/// What an answer has before its body.
struct Head {
    status: u16,
    entity_tag: Option<String>,
    checksum: Option<String>,
    /// Encrypted so that the entity tag is not the MD5.
    kms: bool,
    page: String,
    region: Option<String>,
    after: Option<Duration>,
}

impl Head {
    fn of(response: &HttpResponse) -> Self {
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let encryption = header("x-amz-server-side-encryption").unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            entity_tag: header("etag"),
            checksum: header("x-amz-checksum-crc32"),
            kms: encryption.starts_with("aws:kms")
                || header("x-amz-server-side-encryption-customer-algorithm").is_some(),
            page: page(&header("content-type").unwrap_or_default()),
            region: region(&header("x-amz-bucket-region").unwrap_or_default()),
            after: header("retry-after")
                .and_then(|after| service::retry_after(&after, SystemTime::now(), LONGEST_PAUSE)),
        }
    }

    fn describe(&self) -> String {
        format!("{} {}", self.status, self.page).trim_end().to_owned()
    }
}

/// The media type of what is no answer of S3, which has XML or nothing; of foreign text only what looks like one.
pub(crate) fn page(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/+-.".contains(character);
    let is_page = !media_type.ends_with("xml") && media_type.len() <= 60 && media_type.chars().all(plain);
    if is_page && media_type != "application/octet-stream" { media_type } else { String::new() }
}

/// The name of a region, where it looks like one.
pub(crate) fn region(text: &str) -> Option<String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
    (!text.is_empty() && text.len() <= 40 && text.chars().all(plain)).then(|| text.to_owned())
}

async fn read(response: HttpResponse) -> Vec<u8> {
    let mut body = ByteStream::new(response.into_body());
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.next().await {
        let room = LONGEST_BODY.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    bytes
}

/// `<Error><Code>…</Code>…`. Of foreign text only what looks like a code is taken.
fn error_code(body: &str) -> Option<String> {
    let mut document = Document::try_from(body.as_bytes()).ok()?;
    let mut root = document.root_element().ok()?;
    if !root.start_el().matches("Error") {
        return None;
    }
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().matches("Code") {
            let code = try_data(&mut tag).ok()?;
            let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
            return (code.len() <= 80 && code.chars().all(plain)).then(|| code.into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests;
