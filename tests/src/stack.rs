//! The whole system on ports of its own, in a folder of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::environment::{Environment, program};
use crate::eventually;
use crate::openssl::openssl;
use crate::process::Process;
use test_servers::{free_port, tool, workspace};

/// Servers and programs, running. They end when this is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Addresses, keys and names.
    pub environment: Environment,
    pub web: Process,
    pub agent: Process,
    pub sink_s3: Process,
    pub sink_salesforce: Process,
    pub salesforce: Process,
    /// Hears, thinks and speaks.
    pub openai: Process,
    pub s3: Process,
    pub nats: Process,
    pub livekit: Process,
    /// Where they keep their files; last, so that it is removed after they have ended.
    pub folder: TempDir,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Result<Self> {
        crate::install_tls();
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let environment = environment(folder.path())?;
        let mut stack = Self {
            livekit: livekit(folder.path(), &environment)?,
            nats: nats(folder.path(), &environment)?,
            s3: s3(folder.path(), &environment)?,
            salesforce: salesforce(folder.path(), &environment)?,
            openai: openai(folder.path(), &environment)?,
            sink_s3: ours(folder.path(), &environment, "sink-s3", &["run"])?,
            sink_salesforce: ours(folder.path(), &environment, "sink-salesforce", &["run"])?,
            agent: ours(folder.path(), &environment, "agent", &["dev"])?,
            web: ours(folder.path(), &environment, "web", &[])?,
            environment,
            folder,
        };
        stack.start_all().await?;
        Ok(stack)
    }

    async fn start_all(&mut self) -> Result<()> {
        for server in
            [&mut self.livekit, &mut self.nats, &mut self.s3, &mut self.salesforce, &mut self.openai]
        {
            server.start()?;
        }
        let environment = &self.environment;
        answers(&environment.get("LIVEKIT_URL")?.replacen("ws", "http", 1), &self.livekit).await?;
        answers(&format!("{}/healthz", environment.get("S3_ENDPOINT")?), &self.s3).await?;
        answers(&format!("{}/healthz", environment.get("SALESFORCE_URL")?), &self.salesforce).await?;
        answers(&environment.get("STT_BASE_URL")?.replace("/v1", "/healthz"), &self.openai).await?;
        self.sink_s3.run(&["setup", "--create-bucket"])?;
        self.sink_salesforce.run(&["setup"])?;
        for ours in [&mut self.sink_s3, &mut self.sink_salesforce, &mut self.agent, &mut self.web] {
            ours.start()?;
        }
        self.ready(&self.sink_s3, "SINK_S3_HTTP").await?;
        self.ready(&self.sink_salesforce, "SINK_SALESFORCE_HTTP").await?;
        self.ready(&self.agent, "AGENT_HTTP").await?;
        self.ready(&self.web, "WEB_OPERATIONS_HTTP").await
    }

    /// Waits until the agent is registered.
    pub async fn agent_ready(&self) -> Result<()> {
        self.ready(&self.agent, "AGENT_HTTP").await
    }

    async fn ready(&self, process: &Process, address: &str) -> Result<()> {
        answers(&format!("http://{}/readyz", self.environment.get(address)?), process).await
    }
}

pub(crate) async fn answers(url: &str, process: &Process) -> Result<()> {
    let client =
        reqwest::Client::builder().timeout(Duration::from_secs(2)).build().context("make HTTP client")?;
    eventually(url, Duration::from_secs(40), || async {
        Ok(client.get(url).send().await?.status().is_success().then_some(()))
    })
    .await
    .with_context(|| format!("its log:\n{}", process.log()))
}

/// Addresses of its own for nats-server and the S3 server, and the key to the latter.
pub fn queue_and_archive() -> Environment {
    let mut environment = Environment::default();
    for (name, value) in [
        ("NATS_URL", format!("nats://127.0.0.1:{}", free_port())),
        ("S3_ENDPOINT", format!("http://127.0.0.1:{}", free_port())),
        ("S3_BUCKET", "sessions".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "access".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ] {
        environment.set(name, value);
    }
    environment
}

fn environment(folder: &Path) -> Result<Environment> {
    let private_key = folder.join("salesforce-private.pem");
    let public_key = folder.join("salesforce-public.pem");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], &private_key)?;
    openssl(&["pkey", "-pubout", "-in", &private_key.to_string_lossy(), "-out"], &public_key)?;
    let mut environment = queue_and_archive();
    for (name, value) in [
        ("LIVEKIT_URL", format!("ws://127.0.0.1:{}", free_port())),
        ("LIVEKIT_API_KEY", "devkey".to_owned()),
        ("LIVEKIT_API_SECRET", "a-secret-of-at-least-thirty-two-characters".to_owned()),
        ("AGENT_NAME", "postcall".to_owned()),
        ("AGENT_SPOOL_DIR", folder.join("spool").to_string_lossy().into_owned()),
        ("SALESFORCE_URL", format!("http://127.0.0.1:{}", free_port())),
        ("SALESFORCE_CLIENT_ID", "postcall-tests".to_owned()),
        ("SALESFORCE_USERNAME", "integration@postcall.example".to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", private_key.to_string_lossy().into_owned()),
        ("SALESFORCE_PUBLIC_KEY_FILE", public_key.to_string_lossy().into_owned()),
        ("SALESFORCE_AUDIENCE", "https://login.salesforce.com".to_owned()),
    ] {
        environment.set(name, value);
    }
    let openai = format!("http://127.0.0.1:{}/v1", free_port());
    environment.set("OPENAI_SIMULATOR_API_KEY", "a-key-for-tests");
    for service in ["STT", "LLM", "TTS"] {
        environment.set(&format!("{service}_BASE_URL"), openai.clone());
        environment.set(&format!("{service}_API_KEY"), "a-key-for-tests");
    }
    for name in ["WEB_HTTP", "WEB_OPERATIONS_HTTP", "AGENT_HTTP", "SINK_S3_HTTP", "SINK_SALESFORCE_HTTP"] {
        environment.set(name, format!("127.0.0.1:{}", free_port()));
    }
    environment.set("WEB_URL", format!("http://{}", environment.get("WEB_HTTP")?));
    Ok(environment)
}

pub(crate) fn livekit(folder: &Path, environment: &Environment) -> Result<Process> {
    let config = folder.join("livekit.yaml");
    let configuration = test_servers::livekit_configuration(
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        port(environment.get("LIVEKIT_URL")?).parse().context("read the port of LIVEKIT_URL")?,
        environment.get("LIVEKIT_API_KEY")?,
        environment.get("LIVEKIT_API_SECRET")?,
    );
    // JSON is YAML, too.
    std::fs::write(&config, configuration.to_string()).context("write livekit.yaml")?;
    Ok(server(folder, "livekit-server", &["--config", &config.to_string_lossy()]))
}

pub(crate) fn nats(folder: &Path, environment: &Environment) -> Result<Process> {
    let config = folder.join("nats.conf");
    let text = format!(
        "listen: 127.0.0.1:{}\nmax_payload: 8MB\njetstream {{ store_dir: \"{}\", max_file_store: 2GB }}\n",
        port(environment.get("NATS_URL")?),
        folder.join("nats").display(),
    );
    std::fs::write(&config, text).context("write nats.conf")?;
    Ok(server(folder, "nats-server", &["--config", &config.to_string_lossy()]))
}

pub(crate) fn s3(folder: &Path, environment: &Environment) -> Result<Process> {
    let data = folder.join("s3");
    std::fs::create_dir(&data).context("make the S3 server's folder")?;
    let config = folder.join("s3.json");
    let identities = serde_json::json!({"identities": [{
        "name": "tests",
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        "credentials": [{
            "accessKey": environment.get("AWS_ACCESS_KEY_ID")?,
            "secretKey": environment.get("AWS_SECRET_ACCESS_KEY")?,
        }],
    }]});
    std::fs::write(&config, identities.to_string()).context("write s3.json")?;
    let mut arguments: Vec<String> = ["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        .into_iter()
        .chain(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .chain(["-volume.max=50", "-master.volumeSizeLimitMB=16", "-master.telemetry=false"])
        .map(str::to_owned)
        .collect();
    arguments.push(format!("-dir={}", data.display()));
    arguments.push(format!("-s3.config={}", config.display()));
    arguments.push(format!("-s3.port={}", port(environment.get("S3_ENDPOINT")?)));
    for name in ["s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc"] {
        arguments.push(format!("-{name}={}", free_port()));
    }
    for name in ["filer.port", "filer.port.grpc"] {
        arguments.push(format!("-{name}={}", free_port()));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Ok(server(folder, "weed", &arguments))
}

fn salesforce(folder: &Path, environment: &Environment) -> Result<Process> {
    let seed = workspace().join("deploy/dev/salesforce-seed.json");
    let arguments = [
        ("--listen", environment.get("SALESFORCE_URL")?.trim_start_matches("http://")),
        ("--public-key-file", environment.get("SALESFORCE_PUBLIC_KEY_FILE")?),
        ("--client-id", environment.get("SALESFORCE_CLIENT_ID")?),
        ("--username", environment.get("SALESFORCE_USERNAME")?),
        ("--audience", environment.get("SALESFORCE_AUDIENCE")?),
        ("--seed-file", &seed.to_string_lossy()),
    ];
    let arguments: Vec<&str> = arguments.into_iter().flat_map(|(flag, value)| [flag, value]).collect();
    ours(folder, &Environment::default(), "salesforce-simulator", &arguments)
}

fn openai(folder: &Path, environment: &Environment) -> Result<Process> {
    let persona = workspace().join("agent/personas/pandadoc-trial.toml");
    let address = environment.get("STT_BASE_URL")?;
    let arguments = [
        ("--listen", address.trim_start_matches("http://").trim_end_matches("/v1")),
        ("--persona", &persona.to_string_lossy()),
    ];
    let arguments: Vec<&str> = arguments.into_iter().flat_map(|(flag, value)| [flag, value]).collect();
    ours(folder, environment, "openai-simulator", &arguments)
}

fn server(folder: &Path, name: &str, arguments: &[&str]) -> Process {
    let log = folder.join(format!("{name}.log"));
    Process::new(tool(&format!("bin/{name}")), arguments, &Environment::default(), log)
}

fn ours(folder: &Path, environment: &Environment, name: &str, arguments: &[&str]) -> Result<Process> {
    Ok(Process::new(program(name)?, arguments, environment, folder.join(format!("{name}.log"))))
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}
