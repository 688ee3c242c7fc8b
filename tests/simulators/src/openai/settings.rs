//! How the services are: `POST /simulator/settings` with those of [`Settings`] that shall change; `GET` shows them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::OpenAi;
use super::api_error::ApiError;

/// Delays are in milliseconds; a limit that is not given is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Silence after which a streaming recogniser takes what was said for finished, milliseconds. Realtime sessions say it
    /// themselves.
    #[arg(long, env = "OPENAI_SIMULATOR_ENDPOINTING_MS", default_value = "200")]
    pub endpointing_ms: u64,
    /// Silence after which a model that knows eager ends of turns sends one, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_EAGER_MS", default_value = "120")]
    pub eager_ms: u64,
    /// How much is said between two interim transcripts, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_INTERIM_MS", default_value = "300")]
    pub interim_ms: u64,
    /// How long after the last sound of speech a final transcript is sent at the soonest, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_FINAL_DELAY_MS", default_value = "0")]
    pub final_delay_ms: u64,
    /// How long the transcription of a whole file takes at least, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_TRANSCRIPTION_DELAY_MS", default_value = "0")]
    pub transcription_delay_ms: u64,
    /// How long the model takes to its first token, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_FIRST_TOKEN_DELAY_MS", default_value = "0")]
    pub first_token_delay_ms: u64,
    /// How long a voice takes to its first sound, milliseconds.
    #[arg(long, env = "OPENAI_SIMULATOR_FIRST_AUDIO_DELAY_MS", default_value = "0")]
    pub first_audio_delay_ms: u64,
    /// Sockets for speech to text that the gateway serves at a time.
    #[arg(long, env = "OPENAI_SIMULATOR_STT_SOCKETS")]
    pub stt_sockets: Option<usize>,
    /// Sockets for text to speech that the gateway serves at a time.
    #[arg(long, env = "OPENAI_SIMULATOR_TTS_SOCKETS")]
    pub tts_sockets: Option<usize>,
    /// Requests to the model that the gateway answers in a minute.
    #[arg(long, env = "OPENAI_SIMULATOR_LLM_REQUESTS_PER_MINUTE")]
    pub llm_requests_per_minute: Option<usize>,
    /// The gateway's credits are used up.
    #[arg(long, env = "OPENAI_SIMULATOR_CREDITS_USED_UP")]
    pub credits_used_up: bool,
    /// The gateway takes a token for so long only, milliseconds, whatever the token says; sockets end with their tokens.
    #[arg(long, env = "OPENAI_SIMULATOR_TOKEN_LIFETIME_MS")]
    pub token_lifetime_ms: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpointing_ms: 200,
            eager_ms: 120,
            interim_ms: 300,
            final_delay_ms: 0,
            transcription_delay_ms: 0,
            first_token_delay_ms: 0,
            first_audio_delay_ms: 0,
            stt_sockets: None,
            tts_sockets: None,
            llm_requests_per_minute: None,
            credits_used_up: false,
            token_lifetime_ms: None,
        }
    }
}

impl Settings {
    pub(crate) fn first_audio_delay(&self) -> Duration {
        Duration::from_millis(self.first_audio_delay_ms)
    }

    pub(crate) fn first_token_delay(&self) -> Duration {
        Duration::from_millis(self.first_token_delay_ms)
    }

    pub(crate) fn transcription_delay(&self) -> Duration {
        Duration::from_millis(self.transcription_delay_ms)
    }

    pub(crate) fn token_lifetime(&self) -> Option<Duration> {
        self.token_lifetime_ms.map(Duration::from_millis)
    }

    /// The settings with some of them changed.
    fn with(&self, changes: Map<String, Value>) -> serde_json::Result<Self> {
        let mut settings = serde_json::to_value(self)?;
        for (name, value) in changes {
            settings[name] = value;
        }
        serde_json::from_value(settings)
    }
}

pub(crate) async fn show(State(openai): State<OpenAi>) -> Json<Settings> {
    Json(openai.settings())
}

pub(crate) async fn change(
    State(openai): State<OpenAi>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Settings>, ApiError> {
    let mut state = openai.state();
    state.settings =
        state.settings.with(changes).map_err(|error| ApiError::bad_request("settings", error.to_string()))?;
    Ok(Json(state.settings.clone()))
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_stays_and_what_there_is_not_is_refused() {
        let change = |changes: Value| match changes {
            Value::Object(changes) => Settings::default().with(changes).map_err(|error| error.to_string()),
            _ => unreachable!(),
        };
        let changed = change(json!({ "stt_sockets": 5, "final_delay_ms": 150 })).expect("settings");
        assert_eq!(
            (changed.stt_sockets, changed.final_delay_ms, changed.endpointing_ms),
            (Some(5), 150, 200)
        );
        for changes in [json!({ "shoe": 1 }), json!({ "eager_ms": -1 }), json!({ "stt_sockets": "five" })] {
            assert!(change(changes.clone()).is_err(), "{changes}");
        }
    }

    #[test]
    fn the_command_line_begins_with_the_same_settings() {
        let command = Settings::augment_args(Command::new("simulator"));
        let matches = command.get_matches_from(["simulator"]);
        let settings = Settings::from_arg_matches(&matches).expect("settings");
        assert_eq!(settings, Settings::default());
    }
}
