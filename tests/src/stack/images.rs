//! Our programs out of their images, in the place of the built ones.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use test_servers::workspace;

use super::service::Service;

/// What `podman run` is told of a container of ours: it is on this machine's network, and has no right that it has no use for.
pub const CONFINED: [&str; 7] = [
    "--rm",
    "--pull=never",
    "--network=host",
    "--read-only",
    // Else podman mounts folders for temporary files.
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
];

/// The agent's folder, which is all that any of them writes to.
const SPOOL: &str = "AGENT_SPOOL_DIR";

/// The same program by `podman run`: as the owner of the stack's folder, on this machine's network, with no right that it has no
/// use for. Of files it sees those that its settings name.
///
/// # Errors
/// There is no podman, or no such image.
pub fn in_image(service: Service, folder: &Path) -> Result<Service> {
    let podman = podman()?;
    let image = format!("localhost/postcall-{}:{}", service.name, env!("CARGO_PKG_VERSION"));
    let configuration = workspace().join("tests/deploy/containers.conf");
    let found = Command::new(&podman)
        .args(["image", "exists", &image])
        .env("CONTAINERS_CONF", &configuration)
        .status()
        .context("run podman")?;
    ensure!(found.success(), "there is no image {image}: run «make images»");

    let owner = std::fs::metadata(folder).with_context(|| format!("look at {}", folder.display()))?;
    let mut arguments: Vec<String> =
        ["run"].iter().chain(&CONFINED).map(|argument| (*argument).to_owned()).collect();
    arguments.push(format!("--user={}:{}", owner.uid(), owner.gid()));
    let mut data = service.data;
    for (name, value) in &service.environment {
        // Without a value: podman has it from its own environment, and no list of processes shows it.
        arguments.push(format!("--env={name}"));
        let path = Path::new(value);
        if name == SPOOL {
            data = Some(path.to_owned());
            arguments.push(format!("--volume={value}:{value}:rw"));
        } else if path.is_absolute() && path.exists() {
            arguments.push(format!("--volume={value}:{value}:ro"));
        }
    }
    arguments.push(image);
    arguments.extend(service.arguments);
    let mut environment = service.environment;
    environment.set("CONTAINERS_CONF", configuration.to_string_lossy());
    Ok(Service { program: podman, arguments, environment, data, ..service })
}

fn podman() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join("podman"));
    files.find(|file| file.is_file()).context("there is no podman: run «make tools»")
}
