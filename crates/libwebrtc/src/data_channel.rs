//! Data channels: the handle that the program sends and listens with.

use std::fmt::{self, Debug};
use std::str::Utf8Error;
use std::sync::{Arc, OnceLock};

use crate::connection::channel::Channel;
use crate::rtp_parameters::Priority;

/// How a channel is opened.
#[derive(Clone, Debug)]
pub struct DataChannelInit {
    pub ordered: bool,
    /// In milliseconds; `None`: a message is sent again until it arrives.
    pub max_retransmit_time: Option<i32>,
    pub max_retransmits: Option<i32>,
    pub protocol: String,
    /// Both sides make the channel with the same `id`; otherwise it is announced in band.
    pub negotiated: bool,
    /// The stream id of a negotiated channel, else -1.
    pub id: i32,
    pub priority: Option<Priority>,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            ordered: true,
            max_retransmit_time: None,
            max_retransmits: None,
            protocol: String::new(),
            negotiated: false,
            id: -1,
            priority: None,
        }
    }
}

/// Bytes of the largest message that is sent: what every peer takes, whether or not it announces more.
pub(crate) const MAX_SENT_MESSAGE: usize = 64 << 10;

/// A message that was not sent.
#[derive(Debug, thiserror::Error)]
pub enum DataChannelError {
    #[error("send message: the data channel is not open")]
    Send,
    #[error(
        "send message: {0} bytes are more than the {MAX_SENT_MESSAGE} a message may have: send it in parts"
    )]
    TooLarge(usize),
    #[error("send message: a text message must be UTF-8")]
    Utf8(#[from] Utf8Error),
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum DataChannelState {
    Connecting,
    Open,
    Closing,
    Closed,
}

/// A message as it is received, without a copy.
#[derive(Debug)]
pub struct DataBuffer<'a> {
    pub data: &'a [u8],
    /// Whether it was sent as bytes and not as text.
    pub binary: bool,
}

/// Looks at each message that comes in before the channel's owner does. One of them watches over one peer connection.
///
/// This is an addition to what the other crate of this name has: whoever makes the peer connection may read without a
/// bound what a stranger sends, and nobody else stands before it.
pub trait MessageGuard: Send + Sync {
    /// Whether the owner of the channel of that label gets the message; otherwise nobody does. It is called on the
    /// connection's task and must not block.
    fn admits(&mut self, label: &str, data: &[u8]) -> bool;
}

type MakeGuard = Box<dyn Fn() -> Box<dyn MessageGuard> + Send + Sync>;

static MAKE_GUARD: OnceLock<MakeGuard> = OnceLock::new();

/// From now on every new peer connection of the process gets a guard. The first call counts; later ones answer `false`.
pub fn guard_messages(make: impl Fn() -> Box<dyn MessageGuard> + Send + Sync + 'static) -> bool {
    MAKE_GUARD.set(Box::new(make)).is_ok()
}

pub(crate) fn new_guard() -> Option<Box<dyn MessageGuard>> {
    MAKE_GUARD.get().map(|make| make())
}

pub type OnStateChange = Box<dyn FnMut(DataChannelState) + Send + Sync>;
pub type OnMessage = Box<dyn FnMut(DataBuffer) + Send + Sync>;
/// Gets the number of bytes that left the buffer since the last call.
pub type OnBufferedAmountChange = Box<dyn FnMut(u64) + Send + Sync>;

/// A data channel; clones are the same one. Its callbacks run on the connection's task and must not block.
#[derive(Clone)]
pub struct DataChannel {
    inner: Arc<Channel>,
}

impl DataChannel {
    pub(crate) fn new(inner: Arc<Channel>) -> Self {
        Self { inner }
    }

    /// Queues a message. Fails unless the channel is open, and with more than 64 KiB.
    pub fn send(&self, data: &[u8], binary: bool) -> Result<(), DataChannelError> {
        if !binary {
            str::from_utf8(data)?;
        }
        self.inner.send(data, binary)
    }

    /// The stream id of a negotiated channel, else -1.
    pub fn id(&self) -> i32 {
        self.inner.init().id
    }

    pub fn label(&self) -> String {
        self.inner.label().to_owned()
    }

    pub fn state(&self) -> DataChannelState {
        self.inner.state()
    }

    pub fn close(&self) {
        self.inner.close();
    }

    /// Bytes queued and not yet acknowledged by the peer's transport.
    pub fn buffered_amount(&self) -> u64 {
        self.inner.buffered_amount()
    }

    pub fn on_state_change(&self, callback: Option<OnStateChange>) {
        self.inner.set_on_state_change(callback);
    }

    /// Messages that came before this call are handed to the callback within it.
    pub fn on_message(&self, callback: Option<OnMessage>) {
        self.inner.set_on_message(callback);
    }

    pub fn on_buffered_amount_change(&self, callback: Option<OnBufferedAmountChange>) {
        self.inner.set_on_buffered_amount_change(callback);
    }
}

impl Debug for DataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannel")
            .field("label", &self.label())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
