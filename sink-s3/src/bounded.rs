//! Bounds on what a store answers: anything may answer at its address, for as long as it likes.

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http_body_util::Limited;

/// Most bytes of an answer that is no object. A page of a listing, the longest one, has a thousand keys of a kibibyte.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// What the address of a request for an object has in it.
const FOR_AN_OBJECT: &str = "x-id=GetObject";
/// Longest object that can be a session's: JetStream's own limit for a message is 64 MB, and gzip makes it hardly longer.
pub(crate) const LONGEST_OBJECT: u64 = 65 * 1024 * 1024;

/// The SDK's connector. The SDK reads answers whole before it looks at them, but for objects.
#[derive(Debug)]
pub(crate) struct Bounded(pub(crate) SharedHttpConnector);

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_for_an_object = request.uri().contains(FOR_AN_OBJECT);
        let answering = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answering.await?;
            // Whoever reads objects knows how long one may be.
            if is_for_an_object && answer.status().is_success() {
                return Ok(answer);
            }
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER))))
        })
    }
}

/// Why a body is not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("{0}")]
    Store(String),
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

/// The whole body of an object that has no more than so many bytes.
pub(crate) async fn whole(mut body: ByteStream, most: u64) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| BodyError::Store(error.to_string()))?;
        if (bytes.len() + piece.len()) as u64 > most {
            return Err(BodyError::TooLong(most));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
