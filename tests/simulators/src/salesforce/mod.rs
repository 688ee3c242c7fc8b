//! A Salesforce org with Leads, Contacts and Accounts in memory, behind the parts of its REST API that an integration
//! uses.
//!
//! - `oauth` and `sessions`: access tokens, for signed assertions and for an app's own secret.
//! - `gate`: what every data call passes: size of the request, version, token, limit, and injected faults.
//! - `soql` and `query`: reading many rows. `rows` and `external_id`: one row by its id, or by a field that names it.
//! - `collections`: writing many rows. `row` and `write`: what one row wants, by whichever call.
//! - `describe`: what the org tells of itself. `access`: what of it the integration user may see and change.
//! - `objects`, `value`, `record`, `records`, `rules`, `behaviour`: what the org holds, and its rules for a row.
//! - `admin`, `settings`, `faults`, `fault_rate`, `page`, `state_file`: for the test or the person beside it; a real Salesforce has
//!   none.

mod access;
mod admin;
mod api_error;
pub mod behaviour;
mod collections;
mod describe;
mod external_id;
mod fault_rate;
pub mod faults;
mod gate;
mod oauth;
pub mod objects;
mod page;
mod person_accounts;
mod query;
pub mod record;
pub mod records;
mod row;
pub mod row_error;
mod rows;
pub mod rules;
mod seed;
mod sessions;
pub mod settings;
pub mod soql;
mod state_file;
pub mod tls;
mod value;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::extract::Extension;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Router, routing};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use api_error::ApiError;
use faults::{Fault, Faults};
use oauth::assertion::PublicKey;
use records::Records;
use sessions::Sessions;
use settings::Settings;
use tls::{Identity, TlsListener};

/// The newest API version that the org knows.
pub const NEWEST_VERSION: u32 = 68;
/// Versions below it are retired.
const OLDEST_VERSION: u32 = 31;

/// What the org is set up with.
#[derive(Debug, Clone)]
pub struct Config {
    /// PEM of the RSA public key that assertions are checked against.
    pub public_key_pem: Vec<u8>,
    /// Consumer key of the app: the `iss` that assertions must have.
    pub client_id: String,
    /// Consumer secret of the app; without one there is no client credentials flow.
    pub client_secret: Option<SecretString>,
    /// The integration user: the `sub` that assertions must have.
    pub username: String,
    /// The `aud` that assertions must have.
    pub audience: String,
    /// Host for data calls; `None` for the one that the token was asked of.
    pub instance_url: Option<String>,
    /// Where the rows are written down after each change; what is there takes the seed's place.
    pub state_file: Option<PathBuf>,
    /// What can change later.
    pub settings: Settings,
}

impl Config {
    /// A set-up with the names that development uses.
    pub fn new(public_key_pem: Vec<u8>) -> Self {
        Self {
            public_key_pem,
            client_id: "postcall-dev".to_owned(),
            client_secret: None,
            username: "integration@postcall.example".to_owned(),
            audience: "https://login.salesforce.com".to_owned(),
            instance_url: None,
            state_file: None,
            settings: Settings::default(),
        }
    }
}

/// The org; clones share it.
#[derive(Clone)]
pub struct Salesforce(Arc<Shared>);

struct Shared {
    config: Config,
    public_key: PublicKey,
    org: Mutex<Org>,
}

/// What calls and tests change.
#[derive(Default)]
pub struct Org {
    /// The rows.
    pub records: Records,
    /// The set-up.
    pub settings: Settings,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// What has been called so far.
    pub counters: Counters,
    /// How many of the day's calls are used.
    pub calls_used: u64,
    sessions: Sessions,
    cursors: HashMap<String, Vec<Value>>,
}

/// How often something was called or done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Data calls, refused ones included.
    pub api_calls: u64,
    /// Tokens given out.
    pub tokens: u64,
    /// Tokens refused.
    pub refused_tokens: u64,
    /// Query calls, further pages included.
    pub queries: u64,
    /// Calls of sObject Collections updates.
    pub update_calls: u64,
    /// Rows updated, by whatever call.
    pub updated: u64,
    /// Rows created, by whatever call.
    pub created: u64,
    /// Faults that struck.
    pub faults: BTreeMap<Fault, u64>,
}

impl Org {
    /// Whether a fault strikes this time; if so it is counted.
    fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(fault);
        if strikes {
            *self.counters.faults.entry(fault).or_default() += 1;
        }
        strikes
    }
}

/// `http` or `https`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme(&'static str);

impl Salesforce {
    /// An org with the rows of a seed (see [`Records::from_json`]).
    ///
    /// # Errors
    /// A key or a seed that cannot be read.
    pub fn new(config: Config, seed: &[u8]) -> anyhow::Result<Self> {
        let public_key = PublicKey::from_pem(&config.public_key_pem).context("read public key")?;
        let kept = state_file::read(config.state_file.as_deref()).context("read state file")?;
        let records = Records::from_json(kept.as_deref().unwrap_or(seed)).context("read rows")?;
        let org = Org { records, settings: config.settings.clone(), ..Org::default() };
        Ok(Self(Arc::new(Shared { config, public_key, org: Mutex::new(org) })))
    }

    /// Answers until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let router = self.router(Scheme("http"));
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    /// Answers over HTTP, on this machine only, until the guard is dropped. The other part is the URL.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn serve_on_a_free_port(&self) -> std::io::Result<(String, DropGuard)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let (salesforce, stopped) = (self.clone(), stop.clone());
        tokio::spawn(async move { salesforce.serve(listener, stopped).await });
        Ok((url, stop.drop_guard()))
    }

    /// Answers over HTTPS until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        identity: &Identity,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let router = self.router(Scheme("https"));
        let listener = TlsListener::new(listener, identity);
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    /// The org as it stands; the lock is held until the guard is dropped.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.0.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn router(&self, scheme: Scheme) -> Router {
        let data = Self::data("")
            .merge(Self::data("/"))
            .route("/", get(describe::resources))
            .fallback(async || ApiError::not_found())
            .method_not_allowed_fallback(async || ApiError::method_not_allowed())
            .layer(from_fn_with_state(self.clone(), gate::pass));
        Router::new()
            .route("/", get(page::list))
            .route("/records/{id}", get(page::detail))
            .route("/healthz", get(admin::health))
            .route("/simulator/records", get(admin::records))
            .route("/simulator/records/{id}", get(admin::record))
            .route("/simulator/faults", get(faults::show).post(faults::inject))
            .route("/simulator/settings", get(settings::show).post(settings::change))
            .route("/services/oauth2/token", post(oauth::token))
            .route("/services/data", get(describe::versions))
            .route("/services/data/", get(describe::versions))
            .nest("/services/data/{version}", data)
            .layer(Extension(scheme))
            .with_state(self.clone())
    }

    /// The calls below the version; some clients end their paths with a slash.
    fn data(end: &str) -> Router<Self> {
        let path = |path: &str| format!("{path}{end}");
        let collections = routing::patch(collections::update).post(collections::create);
        Router::new()
            .route(&path("/query"), get(query::first_page))
            .route(&path("/query/{cursor}"), get(query::next_page))
            .route(&path("/composite/sobjects"), collections)
            .route(&path("/sobjects"), get(describe::objects))
            .route(&path("/sobjects/{object}"), post(rows::create))
            .route(&path("/sobjects/{object}/describe"), get(describe::object))
            .route(&path("/sobjects/{object}/{id}"), get(rows::get).patch(rows::update))
            .route(
                &path("/sobjects/{object}/{field}/{value}"),
                get(external_id::get).patch(external_id::upsert),
            )
            .route(&path("/limits"), get(describe::limits))
    }
}
