//! Whether LiveKit can be reached, and which rooms of ours it has. It is asked every few seconds, never for a visitor.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::Utc;
use livekit_api::access_token::{Claims, VideoGrants};
use livekit_protocol::{ListRoomsRequest, ListRoomsResponse};
use parking_lot::RwLock;
use prost::Message as _;
use secrecy::ExposeSecret as _;
use service::{LiveKitKey, LiveKitUrl, shared_secret_token};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::calls::Calls;
use crate::configuration::Settings;
use crate::metrics::Metrics;
use crate::problem::{Kind, Problem};

/// Longest that an answer may take.
const LIMIT: Duration = Duration::from_secs(2);
/// Pause before the next try while LiveKit cannot be reached, so that visitors wait no longer than they have to.
const PAUSE: Duration = Duration::from_secs(1);
/// Failures in a row from which on it counts as away: one may be a moment's.
const FAILURES: u32 = 2;
/// When a visitor may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest list of rooms that is read, in bytes: some 100,000 rooms.
const LONGEST_LIST: usize = 16 * 1024 * 1024;
/// For which the token of a question is good; the clocks may differ.
const TOKEN_SECONDS: i64 = 60;

/// What is known of LiveKit.
pub(crate) struct LiveKit {
    http: reqwest::Client,
    url: String,
    key: LiveKitKey,
    /// With which the rooms of our calls begin.
    room_prefix: String,
    /// Between two questions; it is never asked where it is zero.
    interval: Duration,
    state: RwLock<State>,
    metrics: Metrics,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It has not been asked yet.
    Unknown,
    Reachable,
    /// And why.
    Away(String),
}

impl LiveKit {
    /// # Errors
    /// A client for HTTP cannot be made.
    pub(crate) fn new(settings: &Settings, metrics: &Metrics) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client()?,
            url: endpoint(&settings.livekit_url),
            key: settings.livekit_key.clone(),
            room_prefix: format!("{}_", settings.room_prefix),
            interval: settings.livekit_interval,
            state: RwLock::new(State::Unknown),
            metrics: metrics.clone(),
        })
    }

    /// Asks again and again, until `shutdown`, and tells `calls` what there is.
    pub(crate) async fn watch(&self, calls: &Calls, shutdown: CancellationToken) {
        if !self.interval.is_zero() {
            shutdown.run_until_cancelled(self.ask_for_ever(calls)).await;
        }
    }

    /// Whether a call could be placed; where nobody asks, it could.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match *self.state.read() {
            State::Unknown | State::Reachable => Ok(()),
            State::Away(_) => Err(Problem::new(
                Kind::LiveKitUnreachable,
                "Calls cannot be placed at the moment: the media server does not answer. Please try again in a moment.",
            )
            .retry_after(RETRY_AFTER)),
        }
    }

    /// For who runs the service: why calls cannot be placed.
    pub(crate) fn fault(&self) -> Option<String> {
        match &*self.state.read() {
            State::Unknown if !self.interval.is_zero() => Some("LiveKit was not asked yet".to_owned()),
            State::Away(why) => Some(format!("LiveKit cannot be reached: {why}")),
            State::Unknown | State::Reachable => None,
        }
    }

    async fn ask_for_ever(&self, calls: &Calls) {
        let mut failures = 0;
        loop {
            match self.rooms().await {
                Ok(rooms) => {
                    failures = 0;
                    self.metrics.calls(rooms.len());
                    calls.are(&rooms);
                    self.enter(State::Reachable);
                }
                Err(error) => {
                    failures += 1;
                    if failures >= FAILURES {
                        self.enter(State::Away(format!("{error:#}")));
                    }
                }
            }
            sleep(if failures == 0 { self.interval } else { PAUSE }).await;
        }
    }

    fn enter(&self, new: State) {
        let mut state = self.state.write();
        match (&*state, &new) {
            (State::Away(_), State::Reachable) => info!("LiveKit is reached again"),
            (State::Unknown | State::Reachable, State::Away(why)) => {
                warn!("LiveKit cannot be reached, and visitors are told to try again: {why}");
            }
            _ => {}
        }
        self.metrics.livekit_reachable(new == State::Reachable);
        *state = new;
    }

    /// The names of the rooms of our calls.
    async fn rooms(&self) -> anyhow::Result<HashSet<String>> {
        let request = self.http.post(&self.url).bearer_auth(self.token().await?);
        let request = request.header("content-type", "application/protobuf");
        let request = request.body(ListRoomsRequest::default().encode_to_vec());
        let mut answer = request.send().await.context("ask LiveKit for its rooms")?;
        ensure!(answer.status().is_success(), "it answers {}", answer.status());
        let mut list = Vec::new();
        while let Some(chunk) = answer.chunk().await.context("read LiveKit's rooms")? {
            list.extend_from_slice(&chunk);
            ensure!(list.len() <= LONGEST_LIST, "its list of rooms is longer than {LONGEST_LIST} bytes");
        }
        let listed = ListRoomsResponse::decode(list.as_slice()).context("parse LiveKit's rooms")?;
        let names = listed.rooms.into_iter().map(|room| room.name);
        Ok(names.filter(|name| name.starts_with(&self.room_prefix)).collect())
    }

    async fn token(&self) -> anyhow::Result<String> {
        let (key, secret) = self.key.read().await?;
        let now = Utc::now().timestamp();
        let seconds = |time: i64| usize::try_from(time).unwrap_or_default();
        let claims = Claims {
            iss: key.expose_secret().to_owned(),
            nbf: seconds(now - TOKEN_SECONDS),
            exp: seconds(now + TOKEN_SECONDS),
            video: VideoGrants { room_list: true, ..VideoGrants::default() },
            ..Claims::default()
        };
        shared_secret_token(secret.expose_secret(), &claims)
    }
}

fn endpoint(livekit: &LiveKitUrl) -> String {
    format!("{}/twirp/livekit.RoomService/ListRooms", livekit.http())
}

/// Follows nobody: a redirect would get the token.
fn http_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(LIMIT)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up the HTTP client for LiveKit")
}
