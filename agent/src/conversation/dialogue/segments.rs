//! Ids of captions: each turn of the caller's and each reply is a segment of its own.

/// Makes the ids of one conversation.
#[derive(Debug)]
pub(super) struct Segments {
    /// No other session in the room has the same.
    prefix: u32,
    count: u32,
    /// The segment of the caller's turn so far.
    caller: Option<String>,
}

impl Segments {
    pub(super) fn new(prefix: u32) -> Self {
        Self { prefix, count: 0, caller: None }
    }

    /// An id that no segment has had.
    pub(super) fn new_segment(&mut self) -> String {
        self.count += 1;
        format!("SG_{:08x}_{}", self.prefix, self.count)
    }

    /// The segment of the caller's turn, the same until the turn is over.
    pub(super) fn caller(&mut self) -> String {
        let segment = self.caller.take().unwrap_or_else(|| self.new_segment());
        self.caller.insert(segment).clone()
    }

    pub(super) fn caller_turn_over(&mut self) {
        self.caller = None;
    }
}
