//! `.run/env`: written once, then a person's, and read at each `up`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ::tests::environment::Environment;
use ::tests::stack::service::{NKEYS_DIR, SINK_S3_KEY, SINK_S3_SECRET, write_private};
use ::tests::stack::settings::{Names, Ports, new_settings, nkeys_dir, secret, status_metrics};
use anyhow::{Context, Result};

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("env")
}

/// What is there, if anything is.
pub(crate) fn read(folder: &Path) -> Result<Environment> {
    let file = path(folder);
    anyhow::ensure!(file.is_file(), "nothing was started yet: run «make up»");
    Environment::read(&file)
}

/// What is there, with lines that were added to the file since it was written; or a new file.
pub(crate) fn read_or_write(folder: &Path, ports: &Ports, names: &Names) -> Result<Environment> {
    let file = path(folder);
    if !file.is_file() {
        let settings = new_settings(folder, ports, names)?;
        let lines: String = settings.iter().map(|(name, value)| line(name, value)).collect();
        // Whole, or not there.
        let new = folder.join("env.new");
        write_private(&new, &lines)?;
        std::fs::rename(&new, &file).with_context(|| format!("write {}", file.display()))?;
    }
    let environment = Environment::read(&file)?;
    let missing = missing(folder, &environment, ports)?;
    if missing.is_empty() {
        return Ok(environment);
    }
    // The file may end without a line break.
    let lines: String = missing.iter().map(|(name, value)| line(name, value)).collect();
    let appended = OpenOptions::new().append(true).open(&file);
    let appended = appended.and_then(|mut file| file.write_all(format!("\n{lines}").as_bytes()));
    appended.with_context(|| format!("add lines to {}", file.display()))?;
    Environment::read(&file)
}

/// What a file from before these lines has to get.
fn missing(folder: &Path, environment: &Environment, ports: &Ports) -> Result<Vec<(&'static str, String)>> {
    let mut missing = Vec::new();
    if environment.find(NKEYS_DIR).is_none() {
        missing.push((NKEYS_DIR, nkeys_dir(folder).to_string_lossy().into_owned()));
    }
    // Whoever wants the sink to have the operator's key leaves both empty.
    if environment.iter().all(|(name, _)| name != SINK_S3_KEY) {
        missing.extend([(SINK_S3_KEY, secret()?), (SINK_S3_SECRET, secret()?)]);
    }
    if environment.find("WEB_OPERATIONS_HTTP").is_none() {
        missing.push(("WEB_OPERATIONS_HTTP", format!("127.0.0.1:{}", ports.web_operations_port)));
    }
    // Whoever wants no status page leaves both empty.
    if environment.iter().all(|(name, _)| name != "WEB_STATUS_TOKEN") {
        let [agent, sink_s3] = [environment.get("AGENT_HTTP")?, environment.get("SINK_S3_HTTP")?];
        let programs = [agent, sink_s3, environment.get("SINK_SALESFORCE_HTTP")?];
        missing.extend([("WEB_STATUS_TOKEN", secret()?), ("WEB_STATUS_METRICS", status_metrics(&programs))]);
    }
    if environment.find("OPENAI_SIMULATOR_URL").is_none() {
        let (url, key) = match simulator(environment) {
            Some((url, key)) => (url.to_owned(), key.to_owned()),
            None => (format!("http://127.0.0.1:{}/v1", ports.openai_port), secret()?),
        };
        missing.extend([("OPENAI_SIMULATOR_URL", url), ("OPENAI_SIMULATOR_API_KEY", key)]);
    }
    Ok(missing)
}

/// Before the simulator had lines of its own, the three services were at it, unless somebody has changed that.
fn simulator(environment: &Environment) -> Option<(&str, &str)> {
    ["STT", "LLM", "TTS"].into_iter().find_map(|part| {
        let url = environment.find(&format!("{part}_BASE_URL"))?;
        let key = environment.find(&format!("{part}_API_KEY"))?;
        let port = url.strip_prefix("http://127.0.0.1:")?.strip_suffix("/v1")?;
        let is_ours = port.parse::<u16>().is_ok()
            && key.len() == 40
            && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then_some((url, key))
    })
}

/// As a shell reads it.
fn line(name: &str, value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(&byte);
    if value.bytes().all(plain) { format!("{name}={value}\n") } else { format!("{name}='{value}'\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_keeps_the_address_and_key_that_it_had() {
        let key = "0123456789abcdef0123456789abcdef01234567";
        let mut environment = Environment::from_iter([
            ("STT_BASE_URL", "http://speaches:8000/v1"),
            ("LLM_BASE_URL", "http://127.0.0.1:8090/v1"),
            ("LLM_API_KEY", key),
        ]);
        assert_eq!(simulator(&environment), Some(("http://127.0.0.1:8090/v1", key)));
        environment.set("LLM_API_KEY", "sk-somebodys");
        assert_eq!(simulator(&environment), None);
    }

    #[test]
    fn a_value_with_a_space_is_quoted() {
        assert_eq!(line("A", "http://127.0.0.1:1/v1"), "A=http://127.0.0.1:1/v1\n");
        assert_eq!(line("A", "/my work/persona.toml"), "A='/my work/persona.toml'\n");
    }
}
