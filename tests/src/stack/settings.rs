//! Addresses, keys and names of a stack that has none yet.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use test_servers::{
    LIVEKIT_PORTS, SEAWEEDFS_PORTS, free_port, free_port_with, turn_detector_model, workspace,
};

use crate::environment::Environment;
use crate::openssl::openssl;
use crate::stack::service::{NKEYS_DIR, SINK_S3_KEY, SINK_S3_SECRET};

/// On the loopback interface. LiveKit and SeaweedFS take [further](LIVEKIT_PORTS) [ones](SEAWEEDFS_PORTS) beside theirs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Ports {
    #[arg(long, env, default_value_t = 7880)]
    pub livekit_port: u16,
    #[arg(long, env, default_value_t = 4222)]
    pub nats_port: u16,
    #[arg(long, env, default_value_t = 8333)]
    pub s3_port: u16,
    #[arg(long, env, default_value_t = 8025)]
    pub salesforce_port: u16,
    #[arg(long, env, default_value_t = 8090)]
    pub openai_port: u16,
    #[arg(long, env, default_value_t = 3000)]
    pub web_port: u16,
    #[arg(long, env, default_value_t = 9103)]
    pub web_operations_port: u16,
    #[arg(long, env, default_value_t = 8081)]
    pub agent_port: u16,
    #[arg(long, env, default_value_t = 9101)]
    pub sink_s3_port: u16,
    #[arg(long, env, default_value_t = 9102)]
    pub sink_salesforce_port: u16,
}

impl Ports {
    /// Ports that nothing uses.
    pub fn free() -> Self {
        Self {
            livekit_port: free_port_with(&LIVEKIT_PORTS),
            nats_port: free_port(),
            s3_port: free_port_with(&SEAWEEDFS_PORTS),
            salesforce_port: free_port(),
            openai_port: free_port(),
            web_port: free_port(),
            web_operations_port: free_port(),
            agent_port: free_port(),
            sink_s3_port: free_port(),
            sink_salesforce_port: free_port(),
        }
    }
}

/// What a person may choose beside the ports.
#[derive(Debug, Clone, clap::Args)]
pub struct Names {
    /// The name under which the agent registers.
    #[arg(long, env, default_value = "postcall")]
    pub agent_name: String,
    /// The archive's bucket.
    #[arg(long, env, default_value = "postcall-sessions")]
    pub s3_bucket: String,
}

/// All that the programs and servers of a stack are told, in the order of a file for people; its keys are made anew. Files
/// are in `folder`.
pub fn new_settings(folder: &Path, ports: &Ports, names: &Names) -> Result<Vec<(&'static str, String)>> {
    let private_key = folder.join("salesforce-private.pem");
    let public_key = folder.join("salesforce-public.pem");
    make_keys(&private_key, &public_key)?;
    let local = |port: u16| format!("127.0.0.1:{port}");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let simulator = format!("http://{}/v1", local(ports.openai_port));
    Ok(vec![
        ("LIVEKIT_URL", format!("ws://{}", local(ports.livekit_port))),
        ("LIVEKIT_API_KEY", "devkey".to_owned()),
        ("LIVEKIT_API_SECRET", secret()?),
        ("AGENT_NAME", names.agent_name.clone()),
        ("NATS_URL", format!("nats://postcall:{}@{}", secret()?, local(ports.nats_port))),
        ("NATS_SYNC_INTERVAL", "always".to_owned()),
        (NKEYS_DIR, path(&nkeys_dir(folder))),
        ("S3_ENDPOINT", format!("http://{}", local(ports.s3_port))),
        ("S3_BUCKET", names.s3_bucket.clone()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", secret()?),
        ("AWS_SECRET_ACCESS_KEY", secret()?),
        (SINK_S3_KEY, secret()?),
        (SINK_S3_SECRET, secret()?),
        ("SALESFORCE_URL", format!("http://{}", local(ports.salesforce_port))),
        ("SALESFORCE_CLIENT_ID", "postcall-dev".to_owned()),
        ("SALESFORCE_USERNAME", "integration@postcall.example".to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", path(&private_key)),
        ("SALESFORCE_PUBLIC_KEY_FILE", path(&public_key)),
        ("SALESFORCE_AUDIENCE", "https://login.salesforce.com".to_owned()),
        ("WEB_URL", format!("http://{}", local(ports.web_port))),
        ("WEB_HTTP", local(ports.web_port)),
        ("WEB_OPERATIONS_HTTP", local(ports.web_operations_port)),
        // Tests and benchmarks place many calls with one address.
        ("WEB_TOKENS_PER_EMAIL", "0".to_owned()),
        ("WEB_STATUS_TOKEN", secret()?),
        (
            "WEB_STATUS_METRICS",
            status_metrics(&[ports.agent_port, ports.sink_s3_port, ports.sink_salesforce_port].map(local)),
        ),
        ("AGENT_PERSONA", path(&workspace().join("agent/personas/pandadoc-trial.toml"))),
        ("OPENAI_SIMULATOR_URL", simulator.clone()),
        ("OPENAI_SIMULATOR_API_KEY", secret()?),
        // Empty, so that a key of the shell's is not used unasked.
        ("OPENAI_API_KEY", String::new()),
        ("LIVEKIT_INFERENCE_URL", simulator),
        ("LIVEKIT_INFERENCE_API_KEY", "devproject".to_owned()),
        ("LIVEKIT_INFERENCE_API_SECRET", secret()?),
        ("TURN_DETECTOR_MODEL", path(&turn_detector_model())),
        ("AGENT_HTTP", local(ports.agent_port)),
        ("AGENT_SPOOL_DIR", path(&folder.join("data/agent"))),
        ("SINK_S3_HTTP", local(ports.sink_s3_port)),
        ("SINK_SALESFORCE_HTTP", local(ports.sink_salesforce_port)),
    ])
}

/// Where a stack has the seeds of its users of NATS.
pub fn nkeys_dir(folder: &Path) -> PathBuf {
    folder.join("nkeys")
}

/// The programs whose metrics the status page shows, by the addresses of agent and sinks.
pub fn status_metrics<A: Display>([agent, sink_s3, sink_salesforce]: &[A; 3]) -> String {
    format!("agent=http://{agent},sink-s3=http://{sink_s3},sink-salesforce=http://{sink_salesforce}")
}

fn make_keys(private_key: &Path, public_key: &Path) -> Result<()> {
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], private_key)?;
    openssl(&["pkey", "-pubout", "-in", &private_key.to_string_lossy(), "-out"], public_key)
}

/// A key that nobody can guess: 20 bytes of the system's randomness, in hexadecimal.
pub fn secret() -> Result<String> {
    let mut bytes = [0; 20];
    let mut random = std::fs::File::open("/dev/urandom").context("open /dev/urandom")?;
    random.read_exact(&mut bytes).context("read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Addresses of their own for nats-server and the S3 server, and the key to the latter, without the rest of a stack.
pub fn queue_and_archive() -> Environment {
    Environment::from_iter([
        ("NATS_URL", format!("nats://127.0.0.1:{}", free_port())),
        ("NATS_SYNC_INTERVAL", "always".to_owned()),
        ("S3_ENDPOINT", format!("http://127.0.0.1:{}", free_port_with(&SEAWEEDFS_PORTS))),
        ("S3_BUCKET", "sessions".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "access".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ])
}
