//! The page's content security policy: everything is the page's own, but for the calls to LiveKit and, where it is on, Turnstile.

use service::LiveKitUrl;

use crate::configuration::Settings;
use crate::proof::ProofSettings;

/// Where the script of Turnstile's widget is, and the frame that it opens.
const TURNSTILE: &str = " https://challenges.cloudflare.com";

/// The value of the header.
pub(crate) fn policy(settings: &Settings) -> String {
    let livekit = sources(&settings.server_url);
    let turnstile = if let ProofSettings::Turnstile(_) = settings.proof { TURNSTILE } else { "" };
    let frames = if turnstile.is_empty() { " 'none'" } else { turnstile };
    let ancestors = ancestors(settings);
    format!(
        "default-src 'none'; script-src 'self'{turnstile}; style-src 'self'; img-src 'self' data:; \
         media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' {livekit}; frame-src{frames}; \
         base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
}

/// Which pages may show this one in a frame.
fn ancestors(settings: &Settings) -> String {
    let origins = settings.page.embedding.iter().filter_map(|origin| origin.to_str().ok());
    let origins = origins.collect::<Vec<_>>().join(" ");
    if origins.is_empty() { "'none'".to_owned() } else { origins }
}

/// For `connect-src`: the client opens a WebSocket, and asks over HTTP why that did not work.
///
/// LiveKit Cloud moves clients to another host of its domain, so there the whole domain is named.
fn sources(livekit: &LiveKitUrl) -> String {
    let port = livekit.port().map(|port| format!(":{port}")).unwrap_or_default();
    let suffix = if livekit.is_encrypted() { "s" } else { "" };
    let host = if livekit.host().ends_with(".livekit.cloud") { "*.livekit.cloud" } else { livekit.host() };
    format!("ws{suffix}://{host}{port} http{suffix}://{host}{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_both_schemes() {
        let sources = |text: &str| sources(&text.parse().unwrap());
        assert_eq!(sources("ws://127.0.0.1:7880"), "ws://127.0.0.1:7880 http://127.0.0.1:7880");
        assert_eq!(
            sources("https://calls.example.com/x"),
            "wss://calls.example.com https://calls.example.com"
        );
        assert_eq!(sources("wss://one.livekit.cloud"), "wss://*.livekit.cloud https://*.livekit.cloud");
        assert_eq!(sources("ws://[::1]:7880"), "ws://[::1]:7880 http://[::1]:7880");
    }
}
