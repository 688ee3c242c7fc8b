//! The bundled page, embedded.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::security_headers::CROSS_ORIGIN_RESOURCE_POLICY;

#[derive(RustEmbed)]
#[folder = "page/dist"]
struct Assets;

/// Names under `assets/` carry a hash of their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
/// What pages of other sites load: it puts a button on them that opens the call.
const EMBEDDED: &str = "embed.js";

/// Compressed once: whoever asks for the page again and again costs next to nothing.
static GZIPPED: LazyLock<HashMap<String, Bytes>> = LazyLock::new(|| {
    let gzipped =
        Assets::iter().filter_map(|path| Some((path.to_string(), gzip(&Assets::get(&path)?.data).ok()?)));
    gzipped.collect()
});

pub(crate) async fn index(headers: HeaderMap) -> Response {
    file("index.html", &headers)
}

pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mut response = file(&path, &headers);
    if path == EMBEDDED {
        let policy = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, policy);
    }
    response
}

fn file(path: &str, headers: &HeaderMap) -> Response {
    let Some(EmbeddedFile { data, metadata }) = Assets::get(path) else {
        return (StatusCode::NOT_FOUND, "not found").into_response();
    };
    let cache = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let hash: String = metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // Weak: the bytes may be compressed, or not.
    let tag = format!("W/\"{hash}\"");
    let head =
        [(CACHE_CONTROL, cache), (ETAG, &tag), (CONTENT_TYPE, content_type(path)), (VARY, "accept-encoding")];
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    match GZIPPED.get(path).filter(|_| takes_gzip(headers)) {
        Some(gzipped) => (head, [(CONTENT_ENCODING, "gzip")], gzipped.clone()).into_response(),
        None => (head, data).into_response(),
    }
}

fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

/// Whether one of the encodings that the client takes is gzip, and not with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        ["gzip", "x-gzip", "*"].contains(&name.trim()) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
