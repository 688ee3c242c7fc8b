//! Which persona a worker has.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{DEFAULT, Persona};

/// Who the agent is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PersonaArgs {
    /// File of another persona than the one that is built in; `agent check FILE` tells what is wrong with it
    #[arg(long, env, value_name = "FILE")]
    pub agent_persona: Option<PathBuf>,
}

impl PersonaArgs {
    /// Reads the persona: that of the file, or the built-in one where no file is given.
    ///
    /// # Errors
    /// The file cannot be read or has faults; all of them are told, a line each.
    pub fn load(&self) -> anyhow::Result<Persona> {
        match &self.agent_persona {
            Some(path) => load(path),
            None => parse("the built-in persona", DEFAULT),
        }
    }
}

fn load(path: &Path) -> anyhow::Result<Persona> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("read the persona {name}"))?;
    parse(&name, &text)
}

fn parse(name: &str, text: &str) -> anyhow::Result<Persona> {
    match Persona::parse(text) {
        Ok(persona) => Ok(persona),
        Err(faults) => {
            let lines: Vec<_> = faults.iter().map(|fault| format!("{name}:{fault}")).collect();
            bail!("the persona has faults:\n{}", lines.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_the_built_in_persona() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.toml");
        let args = PersonaArgs { agent_persona: Some(path.clone()) };
        assert!(format!("{:#}", args.load().unwrap_err()).contains("other.toml"));
        std::fs::write(&path, DEFAULT.replace("name = \"pandadoc-trial\"", "name = \"other\"")).unwrap();
        assert_eq!(args.load().unwrap().name(), "other");
        std::fs::write(&path, "name = 5").unwrap();
        let message = args.load().unwrap_err().to_string();
        assert!(message.contains("other.toml:1:8: `name` has to be a text in quotes"), "{message}");
        assert_eq!(PersonaArgs::default().load().unwrap().name(), "pandadoc-trial");
    }
}
