//! Requests to a provider: time limits, retries with a pause, and a limit for the length of an answer.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::warn;

use super::base_url::BaseUrl;
use super::credential::Credential;
use super::error::{ErrorKind, Provider, ProviderError};

/// Most bytes that are read of the body beside a status that is no success, and longest that they are waited for.
const ERROR_BODY_LIMIT: usize = 16 * 1024;
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// How long a provider may take and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Longest time from connecting to the first byte of the answer.
    pub(super) answer: Duration,
    /// Longest silence within an answer.
    pub(super) idle: Duration,
    /// Most tries after the first one.
    pub(super) retries: u32,
    /// Pause before the first of them.
    pub(super) first_pause: Duration,
    /// Pause before each further one. A provider's `Retry-After` makes it longer; one beyond `answer` ends the tries.
    pub(super) pause: Duration,
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

impl Limits {
    /// Longest after the first try that another one may begin: a caller waits. One that used up its time has one more.
    pub(super) fn last_try(&self) -> Duration {
        self.answer + self.answer / 4
    }

    /// Tries until an attempt succeeds, fails for good, or the tries are used up.
    pub(super) async fn tries<T, A>(&self, attempt: impl Fn() -> A) -> Result<T, ProviderError>
    where
        A: Future<Output = Result<T, ProviderError>>,
    {
        let last_try_by = Instant::now() + self.last_try();
        for retry in 0..self.retries {
            let error = match attempt().await {
                Err(error) if error.recoverable() => error,
                result => return result,
            };
            if Instant::now() > last_try_by {
                return Err(error);
            }
            let pause = if retry == 0 { self.first_pause } else { self.pause };
            let wanted = error.retry_after.unwrap_or_default();
            if wanted > self.answer {
                return Err(error);
            }
            warn!(retry = retry + 1, "asked again: {error}");
            sleep(pause.max(wanted)).await;
        }
        attempt().await
    }
}

/// The server of one provider, with the key and the limits of requests to it.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) provider: Provider,
    pub(super) http: reqwest::Client,
    pub(super) base: BaseUrl,
    pub(super) credential: Credential,
    pub(super) limits: Limits,
}

/// An answer whose status is a success.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    /// The body, with its time limits.
    pub(super) chunks: BoxStream<'static, Result<Bytes, ProviderError>>,
}

impl Answer {
    /// In lower case; empty where there is none.
    pub(super) fn content_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim().to_ascii_lowercase()
    }
}

impl Endpoint {
    /// A request to a path of the server's, such as `chat/completions`.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.base.join(path))
    }

    async fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, ProviderError> {
        let bearer = self.credential.bearer().await;
        let bearer = bearer.map_err(|error| ProviderError::malformed(self.provider, format!("{error:#}")))?;
        Ok(match bearer {
            Some(bearer) => request.bearer_auth(bearer.expose_secret()),
            None => request,
        })
    }

    /// Tries until an attempt succeeds, fails for good, or the tries are used up.
    pub(super) async fn retried<T, A>(&self, attempt: impl Fn() -> A) -> Result<T, ProviderError>
    where
        A: Future<Output = Result<T, ProviderError>>,
    {
        self.limits.tries(|| self.once(&attempt)).await
    }

    /// One attempt. A connection that had stood idle may have ended meanwhile, which says nothing of the server; a refused key
    /// may have been replaced in its file.
    pub(super) async fn once<T, A>(&self, attempt: impl Fn() -> A) -> Result<T, ProviderError>
    where
        A: Future<Output = Result<T, ProviderError>>,
    {
        let result = match attempt().await {
            Err(error) if error.kind() == ErrorKind::Connection => attempt().await,
            result => result,
        };
        let refused = matches!(&result, Err(error) if error.status().is_some_and(is_refusal));
        match &self.credential {
            Credential::Key(key) if refused && key.read_again().await => attempt().await,
            _ => result,
        }
    }

    /// Whether there is reason to doubt that the server works: a look that costs nothing anywhere. Not every server has this
    /// page, so that only silence and a refused key say something.
    pub(super) async fn is_doubtful(&self) -> bool {
        let Ok(request) = self.authorized(self.http.get(self.base.join("models"))).await else { return true };
        match timeout(self.limits.answer, request.send()).await {
            Ok(Ok(answer)) => is_refusal(answer.status().as_u16()),
            Ok(Err(_)) | Err(_) => true,
        }
    }

    /// Sends one request, and reads at most so many bytes of its answer.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        most_bytes: usize,
    ) -> Result<Answer, ProviderError> {
        let deadline = Instant::now() + self.limits.answer;
        let request = self.authorized(request).await?;
        let sent = timeout_at(deadline, request.send()).await;
        let response = sent
            .map_err(|_| ProviderError::timeout(self.provider, self.limits.answer))?
            .map_err(|error| ProviderError::connection(self.provider, &error))?;
        if !response.status().is_success() {
            return Err(refusal(self.provider, response, deadline).await);
        }
        let headers = response.headers().clone();
        Ok(Answer { headers, chunks: self.chunks(response, deadline, most_bytes) })
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

/// What an answer means whose status is no success. What can be had of its body in time may tell more; the status is enough.
pub(super) async fn refusal(provider: Provider, response: Response, deadline: Instant) -> ProviderError {
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let deadline = deadline.min(Instant::now() + ERROR_BODY_TIME);
    let mut chunks = response.bytes_stream();
    let mut body = Vec::new();
    while body.len() < ERROR_BODY_LIMIT
        && let Ok(Some(Ok(chunk))) = timeout_at(deadline, chunks.next()).await
    {
        body.extend_from_slice(&chunk);
    }
    ProviderError::status_code(provider, status, retry_after, &body)
}

/// The key is not taken, or not for this.
pub(super) fn is_refusal(status: u16) -> bool {
    [401, 403].contains(&status)
}

/// However long it is: what it says beyond a limit is not waited for, but ends the tries.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    service::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, SystemTime::now(), Duration::MAX)
}
