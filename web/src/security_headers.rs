//! The headers by which browsers keep the page from others, and others from it.
//!
//! There is no `Strict-Transport-Security` among them: it binds a whole host, of which a page below a path is only a part, and the
//! program knows neither the host nor whether TLS is there to stay. Who ends the TLS knows both.

use anyhow::Context as _;
use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::configuration::Settings;
use crate::content_security;

pub(crate) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Puts them on every answer; an answer that has one of its own keeps that.
///
/// # Errors
/// A setting cannot be a header.
pub(crate) fn add(mut router: Router, settings: &Settings) -> anyhow::Result<Router> {
    let mut headers = vec![
        (CONTENT_SECURITY_POLICY, content_security::policy(settings)),
        (PERMISSIONS_POLICY, "microphone=(self), camera=(), geolocation=()".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin".to_owned()),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin".to_owned()),
    ];
    // It knows no list of pages: where some may show this one, the policy alone says which.
    if settings.page.embedding.is_empty() {
        headers.push((X_FRAME_OPTIONS, "DENY".to_owned()));
    }
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).with_context(|| format!("make the header {name}"))?;
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, value));
    }
    Ok(router)
}
