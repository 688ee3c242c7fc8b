//! A Salesforce org with Leads and Contacts in memory, behind the parts of its REST API that an integration uses.
//!
//! - `oauth`: access tokens for signed assertions (JWT bearer).
//! - `gate`: what every data call passes: injected faults, size of the request, version, token, usage header.
//! - `soql` and `query`: reading. `collections` and `create`: writing.
//! - `objects` and `records`: what the org holds, and its rules for a row.
//! - `page` and `faults`: for the person or the test beside it; a real Salesforce has neither.

mod api_error;
pub mod collections;
mod create;
mod describe;
pub mod faults;
mod gate;
mod oauth;
pub mod objects;
mod page;
mod query;
pub mod records;
pub mod soql;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, post};
use jsonwebtoken::DecodingKey;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use api_error::ApiError;
use faults::Faults;
use records::Records;

/// The newest API version that the org knows.
pub const NEWEST_VERSION: u32 = 68;

/// What the org is set up with.
#[derive(Debug, Clone)]
pub struct Config {
    /// PEM of the RSA public key that assertions are checked against.
    pub public_key_pem: Vec<u8>,
    /// The `iss` that assertions must have.
    pub client_id: String,
    /// The `sub` that assertions must have.
    pub username: String,
    /// The `aud` that assertions must have.
    pub audience: String,
    /// Host for data calls; `None` for the one that the token was asked of.
    pub instance_url: Option<String>,
    /// Rows on a page of query results.
    pub page_size: usize,
    /// API calls a day that the usage header speaks of.
    pub daily_api_calls: u64,
}

impl Config {
    /// A set-up with the names that development uses.
    pub fn new(public_key_pem: Vec<u8>) -> Self {
        Self {
            public_key_pem,
            client_id: "postcall-dev".to_owned(),
            username: "integration@postcall.example".to_owned(),
            audience: "https://login.salesforce.com".to_owned(),
            instance_url: None,
            page_size: 2_000,
            daily_api_calls: 100_000,
        }
    }
}

/// The org; clones share it.
#[derive(Clone)]
pub struct Salesforce(Arc<Shared>);

struct Shared {
    config: Config,
    public_key: DecodingKey,
    org: Mutex<Org>,
}

/// What changes.
#[derive(Default)]
pub struct Org {
    /// The rows.
    pub records: Records,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// What has been called so far.
    pub counters: Counters,
    sessions: HashSet<String>,
    cursors: HashMap<String, Vec<Value>>,
}

/// How often something was called or done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Data calls, refused ones included.
    pub api_calls: u64,
    /// Tokens given out.
    pub tokens: u64,
    /// Query calls, further pages included.
    pub queries: u64,
    /// Calls of sObject Collections updates.
    pub update_calls: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows created, by whatever call.
    pub created: u64,
}

impl Salesforce {
    /// An org with the rows of a seed (see [`Records::from_json`]).
    ///
    /// # Errors
    /// A key or a seed that cannot be read.
    pub fn new(config: Config, seed: &[u8]) -> anyhow::Result<Self> {
        let public_key = DecodingKey::from_rsa_pem(&config.public_key_pem).context("read public key")?;
        let org = Org { records: Records::from_json(seed).context("read seed")?, ..Org::default() };
        Ok(Self(Arc::new(Shared { config, public_key, org: Mutex::new(org) })))
    }

    /// Answers until `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let shutdown = async move { stop.cancelled().await };
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    /// The org as it stands; the lock is held until the guard is dropped.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.0.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn router(&self) -> Router {
        let data = Self::data("")
            .merge(Self::data("/"))
            .fallback(async || ApiError::not_found())
            .layer(from_fn_with_state(self.clone(), gate::pass));
        Router::new()
            .route("/", get(page::html))
            .route("/healthz", get(page::health))
            .route("/simulator/records", get(page::records))
            .route("/simulator/faults", post(faults::inject))
            .route("/services/oauth2/token", post(oauth::token))
            .nest("/services/data/{version}", data)
            .with_state(self.clone())
    }

    /// The calls below the version; some clients end their paths with a slash.
    fn data(end: &str) -> Router<Self> {
        let path = |path: &str| format!("{path}{end}");
        Router::new()
            .route(&path("/query"), get(query::first_page))
            .route(&path("/query/{cursor}"), get(query::next_page))
            .route(&path("/composite/sobjects"), patch(collections::update).post(create::collection))
            .route(&path("/sobjects/{object}"), post(create::one))
            .route(&path("/sobjects/{object}/describe"), get(describe::object))
            .route(&path("/sobjects/{object}/{field}/{value}"), patch(create::upsert))
            .route(&path("/limits"), get(describe::limits))
    }
}
