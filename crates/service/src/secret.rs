//! A secret as a setting: its value, or the file that it stands in.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};

/// A secret that is given as it is, or in a file that may be renewed while the program runs.
///
/// The two settings are `#[arg(long, env, hide_env_values = true)] password: Option<SecretString>` and
/// `#[arg(long, env)] password_file: Option<PathBuf>`.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The setting holds it.
    Value(SecretString),
    /// Where it stands, alone, with or without a line end.
    File(PathBuf),
}

impl SecretSource {
    /// Whichever of the two is set; an empty value, as a missing variable of a compose file leaves it, is none. `name` is
    /// what the setting is called in the environment, such as `NATS_PASSWORD`.
    ///
    /// # Errors
    /// Both are set.
    pub fn of(
        name: &str,
        value: Option<&SecretString>,
        file: Option<&PathBuf>,
    ) -> anyhow::Result<Option<Self>> {
        let value = value.filter(|value| !value.expose_secret().is_empty());
        Ok(match (value, file.filter(|file| !file.as_os_str().is_empty())) {
            (Some(_), Some(_)) => bail!("{name} and {name}_FILE are both set: keep one of them"),
            (Some(value), None) => Some(Self::Value(value.clone())),
            (None, Some(file)) => Some(Self::File(file.clone())),
            (None, None) => None,
        })
    }

    /// The secret as it is now: a file is read at every call.
    ///
    /// # Errors
    /// The file cannot be read, or has no text.
    pub async fn read(&self) -> anyhow::Result<SecretString> {
        let path = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::File(path) => path,
        };
        let text = tokio::fs::read_to_string(path).await;
        let text = text.with_context(|| format!("read the secret in {}", path.display()))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        ensure!(!secret.is_empty(), "the secret in {} is empty", path.display());
        Ok(secret.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(source: &SecretSource) -> Result<String, String> {
        let secret = source.read().await.map_err(|error| error.to_string())?;
        Ok(secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let source = SecretSource::of("PASSWORD", None, Some(&path)).unwrap().unwrap();
        assert!(read(&source).await.unwrap_err().contains("password"), "it names the file");
        for (text, secret) in [("one\n", "one"), (" two \r\n", " two "), ("three", "three")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&source).await.as_deref(), Ok(secret));
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&source).await.unwrap_err().ends_with("is empty"));
    }

    #[tokio::test]
    async fn one_of_two_settings_or_none() {
        let (value, empty, path) = (SecretString::from("s"), SecretString::from(""), PathBuf::from("p"));
        assert!(SecretSource::of("X", None, None).unwrap().is_none());
        assert!(SecretSource::of("X", Some(&empty), Some(&PathBuf::new())).unwrap().is_none());
        assert!(matches!(
            SecretSource::of("X", Some(&empty), Some(&path)).unwrap(),
            Some(SecretSource::File(_))
        ));
        let both = SecretSource::of("X", Some(&value), Some(&path)).unwrap_err();
        assert_eq!(both.to_string(), "X and X_FILE are both set: keep one of them");
        let source = SecretSource::of("X", Some(&value), None).unwrap().unwrap();
        assert_eq!(read(&source).await.as_deref(), Ok("s"));
        assert!(!format!("{source:?}").contains("\"s\""));
    }
}
