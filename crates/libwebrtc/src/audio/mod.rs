//! Audio between samples and RTP payloads.
//!
//! Sending: [`source_queue`] holds what the program pushed, [`send`] takes 20 ms at a time and encodes them.
//! Receiving: [`receive`] hands each [`packet`] to one [`jitter_buffer`] per stream, which orders, decodes, conceals what is
//! lost and keeps time; its samples go to a [`sink`].
//!
//! Nothing in here knows the connection, its statistics reports, or the handles of the program.

#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
pub(crate) mod jitter_buffer;
pub(crate) mod level;
#[expect(unsafe_code, reason = "the codec is a translation of C")]
mod opus;
pub(crate) mod opus_format;
pub(crate) mod packet;
pub(crate) mod receive;
mod resample;
pub(crate) mod send;
pub(crate) mod sink;
pub(crate) mod source_queue;

/// Hz of RTP timestamps of Opus, whatever rate its samples have.
pub(crate) const RTP_CLOCK_RATE: u32 = 48_000;
