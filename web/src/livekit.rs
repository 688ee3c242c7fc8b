//! Whether LiveKit can be reached, and which rooms of ours it has. It is asked every few seconds, never for a visitor.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::http::StatusCode;
use chrono::Utc;
use livekit_api::access_token::{Claims, VideoGrants};
use livekit_protocol::{ListRoomsRequest, ListRoomsResponse};
use parking_lot::RwLock;
use prost::Message as _;
use secrecy::ExposeSecret as _;
use service::{LiveKitKey, LiveKitUrl, Seldom, shared_secret_token};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::calls::Calls;
use crate::configuration::Settings;
use crate::connection_details::RANDOM_DIGITS;
use crate::http_client;
use crate::metrics::Metrics;
use crate::problem::{Kind, Problem};
use crate::token::seconds;

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
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// What is known of LiveKit.
pub(crate) struct LiveKit {
    http: reqwest::Client,
    url: String,
    key: LiveKitKey,
    /// With which the rooms of our calls begin, before the first `_`.
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
    /// It answers, but does not tell its rooms, and why.
    Uncounted(String),
    /// And why.
    Away(String),
}

/// Why there is no list of rooms.
#[derive(Debug)]
enum NoList {
    /// No visitor's call would come through, either.
    Away(anyhow::Error),
    /// LiveKit is there, and says something else.
    Untold(anyhow::Error),
}

impl LiveKit {
    /// # Errors
    /// A client for HTTP cannot be made, or the metrics are another's.
    pub(crate) fn new(settings: &Settings, metrics: &Metrics) -> anyhow::Result<Self> {
        if !settings.livekit_interval.is_zero() {
            metrics.with_livekit().context("register the metrics of LiveKit")?;
        }
        Ok(Self {
            http: http_client::new(LIMIT).context("ask LiveKit for its rooms")?,
            url: endpoint(&settings.livekit_url),
            key: settings.livekit_key.clone(),
            room_prefix: settings.room_prefix.clone(),
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
            State::Unknown | State::Reachable | State::Uncounted(_) => Ok(()),
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
            State::Uncounted(why) => Some(format!("LiveKit's rooms are not known: {why}")),
            State::Away(why) => Some(format!("LiveKit cannot be reached: {why}")),
            State::Unknown | State::Reachable => None,
        }
    }

    async fn ask_for_ever(&self, calls: &Calls) {
        let mut failures = 0;
        let mut untold = Seldom::default();
        loop {
            match self.rooms().await {
                Ok(rooms) => {
                    failures = 0;
                    self.metrics.calls(rooms.len());
                    calls.are(&rooms);
                    self.enter(State::Reachable);
                }
                Err(NoList::Untold(error)) => {
                    failures = 0;
                    if let Some(before) = untold.now(Instant::now()) {
                        warn!(
                            not_logged = before,
                            "LiveKit does not tell its rooms, the last count stays: {error:#}"
                        );
                    }
                    self.enter(State::Uncounted(format!("{error:#}")));
                }
                Err(NoList::Away(error)) => {
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
            (State::Away(_), State::Reachable | State::Uncounted(_)) => info!("LiveKit is reached again"),
            (State::Unknown | State::Reachable | State::Uncounted(_), State::Away(why)) => {
                warn!("LiveKit cannot be reached, and visitors are told to try again: {why}");
            }
            _ => {}
        }
        self.metrics.livekit_reachable(matches!(new, State::Reachable | State::Uncounted(_)));
        *state = new;
    }

    /// The names of the rooms of our calls.
    async fn rooms(&self) -> Result<HashSet<String>, NoList> {
        let answer = self.ask().await.map_err(NoList::Away)?;
        let status = answer.status();
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) || status.is_server_error() {
            return Err(NoList::Away(anyhow!("it answers {status}")));
        }
        if !status.is_success() {
            return Err(NoList::Untold(anyhow!("it answers {status}")));
        }
        let listed = read_list(answer).await?;
        let names = listed.rooms.into_iter().map(|room| room.name);
        Ok(names.filter(|name| is_of_a_call(name, &self.room_prefix)).collect())
    }

    async fn ask(&self) -> anyhow::Result<reqwest::Response> {
        let request = self.http.post(&self.url).bearer_auth(self.token().await?);
        let request = request.header("content-type", "application/protobuf");
        let request = request.body(ListRoomsRequest::default().encode_to_vec());
        request.send().await.context("ask LiveKit for its rooms")
    }

    async fn token(&self) -> anyhow::Result<String> {
        let (key, secret) = self.key.read().await?;
        let now = Utc::now();
        let claims = Claims {
            iss: key.expose_secret().to_owned(),
            nbf: seconds(now - TOKEN_LIFE),
            exp: seconds(now + TOKEN_LIFE),
            video: VideoGrants { room_list: true, ..VideoGrants::default() },
            ..Claims::default()
        };
        shared_secret_token(secret.expose_secret(), &claims)
    }
}

async fn read_list(answer: reqwest::Response) -> Result<ListRoomsResponse, NoList> {
    let list = http_client::body(answer, LONGEST_LIST).await;
    let list = list.context("read LiveKit's rooms").map_err(NoList::Away)?;
    let too_long = || NoList::Untold(anyhow!("its list of rooms is longer than {LONGEST_LIST} bytes"));
    let list = list.ok_or_else(too_long)?;
    ListRoomsResponse::decode(list.as_slice()).context("parse LiveKit's rooms").map_err(NoList::Untold)
}

/// Whether a room has a name as `Invitation` gives it. Others may begin with the same word.
fn is_of_a_call(room: &str, prefix: &str) -> bool {
    let rest = room.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    rest.and_then(|rest| rest.split_once('_')).is_some_and(|(milliseconds, random)| {
        !milliseconds.is_empty()
            && milliseconds.bytes().all(|byte| byte.is_ascii_digit())
            && random.len() == RANDOM_DIGITS
            && random.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    })
}

fn endpoint(livekit: &LiveKitUrl) -> String {
    format!("{}/twirp/livekit.RoomService/ListRooms", livekit.http())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_of_calls_are_told_from_others_by_their_whole_name() {
        assert!(is_of_a_call("my_call_1764460800000_0az9bcdefg", "my_call"));
        for other in [
            "my_call",
            "my_call_",
            "my_call_1764460800000",
            "my_call_1764460800000_",
            "my_call__0az9bcdefg",
            "my_call_17x_0az9bcdefg",
            "my_call_1764460800000_0az9bcdef",
            "my_call_1764460800000_0az9bcdefgh",
            "my_call_1764460800000_0AZ9bcdefg",
            "my_call_1764460800000_0az9_cdefg",
            "my_call_1764460800000_0az9bcdefg_2",
            "my_calls_1764460800000_0az9bcdefg",
            "call_1764460800000_0az9bcdefg",
        ] {
            assert!(!is_of_a_call(other, "my_call"), "{other}");
        }
    }
}
