//! Serves the simulated Salesforce.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use secrecy::SecretString;
use service::{LogFormat, shutdown_on_signal};
use simulators::salesforce::settings::Settings;
use simulators::salesforce::tls::Identity;
use simulators::salesforce::{Config, Salesforce};
use tokio::net::TcpListener;

/// A stateful Salesforce for tests and demonstrations: token, query, rows, sObject Collections, describe, limits.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on, such as 127.0.0.1:8025.
    #[arg(long, env = "SALESFORCE_SIMULATOR_LISTEN", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,
    /// PEM file with the RSA public key of the integration.
    #[arg(long, env = "SALESFORCE_PUBLIC_KEY_FILE")]
    public_key_file: PathBuf,
    /// Consumer key of the integration: the `iss` of its assertions.
    #[arg(long, env = "SALESFORCE_CLIENT_ID")]
    client_id: String,
    /// Consumer secret of the integration; without one, the client credentials flow is refused.
    #[arg(long, env = "SALESFORCE_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<SecretString>,
    /// User that the integration acts as: the `sub` of its assertions.
    #[arg(long, env = "SALESFORCE_USERNAME")]
    username: String,
    /// The `aud` that assertions must have.
    #[arg(long, env = "SALESFORCE_AUDIENCE", default_value = "https://login.salesforce.com")]
    audience: String,
    /// JSON file with the Leads, Contacts and Accounts to begin with.
    #[arg(long, env = "SALESFORCE_SEED_FILE")]
    seed_file: PathBuf,
    /// JSON file in which the rows are kept, so that they outlive the process; once it is there, the seed is not read.
    #[arg(long, env = "SALESFORCE_STATE_FILE")]
    state_file: Option<PathBuf>,
    /// JSON file with settings that differ from the usual ones, as `GET /simulator/settings` shows them.
    #[arg(long, env = "SALESFORCE_SETTINGS_FILE")]
    settings_file: Option<PathBuf>,
    /// Host for data calls that a token answer names; by default the host that the token was asked of.
    #[arg(long, env = "SALESFORCE_INSTANCE_URL")]
    instance_url: Option<String>,
    /// PEM file with a certificate: the simulator then speaks HTTPS, and nothing else.
    #[arg(long, env = "SALESFORCE_TLS_CERTIFICATE_FILE", requires = "tls_private_key_file")]
    tls_certificate_file: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, env = "SALESFORCE_TLS_PRIVATE_KEY_FILE", requires = "tls_certificate_file")]
    tls_private_key_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    service::main(&["simulators"], LogFormat::from_environment(), run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let seed = read("seed", &arguments.seed_file)?;
    let settings = match &arguments.settings_file {
        Some(file) => Settings::from_json(&read("settings", file)?)
            .with_context(|| format!("settings {}", file.display()))?,
        None => Settings::default(),
    };
    let config = Config {
        client_id: arguments.client_id,
        client_secret: arguments.client_secret,
        username: arguments.username,
        audience: arguments.audience,
        instance_url: arguments.instance_url,
        state_file: arguments.state_file,
        settings,
        ..Config::new(read("public key", &arguments.public_key_file)?)
    };
    let salesforce = Salesforce::new(config, &seed)?;
    let identity = match arguments.tls_certificate_file.zip(arguments.tls_private_key_file) {
        Some((certificate, key)) => Some(Identity::from_pem_files(&certificate, &key)?),
        None => None,
    };

    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    tracing::info!(address = %listener.local_addr()?, "simulated Salesforce listens");
    let stop = shutdown_on_signal()?;
    match identity {
        Some(identity) => salesforce.serve_tls(listener, &identity, stop).await,
        None => salesforce.serve(listener, stop).await,
    }
    .context("serve")
}

fn read(what: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {what} {}", file.display()))
}
