//! The address a socket has for the world: asked of a STUN server, and kept (RFC 8489, RFC 8445 5.1.1.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::{Class, Message, TransactionId, Writer, method};
use super::request::{Due, Repetition};

/// Home routers forget a mapping after 30 s at the earliest.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What the WebRTC standard reports for a server that does not answer.
pub(crate) const UNREACHABLE: u16 = 701;

/// One socket's question to one server, asked again and again.
pub(crate) struct Binding {
    state: State,
    mapped: Option<SocketAddr>,
    /// A request that is to be sent.
    outgoing: Option<TransactionId>,
}

enum State {
    Asking(TransactionId, Repetition),
    /// The server has answered, and is asked again at this time.
    Known(Instant),
    Failed,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BindingEvent {
    /// A new address, the first or another than before.
    Mapped(SocketAddr),
    Failed(u16, String),
}

impl Binding {
    pub(crate) fn new(transaction: TransactionId, now: Instant) -> Self {
        let state = State::Asking(transaction, Repetition::start(false, now));
        Self { state, mapped: None, outgoing: Some(transaction) }
    }

    /// The request to send to the server, if one is due.
    pub(crate) fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        let transaction = self.outgoing.take()?;
        Some(Writer::new(Class::Request, method::BINDING, transaction).finish(None))
    }

    /// Whether a message answers the request.
    pub(crate) fn expects(&self, message: &Message<'_>) -> bool {
        matches!(&self.state, State::Asking(transaction, _) if *transaction == message.transaction)
            && matches!(message.class, Class::Success | Class::Error)
    }

    /// Takes a message that [`expects`](Self::expects) answered yes for.
    pub(crate) fn answered(&mut self, message: &Message<'_>, now: Instant) -> Option<BindingEvent> {
        match (message.class, message.mapped_address()) {
            (Class::Success, Some(mapped)) => {
                self.state = State::Known(now + KEEP_ALIVE);
                (self.mapped.replace(mapped) != Some(mapped)).then_some(BindingEvent::Mapped(mapped))
            }
            _ => {
                let (code, reason) =
                    message.error().unwrap_or((UNREACHABLE, "a malformed answer".to_owned()));
                self.fail(now, code, reason)
            }
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(_, repetition) => Some(repetition.next_timeout()),
            State::Known(until) => Some(*until),
            State::Failed => None,
        }
    }

    /// `next` is the transaction a new request would have.
    pub(crate) fn handle_timeout(&mut self, next: TransactionId, now: Instant) -> Option<BindingEvent> {
        match &mut self.state {
            State::Asking(transaction, repetition) => match repetition.handle_timeout(now) {
                Due::Nothing => None,
                Due::SendAgain => {
                    self.outgoing = Some(*transaction);
                    None
                }
                Due::TimedOut => self.fail(now, UNREACHABLE, "the server does not answer".to_owned()),
            },
            State::Known(until) if now >= *until => {
                self.state = State::Asking(next, Repetition::start(false, now));
                self.outgoing = Some(next);
                None
            }
            State::Known(_) | State::Failed => None,
        }
    }

    /// A server that once answered is asked again later.
    fn fail(&mut self, now: Instant, code: u16, reason: String) -> Option<BindingEvent> {
        if self.mapped.is_some() {
            self.state = State::Known(now + KEEP_ALIVE);
            return None;
        }
        self.state = State::Failed;
        Some(BindingEvent::Failed(code, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::attribute;
    use super::*;

    const HERE: &str = "198.51.100.7:4000";
    const MOVED: &str = "198.51.100.7:4001";

    fn answer(request: &[u8], mapped: &str) -> Vec<u8> {
        let request = Message::parse(request).expect("read request");
        let mut writer = Writer::new(Class::Success, method::BINDING, request.transaction);
        writer.xor_address(attribute::XOR_MAPPED_ADDRESS, mapped.parse().expect("read address"));
        writer.finish(None)
    }

    fn take_answer(binding: &mut Binding, mapped: &str, now: Instant) -> Option<BindingEvent> {
        let request = binding.take_outgoing().expect("a request");
        let bytes = answer(&request, mapped);
        let message = Message::parse(&bytes).expect("read answer");
        assert!(binding.expects(&message));
        binding.answered(&message, now)
    }

    #[test]
    fn the_mapping_is_kept_alive_and_followed() {
        let mut now = Instant::now();
        let mut binding = Binding::new([1; 12], now);
        let mapped = |text: &str| Some(BindingEvent::Mapped(text.parse().expect("read address")));
        assert_eq!(take_answer(&mut binding, HERE, now), mapped(HERE));
        for (transaction, address, event) in [([2; 12], HERE, None), ([3; 12], MOVED, mapped(MOVED))] {
            assert!(binding.take_outgoing().is_none());
            now = binding.next_timeout().expect("a time-out");
            assert_eq!(binding.handle_timeout(transaction, now), None);
            assert_eq!(take_answer(&mut binding, address, now), event);
        }
    }

    #[test]
    fn a_silent_server_fails_once_and_an_error_says_why() {
        let now = Instant::now();
        let mut binding = Binding::new([1; 12], now);
        let mut requests = 0;
        let event = loop {
            requests += usize::from(binding.take_outgoing().is_some());
            let now = binding.next_timeout().expect("a time-out");
            if let Some(event) = binding.handle_timeout([9; 12], now) {
                break event;
            }
        };
        assert_eq!(requests, 5);
        assert!(matches!(event, BindingEvent::Failed(UNREACHABLE, _)), "{event:?}");
        assert_eq!(binding.next_timeout(), None);

        let mut binding = Binding::new([1; 12], now);
        let mut writer = Writer::new(Class::Error, method::BINDING, [1; 12]);
        writer.attribute(attribute::ERROR_CODE, &[0, 0, 4, 20, b'n', b'o']);
        let bytes = writer.finish(None);
        let message = Message::parse(&bytes).expect("read answer");
        assert!(binding.expects(&message));
        assert_eq!(binding.answered(&message, now), Some(BindingEvent::Failed(420, "no".to_owned())));
    }
}
