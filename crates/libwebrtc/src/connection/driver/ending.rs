//! The end of a connection's task.
//!
//! It ends when the program closes the connection. It may also be ended by a panic in it, or with the runtime it runs on.
//! Then the connection has failed, at once and for good: nobody waits for what nothing drives any more.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::data_channel::DataChannelState;
use crate::peer_connection::PeerConnectionState;

use super::super::command::Command;
use super::Driver;

impl Drop for Driver {
    fn drop(&mut self) {
        // Each step by itself: what the program does in a callback must not keep the others from being told.
        self.command_rx.close();
        if !self.closed {
            step(|| self.shared.negotiation.lock().close());
        }
        for channel in self.transport.take_channels() {
            step(|| channel.set_state(DataChannelState::Closed));
            step(|| channel.release());
        }
        while let Ok(command) = self.command_rx.try_recv() {
            step(|| refuse(command));
        }
        if !self.closed {
            step(|| self.enter(PeerConnectionState::Failed));
        }
        step(|| self.shared.callbacks.clear());
    }
}

/// Nothing will carry the command out.
fn refuse(command: Command) {
    match command {
        Command::OpenChannel(channel) | Command::CloseChannel(channel) => {
            channel.set_state(DataChannelState::Closed);
        }
        // Who asks for a report learns it from the end of the answer's channel.
        _ => {}
    }
}

fn step(step: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(step)).is_err() {
        tracing::error!("a callback panicked at the end of a connection");
    }
}
