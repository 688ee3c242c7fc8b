//! Answers of Salesforce, as token requests and API calls read them alike: whole, bounded, and with the pause they ask for.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::call_error::CallError;

/// Largest answer that is read, bytes: a page of rows has less than a tenth of it.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
/// Longest time that an answer may ask to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The whole body of an answer, up to the largest size that is read.
pub(crate) async fn body(mut answer: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(network)? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Err(CallError::doubtful(
                "an answer is larger than Salesforce gives; check SALESFORCE_URL",
            ));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The error of a request that had no answer, without its URL: that can hold a query.
pub(crate) fn network(error: reqwest::Error) -> CallError {
    let is_timeout = error.is_timeout();
    let what = if is_timeout { "does not answer in time" } else { "is not reached" };
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    let reason = format!("Salesforce {what}: {last}");
    // Whoever let us wait once is not made to answer the same again.
    if is_timeout { CallError::doubtful(reason) } else { CallError::Broken { reason } }
}

/// How long a `Retry-After` asks to wait, in whatever form; five minutes at most, because nobody is asked meanwhile.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER)?.to_str().ok()?;
    service::retry_after(header, SystemTime::now(), LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_read_and_capped() {
        let header =
            |value: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]));
        assert_eq!(header("7"), Some(Duration::from_secs(7)));
        for long in ["999999", "99999999999999999999999999", "Tue, 31 Dec 2999 23:59:59 GMT"] {
            assert_eq!(header(long), Some(LONGEST_PAUSE), "{long}");
        }
        assert_eq!(header("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        for odd in ["soon", "-1", ""] {
            assert_eq!(header(odd), None, "{odd}");
        }
    }
}
