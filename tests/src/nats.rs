//! nats-server, as the operator reaches it.

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions, ServerAddr};

use crate::environment::Environment;

/// Connects as whom `NATS_URL` names, or as nobody; to any one where it names several.
///
/// # Errors
/// There is no such setting, or the server does not let one in.
pub async fn connect(environment: &Environment) -> Result<Client> {
    let addresses = environment.get("NATS_URL")?.split(',').map(str::parse);
    let addresses = addresses.collect::<Result<Vec<ServerAddr>, _>>().context("read NATS_URL")?;
    let login = addresses.first().and_then(|address| Some((address.username()?, address.password()?)));
    let options = match login {
        Some((user, password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        None => ConnectOptions::new(),
    };
    options.connect(addresses).await.context("connect to nats-server")
}
