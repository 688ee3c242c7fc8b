//! PUT Object, the one request that is made for every session. It is the SDK's signer and the SDK's connector without the
//! machinery between them, which costs several times what a put itself does.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::base64;
use aws_smithy_xml::decode::{Document, try_data};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, USER_AGENT};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::credentials::Credentials;

/// How long one put may take.
pub(crate) const PUT_LIMIT: Duration = Duration::from_secs(12);

/// What stays as it is in the path of a key, as the signature wants it.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Key of the request that shows where objects are.
const SAMPLE_KEY: &str = "key";

const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-crc32");

/// Puts objects into one bucket.
pub(crate) struct Putter {
    pub(crate) client: Client,
    pub(crate) connector: SharedHttpConnector,
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
    pub(crate) bucket: String,
    /// Of every object, as the operator wants them.
    pub(crate) headers: HeaderMap,
    pub(crate) with_checksum: bool,
    /// Address of the bucket, up to where the key begins.
    pub(crate) address: OnceCell<String>,
}

/// Why an object is not in the bucket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    #[error("the store answered {status} {code}")]
    Refused {
        status: u16,
        /// S3's error code; empty where there is none.
        code: String,
        /// What the store wants to be waited.
        after: Option<Duration>,
    },
    #[error("no answer within {}", humantime::format_duration(PUT_LIMIT))]
    TimedOut,
    #[error("{0}")]
    Unreachable(String),
    #[error("no credentials: {0}")]
    Credentials(#[from] CredentialsError),
    #[error("the request cannot be made: {0}")]
    Request(String),
}

impl Putter {
    /// Puts a gzip file; durable when it returns. It has no `Content-Encoding`, with which some clients would decode it
    /// unasked. With `only_if_absent` the store refuses (412) where there is an object already.
    pub(crate) async fn put(&self, key: &str, object: Vec<u8>, only_if_absent: bool) -> Result<(), PutError> {
        let request = self.request(key, object, only_if_absent).await?;
        let answering = async {
            let response = self.connector.call(request).await;
            let response = response.map_err(|error| PutError::Unreachable(chain(&error)))?;
            outcome(response).await
        };
        let result = timeout(PUT_LIMIT, answering).await.map_err(|_| PutError::TimedOut)?;
        if let Err(PutError::Refused { code, .. }) = &result
            && ["ExpiredToken", "InvalidAccessKeyId", "TokenRefreshRequired"].contains(&code.as_str())
        {
            self.credentials.forget();
        }
        result
    }

    async fn request(
        &self,
        key: &str,
        object: Vec<u8>,
        only_if_absent: bool,
    ) -> Result<HttpRequest, PutError> {
        let address = self.address.get_or_try_init(|| self.find_address()).await?;
        let identity = self.credentials.identity().await?;
        let mut request = http::Request::put(format!("{address}{}", utf8_percent_encode(key, PLAIN)))
            .body(())
            .map_err(|error| PutError::Request(error.to_string()))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("postcall-sink-s3/", env!("CARGO_PKG_VERSION"))),
        );
        if only_if_absent {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if self.with_checksum {
            let sum = base64::encode(crc32fast::hash(&object).to_be_bytes());
            headers.insert(
                CHECKSUM,
                HeaderValue::from_str(&sum).map_err(|error| PutError::Request(error.to_string()))?,
            );
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(signing_settings())
            .build()
            .map_err(|error| PutError::Request(error.to_string()))?;
        let uri = request.uri().to_string();
        let texts =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signing = SignableRequest::new("PUT", uri, texts, SignableBody::Bytes(&object))
            .and_then(|signable| sign(signable, &SigningParams::V4(params)))
            .map_err(|error| PutError::Request(error.to_string()))?;
        signing.into_parts().0.apply_to_request_http1x(&mut request);
        request
            .map(|()| SdkBody::from(object))
            .try_into()
            .map_err(|error: aws_smithy_runtime_api::http::HttpError| PutError::Request(error.to_string()))
    }

    /// Asks the SDK, which knows the rules of every kind of bucket, region and store.
    async fn find_address(&self) -> Result<String, PutError> {
        let failed = |error: &dyn std::error::Error| PutError::Request(chain(error));
        let minute = PresigningConfig::expires_in(Duration::from_secs(60)).map_err(|error| failed(&error))?;
        let sample = self.client.put_object().bucket(&self.bucket).key(SAMPLE_KEY).presigned(minute).await;
        let sample = sample.map_err(|error| failed(&error))?;
        let path = sample.uri().split('?').next().unwrap_or_default();
        let address = path.strip_suffix(SAMPLE_KEY);
        address.map(str::to_owned).ok_or_else(|| PutError::Request(format!("unexpected address {path}")))
    }
}

fn signing_settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

async fn outcome(response: HttpResponse) -> Result<(), PutError> {
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after").and_then(|seconds| seconds.parse().ok());
    let after = after.map(Duration::from_secs);
    // Read to its end, or the connection cannot be used again.
    let body = ByteStream::new(response.into_body()).collect().await;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let body = body.map(|body| body.into_bytes()).unwrap_or_default();
    let code = std::str::from_utf8(&body).ok().and_then(error_code).unwrap_or_default();
    Err(PutError::Refused { status, code, after })
}

/// `<Error><Code>…</Code>…`. Of foreign text only what looks like a code is taken.
fn error_code(body: &str) -> Option<String> {
    let mut document = Document::try_from(body.as_bytes()).ok()?;
    let mut root = document.root_element().ok()?;
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().matches("Code") {
            let code = try_data(&mut tag).ok()?;
            return code
                .chars()
                .all(|character| character.is_ascii_alphanumeric())
                .then(|| code.into_owned());
        }
    }
    None
}

/// An error and its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !parts.contains(&part) {
            parts.push(part);
        }
        cause = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_answer_is_found_and_nothing_else() {
        let body = "<?xml version=\"1.0\"?><Error><Message>a/key</Message><Code>SlowDown</Code></Error>";
        assert_eq!(error_code(body).as_deref(), Some("SlowDown"));
        for other in ["", "<Error></Error>", "<html>", "<Error><Code>a b</Code></Error>", "not xml"] {
            assert_eq!(error_code(other), None, "{other}");
        }
    }

    #[test]
    fn a_key_is_encoded_as_the_signature_wants_it() {
        let key = "sessions/year=2025/!2E.!20a~b-AJ_1.json.gz";
        let encoded = utf8_percent_encode(key, PLAIN).to_string();
        assert_eq!(encoded, "sessions/year%3D2025/%212E.%2120a~b-AJ_1.json.gz");
    }
}
