use anyhow::Context as _;
use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::jetstream;
use bytes::Bytes;
use schemas::names::{self, header};

/// Longest reason that is kept, in bytes; the headroom below `max_payload` is for the headers.
const LONGEST_REASON: usize = 1_024;

/// A message that its sink could not write, on its way to the dead-letter stream.
pub(crate) struct DeadLetter<'a> {
    pub(crate) sink: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) payload: Bytes,
    pub(crate) headers: Option<&'a HeaderMap>,
    pub(crate) subject: &'a str,
    pub(crate) stream_sequence: u64,
    pub(crate) deliveries: u64,
}

impl DeadLetter<'_> {
    /// Publishes it and waits until the stream has it. Moving the same message twice makes one dead letter.
    pub(crate) async fn store(self, jetstream: &jetstream::Context) -> anyhow::Result<()> {
        let subject = names::dead_letter_subject(self.sink);
        let headers = self.headers();
        jetstream
            .publish_with_headers(subject, headers, self.payload)
            .await
            .context("publish dead letter")?
            .await
            .context("await the ack of the dead letter")?;
        Ok(())
    }

    /// The message's own headers, those that the server would obey under another name, and where it came from.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, values) in self.headers.into_iter().flat_map(HeaderMap::iter) {
            let name = kept_name(name.as_ref());
            for value in values {
                headers.append(name.as_str(), value.clone());
            }
        }
        let message_id = names::dead_letter_message_id(self.sink, self.stream_sequence);
        for (name, value) in [
            (header::MESSAGE_ID, message_id),
            (header::DEAD_LETTER_ERROR, one_line(self.reason)),
            (header::DEAD_LETTER_SINK, self.sink.to_owned()),
            (header::DEAD_LETTER_STREAM_SEQUENCE, self.stream_sequence.to_string()),
            (header::DEAD_LETTER_SUBJECT, one_line(self.subject)),
            (header::DEAD_LETTER_DELIVERIES, self.deliveries.to_string()),
        ] {
            headers.insert(name, value);
        }
        headers
    }
}

/// The `Nats-Msg-Id` that the message had before it became a dead letter.
pub(crate) fn original_message_id(headers: &HeaderMap) -> Option<&str> {
    text(headers, &format!("{}{}", header::ORIGINAL_PREFIX, header::MESSAGE_ID))
}

/// Value of a header whose name is known at run time only.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name: HeaderName = name.parse().ok()?;
    headers.get(name).map(HeaderValue::as_str)
}

fn kept_name(name: &str) -> String {
    let obeyed_by_server = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("nats-"));
    if obeyed_by_server { format!("{}{name}", header::ORIGINAL_PREFIX) } else { name.to_owned() }
}

/// A header value has no line ends, and this one a bounded length.
fn one_line(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(LONGEST_REASON));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_and_those_of_the_server_are_renamed() {
        let mut original = HeaderMap::new();
        original.insert("Nats-Msg-Id", "room-AJ_1");
        original.insert("Nats-TTL", "1s");
        original.insert("Content-Type", "application/json");
        let letter = DeadLetter {
            sink: "sink-s3",
            reason: &format!("bad\r\nNats-Rollup: all{}", "é".repeat(1_000)),
            payload: Bytes::new(),
            headers: Some(&original),
            subject: "sessions.ended.v1",
            stream_sequence: 7,
            deliveries: 2,
        };
        let headers = letter.headers();
        assert_eq!(original_message_id(&headers), Some("room-AJ_1"));
        assert!(text(&headers, header::DEAD_LETTER_ERROR).unwrap().len() <= LONGEST_REASON);
        let mut lines: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name.to_string() != header::DEAD_LETTER_ERROR)
            .map(|(name, values)| format!("{name}: {}", values[0].as_str()))
            .collect();
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"), @r"
        Content-Type: application/json
        Nats-Msg-Id: sink-s3:7
        Postcall-Dead-Letter-Deliveries: 2
        Postcall-Dead-Letter-Sink: sink-s3
        Postcall-Dead-Letter-Stream-Sequence: 7
        Postcall-Dead-Letter-Subject: sessions.ended.v1
        Postcall-Original-Nats-Msg-Id: room-AJ_1
        Postcall-Original-Nats-TTL: 1s
        ");
    }
}
