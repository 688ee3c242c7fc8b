//! The login at a NATS server, whose files are read anew for each connection.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use async_nats::Auth;
use nkeys::KeyPair;
use secrecy::{ExposeSecret as _, SecretString};

use super::Nats;
use crate::SecretSource;

/// Who one is at a server. What it is made of is read anew for each connection.
#[derive(Debug, Clone)]
pub(super) struct Login {
    proof: Proof,
    /// Where it was set, to be named in errors.
    pub(super) origin: String,
}

#[derive(Debug, Clone)]
enum Proof {
    /// A file with a JWT and a seed.
    Credentials(PathBuf),
    NkeySeed(SecretSource),
    UserAndPassword(SecretSource, SecretSource),
    Token(SecretSource),
}

impl Login {
    /// What is set apart from the address; none where nothing is.
    ///
    /// # Errors
    /// More than one is set, or half of one.
    pub(super) fn of_settings(nats: &Nats) -> anyhow::Result<Option<Self>> {
        let user = nats.nats_user.as_ref().map(|user| SecretString::from(user.as_str()));
        let user = SecretSource::of("NATS_USER", user.as_ref(), nats.nats_user_file.as_ref())?;
        let password =
            SecretSource::of("NATS_PASSWORD", nats.nats_password.as_ref(), nats.nats_password_file.as_ref())?;
        let token = SecretSource::of("NATS_TOKEN", nats.nats_token.as_ref(), nats.nats_token_file.as_ref())?;
        let seed = SecretSource::of("NATS_NKEY", nats.nats_nkey.as_ref(), nats.nats_nkey_file.as_ref())?;
        let user_and_password = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => bail!("NATS_USER has no password: set NATS_PASSWORD or NATS_PASSWORD_FILE"),
            (None, Some(_)) => bail!("NATS_PASSWORD has no user: set NATS_USER"),
        };
        let set = [
            nats.nats_creds.clone().map(|path| (Proof::Credentials(path), "NATS_CREDS")),
            seed.map(|seed| (Proof::NkeySeed(seed), "NATS_NKEY")),
            user_and_password.map(|(user, password)| {
                (Proof::UserAndPassword(user, password), "NATS_USER and NATS_PASSWORD")
            }),
            token.map(|token| (Proof::Token(token), "NATS_TOKEN")),
        ];
        let mut set = set.into_iter().flatten();
        let Some((proof, name)) = set.next() else { return Ok(None) };
        if let Some((_, other)) = set.next() {
            bail!("{name} and {other} are both set: keep one of them");
        }
        let files: Vec<_> = proof.files().map(|file| file.display().to_string()).collect();
        let origin =
            if files.is_empty() { name.to_owned() } else { format!("{name}, {}", files.join(" and ")) };
        Ok(Some(Self { proof, origin }))
    }

    pub(super) fn user_and_password_of_url(user: String, password: String) -> Self {
        let [user, password] = [user, password].map(|text| SecretSource::Value(text.into()));
        Self { proof: Proof::UserAndPassword(user, password), origin: "NATS_URL".to_owned() }
    }

    pub(super) fn token_of_url(token: String) -> Self {
        Self { proof: Proof::Token(SecretSource::Value(token.into())), origin: "NATS_URL".to_owned() }
    }

    /// What a server learns with which it could log in itself; credentials and nkeys only sign what it asks.
    pub(super) fn shown_to_the_server(&self) -> Option<&'static str> {
        match &self.proof {
            Proof::Credentials(_) | Proof::NkeySeed(_) => None,
            Proof::UserAndPassword(..) => Some("the password of NATS"),
            Proof::Token(_) => Some("the token of NATS"),
        }
    }

    /// What answers a server's nonce.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should.
    pub(super) async fn auth(&self, nonce: &[u8]) -> anyhow::Result<Auth> {
        let mut auth = Auth::new();
        match &self.proof {
            Proof::Credentials(path) => {
                let file = || format!("read the NATS credentials in {}", path.display());
                let text = tokio::fs::read_to_string(path).await.with_context(file)?;
                let find = |end: &str| section(&text, end).with_context(|| format!("it has no {end}"));
                let jwt = find("JWT").with_context(file)?;
                let pair = find("SEED").and_then(key_pair).with_context(file)?;
                auth.signature = Some(sign(&pair, nonce)?);
                auth.jwt = Some(jwt.to_owned());
            }
            Proof::NkeySeed(seed) => {
                let pair = key_pair(seed.read().await?.expose_secret().trim())
                    .with_context(|| format!("read the nkey seed of {}", self.origin))?;
                auth.signature = Some(sign(&pair, nonce)?);
                auth.nkey = Some(pair.public_key());
            }
            Proof::UserAndPassword(user, password) => {
                auth.username = Some(user.read().await?.expose_secret().to_owned());
                auth.password = Some(password.read().await?.expose_secret().to_owned());
            }
            Proof::Token(token) => auth.token = Some(token.read().await?.expose_secret().to_owned()),
        }
        Ok(auth)
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &SecretSource, other: &SecretSource| match (one, other) {
            (SecretSource::Value(one), SecretSource::Value(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            (SecretSource::File(one), SecretSource::File(other)) => one == other,
            _ => false,
        };
        match (&self.proof, &other.proof) {
            (Proof::Credentials(one), Proof::Credentials(other)) => one == other,
            (Proof::NkeySeed(one), Proof::NkeySeed(other)) | (Proof::Token(one), Proof::Token(other)) => {
                same(one, other)
            }
            (Proof::UserAndPassword(user, password), Proof::UserAndPassword(other_user, other_password)) => {
                same(user, other_user) && same(password, other_password)
            }
            _ => false,
        }
    }
}

impl Proof {
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let (file, sources) = match self {
            Self::Credentials(path) => (Some(path), [None, None]),
            Self::NkeySeed(source) | Self::Token(source) => (None, [Some(source), None]),
            Self::UserAndPassword(user, password) => (None, [Some(user), Some(password)]),
        };
        file.into_iter().chain(sources.into_iter().flatten().filter_map(|source| match source {
            SecretSource::File(path) => Some(path),
            SecretSource::Value(_) => None,
        }))
    }
}

/// The line after the one that begins a section, such as `-----BEGIN NATS USER JWT-----`.
fn section<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.contains("BEGIN ") && line.trim_end_matches('-').ends_with(end))?;
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with('-'))
}

fn key_pair(seed: &str) -> anyhow::Result<KeyPair> {
    // The error would name what it could not read.
    KeyPair::from_seed(seed).map_err(|_| anyhow!("the seed is none of a user"))
}

fn sign(pair: &KeyPair, nonce: &[u8]) -> anyhow::Result<Vec<u8>> {
    pair.sign(nonce).map_err(|error| anyhow!("sign the server's nonce: {error}"))
}
