//! The Opus codec: the one place with unsafe code.

mod decoder;
mod encoder;
mod packet;
mod repetition;

#[cfg(test)]
mod tests;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use packet::{duration, has_fec};

/// Hz at which Opus can be encoded and decoded.
pub(super) const SAMPLE_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// A call of the codec that failed, with libopus's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libopus error {0}")]
pub(super) struct OpusError(i32);
