//! Certificates: of the server, of the client, and of who vouches for them.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use test_servers::NatsServer;

use crate::nats::fixtures::{connected, settings, trouble};

/// Makes `<name>.crt` and `<name>.key`, of an authority of the same folder or, without one, an authority.
fn certificate(folder: &Path, name: &str, authority: Option<&str>) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]);
    openssl.args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]);
    if let Some(authority) = authority {
        openssl.args(["-CA", &format!("{authority}.crt"), "-CAkey", &format!("{authority}.key")]);
        openssl.args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]);
    }
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// An authority, a server and a client of it, and somebody whom it does not know.
fn certificates(folder: &Path) {
    certificate(folder, "authority", None);
    certificate(folder, "server", Some("authority"));
    certificate(folder, "client", Some("authority"));
    certificate(folder, "stranger", None);
}

fn configuration(folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let (certificate, key, authority) = (file("server.crt"), file("server.key"), file("authority.crt"));
    format!(
        "tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{authority}\", verify: true }}\n\
         authorization {{ users: [{{user: sink, password: secret}}] }}\n"
    )
}

#[tokio::test]
async fn certificates_are_read_at_each_connection() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    certificates(folder.path());
    let mut nats = NatsServer::start_with(&configuration(folder.path())).await;
    let url = nats.url_for("sink", "secret");
    let (authority, stranger) = (file("authority.crt"), file("stranger.crt"));
    let (certificate_file, key_file) = (file("client.crt"), file("client.key"));
    let mine = ["--nats-cert-file", &certificate_file, "--nats-key-file", &key_file, "--nats-ca-file"];
    let good = [&mine[..], &[&authority]].concat();
    assert!(settings(&url, &good).connect("test").await.is_ok());

    let untrusted = settings(&url, &[&mine[..], &[&stranger]].concat()).connect("test").await.err().unwrap();
    assert!(service::what_to_do(&untrusted).contains("NATS_CA_FILE"), "{untrusted:#}");
    let nameless = settings(&url, &["--nats-ca-file", &authority]).connect("test").await;
    assert!(nameless.is_err(), "the server wants a certificate");

    // Everything is made anew while the program runs.
    let connection = settings(&url, &good).keep_connected("test").await.unwrap();
    connected(&connection).await;
    nats.kill();
    certificate(folder.path(), "authority-2", None);
    certificate(folder.path(), "server", Some("authority-2"));
    std::fs::copy(file("authority-2.crt"), folder.path().join("server-authority.crt")).unwrap();
    let new = configuration(folder.path()).replace("authority.crt", "server-authority.crt");
    nats.configure(&new);
    nats.start_again().await;
    trouble(&connection, "certificate").await;
    certificate(folder.path(), "client", Some("authority-2"));
    std::fs::copy(file("authority-2.crt"), &authority).unwrap();
    connected(&connection).await;
}

#[tokio::test]
async fn what_is_wrong_with_certificates_is_said_with_what_to_correct() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    certificates(folder.path());
    let nats = NatsServer::start_with(&configuration(folder.path())).await;
    let url = nats.url_for("sink", "secret");
    let (authority, stranger, client) = (file("authority.crt"), file("stranger.crt"), file("client.crt"));
    let (client_key, stranger_key) = (file("client.key"), file("stranger.key"));
    let mine = ["--nats-cert-file", &client, "--nats-key-file", &client_key];
    let strangers = ["--nats-cert-file", &stranger, "--nats-key-file", &stranger_key];

    for (flags, said) in [
        ([&["--nats-ca-file", &stranger][..], &mine].concat(), format!("correct NATS_CA_FILE {stranger}")),
        (mine.to_vec(), "set NATS_CA_FILE to the authority".to_owned()),
        (vec!["--nats-ca-file", &authority], "set NATS_CERT_FILE and NATS_KEY_FILE".to_owned()),
        (
            [&["--nats-ca-file", &authority][..], &strangers].concat(),
            format!("the server does not take NATS_CERT_FILE {stranger}"),
        ),
    ] {
        let connection = settings(&url, &flags).keep_connected("test").await.unwrap();
        let why = trouble(&connection, &said).await;
        assert!(!why.contains("timed out"), "{why}");
        let error = format!("{:#}", settings(&url, &flags).connect("test").await.err().unwrap());
        assert!(error.contains(&said), "{error}");
    }

    // What can be seen without the network ends the program, and no secret is in what it says.
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let empty = file("empty");
    let key = std::fs::read_to_string(&client_key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    for (flags, said) in [
        (
            vec!["--nats-cert-file", &client, "--nats-key-file", &stranger_key],
            format!("NATS_KEY_FILE {stranger_key} is not the key of NATS_CERT_FILE {client}"),
        ),
        (
            vec!["--nats-cert-file", &client_key, "--nats-key-file", &client_key],
            format!("NATS_CERT_FILE {client_key} holds no certificate"),
        ),
        (
            vec!["--nats-cert-file", &client, "--nats-key-file", &client],
            format!("NATS_KEY_FILE {client} holds no key"),
        ),
        (vec!["--nats-ca-file", &empty], format!("NATS_CA_FILE {empty} holds no certificate")),
        (vec!["--nats-key-file", &client_key], "NATS_CERT_FILE and NATS_KEY_FILE go together".to_owned()),
    ] {
        let error = settings(&url, &flags).keep_connected("test").await.err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains(&said) && !error.contains(secret), "{error}");
    }

    // So they may come while it runs, and go again.
    let connection =
        settings(&url, &[&["--nats-ca-file", &authority][..], &mine].concat()).keep_connected("test").await;
    let connection = connection.unwrap();
    connected(&connection).await;
    assert!(connection.jetstream.query_account().await.is_ok());
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let nats = NatsServer::start().await;
    let tls = nats.url().replace("nats://", "tls://");
    assert!(settings(&nats.url(), &["--nats-require-tls"]).connect("test").await.is_err());
    assert!(settings(&tls, &[]).connect("test").await.is_err());
    assert!(settings(&nats.url(), &[]).connect("test").await.is_ok());
}
