//! Serves the simulated Salesforce.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use simulators::salesforce::{Config, Salesforce};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

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
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let arguments = Arguments::parse();
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
    salesforce.serve(listener, stop_on_signal()?).await.context("serve")
}

fn filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into())
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            stop.cancel();
        }
    });
    Ok(stop)
}
