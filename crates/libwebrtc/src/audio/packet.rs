//! A received packet of audio, as the connection hands it to the jitter buffers.

use std::sync::Arc;

/// An RTP packet's payload with its place in the stream, both extended beyond their wrap-around.
#[derive(Clone)]
pub(crate) struct AudioPacket {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u64,
    /// In ticks of the RTP clock.
    pub(crate) time: u64,
    pub(crate) payload: Arc<[u8]>,
}
