//! 20 ms at a time: from a source's samples to Opus payloads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::level::{self, AudioLevel};
use super::opus::{Encoder, OpusError, SAMPLE_RATES};
use super::opus_format::EncoderSettings;
use super::resample::Resampler;
use super::source_queue::SourceQueue;

const FRAME: Duration = Duration::from_millis(20);
/// Ticks of the RTP clock in a frame.
const FRAME_TICKS: u32 = 960;
/// How often a frame that is not complete is looked at again, and for how long: programs push at their own pace.
const RETRY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_millis(40);
/// Frames of silence that are sent before sending pauses.
const SILENT_FRAMES: u32 = 10;
/// How often a frame is sent during a pause, so that the peer sees the track is alive.
const KEEP_ALIVE: Duration = Duration::from_millis(400);
/// Later than this, the clock starts anew instead of catching up.
const MAX_LAG: Duration = Duration::from_millis(200);
/// Bytes of an encoded frame at the highest bitrate.
const MAX_PAYLOAD: usize = 1275;

/// Bytes of a frame in which the codec says nothing.
const MAX_LEFT_OUT: usize = 2;

/// A frame to send in a packet of its own.
pub(crate) struct EncodedFrame {
    pub(crate) payload: Arc<[u8]>,
    /// Ticks of the RTP clock since the frame before.
    pub(crate) ticks: u32,
    pub(crate) level: AudioLevel,
    /// The first frame after a pause.
    pub(crate) starts_talk: bool,
}

/// Encodes one source for one peer, and leaves out what need not be sent (discontinuous transmission, DTX).
pub(crate) struct AudioSender {
    id: u64,
    source: Arc<SourceQueue>,
    encoder: Encoder,
    settings: EncoderSettings,
    resampler: Option<Resampler>,
    /// Interleaved samples of a frame, at the source's rate and at the encoder's.
    source_frame: usize,
    encoder_frame: usize,
    captured: Vec<i16>,
    samples: Vec<i16>,
    payload: Box<[u8; MAX_PAYLOAD]>,
    next_at: Instant,
    waiting_since: Option<Instant>,
    /// When the last frame was due, sent or not; ticks since the last one that was sent.
    last_slot: Instant,
    ticks: u32,
    silent_frames: u32,
    last_sent: Instant,
    /// The codec left the last frame out.
    left_out: bool,
}

impl AudioSender {
    /// Attaches to the source: `samples_arrived` is notified from now on.
    pub(crate) fn new(
        source: Arc<SourceQueue>,
        settings: EncoderSettings,
        samples_arrived: Arc<Notify>,
        now: Instant,
    ) -> Result<Self, String> {
        let (rate, channels) = (source.sample_rate(), source.num_channels());
        let encoder_rate = if SAMPLE_RATES.contains(&rate) { rate } else { 48_000 };
        let mut encoder = Encoder::new(encoder_rate, channels).map_err(|error| error.to_string())?;
        encoder.configure(&settings).map_err(|error| error.to_string())?;
        let resampler = (encoder_rate != rate).then(|| Resampler::new(rate, encoder_rate, channels));
        let resampler = resampler.transpose().map_err(|error| error.to_string())?;
        let id = rand::random();
        source.attach(id, samples_arrived);
        let frame_at = |rate: u32| (rate / 50 * channels) as usize;
        Ok(Self {
            id,
            source,
            encoder,
            settings,
            resampler,
            source_frame: frame_at(rate),
            encoder_frame: frame_at(encoder_rate),
            captured: Vec::new(),
            samples: Vec::new(),
            payload: Box::new([0; MAX_PAYLOAD]),
            next_at: now,
            waiting_since: None,
            last_slot: now,
            ticks: 0,
            silent_frames: 0,
            last_sent: now,
            left_out: false,
        })
    }

    pub(crate) fn reads(&self, source: &Arc<SourceQueue>) -> bool {
        Arc::ptr_eq(&self.source, source)
    }

    pub(crate) fn configure(&mut self, settings: EncoderSettings) {
        if settings != self.settings {
            self.settings = settings;
            if let Err(error) = self.encoder.configure(&settings) {
                tracing::error!(%error, ?settings, "configure the encoder");
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// The source has samples: a pause ends at once.
    pub(crate) fn wake(&mut self, now: Instant) {
        if self.is_paused() {
            self.next_at = self.next_at.min(now);
        }
    }

    /// Takes the frame that is due, if it is complete. A muted track's samples are taken and not sent.
    pub(crate) fn tick(&mut self, now: Instant, muted: bool) -> Option<EncodedFrame> {
        if now < self.next_at {
            return None;
        }
        if now > self.next_at + MAX_LAG {
            self.next_at = now;
        }
        self.source.take(self.id, self.source_frame, &mut self.captured);
        let complete = self.captured.len() >= self.source_frame;
        if !complete && !self.has_waited(now) {
            self.next_at = now + RETRY;
            return None;
        }
        self.advance_clock(now, complete);
        self.captured.resize(self.source_frame, 0);
        if muted {
            self.captured.fill(0);
        }
        let silent = self.captured.iter().all(|sample| *sample == 0);
        let encoded = if self.is_worth_sending(silent, now) { self.encode(now) } else { None };
        self.captured.clear();
        encoded
    }

    fn is_paused(&self) -> bool {
        self.silent_frames > SILENT_FRAMES
    }

    fn has_waited(&mut self, now: Instant) -> bool {
        let since = *self.waiting_since.get_or_insert(now);
        (self.is_paused() && self.captured.is_empty()) || now >= since + PATIENCE
    }

    /// Counts the time since the last slot, and sets the next one.
    fn advance_clock(&mut self, now: Instant, complete: bool) {
        let waited = self.waiting_since.take().is_some_and(|since| now >= since + PATIENCE);
        let slots = if waited || self.is_paused() {
            let elapsed = now.saturating_duration_since(self.last_slot).as_secs_f64();
            (elapsed / FRAME.as_secs_f64()).round().max(1.0) as u32
        } else {
            1
        };
        self.ticks = self.ticks.wrapping_add(slots.wrapping_mul(FRAME_TICKS));
        self.last_slot = now;
        self.next_at = match complete {
            true => self.next_at + FRAME,
            // Nothing is queued: look again a frame later, or during a pause when a sign of life is due.
            false if self.is_paused() => now + KEEP_ALIVE,
            false => now + FRAME,
        };
    }

    /// Silence is sent for a while and then only as a sign of life.
    fn is_worth_sending(&mut self, silent: bool, now: Instant) -> bool {
        if !silent {
            return true;
        }
        self.silent_frames = self.silent_frames.saturating_add(1);
        !self.is_paused() || now >= self.last_sent + KEEP_ALIVE
    }

    fn encode(&mut self, now: Instant) -> Option<EncodedFrame> {
        let silent = self.captured.iter().all(|sample| *sample == 0);
        let starts_talk = (self.is_paused() || self.left_out) && !silent;
        if !silent {
            self.silent_frames = 0;
        }
        let level = level::measure(&self.captured);
        let encoded = match &mut self.resampler {
            None => self.encoder.encode(&self.captured, &mut self.payload[..]),
            Some(resampler) => {
                if let Err(error) = resampler.convert(&self.captured, &mut self.samples) {
                    tracing::error!(%error, "resample captured audio");
                }
                encode_resampled(
                    &mut self.encoder,
                    &mut self.samples,
                    self.encoder_frame,
                    &mut self.payload[..],
                )
            }
        };
        match encoded {
            Ok(0) => None,
            // What the codec leaves out of noise (RFC 6716, section 2.1.9) need not be sent; silence has a rule of its own.
            Ok(length) if length <= MAX_LEFT_OUT && self.settings.format.dtx && !silent => {
                self.left_out = true;
                None
            }
            Ok(length) => {
                self.left_out = false;
                self.last_sent = now;
                let ticks = std::mem::take(&mut self.ticks);
                Some(EncodedFrame { payload: Arc::from(&self.payload[..length]), ticks, level, starts_talk })
            }
            Err(error) => {
                tracing::error!(%error, "encode audio");
                None
            }
        }
    }
}

impl Drop for AudioSender {
    fn drop(&mut self) {
        self.source.detach(self.id);
    }
}

/// Encodes a frame of the converted samples; 0 while there are too few, as at the start.
fn encode_resampled(
    encoder: &mut Encoder,
    samples: &mut Vec<i16>,
    frame: usize,
    payload: &mut [u8],
) -> Result<usize, OpusError> {
    if samples.len() < frame {
        return Ok(0);
    }
    let encoded = encoder.encode(&samples[..frame], payload);
    samples.drain(..frame);
    encoded
}
