//! A caller in a call: speaks, types, and reads the captions that a front end would show.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use schemas::{Role, SessionEnded};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::callers::Callers;
use crate::servers::{LIMIT, wait_for, within};

pub(crate) const GREETING: &str = "Hello, this is the AI assistant of PandaDoc. How can I help you today?";
pub(crate) const APOLOGY: &str = "Sorry, I did not get that. Could you say it again?";

/// Some twenty seconds of speech.
pub(crate) const LONG: &str = "PandaDoc has templates for proposals and for quotes. You can send them to many people at once. \
    Everybody signs where they are asked to sign. You see who has read what, and when they did so. Payments can be asked for in \
    the same document. And a colleague of ours can show you all of that whenever you like.";

/// A participant in a call.
pub(crate) struct Call<'a> {
    callers: &'a mut Callers,
    room: &'a str,
}

/// What a front end was shown of a call.
#[derive(Debug, Deserialize)]
pub(crate) struct Captions {
    pub(crate) streams: Vec<Stream>,
    pub(crate) packets: Vec<Packet>,
    pub(crate) states: Vec<String>,
}

/// A text stream, such as a transcription or a chat message.
#[derive(Debug, Deserialize)]
pub(crate) struct Stream {
    pub(crate) topic: String,
    pub(crate) from: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
    /// Whether it was closed.
    pub(crate) whole: bool,
}

/// A segment in the older form.
#[derive(Debug, Deserialize)]
pub(crate) struct Packet {
    pub(crate) of: String,
    pub(crate) track: String,
    pub(crate) segment: String,
    pub(crate) text: String,
    #[serde(rename = "final")]
    pub(crate) is_final: bool,
}

impl Captions {
    /// What the agent says, or has said.
    pub(crate) fn of_agent(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.is_transcription() && stream.from.starts_with("agent-"))
    }
}

impl Stream {
    pub(crate) fn is_transcription(&self) -> bool {
        self.topic == "lk.transcription"
    }

    pub(crate) fn segment(&self) -> &str {
        &self.attributes["lk.segment_id"]
    }

    pub(crate) fn track(&self) -> &str {
        &self.attributes["lk.transcribed_track_id"]
    }

    pub(crate) fn is_final(&self) -> bool {
        self.attributes["lk.transcription_final"] == "true"
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(callers: &'a mut Callers, room: &'a str) -> Self {
        Self { callers, room }
    }

    pub(crate) fn captions(&mut self) -> Captions {
        serde_json::from_value(self.run("captions", json!({}))).expect("what was shown")
    }

    /// The same, once all that the agent said is there: it takes another way than the state which says that the agent listens.
    pub(crate) fn captions_whole(&mut self) -> Captions {
        wait_for("the end of what the agent said", || {
            let captions = self.captions();
            let last = captions.packets.iter().rfind(|packet| packet.of.starts_with("agent-"));
            let whole = captions.streams.iter().all(|stream| stream.whole);
            (whole && last.is_some_and(|packet| packet.is_final)).then_some(captions)
        })
    }

    /// What the agent has begun to say, in order.
    pub(crate) fn agent_said(&mut self) -> Vec<String> {
        self.captions().of_agent().map(|stream| stream.text.clone()).collect()
    }

    /// What the agent has answered in the chat, where the caller typed.
    pub(crate) fn chat(&mut self) -> Vec<String> {
        let streams = self.captions().streams.into_iter();
        let chat = streams.filter(|stream| stream.topic == "lk.chat" && stream.whole);
        chat.map(|stream| stream.text).collect()
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.run("say", json!({"text": text}));
    }

    /// Types, and waits for the whole answer.
    pub(crate) fn asks(&mut self, text: &str) -> String {
        let before = self.chat().len();
        self.types(text);
        wait_for(&format!("an answer to «{text}»"), || self.chat().get(before).cloned())
    }

    /// Types, and waits for the apology in place of an answer.
    pub(crate) fn is_not_understood(&mut self, text: &str) {
        let before = self.apologies();
        self.types(text);
        self.hears_apology(before + 1);
    }

    pub(crate) fn hears_apology(&mut self, times: usize) {
        wait_for("the apology", || (self.apologies() >= times).then_some(()));
    }

    pub(crate) fn apologies(&mut self) -> usize {
        self.agent_said().iter().filter(|said| *said == APOLOGY).count()
    }

    /// Waits until the agent has said all it has to say.
    pub(crate) fn waits(&mut self) {
        wait_for("the agent listens", || self.is_listened_to().then_some(()));
    }

    /// The same, where it may not.
    pub(crate) fn waits_within(&mut self, limit: Duration) -> bool {
        within(limit, || self.is_listened_to().then_some(())).is_some()
    }

    /// Its state takes another way than its words: where these have begun, it may still be that of the silence before them.
    fn is_listened_to(&mut self) -> bool {
        let captions = self.captions();
        let listens = captions.states.last().is_some_and(|state| state == "listening");
        listens && captions.of_agent().all(|stream| stream.whole)
    }

    /// Speaks, with a voice that the recogniser understands.
    pub(crate) fn speaks(&mut self, text: &str) {
        let file = flite(text);
        self.run("speak", json!({"file": file.path()}));
    }

    /// Speaks these one after the other; the seconds that they take, with the pauses.
    pub(crate) fn speaks_with_pauses(&mut self, parts: &[&str], pause: f64) -> f64 {
        let file = wav_file();
        let mut form = None;
        let mut samples = Vec::new();
        for part in parts {
            let spoken = flite(part);
            let reader = hound::WavReader::open(spoken.path()).expect("read what was spoken");
            let rate = form.insert(reader.spec()).sample_rate;
            let all: Vec<i16> = reader.into_samples().map(|sample| sample.expect("a sample")).collect();
            // Without the silence that flite puts around it.
            let is_loud = |sample: &i16| sample.unsigned_abs() > 300;
            let (first, last) = (all.iter().position(is_loud), all.iter().rposition(is_loud));
            samples.extend(&all[first.expect("speech")..last.expect("speech")]);
            samples.extend(std::iter::repeat_n(0_i16, (pause * f64::from(rate)) as usize));
        }
        let form = form.expect("parts");
        let mut writer = hound::WavWriter::create(file.path(), form).expect("write a file");
        samples.iter().for_each(|sample| writer.write_sample(*sample).expect("write a sample"));
        writer.finalize().expect("write a file");
        self.run("speak", json!({"file": file.path()}));
        samples.len() as f64 / f64::from(form.sample_rate)
    }

    /// Speaks a file; when that began and ended, in seconds of the recording.
    pub(crate) fn utters(&mut self, file: &Path) -> (f64, f64) {
        let spoken = self.run("speak", json!({"file": file}));
        let second = |name: &str| spoken[name].as_f64().expect("a time");
        (second("began"), second("ended"))
    }

    /// From now on this is heard around the caller.
    pub(crate) fn murmurs(&mut self, file: &Path) {
        self.run("murmur", json!({"file": file}));
    }

    /// Writes what was recorded of the agent.
    pub(crate) fn write_recording(&mut self, file: &Path) {
        self.run("recorded", json!({"file": file}));
    }

    /// Switches the microphone off, or on again.
    pub(crate) fn mutes(&mut self, muted: bool) {
        self.run("mute", json!({"muted": muted}));
    }

    /// How much was heard so far that was no silence, seconds.
    pub(crate) fn heard_seconds(&mut self) -> f64 {
        self.run("heard", json!({}))["seconds"].as_f64().expect("a number")
    }

    /// Waits until the agent says something with these words.
    pub(crate) fn hears(&mut self, words: &str) {
        let heard = within(LIMIT, || self.agent_said().iter().any(|said| said.contains(words)).then_some(()));
        assert!(heard.is_some(), "«{words}»: not within {LIMIT:?}, but {:?}", self.agent_said());
    }

    /// Waits until the server has ended the connection; why.
    pub(crate) fn is_gone(&mut self) -> String {
        self.run("gone", json!({}))["reason"].as_str().expect("a reason").to_owned()
    }

    fn run(&mut self, command: &str, mut arguments: Value) -> Value {
        arguments["room"] = json!(self.room);
        self.callers.run(command, arguments)
    }
}

/// The caller's turns, in order.
pub(crate) fn said_by_the_caller(session: &SessionEnded) -> Vec<&str> {
    let transcript = session.transcript.as_deref().unwrap_or_default().iter();
    transcript.filter(|entry| entry.role == Role::User).map(|entry| entry.text.as_str()).collect()
}

/// A text as sound, by a voice that the recogniser understands.
pub(crate) fn flite(text: &str) -> NamedTempFile {
    let file = wav_file();
    let mut flite = Command::new("flite");
    flite.args(["-voice", "slt", "-t", text, "-o"]).arg(file.path());
    assert!(flite.status().expect("start flite").success());
    file
}

pub(crate) fn wav_file() -> NamedTempFile {
    tempfile::Builder::new().suffix(".wav").tempfile().expect("a temporary file")
}
