//! JetStream as a sink sees it: the stream of events, the stream of dead letters, and the connections by which they are
//! read and written. What publishers sent may be more than the NATS client can read, so what only reads takes messages as
//! they are stored, and never by the client's own decoding. `consumer_rules` and `stream_rules` say what the durable
//! consumer and the streams have to be; `unreadable` tells what was removed from what the server cannot read.

pub(crate) mod ack_subject;
pub(crate) mod consumer_rules;
pub(crate) mod dead_letter;
pub(crate) mod dead_letter_stream;
pub(crate) mod events;
pub(crate) mod headers;
pub(crate) mod link;
pub(crate) mod lost_messages;
pub(crate) mod original_message;
pub(crate) mod stored_message;
pub(crate) mod stream_rules;
pub(crate) mod unreadable;
