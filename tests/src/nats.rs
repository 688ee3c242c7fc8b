//! nats-server, as the operator reaches it.

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions, ServerAddr};

use crate::environment::Environment;

/// Connects as whom `NATS_URL` names, or as nobody.
///
/// # Errors
/// There is no such setting, or the server does not let one in.
pub async fn connect(environment: &Environment) -> Result<Client> {
    let address: ServerAddr = environment.get("NATS_URL")?.parse().context("read NATS_URL")?;
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => ConnectOptions::new(),
    };
    options.connect(address).await.context("connect to nats-server")
}
