//! What participants send through data channels, before the SDK reads it: the SDK queues, inflates and answers without a
//! bound, and what it queues stands before everything else that happens in the room. What the agent has no use for, and
//! what is more than a person can send, ends here.

#[cfg(any(test, fuzzing))]
pub(super) mod hostile;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use livekit::webrtc::data_channel::{MessageGuard, guard_messages};
use livekit_protocol::data_packet::Value;
use livekit_protocol::data_stream::{Chunk, CompressionType, Header, Trailer, header::ContentHeader};
use livekit_protocol::{ChatMessage, DataPacket};
use prost::Message as _;

use super::streams::{LONGEST_TYPED, TYPED_LIMIT};
use crate::budget::kinds::Cut;
use crate::conversation::{CHAT_TOPIC, LONGEST_PRE_CONNECT_AUDIO, PRE_CONNECT_AUDIO_TOPIC};
use crate::metrics::Metrics;

/// Channels of LiveKit's data packets.
const CHANNELS: [&str; 2] = ["_reliable", "_lossy"];
/// Messages that may be typed at once, and each second after that.
const TYPED_AT_ONCE: f64 = 64.0;
const TYPED_A_SECOND: f64 = 10.0;
/// Calls of procedures, of which the agent has none: so many are told so.
const PROCEDURES_AT_ONCE: f64 = 8.0;
const PROCEDURES_A_SECOND: f64 = 1.0;
/// Typed messages that may be on their way at the same time.
const OPEN_TYPED: usize = 2;
/// Most bytes of a compressed recording, inflated: sound hardly deflates.
const LONGEST_COMPRESSED_AUDIO: usize = 2 * 1024 * 1024;
/// Most bytes of one part of a compressed stream: it is inflated as a whole, to a thousand times as many.
const LONGEST_COMPRESSED_PART: usize = 16 * 1024;
/// Most bytes of a stream's attributes and names.
const LONGEST_ATTRIBUTES: usize = 8 * 1024;
/// Most characters of a stream's id, which are those of UUIDs and the like: the SDK logs it. Front ends have 36 at most.
const LONGEST_STREAM_ID: usize = 128;
/// Most bytes of the form of a recording, and of the reason why a stream was broken off.
const LONGEST_FORM: usize = 256;
const LONGEST_REASON: usize = 256;
/// Most parts of a stream; the SDK makes parts of 15,000 bytes.
const MOST_PARTS: usize = 2_000;
/// Longest that pre-connect audio may be on its way.
const AUDIO_LIMIT: Duration = Duration::from_secs(30);

/// From now on guards the data channels of every room that this process joins.
pub(crate) fn guard_data_channels(metrics: Metrics) {
    guard_messages(move || {
        Box::new(Guard { rules: DataRules::new(Instant::now()), metrics: metrics.clone() })
    });
}

struct Guard {
    rules: DataRules,
    metrics: Metrics,
}

impl MessageGuard for Guard {
    fn admits(&mut self, label: &str, data: &[u8]) -> bool {
        let refused = self.rules.read(label, data, Instant::now()).err();
        refused.inspect(|what| self.metrics.cut(*what)).is_none()
    }
}

/// What of one connection's packets is let through. No IO, and no clock.
struct DataRules {
    typed: Allowance,
    procedures: Allowance,
    open: HashMap<String, OpenStream>,
    /// A call has one recording.
    had_audio: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Typed,
    PreConnectAudio,
}

struct OpenStream {
    topic: Topic,
    compressed: bool,
    bytes: usize,
    parts: usize,
    until: Instant,
}

impl DataRules {
    fn new(now: Instant) -> Self {
        Self {
            typed: Allowance::new(TYPED_AT_ONCE, TYPED_A_SECOND, now),
            procedures: Allowance::new(PROCEDURES_AT_ONCE, PROCEDURES_A_SECOND, now),
            open: HashMap::new(),
            had_audio: false,
        }
    }

    fn read(&mut self, label: &str, data: &[u8], now: Instant) -> Result<(), Cut> {
        let packet = CHANNELS.contains(&label).then(|| DataPacket::decode(data).ok()).flatten();
        let value = packet.and_then(|packet| packet.value).ok_or(Cut::DataMessages)?;
        self.take(&value, now)
    }

    fn take(&mut self, value: &Value, now: Instant) -> Result<(), Cut> {
        match value {
            Value::ChatMessage(ChatMessage { message, .. }) => {
                let fits = message.len() <= LONGEST_TYPED && self.typed.take(now);
                fits.then_some(()).ok_or(Cut::TypedMessages)
            }
            Value::StreamHeader(header) => self.open(header, now),
            Value::StreamChunk(chunk) => self.go_on(chunk, now),
            Value::StreamTrailer(trailer) => self.close(trailer),
            Value::RpcRequest(_) => self.procedures.take(now).then_some(()).ok_or(Cut::DataMessages),
            _ => Err(Cut::DataMessages),
        }
    }

    fn open(&mut self, header: &Header, now: Instant) -> Result<(), Cut> {
        self.open.retain(|_, stream| now < stream.until);
        let attributes =
            header.attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let names = match &header.content_header {
            Some(ContentHeader::ByteHeader(header)) => header.name.len(),
            Some(ContentHeader::TextHeader(header)) => {
                let attached = header.attached_stream_ids.iter().map(String::len).sum::<usize>();
                header.reply_to_stream_id.len() + attached
            }
            None => 0,
        };
        if attributes + names > LONGEST_ATTRIBUTES
            || header.mime_type.len() > LONGEST_FORM
            || !is_stream_id(&header.stream_id)
            || self.open.contains_key(&header.stream_id)
        {
            return Err(Cut::Streams);
        }
        let compressed = match CompressionType::try_from(header.compression) {
            Ok(CompressionType::None) => false,
            Ok(CompressionType::DeflateRaw) => true,
            // The SDK logs an unknown one, with the stream's id.
            Err(_) => return Err(Cut::Streams),
        };
        let (topic, longest, limit) = match (header.topic.as_str(), &header.content_header) {
            (CHAT_TOPIC, Some(ContentHeader::TextHeader(_))) => {
                let open = self.open.values().filter(|stream| stream.topic == Topic::Typed).count();
                if open >= OPEN_TYPED || !self.typed.take(now) {
                    return Err(Cut::TypedMessages);
                }
                (Topic::Typed, LONGEST_TYPED, TYPED_LIMIT)
            }
            (PRE_CONNECT_AUDIO_TOPIC, Some(ContentHeader::ByteHeader(_))) => {
                if self.had_audio {
                    return Err(Cut::PreConnectAudio);
                }
                let longest = if compressed { LONGEST_COMPRESSED_AUDIO } else { LONGEST_PRE_CONNECT_AUDIO };
                (Topic::PreConnectAudio, longest, AUDIO_LIMIT)
            }
            _ => return Err(Cut::Streams),
        };
        // The SDK holds a stream to the length that it declares; of a compressed one only that tells what it becomes.
        let declared = header.total_length.or((!compressed).then_some(0));
        let part = header.inline_content.as_ref().map_or(0, Vec::len);
        if declared.is_none_or(|length| length > longest as u64)
            || part > if compressed { LONGEST_COMPRESSED_PART } else { longest }
        {
            return Err(topic.cut());
        }
        self.had_audio |= topic == Topic::PreConnectAudio;
        // A stream with its content inside is whole.
        if header.inline_content.is_none() {
            let stream = OpenStream { topic, compressed, bytes: 0, parts: 0, until: now + limit };
            self.open.insert(header.stream_id.clone(), stream);
        }
        Ok(())
    }

    fn go_on(&mut self, chunk: &Chunk, now: Instant) -> Result<(), Cut> {
        let Some(stream) = self.open.get_mut(&chunk.stream_id) else { return Err(Cut::Streams) };
        let topic = stream.topic;
        stream.bytes = stream.bytes.saturating_add(chunk.content.len());
        stream.parts += 1;
        let longest = match topic {
            Topic::Typed => LONGEST_TYPED,
            Topic::PreConnectAudio => LONGEST_PRE_CONNECT_AUDIO,
        };
        let inflates = stream.compressed && chunk.content.len() > LONGEST_COMPRESSED_PART;
        if stream.bytes > longest || stream.parts > MOST_PARTS || inflates || now >= stream.until {
            self.open.remove(&chunk.stream_id);
            return Err(topic.cut());
        }
        Ok(())
    }

    fn close(&mut self, trailer: &Trailer) -> Result<(), Cut> {
        let attributes =
            trailer.attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let known = self.open.remove(&trailer.stream_id).is_some();
        let fits = attributes <= LONGEST_ATTRIBUTES && trailer.reason.len() <= LONGEST_REASON;
        (known && fits).then_some(()).ok_or(Cut::Streams)
    }
}

fn is_stream_id(text: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.:".contains(&letter);
    (1..=LONGEST_STREAM_ID).contains(&text.len()) && text.bytes().all(plain)
}

impl Topic {
    fn cut(self) -> Cut {
        match self {
            Self::Typed => Cut::TypedMessages,
            Self::PreConnectAudio => Cut::PreConnectAudio,
        }
    }
}

/// So many at once, and so many a second.
struct Allowance {
    most: f64,
    a_second: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(most: f64, a_second: f64, at: Instant) -> Self {
        Self { most, a_second, left: most, at }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.a_second).min(self.most);
        self.at = now;
        let takes = self.left >= 1.0;
        self.left -= if takes { 1.0 } else { 0.0 };
        takes
    }
}

#[cfg(test)]
mod tests;
