//! One data channel, shared by its handles and the connection's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::data_channel::{
    DataBuffer, DataChannelError, DataChannelInit, DataChannelState, MAX_SENT_MESSAGE,
    OnBufferedAmountChange, OnMessage, OnStateChange,
};

use super::callbacks::Callback;
use super::command::Command;

/// Bytes of messages that are kept for a channel nobody listens to yet, with what each takes beside its own.
const MAX_UNREAD: usize = 4 << 20;
const UNREAD_MESSAGE: usize = size_of::<(Vec<u8>, bool)>();

pub(crate) struct Channel {
    label: String,
    init: DataChannelInit,
    command_tx: mpsc::UnboundedSender<Command>,
    state: Mutex<DataChannelState>,
    buffered: AtomicU64,
    on_state_change: Callback<OnStateChange>,
    on_buffered_amount_change: Callback<OnBufferedAmountChange>,
    inbox: Mutex<Inbox>,
}

/// The listener, or what came before there was one.
#[derive(Default)]
struct Inbox {
    on_message: Option<OnMessage>,
    unread: Vec<(Vec<u8>, bool)>,
    unread_bytes: usize,
}

impl Channel {
    pub(super) fn new(
        label: &str,
        init: DataChannelInit,
        command_tx: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            label: label.to_owned(),
            init,
            command_tx,
            state: Mutex::new(DataChannelState::Connecting),
            buffered: AtomicU64::new(0),
            on_state_change: Callback::default(),
            on_buffered_amount_change: Callback::default(),
            inbox: Mutex::default(),
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn init(&self) -> &DataChannelInit {
        &self.init
    }

    pub(crate) fn state(&self) -> DataChannelState {
        *self.state.lock()
    }

    pub(crate) fn buffered_amount(&self) -> u64 {
        self.buffered.load(Ordering::Acquire)
    }

    pub(crate) fn send(self: &Arc<Self>, data: &[u8], binary: bool) -> Result<(), DataChannelError> {
        if self.state() != DataChannelState::Open {
            return Err(DataChannelError::Send);
        }
        if data.len() > MAX_SENT_MESSAGE {
            return Err(DataChannelError::TooLarge(data.len()));
        }
        self.buffered.fetch_add(data.len() as u64, Ordering::AcqRel);
        let message = Command::SendMessage { channel: self.clone(), binary, data: data.to_vec() };
        self.command_tx.send(message).map_err(|_| DataChannelError::Send)
    }

    pub(crate) fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if matches!(*state, DataChannelState::Connecting | DataChannelState::Open) {
            *state = DataChannelState::Closing;
            drop(state);
            if self.command_tx.send(Command::CloseChannel(self.clone())).is_err() {
                self.set_state(DataChannelState::Closed);
            }
        }
    }

    pub(crate) fn set_on_state_change(&self, callback: Option<OnStateChange>) {
        self.on_state_change.set(callback);
    }

    pub(crate) fn set_on_buffered_amount_change(&self, callback: Option<OnBufferedAmountChange>) {
        self.on_buffered_amount_change.set(callback);
    }

    pub(crate) fn set_on_message(&self, callback: Option<OnMessage>) {
        let mut inbox = self.inbox.lock();
        inbox.on_message = callback;
        let Inbox { on_message: Some(on_message), unread, unread_bytes } = &mut *inbox else { return };
        *unread_bytes = 0;
        for (data, binary) in unread.drain(..) {
            on_message(DataBuffer { data: &data, binary });
        }
    }

    /// Moves to a state and reports it; nothing follows `Closed`.
    pub(super) fn set_state(&self, state: DataChannelState) {
        let mut current = self.state.lock();
        if *current == state || *current == DataChannelState::Closed {
            return;
        }
        *current = state;
        drop(current);
        self.on_state_change.with(|callback| callback(state));
    }

    pub(super) fn deliver(&self, data: Vec<u8>, binary: bool) {
        let mut inbox = self.inbox.lock();
        let inbox = &mut *inbox;
        match &mut inbox.on_message {
            Some(on_message) => on_message(DataBuffer { data: &data, binary }),
            None if inbox.unread_bytes + UNREAD_MESSAGE + data.len() > MAX_UNREAD => {
                tracing::error!(
                    label = self.label,
                    "nobody listens to the data channel: a message is dropped"
                );
            }
            None => {
                inbox.unread_bytes += UNREAD_MESSAGE + data.len();
                inbox.unread.push((data, binary));
            }
        }
    }

    /// `sent` bytes left the buffer.
    pub(super) fn report_sent(&self, sent: u64) {
        self.buffered.fetch_sub(sent, Ordering::AcqRel);
        self.on_buffered_amount_change.with(|callback| callback(sent));
    }

    /// Forgets the callbacks and what they hold.
    pub(super) fn release(&self) {
        self.on_state_change.set(None);
        self.on_buffered_amount_change.set(None);
        let released = std::mem::take(&mut *self.inbox.lock());
        drop(released);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_bytes_are_not_kept_without_end() {
        let (command_tx, _command_rx) = mpsc::unbounded_channel();
        let channel = Channel::new("nobody listens", DataChannelInit::default(), command_tx);
        for _ in 0..400_000 {
            channel.deliver(Vec::new(), true);
        }
        let kept = channel.inbox.lock().unread.len() * UNREAD_MESSAGE;
        assert!(kept <= MAX_UNREAD, "{kept} bytes");
    }
}
