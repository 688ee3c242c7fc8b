//! The development stack on this machine, of which `make up`, `make down` and `make demo` are made.
//!
//! Its state is in one folder: `env` (every address, key and name), `NAME.pid`, `log/NAME.log`, `data/`. `up` starts what is not
//! running, and starts anew what runs with settings that were changed since. The options choose what `env` is written with at
//! the first `up`; from then on the file is yours to edit.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that says what it does")]

mod detached;
mod env_file;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use test_servers::{last_lines, workspace};
use tests::environment::{Environment, program};
use tests::stack::images::in_image;
use tests::stack::needed::{needs_livekit, needs_openai};
use tests::stack::service::{self, Service, log};
use tests::stack::settings::{Names, Ports};
use tokio::time::sleep;

use crate::detached::Detached;

/// In the order in which they are shown; they are stopped from the last to the first, so that our programs drain into servers
/// that still run.
const NAMES: [&str; 9] =
    ["livekit", "nats", "s3", "salesforce", "openai", "sink-s3", "sink-salesforce", "agent", "web"];

/// Starts, stops and shows the development stack.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where its settings, logs and data are; `.run` of the workspace unless it is given.
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts what is not running, or runs with other settings, and waits until it is ready.
    Up(UpArgs),
    /// Stops all of it.
    Down,
    /// Says what runs, and where.
    Status,
}

#[derive(Args)]
struct UpArgs {
    #[command(flatten)]
    ports: Ports,
    #[command(flatten)]
    names: Names,
    /// How long each may take to be ready: above everything that a first start has been seen to take on a busy machine.
    #[arg(long, env, default_value_t = 60)]
    start_limit_seconds: u64,
    /// What our programs are: those that were built here, or those in the images that `make images` has made.
    #[arg(long, env = "STACK", value_enum, default_value_t)]
    programs: Programs,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Programs {
    #[default]
    Built,
    Images,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { folder, command } = Cli::parse();
    tests::install_tls();
    let folder = folder.unwrap_or_else(|| workspace().join(".run"));
    let done = match command {
        Command::Up(arguments) => up(folder, &arguments).await,
        Command::Down => down(folder).await,
        Command::Status => status(folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn up(folder: PathBuf, arguments: &UpArgs) -> Result<()> {
    make_private(&folder).with_context(|| format!("make {}", folder.display()))?;
    let folder = folder.canonicalize().context("find the stack's folder")?;
    let environment = env_file::read_or_write(&folder, &arguments.ports, &arguments.names)?;
    let stack = Detached { folder };
    let limit = Duration::from_secs(arguments.start_limit_seconds);

    let mut servers = vec![
        service::nats(&stack.folder, &environment)?,
        service::s3(&stack.folder, &environment)?,
        service::salesforce(&environment)?,
    ];
    if needs_livekit(&environment) {
        servers.push(service::livekit(&stack.folder, &environment)?);
    }
    if needs_openai(&environment) {
        servers.push(service::openai(&environment)?);
    }
    for name in NAMES.into_iter().filter(|name| elsewhere(name, &environment).is_some()) {
        stop(&stack, name).await?;
    }
    start_all(&stack, &servers, limit).await?;

    // The operator's part, with an operator's rights: streams, consumers, bucket.
    set_up(&stack, &environment, "sink-s3", &["setup", "--create-bucket"])?;
    set_up(&stack, &environment, "sink-salesforce", &["setup"])?;
    let mut programs = vec![
        service::sink_s3(&environment)?,
        service::sink_salesforce(&environment)?,
        service::agent(&environment)?,
        service::web(&environment)?,
    ];
    if let Programs::Images = arguments.programs {
        let in_images = programs.into_iter().map(|program| in_image(program, &stack.folder));
        programs = in_images.collect::<Result<_>>()?;
    }
    start_all(&stack, &programs, limit).await
}

/// Makes a folder that only its owner may look into, be it there or not: in it are keys, logs, and what callers said.
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Starts all of them at once, and waits until all are ready.
async fn start_all(stack: &Detached, services: &[Service], limit: Duration) -> Result<()> {
    for service in services {
        ensure!(service.program.is_file(), "{} is missing; run «make build»", service.program.display());
        service.prepare(&stack.folder)?;
        let settings = detached::digest(service);
        if stack.pid(service.name).is_some() {
            if stack.settings(service.name).as_ref() == Some(&settings) {
                continue;
            }
            stop(stack, service.name).await?;
        }
        println!("  starting {}", service.name);
        stack.start(service, &settings)?;
    }
    for service in services {
        wait_until_ready(stack, service, limit).await?;
    }
    Ok(())
}

async fn wait_until_ready(stack: &Detached, service: &Service, limit: Duration) -> Result<()> {
    let (name, log) = (service.name, log(&stack.folder, service.name));
    let started = Instant::now();
    while let Err(error) = service.ready.ask().await {
        if stack.pid(name).is_none() {
            bail!("{name} ended; the last lines of {}:\n{}", log.display(), last_lines(&log, 15));
        }
        if started.elapsed() > limit {
            bail!("{name} is not ready after {} s; see {}\n{error:#}", limit.as_secs(), log.display());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Runs one of our programs to its end.
fn set_up(stack: &Detached, environment: &Environment, name: &str, arguments: &[&str]) -> Result<()> {
    let log = log(&stack.folder, "setup");
    let output = detached::append(&log)?;
    let mut command = Process::new(program(name)?);
    command.args(arguments).envs(environment).stdin(Stdio::null());
    command.stdout(output.try_clone().context("share the log")?).stderr(output);
    let status = command.status().with_context(|| format!("run {name}"))?;
    ensure!(status.success(), "«{name} setup» did not work; see {}", log.display());
    Ok(())
}

async fn down(folder: PathBuf) -> Result<()> {
    let stack = Detached { folder };
    for name in NAMES.iter().rev() {
        stop(&stack, name).await?;
    }
    Ok(())
}

/// Nothing happens where it does not run.
async fn stop(stack: &Detached, name: &str) -> Result<()> {
    if stack.pid(name).is_some() {
        println!("  stopping {name}");
    }
    stack.stop(name).await
}

fn status(folder: PathBuf) -> Result<()> {
    let environment = env_file::read(&folder)?;
    let stack = Detached { folder };
    for name in NAMES {
        match stack.pid(name) {
            Some(pid) => println!("  {name:<16} up, pid {pid}"),
            None => println!("  {name:<16} {}", elsewhere(name, &environment).unwrap_or("down")),
        }
    }
    println!("\n  The page              {}", environment.get("WEB_URL")?);
    if environment.find("WEB_STATUS_TOKEN").is_some() {
        println!("  The calls' status     {}/status, with WEB_STATUS_TOKEN", environment.get("WEB_URL")?);
    }
    println!("  Salesforce Leads      {}", environment.get("SALESFORCE_URL")?);
    println!("  Addresses and keys    {}", env_file::path(&stack.folder).display());
    println!("  Logs                  {}", stack.folder.join("log").display());
    println!("  Stop                  make down");
    Ok(())
}

/// Why a server is not started here, where it is not.
fn elsewhere(name: &str, environment: &Environment) -> Option<&'static str> {
    match name {
        "livekit" if !needs_livekit(environment) => Some("not needed: the rooms are elsewhere"),
        "openai" if !needs_openai(environment) => Some("not needed: others hear, think and speak"),
        _ => None,
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn nobody_else_looks_into_the_stacks_folder() {
        let parent = tempfile::tempdir().expect("make a temporary folder");
        let mode =
            |folder: &Path| std::fs::metadata(folder).expect("look at it").permissions().mode() & 0o777;
        let new = parent.path().join("new/.run");
        let of_before = parent.path().join("of_before");
        std::fs::create_dir(&of_before).expect("make a folder");
        for folder in [new, of_before] {
            make_private(&folder).expect("make it private");
            assert_eq!(mode(&folder), 0o700);
        }
    }
}
