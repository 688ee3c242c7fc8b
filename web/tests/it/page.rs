//! The page and the headers that protect it.

use std::io::Read as _;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, LOCATION,
};
use axum::http::{Request, StatusCode};
use flate2::read::GzDecoder;

use crate::in_process::Service;

#[tokio::test]
async fn the_page_and_all_it_names_are_served() {
    let service = Service::default();
    let index = service.get("/").await;
    assert_eq!(index.status, StatusCode::OK);
    assert_eq!(index.headers[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(index.headers[CACHE_CONTROL], "no-cache");
    let html = String::from_utf8(index.bytes.to_vec()).unwrap();
    for id in ["email", "start-call", "status"] {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
    }

    let attributes = html.split(['<', '>', ' ']).filter_map(|word| word.split_once("=\""));
    let named = attributes.filter(|(name, _)| ["href", "src", "action"].contains(name));
    let named: Vec<&str> = named.map(|(_, path)| path.trim_end_matches('"')).collect();
    assert!(
        named.iter().any(|path| path.ends_with(".js")) && named.iter().any(|path| path.ends_with(".css"))
    );
    for path in named {
        // Relative, so that the page may be below a path of a proxy.
        assert!(!path.starts_with('/') && !path.contains("//"), "{path}");
        let asset = service.get(&format!("/{path}")).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        assert_ne!(asset.headers[CONTENT_TYPE], "application/octet-stream", "{path}");
        let hashed = path.starts_with("assets/");
        assert_eq!(asset.headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"), hashed, "{path}");
    }
}

#[tokio::test]
async fn the_page_may_be_below_a_path() {
    for flag in ["--web-base-path=/voice", "--web-base-path=/voice/"] {
        let service = Service::new(&[flag]);
        let without_slash = service.get("/voice").await;
        assert_eq!(
            (without_slash.status, &without_slash.headers[LOCATION]),
            (StatusCode::PERMANENT_REDIRECT, &"/voice/".parse().unwrap())
        );
        for path in ["/voice/", "/voice/icon.svg", "/healthz"] {
            assert_eq!(service.get(path).await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(service.get("/voice/api/connection-details").await.status, StatusCode::METHOD_NOT_ALLOWED);
        for path in ["/", "/icon.svg", "/api/connection-details"] {
            assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let service = Service::default();
    let tag = service.get("/").await.headers[ETAG].clone();
    let again = service.send(Request::get("/").header(IF_NONE_MATCH, &tag), String::new()).await;
    assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    let other = service.send(Request::get("/").header(IF_NONE_MATCH, "W/\"other\""), String::new()).await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn the_page_is_compressed_for_who_can_read_it() {
    let service = Service::default();
    let plain = service.get("/").await;
    for takes in ["gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1", "deflate, *", "br,gzip"] {
        let answer = service.send(Request::get("/").header(ACCEPT_ENCODING, takes), String::new()).await;
        assert_eq!(answer.headers[CONTENT_ENCODING], "gzip", "{takes}");
        let mut read = Vec::new();
        GzDecoder::new(&answer.bytes[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain.bytes);
    }
    for takes in ["", "br", "gzip;q=0", "gzip;q=none", "gzipped"] {
        let answer = service.send(Request::get("/").header(ACCEPT_ENCODING, takes), String::new()).await;
        assert!(!answer.headers.contains_key(CONTENT_ENCODING), "{takes}");
        assert_eq!(answer.bytes, plain.bytes);
    }
}

#[tokio::test]
async fn the_policy_lets_the_page_talk_to_livekit_and_nobody_else() {
    let service = Service::new(&["--livekit-public-url=wss://calls.example.com"]);
    for path in ["/", "/nowhere", "/healthz"] {
        let headers = service.get(path).await.headers;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("connect-src 'self' wss://calls.example.com https://calls.example.com;"),
            "{policy}"
        );
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("form-action 'none';"), "{policy}");
        assert!(
            policy.contains("frame-src 'none';") && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "microphone=(self), camera=(), geolocation=()"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
    }
}

#[tokio::test]
async fn only_the_button_for_other_pages_may_be_loaded_by_them() {
    let service = Service::default();
    for (path, policy) in
        [("/embed.js", "cross-origin"), ("/icon.svg", "same-origin"), ("/api/logo", "same-origin")]
    {
        assert_eq!(service.get(path).await.headers["cross-origin-resource-policy"], policy, "{path}");
    }
}

#[tokio::test]
async fn turnstile_is_let_in_only_where_it_is_asked_for() {
    let turnstile =
        ["--web-proof=turnstile", "--web-turnstile-site-key=site", "--web-turnstile-secret=secret"];
    for (flags, allowed) in [(&[][..], false), (&["--web-proof=work"], false), (&turnstile, true)] {
        let service = Service::new(flags);
        let headers = service.get("/").await.headers;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let parts = [
            "script-src 'self' https://challenges.cloudflare.com;",
            "frame-src https://challenges.cloudflare.com;",
        ];
        assert_eq!(parts.map(|part| policy.contains(part)), [allowed; 2], "{policy}");
        assert_eq!(policy.contains("cloudflare"), allowed, "{policy}");
    }
}

#[tokio::test]
async fn there_is_nothing_else() {
    let service = Service::default();
    for path in ["/nowhere", "/assets/nothing.js", "/../Cargo.toml", "/%2e%2e/%2e%2e/Cargo.toml", "/assets/"]
    {
        assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
