//! The page's content security policy: everything is the page's own, but for the calls to LiveKit.

use service::LiveKitUrl;

/// The value of the header.
pub(crate) fn policy(livekit: &LiveKitUrl) -> String {
    let livekit = sources(livekit);
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
         worker-src 'self' blob:; connect-src 'self' {livekit}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
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
