use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::{BaseUrl, Provider, ProviderError};

/// Most bytes that are read of the body beside a status that is no success.
const ERROR_BODY_LIMIT: usize = 16 * 1024;

/// How long a provider may take and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest time from connecting to the first byte of the answer.
    pub answer: Duration,
    /// Longest silence within an answer.
    pub idle: Duration,
    /// Most tries after the first one.
    pub retries: u32,
    /// Pause before the first of them.
    pub first_pause: Duration,
    /// Pause before each further one. A provider's `Retry-After` makes it longer; one beyond `answer` ends the tries.
    pub pause: Duration,
}

/// What callers of LiveKit's agents are used to.
impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            retries: 3,
            first_pause: Duration::from_millis(100),
            pause: Duration::from_secs(2),
        }
    }
}

/// One provider's server.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) provider: Provider,
    http: reqwest::Client,
    base: BaseUrl,
    key: Option<SecretString>,
    pub(super) limits: Limits,
}

/// An answer whose status is a success.
pub(super) struct Answer {
    /// In lower case; empty where there is none.
    pub(super) content_type: String,
    /// The body, with its time limits.
    pub(super) chunks: BoxStream<'static, Result<Bytes, ProviderError>>,
}

impl Endpoint {
    pub(super) fn new(
        provider: Provider,
        http: reqwest::Client,
        base: BaseUrl,
        key: Option<SecretString>,
        limits: Limits,
    ) -> Self {
        Self { provider, http, base, key, limits }
    }

    /// A request to a path of the server's, such as `chat/completions`.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(self.base.join(path));
        match &self.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    /// Tries until an attempt succeeds, fails for good, or the tries are used up.
    pub(super) async fn retried<T, A>(&self, attempt: impl Fn() -> A) -> Result<T, ProviderError>
    where
        A: Future<Output = Result<T, ProviderError>>,
    {
        for retry in 0..self.limits.retries {
            let error = match attempt().await {
                Err(error) if error.recoverable() => error,
                result => return result,
            };
            let pause = if retry == 0 { self.limits.first_pause } else { self.limits.pause };
            let wanted = error.retry_after.unwrap_or_default();
            if wanted > self.limits.answer {
                return Err(error);
            }
            warn!(retry = retry + 1, "asked again: {error}");
            sleep(pause.max(wanted)).await;
        }
        attempt().await
    }

    /// Sends one request, and reads at most so many bytes of its answer.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        most_bytes: usize,
    ) -> Result<Answer, ProviderError> {
        let deadline = Instant::now() + self.limits.answer;
        let sent = timeout_at(deadline, request.send()).await;
        let response = sent
            .map_err(|_| ProviderError::timeout(self.provider, self.limits.answer))?
            .map_err(|error| ProviderError::connection(self.provider, &error))?;
        let status = response.status();
        let content_type = content_type(response.headers());
        let retry_after = retry_after(response.headers());
        if status.is_success() {
            return Ok(Answer { content_type, chunks: self.chunks(response, deadline, most_bytes) });
        }
        // What can be had of the body may tell more; the status is enough.
        let mut chunks = self.chunks(response, deadline, ERROR_BODY_LIMIT);
        let mut body = Vec::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            body.extend_from_slice(&chunk);
        }
        Err(ProviderError::status_code(self.provider, status, retry_after, &body))
    }

    fn chunks(
        &self,
        response: Response,
        deadline: Instant,
        most_bytes: usize,
    ) -> BoxStream<'static, Result<Bytes, ProviderError>> {
        let (provider, limits) = (self.provider, self.limits);
        let start = (response.bytes_stream().boxed(), Some(deadline), most_bytes);
        let next = move |(mut chunks, first, left): Reading| async move {
            let deadline = first.unwrap_or_else(|| Instant::now() + limits.idle);
            let limit = if first.is_some() { limits.answer } else { limits.idle };
            let chunk = timeout_at(deadline, chunks.next()).await;
            let chunk = match chunk.map_err(|_| ProviderError::timeout(provider, limit))? {
                None => return Ok(None),
                Some(chunk) => chunk.map_err(|error| ProviderError::connection(provider, &error))?,
            };
            let too_long = || ProviderError::malformed(provider, "the answer is longer than any should be");
            let left = left.checked_sub(chunk.len()).ok_or_else(too_long)?;
            Ok(Some((chunk, (chunks, None, left))))
        };
        stream::try_unfold(start, next).boxed()
    }
}

/// The pieces, the time by which the first one is to come, and the bytes that may still come.
type Reading = (BoxStream<'static, reqwest::Result<Bytes>>, Option<Instant>, usize);

/// A stream of which something has come, so that from now on a failure is the reader's and not a reason to ask again.
///
/// # Errors
/// The first thing to come is an error, or nothing comes.
pub(super) async fn begun<T: Send + 'static>(
    provider: Provider,
    mut parts: BoxStream<'static, Result<T, ProviderError>>,
) -> Result<BoxStream<'static, Result<T, ProviderError>>, ProviderError> {
    let first = parts.next().await.ok_or_else(|| ProviderError::cut(provider))??;
    Ok(stream::once(std::future::ready(Ok(first))).chain(parts).boxed())
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

/// In seconds. The other form, a date, is taken as none given.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
