//! The subject to which a delivered message is answered; it also says which message it is.

use async_nats::Subject;
use chrono::{DateTime, Utc};

pub(crate) const PREFIX: &str = "$JS.ACK.";

/// Which message of a stream: a stream that is made anew counts from 1 again, but not at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageKey {
    /// Its sequence in the stream.
    pub(crate) sequence: u64,
    /// When the stream took it, in nanoseconds since 1970; 0 where that is not known.
    pub(crate) published: i64,
}

impl MessageKey {
    /// When the stream took it; none where that is not known.
    pub(crate) fn published(self) -> Option<DateTime<Utc>> {
        (self.published != 0).then(|| DateTime::from_timestamp_nanos(self.published))
    }
}

/// Is a message with this reply subject one of a consumer?
pub(crate) fn is_ack_subject(reply: &str) -> bool {
    reply.starts_with(PREFIX)
}

/// The message and how often it was delivered. The subject has `<stream>.<consumer>.<deliveries>.<sequence>.
/// <consumer's sequence>.<time>.<pending>` behind its prefix, with domain and account before that, and more behind it,
/// where the server says so.
pub(crate) fn read_ack_subject(reply: &str) -> Option<(MessageKey, u64)> {
    let tokens: Vec<&str> = reply.strip_prefix(PREFIX)?.split('.').collect();
    let numbers = match tokens.len() {
        7 => &tokens[2..],
        9.. => &tokens[4..],
        _ => return None,
    };
    let key = MessageKey { sequence: numbers[1].parse().ok()?, published: numbers[3].parse().unwrap_or(0) };
    Some((key, numbers[0].parse().unwrap_or(1)))
}

/// The subject for a message whose delivery did not arrive. The server looks for the stream's sequence, and, where a message
/// is to be delivered again, for a consumer's sequence that it has given.
pub(crate) fn ack_subject(
    stream: &str,
    consumer: &str,
    key: MessageKey,
    delivered_consumer_sequence: u64,
) -> Subject {
    let MessageKey { sequence, published } = key;
    format!("{PREFIX}{stream}.{consumer}.1.{sequence}.{delivered_consumer_sequence}.{published}.0").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_server_are_read() {
        let key = MessageKey { sequence: 42, published: 1_761_739_200_000_000_001 };
        let old = ack_subject("SESSIONS", "sink-test", key, 7);
        assert_eq!(*old, *"$JS.ACK.SESSIONS.sink-test.1.42.7.1761739200000000001.0");
        assert_eq!(read_ack_subject(&old), Some((key, 1)));
        let new = "$JS.ACK._.hash.SESSIONS.sink-test.3.42.7.1761739200000000001.0.token.more";
        assert_eq!(read_ack_subject(new), Some((key, 3)));
    }

    #[test]
    fn what_no_server_says_is_no_message_of_a_consumer() {
        for reply in ["", "_INBOX.x", "$JS.ACK.", "$JS.ACK.a.b.1.2.3", "$JS.ACK.a.b.1.-2.3.4.5"] {
            assert_eq!(read_ack_subject(reply), None, "{reply}");
        }
        // A time that cannot be read is no reason to leave the message.
        let odd_time = read_ack_subject("$JS.ACK.a.b.1.2.3.99999999999999999999.5");
        assert_eq!(odd_time, Some((MessageKey { sequence: 2, published: 0 }, 1)));
    }
}
