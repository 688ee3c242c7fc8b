//! The page in a real browser, where not all is as it should be.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::running::Running;

const API: &str = "/api/connection-details";

#[tokio::test]
async fn a_page_that_cannot_place_a_call_says_why_and_keeps_the_address() {
    let service = Running::start(&[]);
    let below = Running::start(&["--web-base-path=/voice"]);
    let limited = Running::start(&["--web-tokens-per-address=1"]);
    let mut script = Command::new("node");
    script
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/page.mjs"))
        .args(["--url", &format!("http://{}/", service.http)])
        .args(["--below-voice", &format!("http://{}/voice", below.http)])
        .args(["--limited", &format!("http://{}/", limited.http)]);
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        script.arg("--screenshots").arg(folder);
    }
    let output = tokio::task::spawn_blocking(move || script.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
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

/// What of the page needs no browser; with it, that it decides about addresses as the server does.
#[tokio::test]
async fn the_tests_of_the_page_hold() {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "test"]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("page"));
    let output = tokio::task::spawn_blocking(move || npm.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
