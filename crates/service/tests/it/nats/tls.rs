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
    certificate(folder.path(), "authority", None);
    certificate(folder.path(), "server", Some("authority"));
    certificate(folder.path(), "client", Some("authority"));
    certificate(folder.path(), "stranger", None);
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
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let nats = NatsServer::start().await;
    let tls = nats.url().replace("nats://", "tls://");
    assert!(settings(&nats.url(), &["--nats-require-tls"]).connect("test").await.is_err());
    assert!(settings(&tls, &[]).connect("test").await.is_err());
    assert!(settings(&nats.url(), &[]).connect("test").await.is_ok());
}
