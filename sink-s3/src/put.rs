//! PUT Object, the one request that is made for every session. It is the SDK's signer and the SDK's connector without the
//! machinery between them, which costs several times what a put itself does.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::SdkBody;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::base64;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, USER_AGENT};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::answer::{Answer, EntityTags, Proof};
use crate::credentials::{Credentials, are_refused};
use crate::store_error;

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
    /// Headers of every object, as the operator wants them.
    pub(crate) headers: HeaderMap,
    pub(crate) with_checksum: bool,
    pub(crate) entity_tags: EntityTags,
    /// Address of the bucket, up to where the key begins.
    pub(crate) address: OnceCell<String>,
}

/// Why an object is not in the bucket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    #[error("{}", store_error::named(answer))]
    Refused {
        answer: Answer,
        /// What the store wants to be waited.
        after: Option<Duration>,
    },
    /// What answered cannot be a store.
    #[error("what answers is no S3 store: {0}")]
    NoStore(String),
    /// The store has other bytes than were sent.
    #[error("the store has other bytes than were sent: {0}")]
    Differs(String),
    #[error("no answer within {}", humantime::format_duration(PUT_LIMIT))]
    TimedOut,
    #[error("{0}")]
    Unreachable(String),
    #[error("no credentials: {0}")]
    Credentials(#[from] CredentialsError),
    #[error("the request cannot be made: {0}")]
    Request(String),
}

impl PutError {
    /// What kind of failure it is, in a word.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Refused { answer, .. } => answer.status.to_string(),
            Self::NoStore(_) => "no_store".to_owned(),
            Self::Differs(_) => "differs".to_owned(),
            Self::TimedOut => "timeout".to_owned(),
            Self::Unreachable(_) => "unreachable".to_owned(),
            Self::Credentials(_) => "credentials".to_owned(),
            Self::Request(_) => "request".to_owned(),
        }
    }
}

impl Putter {
    /// Puts a gzip file; durable when it returns. It has no `Content-Encoding`, with which some clients would decode it
    /// unasked. With `only_if_absent` the store refuses (412) where there is an object already.
    pub(crate) async fn put(&self, key: &str, object: Vec<u8>, only_if_absent: bool) -> Result<(), PutError> {
        let keys = self.credentials.keys().await?;
        let checksum = self.with_checksum.then(|| base64::encode(crc32fast::hash(&object).to_be_bytes()));
        let proof = Proof::of(&object, checksum.clone(), self.entity_tags);
        let request = self.request(key, object, checksum, only_if_absent, keys.clone().into()).await?;
        let answering = async {
            let response = self.connector.call(request).await;
            let response = response.map_err(|error| PutError::Unreachable(chain(&error)))?;
            proof.judge(response).await
        };
        let result = timeout(PUT_LIMIT, answering).await.map_err(|_| PutError::TimedOut)?;
        if let Err(PutError::Refused { answer, .. }) = &result
            && are_refused(&answer.code)
        {
            self.credentials.refused(&keys);
        }
        result
    }

    async fn request(
        &self,
        key: &str,
        object: Vec<u8>,
        checksum: Option<String>,
        only_if_absent: bool,
        identity: Identity,
    ) -> Result<HttpRequest, PutError> {
        let address = self.address.get_or_try_init(|| self.find_address()).await?;
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
        if let Some(sum) = checksum {
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
    fn a_key_is_encoded_as_the_signature_wants_it() {
        let key = "sessions/year=2025/!2E.!20a~b-AJ_1.json.gz";
        let encoded = utf8_percent_encode(key, PLAIN).to_string();
        assert_eq!(encoded, "sessions/year%3D2025/%212E.%2120a~b-AJ_1.json.gz");
    }
}
