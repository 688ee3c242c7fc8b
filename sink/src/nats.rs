use std::path::PathBuf;

/// How to reach NATS.
#[derive(Debug, Clone, clap::Args)]
pub struct Nats {
    /// Address of NATS, such as nats://127.0.0.1:4222; several are separated by commas.
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    pub nats_url: String,
    /// File with NATS credentials (JWT and seed).
    #[arg(long, env = "NATS_CREDS")]
    pub nats_creds: Option<PathBuf>,
}
