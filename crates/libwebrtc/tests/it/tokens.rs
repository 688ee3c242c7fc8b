//! Tokens that the server replaces while a session lasts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use livekit::SimulateScenario;
use livekit::prelude::*;
use ring::hmac;
use serde_json::json;

use crate::participant::Participant;
use crate::server::Server;
use test_servers::{KEY, SECRET};

/// The server takes a token for a minute after it expired. This one has already used up most of that.
const EXPIRED_SECONDS_AGO: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_token_it_was_joined_with() {
    let server = Server::start().await;
    let token = expired_token();
    let mut participant = Participant::join_as(&server, &token, RoomOptions::default()).await;
    let refreshed = participant
        .wait_for("refreshed token", |event| match event {
            RoomEvent::TokenRefreshed { token } => Some(token),
            _ => None,
        })
        .await;
    assert_ne!(refreshed, token);

    tokio::time::sleep(Duration::from_secs(62 - EXPIRED_SECONDS_AGO)).await;
    let refused = Room::connect(&server.url(), &token, RoomOptions::default()).await;
    assert!(refused.is_err(), "the first token is still taken: this test proves nothing");

    for scenario in [SimulateScenario::SignalReconnect, SimulateScenario::FullReconnect] {
        participant.room.simulate_scenario(scenario).await.expect("drop the connection");
        participant.wait_until_reconnected().await;
    }
}

fn expired_token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("read clock").as_secs();
    let claims = json!({
        "iss": KEY,
        "sub": "someone",
        "nbf": now - 600,
        "exp": now - EXPIRED_SECONDS_AGO,
        "video": { "roomJoin": true, "room": "room" },
    });
    let [header, claims] =
        [json!({ "alg": "HS256" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
