//! Users and passwords in the address, as RFC 3986 has them, and apart from it.

use async_nats::ConnectErrorKind;
use test_servers::NatsServer;

use crate::nats::fixtures::settings;

const PASSWORDS: [&str; 8] =
    ["abc123", "q83vEjRWeJA=", "p@ss/word", "a;b|c^d e", "tür:#%?", "100%", "a+b", "(!$&'*~)"];

#[tokio::test]
async fn a_user_and_a_password_may_have_any_characters() {
    let users: String = PASSWORDS
        .iter()
        .enumerate()
        .map(|(number, password)| format!("{{user: \"u{number}@x\", password: \"{password}\"}}, "))
        .collect();
    let nats = NatsServer::start_with(&format!("authorization {{ users: [{users}] }}\n")).await;
    for (number, password) in PASSWORDS.iter().enumerate() {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let user = format!("u{number}@x");
        let url = nats.url_for(&encode(&user), &encode(password));
        let in_address = settings(&url, &[]).connect("test").await;
        assert!(in_address.is_ok(), "{url}: {:#}", in_address.unwrap_err());
        let apart = settings(&nats.url(), &["--nats-user", &user, "--nats-password", password]);
        assert!(apart.connect("test").await.is_ok(), "{password}");
    }
    // What needs no encoding, or is written by somebody who does not know of it.
    for (number, written) in [(1, "q83vEjRWeJA="), (3, "a;b|c^d e"), (5, "100%"), (6, "a+b"), (7, "(!$&'*~)")]
    {
        let url = nats.url_for(&format!("u{number}%40x"), written);
        assert!(settings(&url, &[]).connect("test").await.is_ok(), "{url}");
    }
    let refused = settings(&nats.url_for("u0%40x", "wrong"), &[]).connect("test").await.err().unwrap();
    let kind = refused.downcast_ref::<async_nats::ConnectError>().unwrap().kind();
    assert_eq!(kind, ConnectErrorKind::AuthorizationViolation);
    let todo = service::what_to_do(&refused);
    assert!(todo.contains("NATS_PASSWORD") && todo.contains("NATS_CREDS"), "{todo}");
}

#[tokio::test]
async fn a_token_may_have_any_characters() {
    let nats = NatsServer::start_with("authorization { token: \"t=k@n/#\" }\n").await;
    let url = format!("nats://t%3Dk%40n%2F%23@127.0.0.1:{}", nats.port());
    assert!(settings(&url, &[]).connect("test").await.is_ok());
    assert!(settings(&nats.url(), &["--nats-token", "t=k@n/#"]).connect("test").await.is_ok());
}

#[tokio::test]
async fn half_a_login_or_two_are_told_and_no_secret_is() {
    for (flags, told) in [
        (&["--nats-user", "sink"][..], "NATS_USER has no password"),
        (&["--nats-password", "secret"], "NATS_PASSWORD has no user"),
        (
            &["--nats-user", "sink", "--nats-password", "secret", "--nats-token", "secret"],
            "NATS_USER and NATS_PASSWORD and NATS_TOKEN are both set",
        ),
        (
            &["--nats-token", "secret", "--nats-token-file", "secret"],
            "NATS_TOKEN and NATS_TOKEN_FILE are both set: keep one of them",
        ),
        (&["--nats-nkey", "secret"], "NATS_NKEY"),
        (&["--nats-cert-file", "x"], "NATS_CERT_FILE and NATS_KEY_FILE go together"),
        (&["--nats-inbox-prefix", "_INBOX.>"], "NATS_INBOX_PREFIX is the beginning of a subject"),
    ] {
        let error = settings("nats://127.0.0.1:1", flags).keep_connected("test").await.err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains(told) && !error.contains("secret"), "{error}");
    }
    // Variables that a compose file leaves empty are not set.
    let empty = ["--nats-user", "", "--nats-password", "", "--nats-token", ""];
    assert!(settings("nats://127.0.0.1:1", &empty).keep_connected("test").await.is_ok());
}

#[tokio::test]
async fn a_secret_does_not_go_to_another_machine_in_plain_text_unasked() {
    let far = "nats://sink:secret@nats.example.org";
    for (url, flags) in [
        (far, &[][..]),
        ("nats://secret@10.0.0.1:4222", &[]),
        ("nats://10.0.0.1", &["--nats-token", "secret"]),
        ("tls://a:secret@one.example.org,nats://two.example.org", &[]),
    ] {
        let error = settings(url, flags).keep_connected("test").await.err().unwrap().to_string();
        assert!(error.contains("in plain text: use tls://"), "{error}");
        assert!(error.contains("NATS_ALLOW_PLAIN_TEXT=true") && !error.contains("secret"), "{error}");
    }
    for (url, flags) in [
        (far, &["--nats-allow-plain-text"][..]),
        (far, &["--nats-require-tls"]),
        ("tls://sink:secret@nats.example.org", &[]),
        ("nats://sink:secret@localhost:1", &[]),
        // A network of containers, without a secret.
        ("nats://nats:4222", &[]),
    ] {
        assert!(settings(url, flags).keep_connected("test").await.is_ok(), "{url}");
    }
}
