//! The users of a nats-server as `deploy/nats/users.conf` has them.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nkeys::KeyPair;

/// A program that has a user of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatsUser {
    Agent,
    SinkS3,
    SinkSalesforce,
    Web,
}

impl NatsUser {
    pub const ALL: [Self; 4] = [Self::Agent, Self::SinkS3, Self::SinkSalesforce, Self::Web];

    /// The name of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::SinkS3 => "sink-s3",
            Self::SinkSalesforce => "sink-salesforce",
            Self::Web => "web",
        }
    }

    /// Its seed, in the folder of them all.
    pub fn seed_file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.nk", self.name()))
    }

    fn variable(self) -> String {
        format!("NATS_{}_NKEY", self.name().to_ascii_uppercase().replace('-', "_"))
    }

    /// The public half of its key, which is made where there is none.
    fn public_key(self, folder: &Path) -> Result<String> {
        let file = self.seed_file(folder);
        if !file.is_file() {
            let seed = KeyPair::new_user().seed().map_err(Error::other)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600).open(&file)?.write_all(seed.as_bytes())?;
        }
        let pair = KeyPair::from_seed(std::fs::read_to_string(&file)?.trim());
        // The error would name what it could not read.
        let invalid = || Error::new(ErrorKind::InvalidData, format!("{} holds no seed", file.display()));
        Ok(pair.map_err(|_| invalid())?.public_key())
    }
}

/// What a server's configuration has of its users, and the variables that it takes from the environment. Seeds that are not
/// in the folder yet are made; the operator is who may do everything.
pub fn nats_users(
    folder: &Path,
    operator: &str,
    password: &str,
) -> Result<(&'static str, Vec<(String, String)>)> {
    std::fs::create_dir_all(folder)?;
    // As the server reads a text.
    let text = |text: &str| format!("{text:?}");
    let mut variables = vec![
        ("NATS_OPERATOR_USER".to_owned(), text(operator)),
        ("NATS_OPERATOR_PASSWORD".to_owned(), text(password)),
    ];
    for user in NatsUser::ALL {
        variables.push((user.variable(), text(&user.public_key(folder)?)));
    }
    Ok((include_str!("../../../deploy/nats/users.conf"), variables))
}
