//! LiveKit Inference: speech and language models behind one gateway, paid for with the project's own key pair.

pub(super) mod access;
pub(super) mod stt;
pub(super) mod tts;
