//! Who sees it, and who does not.

use test_servers::NatsServer;

use super::fixtures::*;
use crate::in_process::Service;

#[tokio::test]
async fn it_is_off_by_default() {
    let service = Service::default();
    for path in ["/status", "/status.json", "/status/style.css"] {
        assert_eq!(service.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gives_the_token_once() {
    let nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &[]).await;
    let asked = web.ask_from(1, "GET /status", "").await;
    assert_eq!((asked.status, asked.header("cache-control")), (401, "no-store"));
    assert!(asked.body.contains("action=\"status/sign-in\"") && !asked.body.contains("Last calls"));
    let policy = asked.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'; style-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );

    let refused = web.sign_in("a token of somebody else's").await;
    assert_eq!((refused.status, refused.header("set-cookie")), (401, ""));
    assert!(refused.body.contains("That is not the token."));

    let signed_in = web.sign_in(TOKEN).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "../status?signed-in"));
    let cookie = signed_in.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/;"] {
        assert!(cookie.contains(attribute), "{attribute} is not in {cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let page = web.ask_from(1, &format!("GET /status\r\nCookie: {pair}\r\n"), "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Last calls") && page.body.contains("Sign out"));
    let kept = web.ask_from(1, &format!("GET /status?signed-in\r\nCookie: {pair}\r\n"), "").await;
    assert_eq!((kept.status, kept.header("location")), (303, "status"));
    let lost = web.ask_from(1, "GET /status?signed-in", "").await;
    assert!(lost.status == 401 && lost.body.contains("did not keep the cookie"), "{}", lost.body);
    let out = web.ask_from(1, "POST /status/sign-out", "").await;
    assert!(
        out.header("set-cookie").starts_with("postcall_status=; ")
            && out.header("set-cookie").contains("Max-Age=0")
    );

    let style = web.ask_from(1, "GET /status/style.css", "").await;
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
    let log = web.log();
    assert!(!log.contains(TOKEN) && !log.contains("somebody else's") && !log.contains(pair), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_give_the_token_with_each_request() {
    let nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &[]).await;
    assert_eq!(web.get("/status.json").await.status, 200);
    for (head, code) in [
        ("GET /status.json\r\n", "sign_in_required"),
        ("GET /status.json\r\nAuthorization: Bearer wrong\r\n", "wrong_token"),
        ("GET /status.json\r\nX-Auth-Request-Email: ann@example.com\r\n", "sign_in_required"),
        ("GET /status.json\r\nCookie: postcall_status=9999999999.AAAA\r\n", "sign_in_required"),
    ] {
        let answer = web.ask_from(1, head, "").await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, "Bearer realm=\"status\""),
            "{head}"
        );
        assert!(answer.body.contains(code), "{head}: {}", answer.body);
    }
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(web.ask_from(1, &format!("{method} /status"), "").await.status, 405);
    }
    let too_long = web.sign_in(&"x".repeat(100_000)).await;
    assert_eq!(too_long.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_has_to_wait_and_others_have_not() {
    let nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &[]).await;
    let wrong = "GET /status\r\nAuthorization: Bearer wrong\r\n";
    for _ in 0..10 {
        assert_eq!(web.ask_from(9, wrong, "").await.status, 401);
    }
    let right = format!("GET /status\r\nAuthorization: Bearer {TOKEN}\r\n");
    for head in [wrong, &right] {
        let answer = web.ask_from(9, head, "").await;
        assert_eq!(answer.status, 429);
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&seconds), "{seconds}");
    }
    assert_eq!(web.ask_from(1, &right, "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_signs_nobody_in_or_out() {
    let nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &["--allow-origin=https://allowed.example"]).await;
    let form = format!("token={}", TOKEN.replace(' ', "+").replace('\'', "%27"));
    let ask = async |path: &str, headers: &str| {
        let head = format!("POST {path}\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}");
        web.ask_from(1, &head, &form).await
    };
    for path in ["/status/sign-in", "/status/sign-out"] {
        for foreign in [
            "Origin: https://other.example\r\n",
            "Origin: https://allowed.example\r\n",
            "Origin: null\r\n",
            "Origin: null\r\nSec-Fetch-Site: cross-site\r\n",
        ] {
            let answer = ask(path, foreign).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (403, ""), "{path} {foreign}");
        }
        for own in ["", "Origin: http://x\r\n", "Origin: null\r\nSec-Fetch-Site: same-origin\r\n"] {
            assert_eq!(ask(path, own).await.status, 303, "{path} {own}");
        }
    }
    // So that browsers say where the form was.
    assert_eq!(web.ask_from(1, "GET /status", "").await.header("referrer-policy"), "same-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_says_who_is_signed_in_and_a_stranger_does_not() {
    let nats = NatsServer::stopped();
    let flags = ["--web-status-user-header=x-auth-request-email", "--web-trusted-proxies=127.0.0.9"];
    let web = Web::start(&nats.url(), &flags).await;
    let named = "GET /status\r\nX-Auth-Request-Email: <ann>@example.com\r\n";
    let page = web.ask_from(9, named, "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Signed in as <bdi>&lt;ann&gt;@example.com</bdi>"), "{}", page.body);
    let claims_the_proxy = format!("{named}X-Forwarded-For: 127.0.0.9\r\n");
    for head in [named, &claims_the_proxy] {
        let answer = web.ask_from(1, head, "").await;
        assert_eq!(answer.status, 401);
        assert!(!answer.body.contains("<form"), "{}", answer.body);
    }
    assert_eq!(web.ask_from(9, "GET /status", "").await.status, 401);
    assert!(!web.log().contains("example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_may_be_in_a_file_and_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let nats = NatsServer::stopped();
    let web = Web::start(&nats.url(), &[&format!("--web-status-token-file={}", file.display())]).await;
    let cookie = web.sign_in(TOKEN).await.header("set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = format!("GET /status\r\nCookie: {cookie}\r\n");
    assert_eq!(web.ask_from(1, &with_cookie, "").await.status, 200);
    std::fs::write(&file, "another token of good length").unwrap();
    assert_eq!(web.ask_from(1, &with_cookie, "").await.status, 401);
    assert_eq!(web.get("/status").await.status, 401);
    std::fs::write(&file, "short").unwrap();
    assert_eq!(web.get("/status").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_be_below_a_path() {
    let nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &["--web-base-path=/voice"]).await;
    for (path, status) in
        [("/voice/status", 200), ("/voice/status.json", 200), ("/status", 404), ("/voice/status/", 303)]
    {
        assert_eq!(web.get(path).await.status, status, "{path}");
    }
    let head = "POST /voice/status/sign-in\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let signed_in =
        web.ask_from(1, head, &format!("token={}", TOKEN.replace(' ', "+").replace('\'', "%27"))).await;
    assert!(signed_in.header("set-cookie").contains("Path=/voice/;"), "{}", signed_in.head);
}
