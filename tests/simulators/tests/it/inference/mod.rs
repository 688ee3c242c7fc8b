//! The simulated gateway of LiveKit Inference, as a client meets it.

mod chat;
mod faults;
mod livekit;
mod quota;
pub(crate) mod stt;
mod tts;
