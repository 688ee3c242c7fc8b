//! Serves the simulated Salesforce.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use service::{LogFormat, shutdown_on_signal};
use simulators::salesforce::{Config, Salesforce};
use tokio::net::TcpListener;

/// A stateful Salesforce for tests and demonstrations: token, query, sObject Collections, describe, limits.
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
    /// User that the integration acts as: the `sub` of its assertions.
    #[arg(long, env = "SALESFORCE_USERNAME")]
    username: String,
    /// The `aud` that assertions must have.
    #[arg(long, env = "SALESFORCE_AUDIENCE", default_value = "https://login.salesforce.com")]
    audience: String,
    /// JSON file with the Leads and Contacts to begin with.
    #[arg(long, env = "SALESFORCE_SEED_FILE")]
    seed_file: PathBuf,
    /// Host for data calls that a token answer names; by default the host that the token was asked of.
    #[arg(long, env = "SALESFORCE_INSTANCE_URL")]
    instance_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    service::main(LogFormat::from_environment(), run(arguments)).await
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let public_key_pem = std::fs::read(&arguments.public_key_file)
        .with_context(|| format!("read public key {}", arguments.public_key_file.display()))?;
    let seed = std::fs::read(&arguments.seed_file)
        .with_context(|| format!("read seed {}", arguments.seed_file.display()))?;
    let config = Config {
        client_id: arguments.client_id,
        username: arguments.username,
        audience: arguments.audience,
        instance_url: arguments.instance_url,
        ..Config::new(public_key_pem)
    };
    let salesforce = Salesforce::new(config, &seed)?;

    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    tracing::info!(address = %listener.local_addr()?, "simulated Salesforce listens");
    salesforce.serve(listener, shutdown_on_signal()?).await.context("serve")
}
