//! What each process of a stack is started with: the one description that tests, benchmarks and `make up` share.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use test_servers::{
    NatsUser, Program, SeaweedFsUser, aws_policy, livekit_configuration, nats_users, seaweedfs_arguments,
    seaweedfs_keys, tool, workspace,
};

use crate::environment::{Environment, program};

/// The servers of a cluster.
pub const NATS_NAMES: [&str; 3] = ["nats", "nats-2", "nats-3"];
/// The folder with the seeds of the programs' users of NATS.
pub const NKEYS_DIR: &str = "NATS_NKEYS_DIR";
/// The key to the bucket that `sink-s3` has; that of `AWS_ACCESS_KEY_ID` is the operator's.
pub const SINK_S3_KEY: &str = "SINK_S3_ACCESS_KEY_ID";
pub const SINK_S3_SECRET: &str = "SINK_S3_SECRET_ACCESS_KEY";

/// A server, or one of our programs.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Of our programs; a server has all that it needs in its arguments and files.
    pub environment: Environment,
    /// Its configuration: files and what is in them.
    pub files: Vec<(PathBuf, String)>,
    /// Where it keeps its data.
    pub data: Option<PathBuf>,
    pub ready: Ready,
}

/// How one sees that a process works.
#[derive(Debug, Clone)]
pub enum Ready {
    /// This page answers with success.
    Answers(String),
    /// This address takes connections.
    Listens(String),
}

impl Service {
    /// Makes its folders, and writes its configuration.
    pub fn prepare(&self, folder: &Path) -> Result<()> {
        for folder in self.data.iter().chain([&folder.join("log")]) {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        self.files.iter().try_for_each(|(path, content)| write_private(path, content))
    }

    /// As a child process.
    pub fn child(&self, folder: &Path) -> Program {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Program::new(self.program.clone(), &arguments, &self.environment, log(folder, self.name))
    }
}

/// What a process writes, below a stack's folder.
pub fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join("log").join(format!("{name}.log"))
}

/// Writes a file that only its owner may read: there are keys in it.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(content.as_bytes()));
    written.with_context(|| format!("write {}", path.display()))
}

pub fn livekit(folder: &Path, environment: &Environment) -> Result<Service> {
    let url = environment.get("LIVEKIT_URL")?;
    let configuration = livekit_configuration(
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        port(url)?,
        environment.get("LIVEKIT_API_KEY")?,
        environment.get("LIVEKIT_API_SECRET")?,
    );
    let file = folder.join("livekit.yaml");
    let arguments = ["--config".to_owned(), text(&file)];
    let ready = Ready::Answers(url.replacen("ws", "http", 1));
    // JSON is YAML, too.
    let files = vec![(file, configuration.to_string())];
    Ok(server("livekit", "livekit-server", arguments.into(), files, None, ready))
}

pub fn nats(folder: &Path, environment: &Environment) -> Result<Service> {
    nats_server("nats", folder, environment, environment.get("NATS_URL")?, "")
}

/// Three that keep the same streams, at the addresses of `NATS_URL`; on `ports` they speak to each other. They tell clients of no
/// other addresses: there may be proxies before these.
pub fn nats_cluster(folder: &Path, environment: &Environment, ports: [u16; 3]) -> Result<[Service; 3]> {
    let urls: Vec<&str> = environment.get("NATS_URL")?.split(',').collect();
    let routes = ports.map(|port| format!("\"nats://127.0.0.1:{port}\"")).join(", ");
    let server = |number: usize| {
        let (name, port) = (NATS_NAMES[number], ports[number]);
        let url = urls.get(number).context("NATS_URL has three addresses")?;
        let lines = format!(
            "server_name: {name}\ncluster {{ name: postcall, listen: \"127.0.0.1:{port}\", routes: [{routes}], no_advertise: true }}\n"
        );
        nats_server(name, folder, environment, url, &lines)
    };
    Ok([server(0)?, server(1)?, server(2)?])
}

fn nats_server(
    name: &'static str,
    folder: &Path,
    environment: &Environment,
    url: &str,
    lines: &str,
) -> Result<Service> {
    let (data, port) = (folder.join("data").join(name), port(url)?);
    let (users, variables) = match operator(url) {
        Some((user, password)) => {
            let folder = environment.get(NKEYS_DIR)?;
            nats_users(Path::new(folder), &user, &password)
                .with_context(|| format!("make keys in {folder}"))?
        }
        None => ("", Vec::new()),
    };
    // 8 MiB of payload: room for long transcripts and for a dead letter's headers.
    let configuration = format!(
        "listen: 127.0.0.1:{port}\nmax_payload: 8MB\njetstream {{ store_dir: \"{}\", max_file_store: 2GB, \
         sync_interval: {} }}\n{lines}{users}",
        data.display(),
        environment.find("NATS_SYNC_INTERVAL").unwrap_or("2m"),
    );
    let file = folder.join(format!("{name}.conf"));
    let arguments = ["--config".to_owned(), text(&file)];
    let ready = Ready::Listens(format!("127.0.0.1:{port}"));
    let server =
        server(name, "nats-server", arguments.into(), vec![(file, configuration)], Some(data), ready);
    Ok(Service { environment: variables.into_iter().collect(), ..server })
}

/// The user and password in the address of NATS: the operator, who sets up and repairs. Without one, nobody needs a login. In an
/// address they are percent-encoded.
fn operator(url: &str) -> Option<(String, String)> {
    let (_, authority) = url.split_once("://")?;
    let (user, password) = authority.rsplit_once('@')?.0.split_once(':')?;
    let decoded = |part| percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some((decoded(user), decoded(password)))
}

pub fn s3(folder: &Path, environment: &Environment) -> Result<Service> {
    let endpoint = environment.get("S3_ENDPOINT")?;
    let (data, file) = (folder.join("data/s3"), folder.join("s3.json"));
    let sink = match (environment.find(SINK_S3_KEY), environment.find(SINK_S3_SECRET)) {
        (Some(key), Some(secret)) => vec![SeaweedFsUser {
            name: "sink-s3",
            access_key: key.to_owned(),
            secret_key: secret.to_owned(),
            policy: aws_policy("sink-s3.json", environment.get("S3_BUCKET")?),
        }],
        _ => Vec::new(),
    };
    let (key, secret) = (environment.get("AWS_ACCESS_KEY_ID")?, environment.get("AWS_SECRET_ACCESS_KEY")?);
    let keys = seaweedfs_keys(key, secret, &sink);
    let arguments = seaweedfs_arguments(port(endpoint)?, &data, &file);
    let ready = Ready::Answers(format!("{endpoint}/healthz"));
    Ok(server("s3", "weed", arguments, vec![(file, keys.to_string())], Some(data), ready))
}

pub fn salesforce(environment: &Environment) -> Result<Service> {
    let url = environment.get("SALESFORCE_URL")?;
    let arguments = [
        ("--listen", address(url).as_str()),
        ("--public-key-file", environment.get("SALESFORCE_PUBLIC_KEY_FILE")?),
        ("--client-id", environment.get("SALESFORCE_CLIENT_ID")?),
        ("--username", environment.get("SALESFORCE_USERNAME")?),
        ("--audience", environment.get("SALESFORCE_AUDIENCE")?),
        ("--seed-file", &text(&workspace().join("deploy/dev/salesforce-seed.json"))),
    ]
    .map(|(flag, value)| [flag.to_owned(), value.to_owned()]);
    let ready = Ready::Answers(format!("{url}/healthz"));
    own("salesforce", "salesforce-simulator", arguments.concat(), environment, ready)
}

/// Hears, thinks and speaks without an account. Its keys are in its environment, so that no list of processes shows them.
pub fn openai(environment: &Environment) -> Result<Service> {
    let default = text(&workspace().join("agent/personas/pandadoc-trial.toml"));
    let persona = environment.find("AGENT_PERSONA").unwrap_or(&default);
    let address = address(environment.get("OPENAI_SIMULATOR_URL")?);
    let arguments = ["--listen", &address, "--persona", persona].map(str::to_owned);
    let ready = Ready::Answers(format!("http://{address}/healthz"));
    own("openai", "openai-simulator", arguments.into(), &simulators_environment(environment), ready)
}

/// The pair whose tokens the simulator takes is that of LiveKit Inference, and not that of the rooms.
pub fn simulators_environment(environment: &Environment) -> Environment {
    let mut simulators = environment.clone();
    for (of_rooms, of_inference) in [
        ("LIVEKIT_API_KEY", "LIVEKIT_INFERENCE_API_KEY"),
        ("LIVEKIT_API_SECRET", "LIVEKIT_INFERENCE_API_SECRET"),
    ] {
        if let Some(value) = environment.find(of_inference) {
            simulators.set(of_rooms, value);
        }
    }
    simulators
}

pub fn sink_s3(environment: &Environment) -> Result<Service> {
    let ready = operations(environment, "SINK_S3_HTTP")?;
    let mut told =
        least(environment, NatsUser::SinkS3, &["LIVEKIT_", "SALESFORCE_", "OPENAI_", "WEB_STATUS_"]);
    if let (Some(key), Some(secret)) = (environment.find(SINK_S3_KEY), environment.find(SINK_S3_SECRET)) {
        told.set("AWS_ACCESS_KEY_ID", key);
        told.set("AWS_SECRET_ACCESS_KEY", secret);
    }
    own("sink-s3", "sink-s3", vec!["run".to_owned()], &told, ready)
}

pub fn sink_salesforce(environment: &Environment) -> Result<Service> {
    let ready = operations(environment, "SINK_SALESFORCE_HTTP")?;
    let told =
        least(environment, NatsUser::SinkSalesforce, &["LIVEKIT_", "AWS_", "S3_", "OPENAI_", "WEB_STATUS_"]);
    own("sink-salesforce", "sink-salesforce", vec!["run".to_owned()], &told, ready)
}

pub fn agent(environment: &Environment) -> Result<Service> {
    let ready = operations(environment, "AGENT_HTTP")?;
    let told = least(environment, NatsUser::Agent, &["AWS_", "S3_", "SALESFORCE_", "WEB_STATUS_"]);
    own("agent", "agent", vec!["dev".to_owned()], &told, ready)
}

pub fn web(environment: &Environment) -> Result<Service> {
    let ready = operations(environment, "WEB_OPERATIONS_HTTP")?;
    let told =
        least(environment, NatsUser::Web, &["AWS_", "S3_", "SALESFORCE_", "OPENAI_", "LIVEKIT_INFERENCE_"]);
    own("web", "web", Vec::new(), &told, ready)
}

/// What one program is told: its own user of NATS in the operator's place, and no secret that it has no use for.
fn least(environment: &Environment, user: NatsUser, not: &[&str]) -> Environment {
    let mut told = environment.without(&[not, &[NKEYS_DIR, SINK_S3_KEY, SINK_S3_SECRET][..]].concat());
    let urls = environment.find("NATS_URL").unwrap_or_default().split(',');
    if let Some(folder) = environment.find(NKEYS_DIR)
        && let Some(urls) = urls.map(without_operator).collect::<Option<Vec<_>>>()
    {
        told.set("NATS_URL", urls.join(","));
        told.set("NATS_NKEY_FILE", text(&user.seed_file(Path::new(folder))));
    }
    told
}

/// An address of NATS without the operator; none where it names nobody.
fn without_operator(url: &str) -> Option<String> {
    operator(url)?;
    let (scheme, rest) = url.split_once("://")?;
    let (_, server) = rest.rsplit_once('@')?;
    Some(format!("{scheme}://{server}"))
}

/// One of our programs with an operator's rights, for commands such as `setup`.
pub fn operators(name: &str, environment: &Environment, folder: &Path) -> Result<Program> {
    Ok(Program::new(program(name)?, &[], environment, log(folder, "setup")))
}

/// The page of a program of ours that says whether it works.
fn operations(environment: &Environment, address: &str) -> Result<Ready> {
    Ok(Ready::Answers(format!("http://{}/readyz", environment.get(address)?)))
}

fn server(
    name: &'static str,
    program: &str,
    arguments: Vec<String>,
    files: Vec<(PathBuf, String)>,
    data: Option<PathBuf>,
    ready: Ready,
) -> Service {
    let program = tool(&format!("bin/{program}"));
    Service { name, program, arguments, environment: Environment::default(), files, data, ready }
}

fn own(
    name: &'static str,
    file: &str,
    arguments: Vec<String>,
    environment: &Environment,
    ready: Ready,
) -> Result<Service> {
    let (program, environment) = (program(file)?, environment.clone());
    Ok(Service { name, program, arguments, environment, files: Vec::new(), data: None, ready })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Host and port of a URL.
pub(super) fn address(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = rest.split('/').next().unwrap_or_default();
    address.strip_prefix("localhost:").map_or_else(|| address.to_owned(), |port| format!("127.0.0.1:{port}"))
}

fn port(url: &str) -> Result<u16> {
    let port = address(url).rsplit(':').next().and_then(|port| port.parse().ok());
    port.with_context(|| format!("read the port of {url}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_who_the_address_names() {
        assert_eq!(operator("nats://127.0.0.1:4222"), None);
        let encoded = operator("nats://some%20one:a%22b%5Cc%40d@127.0.0.1:4222");
        assert_eq!(encoded, Some(("some one".to_owned(), "a\"b\\c@d".to_owned())));
    }

    #[test]
    fn a_program_is_told_its_own_user_and_no_secret_of_others() {
        let environment = Environment::from_iter([
            ("NATS_URL", "nats://postcall:secret@127.0.0.1:4222"),
            (NKEYS_DIR, "/run/nkeys"),
            ("AWS_ACCESS_KEY_ID", "operators-key"),
            ("SALESFORCE_CLIENT_ID", "client"),
            ("AGENT_HTTP", "127.0.0.1:1"),
        ]);
        let told = least(&environment, NatsUser::Agent, &["AWS_", "SALESFORCE_"]);
        let pairs: Vec<_> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("AGENT_HTTP", "127.0.0.1:1"),
                ("NATS_NKEY_FILE", "/run/nkeys/agent.nk"),
                ("NATS_URL", "nats://127.0.0.1:4222"),
            ]
        );
        let mut cluster = environment.clone();
        cluster.set("NATS_URL", "nats://postcall:secret@127.0.0.1:1,nats://postcall:secret@127.0.0.1:2");
        let told = least(&cluster, NatsUser::Web, &[]);
        assert_eq!(told.find("NATS_URL"), Some("nats://127.0.0.1:1,nats://127.0.0.1:2"));
        // A NATS without users has none for the programs, either.
        let open = Environment::from_iter([("NATS_URL", "nats://127.0.0.1:4222"), (NKEYS_DIR, "/run/nkeys")]);
        assert_eq!(least(&open, NatsUser::Web, &[]).find("NATS_NKEY_FILE"), None);
    }
}
