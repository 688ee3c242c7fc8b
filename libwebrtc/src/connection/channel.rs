//! A data channel's state.
use crate::data_channel::{
    DataChannelError, DataChannelInit, DataChannelState, OnBufferedAmountChange, OnMessage, OnStateChange,
};
pub(crate) struct Channel {
    label: String,
    init: DataChannelInit,
}
impl Channel {
    pub(crate) fn send(&self, _d: &[u8], _b: bool) -> Result<(), DataChannelError> {
        Err(DataChannelError::Send)
    }
    pub(crate) fn init(&self) -> &DataChannelInit {
        &self.init
    }
    pub(crate) fn label(&self) -> &str {
        &self.label
    }
    pub(crate) fn state(&self) -> DataChannelState {
        DataChannelState::Closed
    }
    pub(crate) fn close(&self) {}
    pub(crate) fn buffered_amount(&self) -> u64 {
        0
    }
    pub(crate) fn set_on_state_change(&self, _c: Option<OnStateChange>) {}
    pub(crate) fn set_on_message(&self, _c: Option<OnMessage>) {}
    pub(crate) fn set_on_buffered_amount_change(&self, _c: Option<OnBufferedAmountChange>) {}
}
