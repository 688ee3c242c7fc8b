//! The one way to NATS. Each try to connect resolves the server's name and reads every file anew, so credentials,
//! certificates and places may change while a program runs.

mod address;
mod connection;
mod login;
mod refusal;
mod sync_interval;
mod tls_files;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use async_nats::{AuthError, Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, jetstream};
use clap::builder::FalseyValueParser;
use secrecy::{ExposeSecret as _, SecretString};

pub use connection::Connection;
pub use refusal::{JetStream, Refusal};
pub use sync_interval::SyncInterval;

use address::Server;
use connection::{Attempts, Origin, Told};
use login::Login;
use tls_files::TlsFiles;

use crate::backoff::Backoff;
use crate::plain_text::ensure_stays_on_this_machine;

/// How long a JetStream request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that does not answer two pings is left.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Before a try to connect.
const RECONNECT_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// How to reach NATS, and as whom. Files are read anew at each try to connect: what they hold may be renewed at any time.
#[derive(Debug, Clone, clap::Args)]
pub struct Nats {
    /// Address of NATS, such as nats://127.0.0.1:4222 or tls://nats.example.org, with user:password@ or token@ before the
    /// host where it has them, percent-encoded as in any URL; several are separated by commas.
    #[arg(long, env, hide_env_values = true)]
    nats_url: SecretString,
    /// File with NATS credentials (JWT and seed).
    #[arg(long, env)]
    nats_creds: Option<PathBuf>,
    /// User of NATS.
    #[arg(long, env)]
    nats_user: Option<String>,
    /// File with the user of NATS.
    #[arg(long, env)]
    nats_user_file: Option<PathBuf>,
    /// Password of NATS; give it in the environment.
    #[arg(long, env, hide_env_values = true)]
    nats_password: Option<SecretString>,
    /// File with the password of NATS.
    #[arg(long, env)]
    nats_password_file: Option<PathBuf>,
    /// Token of NATS; give it in the environment.
    #[arg(long, env, hide_env_values = true)]
    nats_token: Option<SecretString>,
    /// File with the token of NATS.
    #[arg(long, env)]
    nats_token_file: Option<PathBuf>,
    /// Nkey seed of a NATS user; give it in the environment.
    #[arg(long, env, hide_env_values = true)]
    nats_nkey: Option<SecretString>,
    /// File with the nkey seed of a NATS user.
    #[arg(long, env)]
    nats_nkey_file: Option<PathBuf>,
    /// File with the certificates (PEM) of the authorities that NATS is trusted by; without it, the system's.
    #[arg(long, env)]
    nats_ca_file: Option<PathBuf>,
    /// File with the client's certificate (PEM), where NATS asks for one.
    #[arg(long, env)]
    nats_cert_file: Option<PathBuf>,
    /// File with the key of the client's certificate (PEM).
    #[arg(long, env)]
    nats_key_file: Option<PathBuf>,
    /// Connects to NATS with TLS only, as tls:// addresses do.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    nats_require_tls: bool,
    /// Begins with TLS, before the server's greeting, as its `handshake_first` wants it.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    nats_tls_first: bool,
    /// Lets a password or a token of NATS go to another machine without TLS.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    nats_allow_plain_text: bool,
    /// Beginning of the subjects on which answers come [default: _INBOX_ and the program, such as _INBOX_sink-s3]. With the
    /// right to subscribe to no other, a user reads nobody else's.
    #[arg(long, env)]
    nats_inbox_prefix: Option<String>,
}

impl Nats {
    /// Connects or fails; for commands. The name's first word is the program.
    ///
    /// # Errors
    /// A setting cannot be used, or none of the servers takes the client.
    pub async fn connect(&self, name: &str) -> anyhow::Result<JetStream> {
        let (servers, login) = self.servers().await?;
        let tls_files = self.tls_files()?;
        let mut last_error = anyhow!("NATS_URL names no server");
        for server in servers {
            let address = server.address.clone();
            let login = server.login.clone().or_else(|| login.clone());
            let attempts = Arc::new(Attempts::new(vec![server], login, tls_files.clone()));
            let (refusals, told) = (attempts.refused.subscribe(), Arc::clone(&attempts));
            let options = self.options(name, attempts).event_callback(move |event| {
                if let Event::ServerError(error) = &event {
                    told.refused.note(error);
                }
                std::future::ready(())
            });
            match options.connect(address).await {
                Ok(client) => return Ok(JetStream::new(context(client), refusals)),
                Err(error) => {
                    let todo = tls_files.todo(&error.to_string());
                    let what = todo.map_or_else(String::new, |todo| format!(" ({todo})"));
                    last_error = anyhow::Error::new(error).context(format!("connect to NATS{what}"));
                }
            }
        }
        Err(last_error)
    }

    /// Returns at once and connects for as long as it takes; for a program that stays. The name's first word is the program.
    ///
    /// # Errors
    /// A setting cannot be used, or one of its files cannot be read.
    pub async fn keep_connected(&self, name: &str) -> anyhow::Result<Connection> {
        let (servers, login) = self.servers().await?;
        let origin = Origin { settings: self.clone(), name: name.to_owned(), servers, login };
        Origin::start(Arc::new(origin)).await
    }

    /// The servers, and who one is where an address does not say so.
    async fn servers(&self) -> anyhow::Result<(Vec<Server>, Option<Login>)> {
        let login = Login::of_settings(self)?;
        let mut servers = address::servers(self.nats_url.expose_secret())?;
        if login.is_some() {
            // What is set apart from the address is the later word.
            servers.iter_mut().for_each(|server| server.login = None);
        }
        let login = login.or_else(|| servers.iter().find_map(|server| server.login.clone()));
        for server in &servers {
            self.ensure_kept_secret(server, login.as_ref())?;
        }
        self.ensure_usable(login.as_ref()).await?;
        Ok((servers, login))
    }

    fn ensure_kept_secret(&self, server: &Server, login: Option<&Login>) -> anyhow::Result<()> {
        let Some(secret) = server.login.as_ref().or(login).and_then(Login::shown_to_the_server) else {
            return Ok(());
        };
        if self.nats_require_tls
            || self.nats_tls_first
            || self.nats_allow_plain_text
            || server.address.tls_required()
        {
            return Ok(());
        }
        let instead = "use tls://, or set NATS_REQUIRE_TLS=true";
        ensure_stays_on_this_machine(secret, server.address.host(), instead, "NATS_ALLOW_PLAIN_TEXT")
    }

    /// A wrong setting ends a program before the network is touched.
    async fn ensure_usable(&self, login: Option<&Login>) -> anyhow::Result<()> {
        if let Some(login) = login {
            login.auth(b"").await?;
        }
        self.tls_files()?.look()?;
        if let Some(prefix) = &self.nats_inbox_prefix {
            let plain = |token: &str| {
                !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '>'))
            };
            ensure!(
                prefix.split('.').all(plain),
                "NATS_INBOX_PREFIX is the beginning of a subject, such as _INBOX_sink-s3"
            );
        }
        Ok(())
    }

    fn options(&self, name: &str, attempts: Arc<Attempts>) -> ConnectOptions {
        let here = Arc::clone(&attempts);
        let auth = move |nonce: Vec<u8>| {
            let login = here.login_here();
            async move {
                let Some(login) = login else { return Ok(async_nats::Auth::new()) };
                login.auth(&nonce).await.map_err(|error| AuthError::new(format!("{error:#}")))
            }
        };
        let mut options = ConnectOptions::with_auth_callback(auth)
            .name(name)
            .ping_interval(PING_INTERVAL)
            // Servers that others tell of come without a scheme.
            .require_tls(self.nats_require_tls || attempts.only_tls())
            .reconnect_delay_callback(pause_before);
        if self.nats_tls_first {
            options = options.tls_first();
        }
        if let Some(path) = &self.nats_ca_file {
            options = options.add_root_certificates(path.clone());
        }
        if let (Some(certificate), Some(key)) = (&self.nats_cert_file, &self.nats_key_file) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        match &self.nats_inbox_prefix {
            Some(prefix) => options.custom_inbox_prefix(prefix),
            None => options.custom_inbox_prefix(default_inbox_prefix(name)),
        }
    }

    fn tls_files(&self) -> anyhow::Result<TlsFiles> {
        let Self { nats_ca_file, nats_cert_file, nats_key_file, .. } = self.clone();
        TlsFiles::of(nats_ca_file, nats_cert_file, nats_key_file)
    }
}

impl Origin {
    async fn start(origin: Arc<Self>) -> anyhow::Result<Connection> {
        let Self { settings, name, servers, login } = &*origin;
        let addresses: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
        let attempts = Arc::new(Attempts::new(servers.clone(), login.clone(), settings.tls_files()?));
        let Told { connected, trouble, refusals } = attempts.receivers();
        let (events, choice) = (Arc::clone(&attempts), Arc::clone(&attempts));
        let options = settings
            .options(name, attempts)
            .retry_on_initial_connect()
            .event_callback(move |event| {
                events.happened(&event);
                std::future::ready(())
            })
            .reconnect_to_server_callback(move |pool, _| std::future::ready(choice.next(&pool)));
        let client = options.connect(addresses).await.context("start the NATS client")?;
        let jetstream = JetStream::new(context(client), refusals);
        Ok(Connection { jetstream, connected, trouble, origin })
    }
}

/// What to do about an error of [`Nats::connect`].
pub fn what_to_do(error: &anyhow::Error) -> &'static str {
    let Some(refused) = error.chain().find_map(|cause| cause.downcast_ref::<ConnectError>()) else {
        return "correct the setting";
    };
    match refused.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "correct NATS_CREDS, NATS_USER and NATS_PASSWORD, or what stands before the host in NATS_URL"
        }
        ConnectErrorKind::Tls => "correct NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE",
        _ if refused.to_string().contains("certificate") => {
            "correct NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE, or the host in NATS_URL"
        }
        _ => "start nats-server, or correct NATS_URL",
    }
}

/// Of the program whose name begins so.
fn default_inbox_prefix(name: &str) -> String {
    format!("_INBOX_{}", name.split(' ').next().unwrap_or_default())
}

fn context(client: Client) -> jetstream::Context {
    jetstream::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client)
}

/// Before a try to connect, the first of which has number 1. None is without a pause: a server may take a client and send
/// it away at once.
fn pause_before(attempt: usize) -> Duration {
    RECONNECT_BACKOFF.pause(u32::try_from(attempt).unwrap_or(u32::MAX))
}
