//! The headers of a message as its publisher sent them. JetStream stores any bytes; the client reads, and can send, fewer.

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use schemas::names::header;

const VERSION: &[u8] = b"NATS/1.0";

/// The headers that can be read, and all of their bytes where that is not everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    pub(crate) read: HeaderMap,
    pub(crate) raw: Option<Bytes>,
}

impl Headers {
    /// The headers as the client has read them. `status` is what it took for an answer of the server's.
    pub(crate) fn read_by_client(read: Option<HeaderMap>, status: Option<String>) -> Self {
        let read = read.unwrap_or_default();
        let raw = status.map(|status| block(&status, &read));
        Self { read, raw }
    }

    /// The headers as they are stored: a line of the version, a line for each header, an empty line.
    pub(crate) fn parse(stored: Bytes) -> Self {
        if stored.is_empty() {
            return Self::default();
        }
        let mut lines = stored.split(|byte| *byte == b'\n').map(without_return);
        let mut odd = lines.next() != Some(VERSION);
        let mut read: Vec<(HeaderName, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            if let Some(header) = read_line(line) {
                read.push(header);
                continue;
            }
            odd = true;
            // A line that goes on with the one before it.
            if line[0].is_ascii_whitespace()
                && let (Some((_, value)), Some(more)) = (read.last_mut(), text(line))
                && !has_control(more)
            {
                let more = more.trim_end();
                // A value has no space in front: who writes it as a header of a dead letter reads it back as the same.
                value.push_str(if value.is_empty() { more.trim_start() } else { more });
            }
        }
        let mut map = HeaderMap::new();
        for (name, value) in read {
            match value.parse::<HeaderValue>() {
                Ok(value) => map.append(name, value),
                Err(_) => odd = true,
            }
        }
        Self { read: map, raw: odd.then_some(stored) }
    }

    /// What the event was published as.
    pub(crate) fn message_id(&self) -> Option<&str> {
        self.read.get(header::MESSAGE_ID).map(HeaderValue::as_str)
    }

    /// The value of a header whose name is known at run time only.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let name: HeaderName = name.parse().ok()?;
        self.read.get(name).map(HeaderValue::as_str)
    }

    /// The whole block, as a publisher sends them; nothing where there are none.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match &self.raw {
            Some(raw) => raw.clone(),
            None if self.read.is_empty() => Bytes::new(),
            None => block("", &self.read),
        }
    }
}

/// Bytes that these headers take on the wire.
pub(crate) fn wire_length(headers: &HeaderMap) -> usize {
    let lines = headers.iter().flat_map(|(name, values)| {
        values
            .iter()
            .map(move |value| AsRef::<str>::as_ref(name).len() + value.as_str().len() + b": \r\n".len())
    });
    VERSION.len() + 2 * b"\r\n".len() + lines.sum::<usize>()
}

fn block(status: &str, headers: &HeaderMap) -> Bytes {
    let mut text = format!("NATS/1.0 {status}").trim_end().to_owned();
    text.push_str("\r\n");
    for (name, values) in headers.iter() {
        for value in values {
            text.push_str(&format!("{name}: {}\r\n", value.as_str()));
        }
    }
    text.push_str("\r\n");
    text.into()
}

/// Name and value, where each character of them can be read and sent again.
fn read_line(line: &[u8]) -> Option<(HeaderName, String)> {
    let (name, value) = text(line)?.split_once(':')?;
    let value = value.trim();
    let odd = name.is_empty() || has_control(value);
    if odd { None } else { Some((name.parse().ok()?, value.to_owned())) }
}

fn has_control(value: &str) -> bool {
    value.chars().any(|char| char.is_control() && char != '\t')
}

fn text(line: &[u8]) -> Option<&str> {
    str::from_utf8(line).ok()
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(block: &[u8]) -> Headers {
        Headers::parse(Bytes::copy_from_slice(block))
    }

    #[test]
    fn what_a_client_sends_is_read_and_nothing_else_is_kept() {
        let headers =
            parsed(b"NATS/1.0\r\nNats-Msg-Id: room-AJ\r\nX-A: b\r\nX-A:c: d \r\nX-Name: Jos\xc3\xa9\r\n\r\n");
        assert_eq!(headers.message_id(), Some("room-AJ"));
        assert_eq!(headers.get("X-Name"), Some("José"));
        let values: Vec<_> = headers.read.get_all("X-A").map(HeaderValue::as_str).collect();
        assert_eq!(values, ["b", "c: d"]);
        assert_eq!(headers.raw, None);
        assert_eq!(parsed(b""), Headers::default());
    }

    #[test]
    fn what_cannot_be_read_is_kept_whole_and_the_rest_is_read() {
        for odd in [
            &b"NATS/1.0\r\nX-Trace: a\rb\r\nNats-Msg-Id: id\r\n\r\n"[..],
            b"NATS/1.0\r\nX-Name: Jos\xe9\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/1.0\r\nNats-Msg-Id: id\r\nX Space: a\r\n\r\n",
            b"NATS/1.0\r\nX-Zero: a\0b\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/1.0\r\n: nameless\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/1.0 408 Request Timeout\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/2.0\r\nNats-Msg-Id: id\r\n\r\n",
            b"\r\nNats-Msg-Id: id\r\n\r\n",
            b"NATS/1.0\r\n folded\r\nNats-Msg-Id: id\r\n\r\n",
        ] {
            let headers = parsed(odd);
            assert_eq!(headers.message_id(), Some("id"), "{}", odd.escape_ascii());
            assert_eq!(headers.raw.as_deref(), Some(odd));
            assert_eq!(headers.to_bytes(), odd);
        }
        assert_eq!(parsed(b"NATS/1.0\r\nNats-Msg-Id: a\r\n b\r\n\r\n").message_id(), Some("a b"));
        assert_eq!(parsed(b"NATS/1.0\r\nNats-Msg-Id:\r\n b\r\n\r\n").message_id(), Some("b"));
        assert_eq!(parsed(b"NATS/1.0\r\nNats-Msg-Id: a\r\n \x7f\r\n\r\n").message_id(), Some("a"));
    }

    #[test]
    fn a_status_that_the_client_read_is_kept() {
        let headers = Headers::read_by_client(None, Some("408 Request Timeout".to_owned()));
        assert_eq!(headers.to_bytes(), &b"NATS/1.0 408 Request Timeout\r\n\r\n"[..]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_kept(block: Vec<u8>) {
            let headers = parsed(&block);
            prop_assert!(headers.raw.as_deref().is_none_or(|raw| raw == block));
            // What was read can be sent again.
            prop_assert_eq!(wire_length(&headers.read), self::block("", &headers.read).len());
        }
    }
}
