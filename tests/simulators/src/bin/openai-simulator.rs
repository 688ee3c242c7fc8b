//! Serves the simulated speech and language services, in the formats of OpenAI, of LiveKit Inference and of speaches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use secrecy::SecretString;
use service::{LogFormat, shutdown_on_signal};
use simulators::inference::token::KeyPair;
use simulators::openai::grammar::Grammar;
use simulators::openai::persona::Persona;
use simulators::openai::recogniser::Recognisers;
use simulators::openai::settings::Settings;
use simulators::openai::{Answers, Config, OpenAi};
use tokio::net::TcpListener;

/// Speech to text, a language model and text to speech, for tests and demonstrations: behind OpenAI's wire format, behind
/// OpenAI's and speaches' realtime transcription, and behind LiveKit Inference's.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on, such as 127.0.0.1:8090.
    #[arg(long, env = "OPENAI_SIMULATOR_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// TOML file of the agent's persona: whose questions are asked, and what answers are expected.
    #[arg(long, env = "AGENT_PERSONA", required_unless_present = "canned")]
    persona: Option<PathBuf>,
    /// The bearer token that calls must have; give it in the environment, where no list of processes shows it.
    #[arg(long, env = "OPENAI_SIMULATOR_API_KEY", hide_env_values = true)]
    api_key: SecretString,
    /// The API key of a LiveKit project whose tokens the gateway takes. Without it, it takes none.
    #[arg(long, env = "LIVEKIT_API_KEY", requires = "livekit_api_secret")]
    livekit_api_key: Option<String>,
    /// What that project's tokens are signed with; give it in the environment, where no list of processes shows it.
    #[arg(long, env = "LIVEKIT_API_SECRET", hide_env_values = true)]
    livekit_api_secret: Option<SecretString>,
    /// Processes that recognise speech: how many callers are heard at the same time.
    #[arg(long, env = "OPENAI_SIMULATOR_RECOGNISERS", default_value = "2", value_parser = clap::value_parser!(u8).range(1..=32))]
    recognisers: u8,
    /// Pause before each word that the model streams, such as 10ms.
    #[arg(long, env = "OPENAI_SIMULATOR_WORD_DELAY_MS", default_value = "10")]
    word_delay_ms: u64,
    /// Folder with the development tools; by default `.tools` of the workspace.
    #[arg(long, env = "POSTCALL_TOOLS")]
    tools: Option<PathBuf>,
    /// Answers every call at once with the same text and sound, for benchmarks.
    #[arg(long)]
    canned: bool,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    service::main(&["simulators"], LogFormat::from_environment(), run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let answers = match &arguments.persona {
        Some(persona) if !arguments.canned => made(&arguments, persona).await?,
        _ => Answers::Canned,
    };
    let word_delay = Duration::from_millis(arguments.word_delay_ms);
    let keys = arguments.livekit_api_key.zip(arguments.livekit_api_secret);
    let keys = keys.map(|(key, secret)| KeyPair { key, secret });
    let config = Config { api_key: arguments.api_key, word_delay, answers };
    let openai = OpenAi::new(config, keys, arguments.settings);

    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    tracing::info!(address = %listener.local_addr()?, "simulated speech and language services listen");
    openai.serve(listener, shutdown_on_signal()?).await.context("serve")
}

async fn made(arguments: &Arguments, file: &Path) -> anyhow::Result<Answers> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read persona {}", file.display()))?;
    let persona = Persona::parse(&text).with_context(|| format!("persona {}", file.display()))?;
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|folder| folder.join(".tools"));
    let tools = arguments.tools.clone().or(workspace).context("set --tools")?;
    let python = tools.join("python/bin/python");
    let grammar = Grammar::new(&persona);
    let recognisers = Recognisers::start(python, grammar, arguments.recognisers.into()).await?;
    Ok(Answers::Made { persona, recognisers })
}
