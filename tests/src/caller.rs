//! A synthetic caller: what a browser does, without one.

use std::f32::consts::TAU;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use livekit::options::TrackPublishOptions;
use livekit::participant::{ParticipantKind, RemoteParticipant};
use livekit::prelude::{
    LocalAudioTrack, LocalTrack, Room, RoomEvent, RoomOptions, RtcAudioSource, TrackSource,
};
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::AudioSourceOptions;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::{SendTextOptions, StreamReader as _, TextStreamReader};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol::{RoomAgentDispatch, RoomConfiguration};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::environment::Environment;

const SAMPLE_RATE: u32 = 48_000;

/// Topics of the texts that are typed, and that an agent answers and says.
const CHAT_TOPIC: &str = "lk.chat";
const TRANSCRIPTION_TOPIC: &str = "lk.transcription";
/// Where an agent says what it does, and what it says there once it talks with somebody.
const STATE_ATTRIBUTE: &str = "lk.agent.state";
const TALKING: [&str; 3] = ["listening", "thinking", "speaking"];

/// What the page gets to place a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionDetails {
    /// Name of the room, which is the session's id.
    pub room_name: String,
    /// The token to join it with.
    pub participant_token: String,
}

impl ConnectionDetails {
    /// Asks the web service, as the page does.
    pub async fn request(environment: &Environment, email: &str) -> Result<Self> {
        let url = format!("{}/api/connection-details", environment.get("WEB_URL")?);
        let body = json!({ "user_email": email });
        let answer = reqwest::Client::new().post(url).json(&body).send().await.context("ask for a token")?;
        answer.error_for_status()?.json().await.context("read connection details")
    }

    /// Makes a token as another front end could, with any metadata.
    pub fn sign(environment: &Environment, room_name: &str, metadata: Option<&str>) -> Result<Self> {
        let agent_name = environment.get("AGENT_NAME")?.to_owned();
        let mut token = AccessToken::with_api_key(
            environment.get("LIVEKIT_API_KEY")?,
            environment.get("LIVEKIT_API_SECRET")?,
        )
        .with_identity("trialist_test")
        .with_grants(VideoGrants { room_join: true, room: room_name.to_owned(), ..Default::default() })
        .with_room_config(RoomConfiguration {
            agents: vec![RoomAgentDispatch { agent_name, ..Default::default() }],
            ..Default::default()
        });
        if let Some(metadata) = metadata {
            token = token.with_metadata(metadata);
        }
        Ok(Self { room_name: room_name.to_owned(), participant_token: token.to_jwt().context("sign token")? })
    }
}

/// A participant in a call.
pub struct Caller {
    /// Name of the room, which is the session's id.
    pub session_id: String,
    room: Room,
    events: UnboundedReceiver<RoomEvent>,
    /// What agents have said and answered, each text once it is whole.
    texts_tx: UnboundedSender<String>,
    texts_rx: UnboundedReceiver<String>,
    microphone: Option<JoinHandle<()>>,
    joined: Instant,
}

impl Caller {
    /// Joins and publishes its microphone, with a 440 Hz tone.
    pub async fn join(environment: &Environment, details: &ConnectionDetails) -> Result<Self> {
        Self::join_with(environment, details, SAMPLE_RATE, tone()).await
    }

    /// The same, with what a WAV file [says](crate::conversation::speak), again and again, and the quiet of a room for a while
    /// after each time.
    pub async fn join_saying(
        environment: &Environment,
        details: &ConnectionDetails,
        recording: &Path,
        quiet: Duration,
    ) -> Result<Self> {
        let (rate, mut samples) = read_wav(recording)?;
        // Nothing at all would not be sent, and so be no pause.
        let noise = (0..).map(|number: u32| (number.wrapping_mul(7_919) % 33) as i16 - 16);
        samples.extend(noise.take((f64::from(rate) * quiet.as_secs_f64()) as usize));
        Self::join_with(environment, details, rate, samples.into_iter().cycle()).await
    }

    async fn join_with(
        environment: &Environment,
        details: &ConnectionDetails,
        rate: u32,
        samples: impl Iterator<Item = i16> + Send + 'static,
    ) -> Result<Self> {
        let mut caller = Self::join_without_microphone(environment, details).await?;
        let source = NativeAudioSource::new(AudioSourceOptions::default(), rate, 1, 100);
        let track = LocalAudioTrack::create_audio_track("microphone", RtcAudioSource::Native(source.clone()));
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
        caller
            .room
            .local_participant()
            .publish_track(LocalTrack::Audio(track), options)
            .await
            .context("publish microphone")?;
        caller.microphone = Some(tokio::spawn(play(source, rate, samples)));
        Ok(caller)
    }

    /// Joins as somebody who types.
    pub async fn join_without_microphone(
        environment: &Environment,
        details: &ConnectionDetails,
    ) -> Result<Self> {
        let url = environment.get("LIVEKIT_URL")?;
        let (room, events) = Room::connect(url, &details.participant_token, RoomOptions::default())
            .await
            .context("join room")?;
        let (joined, session_id) = (Instant::now(), details.room_name.clone());
        let (texts_tx, texts_rx) = unbounded_channel();
        Ok(Self { session_id, room, events, texts_tx, texts_rx, microphone: None, joined })
    }

    /// Waits until the agent is among the participants, and says how long after the join that was.
    pub async fn wait_for_agent(&mut self, limit: Duration) -> Result<Duration> {
        if self.room.remote_participants().values().any(is_agent) {
            return Ok(self.joined.elapsed());
        }
        let agent = async {
            while let Some(event) = self.events.recv().await {
                if matches!(&event, RoomEvent::ParticipantConnected(participant) if is_agent(participant)) {
                    return Ok(self.joined.elapsed());
                }
            }
            bail!("the room was closed before an agent came")
        };
        tokio::time::timeout(limit, agent).await.with_context(|| format!("no agent came within {limit:?}"))?
    }

    /// The jobs whose agents are in the room.
    pub fn jobs(&self) -> Vec<String> {
        let agents = self.room.remote_participants().into_values().filter(is_agent);
        agents
            .filter_map(|agent| Some(agent.identity().as_str().strip_prefix("agent-")?.to_owned()))
            .collect()
    }

    /// Waits until an agent talks with this caller: what is typed before is not read.
    pub async fn wait_until_heard(&self, limit: Duration) -> Result<()> {
        crate::wait_for("an agent to listen", limit, || async {
            let agents = self.room.remote_participants().into_values().filter(is_agent);
            let mut states = agents.filter_map(|agent| agent.attributes().remove(STATE_ATTRIBUTE));
            Ok(states.any(|state| TALKING.contains(&state.as_str())).then_some(()))
        })
        .await
    }

    /// Types a message.
    pub async fn say(&self, text: &str) -> Result<()> {
        let options = SendTextOptions::new_with_topic(CHAT_TOPIC);
        self.room.local_participant().send_text(text, options).await.context("type a message")?;
        Ok(())
    }

    /// Waits until an agent has said something with this part, in lower case.
    pub async fn wait_for_words(&mut self, part: &str, limit: Duration) -> Result<()> {
        let said = async {
            loop {
                tokio::select! {
                    Some(text) = self.texts_rx.recv() => {
                        if text.to_lowercase().contains(part) {
                            return Ok(());
                        }
                    }
                    event = self.events.recv() => match event {
                        None | Some(RoomEvent::Disconnected { .. }) => bail!("the room was closed"),
                        Some(event) => listen(&event, &self.texts_tx),
                    }
                }
            }
        };
        tokio::time::timeout(limit, said).await.with_context(|| format!("«{part}» was not said"))?
    }

    /// Leaves on purpose.
    pub async fn hang_up(self) -> Result<()> {
        if let Some(microphone) = self.microphone {
            microphone.abort();
        }
        self.room.close().await.context("leave room")
    }
}

/// Reads what an agent says or answers.
fn listen(event: &RoomEvent, texts_tx: &UnboundedSender<String>) {
    let RoomEvent::TextStreamOpened { reader, topic, participant_identity } = event else { return };
    let of_agent = participant_identity.as_str().starts_with("agent-");
    if of_agent
        && [CHAT_TOPIC, TRANSCRIPTION_TOPIC].contains(&topic.as_str())
        && let Some(reader) = reader.take()
    {
        tokio::spawn(read(reader, texts_tx.clone()));
    }
}

async fn read(reader: TextStreamReader, texts_tx: UnboundedSender<String>) {
    if let Ok(text) = reader.read_all().await {
        // The caller may have left.
        drop(texts_tx.send(text));
    }
}

fn is_agent(participant: &RemoteParticipant) -> bool {
    participant.kind() == ParticipantKind::Agent
}

/// Never ends.
fn tone() -> impl Iterator<Item = i16> {
    let step = TAU * 440.0 / SAMPLE_RATE as f32;
    let phases = std::iter::successors(Some(0.0_f32), move |phase| Some((phase + step) % TAU));
    phases.map(|phase| (phase.sin() * 8_000.0) as i16)
}

async fn play(source: NativeAudioSource, rate: u32, mut samples: impl Iterator<Item = i16>) {
    loop {
        // 10 ms.
        let mut frame = AudioFrame::new(rate, 1, rate / 100);
        for (sample, next) in frame.data.to_mut().iter_mut().zip(&mut samples) {
            *sample = next;
        }
        // The source takes frames at the pace of real time; it ends with the track.
        if source.capture_frame(&frame).await.is_err() {
            return;
        }
    }
}

/// Rate and samples of a WAV file of 16 bits and one channel.
fn read_wav(file: &Path) -> Result<(u32, Vec<i16>)> {
    let reader = hound::WavReader::open(file).with_context(|| format!("read {}", file.display()))?;
    let rate = reader.spec().sample_rate;
    let samples: hound::Result<_> = reader.into_samples().collect();
    Ok((rate, samples.with_context(|| format!("read {}", file.display()))?))
}
