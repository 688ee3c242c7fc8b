//! How this service asks others over HTTP.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

/// A client whose answers take no longer than `limit`. It follows nobody: a redirect would take the token or the secret of a
/// question to a place that no setting names.
///
/// # Errors
/// The system has no certificates, or no room for another client.
pub(crate) fn new(limit: Duration) -> anyhow::Result<Client> {
    Client::builder()
        .redirect(Policy::none())
        .timeout(limit)
        .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up an HTTP client")
}

/// The body of an answer; none where it is longer than `most` bytes, of which no more is read then.
pub(crate) async fn body(mut answer: Response, most: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(body))
}
