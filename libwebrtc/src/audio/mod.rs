//! Audio between samples and RTP payloads.

pub(crate) mod receive;
pub(crate) mod source_queue;
