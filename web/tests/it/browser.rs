//! The page in a real browser, where not all is as it should be.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use test_servers::{KEY, LiveKitServer, SECRET, eventually, free_port};

use crate::running::Running;

const API: &str = "/api/connection-details";

#[tokio::test]
async fn a_page_that_cannot_place_a_call_says_why_and_keeps_the_address() {
    let service = Running::start(&[]);
    let below = Running::start(&["--web-base-path=/voice"]);
    let limited = Running::start(&["--web-tokens-per-address=1"]);
    let seen = browser(
        "page.mjs",
        &[
            ("--url", format!("http://{}/", service.http)),
            ("--below-voice", format!("http://{}/voice", below.http)),
            ("--limited", format!("http://{}/", limited.http)),
        ],
    )
    .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();

    let plain_http = &seen["plainHttp"];
    let error = text(&plain_http["error"]);
    assert!(
        error.contains("over https, or on localhost") && error.contains("https://voice.test/"),
        "{error}"
    );
    assert_eq!(plain_http["disabled"], true);

    for case in ["noScript", "noScriptNorStyle"] {
        let case = &seen[case];
        assert_eq!((&case["disabled"], &case["notLoaded"]), (&json!(true), &json!(1)), "{case}");
        assert_eq!(
            (&case["url"], &case["requests"]),
            (&json!(format!("http://{}/", service.http)), &json!([]))
        );
        assert_eq!(case["email"], "visitor@company.com");
    }
    let off = &seen["scriptsOff"];
    assert!(text(&off["told"]).contains("JavaScript"), "{off}");
    assert_eq!((&off["url"], &off["requests"]), (&json!(format!("http://{}/", service.http)), &json!([])));

    for (case, path) in [
        ("strippingProxy", "/voice/api/connection-details"),
        ("basePath", "/voice/api/connection-details"),
        ("oldBrowser", API),
    ] {
        let case = &seen[case];
        assert_eq!(case["failed"], json!([]), "{case}");
        assert_eq!(case["requests"][0]["path"], path, "{case}");
        assert!(text(&case["error"]).starts_with("The call could not be connected"), "{case}");
    }
    assert!(text(&seen["basePath"]["url"]).ends_with("/voice/"));

    for (case, words) in [
        ("brokenAnswer", "an answer that this page does not understand"),
        ("busyProxy", "Try again in 7 seconds"),
        ("insecureMedia", "media server has no secure address"),
        ("unreachable", "The server could not be reached"),
    ] {
        assert!(text(&seen[case]["error"]).contains(words), "{}", seen[case]);
    }

    let cleaned = &seen["cleaned"];
    let sent: Value = serde_json::from_str(cleaned["requests"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["user_email"], "Ann@company.com");
    assert_eq!(cleaned["email"], "Ann@company.com");
    let problems = &seen["problems"];
    assert_eq!(problems["requests"], json!([]));
    for (told, words) in problems["told"].as_array().unwrap().iter().zip([
        "Remove the space",
        "company.com",
        "more than one @",
    ]) {
        assert!(text(told).contains(words), "{told}");
    }

    let error = text(&seen["limited"][1]["error"]);
    assert!(
        error.contains("Too many calls were started from your network") && error.contains("Try again in "),
        "{error}"
    );
}

/// What is in the way of a call is told in words that say what to do; the page is what its server makes of it.
#[tokio::test]
async fn each_state_before_a_call_says_what_to_do() {
    let service = Running::start(&[]);
    let seen = browser("states.mjs", &[("--url", format!("http://{}/", service.http))]).await;
    for (case, words) in [
        ("/microphone/denied", "Allow it for this page in the browser"),
        ("/microphone/deniedBySystem", "Allow it in the system's privacy settings"),
        ("/microphone/missing", "Connect one and start the call again"),
        ("/microphone/inUse", "in use by another program. Close that"),
        ("/microphone/other", "Choose another one, or another browser"),
        (
            "/refused/livekitAway",
            "Calls are not possible at the moment. We know about it. Try again in 30 seconds.",
        ),
        ("/refused/client", "from your network in a short time. Try again in 90 seconds."),
        ("/refused/email", "with this e-mail address. Try again in 60 minutes."),
        ("/refused/all", "Too many calls are being started right now. Try again in 2 seconds."),
        ("/refused/calls", "All our lines are busy. Try again in 15 seconds."),
        ("/refused/internal", "Something went wrong on our side. Please try again in a moment."),
        ("/refused/proof", "Reload the page and try again."),
        ("/refused/proofUnavailable", "cannot be made at the moment. Try again in 30 seconds."),
        ("/refused/notYoursToChoose", "do not fit together. Reload the page"),
        ("/refused/unknown", "The shop is closed."),
        ("/noAnswer", "did not answer in time. Please try again."),
        ("/oldBrowser", "Open this page in Chrome, Firefox, Safari or Edge"),
        ("/brokenStorage/en", "Your browser keeps nothing for this page"),
        ("/brokenStorage/de", "Ihr Browser merkt sich nichts für diese Seite"),
        ("/fields/invalid", "Enter a domain, such as company.com."),
        ("/fields/required", "Enter your e-mail address to start the call."),
        ("/fields/domain", "Enter another one, such as that of your company."),
        ("/emailRequired", "Enter your e-mail address to start the call."),
        ("/waits/told", "Try again in 4 seconds."),
    ] {
        let told = seen.pointer(case).and_then(Value::as_str).unwrap_or_default();
        assert!(told.contains(words), "{case}: {told}");
    }
    assert_eq!(seen["waits"]["button"], "Start call in 0:04");

    let configured = &seen["configured"];
    assert_eq!(
        (&configured["title"], &configured["heading"]),
        (&json!("Talk to us – Acme Docs"), &json!("Call Acme"))
    );
    assert_eq!(
        (&configured["light"], &configured["dark"]),
        (&json!("rgb(11, 95, 255)"), &json!("rgb(127, 176, 255)"))
    );
    assert_eq!(configured["links"].as_array().unwrap().len(), 3);
    let languages: Vec<_> =
        ["browser", "asked", "other"].iter().map(|case| &seen["languages"][case][0]).collect();
    assert_eq!(languages, ["de", "en", "en"]);

    for (device, lang, title) in [
        ("desk", "en", "Talk to us – A company with a long name"),
        ("phone", "de", "Sprechen Sie mit uns – A company with a long name"),
    ] {
        let load = &seen["firstLoad"][device];
        let bytes = load["bytes"].as_u64().unwrap();
        assert!(bytes <= MOST_BYTES, "{bytes} bytes until a call can be started");
        assert!(load["shift"].as_f64().unwrap() < MOST_SHIFT, "{load}");
        assert_eq!((&load["violations"], &load["tooWide"]), (&json!([]), &json!(false)), "{load}");
        assert_eq!((&load["lang"], &load["title"]), (&json!(lang), &json!(title)));
        assert!(!load["description"].as_str().unwrap().is_empty());
    }
}

/// A first load may weigh so much, compressed.
const MOST_BYTES: u64 = 250_000;
/// What browsers call a good cumulative layout shift is below this.
const MOST_SHIFT: f64 = 0.1;

#[tokio::test]
async fn a_visit_goes_well_whatever_happens_in_it() {
    let livekit = start_livekit().await;
    let service = beside(&livekit, &[]);
    let seen = browser("visit.mjs", &both(&service, &livekit)).await;
    for case in [
        "byMouse",
        "byKeyboard",
        "agentGoesAndComes",
        "agentStaysAway",
        "agentStaysGone",
        "unplugged",
        "otherMicrophone",
        "interrupted",
        "lost",
        "refused",
        "blockedSound",
        "reads",
        "twoAtOnce",
    ] {
        assert_eq!(seen[case], "passed", "{seen}");
    }
    for (reason, words) in [
        ("agent_ended", "The agent said goodbye"),
        ("time_limit", "as long as a call may"),
        ("budget_spent", "used up what one call may use"),
        ("participant_absent", "Check your microphone"),
        ("provider_failed", "call again in a few minutes"),
        ("room_closed", "ended by the other side"),
        ("participant_removed", "taken out of the call"),
    ] {
        let told = seen["ends"][reason].as_str().unwrap_or_default();
        assert!(told.contains(words), "{reason}: {told}");
    }
    assert_eq!(seen["looks"].as_array().unwrap().len(), 25, "{seen}");
}

#[tokio::test]
async fn the_button_of_another_site_places_a_call() {
    let (livekit, port) = (start_livekit().await, free_port());
    let mut configuration = NamedTempFile::new().unwrap();
    writeln!(configuration, "[embedding]\nallowed_origins = [\"http://www.localhost:{port}\"]").unwrap();
    let file = configuration.path().display();
    let service = beside(&livekit, &[&format!("--web-page-configuration={file}")]);
    let options = [&both(&service, &livekit)[..], &[("--site-port", port.to_string())]].concat();
    let seen = browser("embedded.mjs", &options).await;
    for device in ["desk", "phone"] {
        assert_eq!(seen[device], json!({"heading": "Sprechen Sie mit uns", "violations": []}), "{device}");
    }
}

/// A configuration and a policy as they are served reach the browser.
#[tokio::test]
async fn what_the_server_is_told_is_what_visitors_see() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("page.example.toml");
    let example = Running::start(&[&format!("--web-page-configuration={}", file.display())]);
    let turnstile = Running::start(&[
        "--web-proof=turnstile",
        "--web-turnstile-site-key=key",
        "--web-turnstile-secret=secret",
        "--web-turnstile-url=http://127.0.0.1:1/",
    ]);
    let seen = browser(
        "served.mjs",
        &[
            ("--example", format!("http://{}/", example.http)),
            ("--turnstile", format!("http://{}/", turnstile.http)),
        ],
    )
    .await;
    assert_eq!(
        seen["example"],
        json!({
            "title": "Talk to us – Example Corp",
            "brand": "Example Corp",
            "heading": "Talk to Example Corp",
            "links": ["https://www.example.com/privacy", "https://www.example.com/imprint"],
            "light": "rgb(11, 95, 255)",
            "dark": "rgb(127, 176, 255)",
        })
    );
    assert_eq!(seen["turnstile"], json!(["turnstile word-for-key"]));
}

/// LiveKit's hooks for agents, in a page of another origin that knows nothing of this server but where it gives tokens.
#[tokio::test]
async fn a_page_with_livekits_hooks_places_calls() {
    let (livekit, port) = (start_livekit().await, free_port());
    let service = beside(&livekit, &[&format!("--allow-origin=http://127.0.0.1:{port}")]);
    let options = [&both(&service, &livekit)[..], &[("--site-port", port.to_string())]].concat();
    let seen = browser("hooks.mjs", &options).await;
    assert_ne!(seen["rooms"][0], seen["rooms"][1], "a room is one call");
    // Of the metadata that the hooks send; it comes back in the token's.
    for email in seen["emails"].as_array().unwrap() {
        assert_eq!(email, "Ann@company.com");
    }
}

/// What of the page needs no browser; with it, that it decides about addresses as the server does.
#[tokio::test]
async fn the_tests_of_the_page_hold() {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "test"]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("page"));
    let output = tokio::task::spawn_blocking(move || npm.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What a script of `tests/browser` has seen. With `SCREENSHOTS` set to a folder, there are pictures of it.
pub(crate) async fn browser(script: &str, options: &[(&str, String)]) -> Value {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser").join(script));
    for (name, value) in options {
        node.arg(name).arg(value);
    }
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        node.arg("--screenshots").arg(folder);
    }
    let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn start_livekit() -> LiveKitServer {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server answers", async || livekit.answers()).await;
    livekit
}

/// A service whose visitors' calls come about, however many one of them places.
fn beside(livekit: &LiveKitServer, flags: &[&str]) -> Running {
    Running::start_beside(
        livekit,
        &[&["--web-tokens-per-address=0", "--web-tokens-per-email=0"], flags].concat(),
    )
}

/// Where both are, for a script that makes the agents, too.
fn both(service: &Running, livekit: &LiveKitServer) -> [(&'static str, String); 4] {
    [
        ("--url", format!("http://{}/", service.http)),
        ("--livekit", livekit.url()),
        ("--key", KEY.to_owned()),
        ("--secret", SECRET.to_owned()),
    ]
}
