//! The framing that some clients put around a body: each piece with its length in hex and perhaps a signature, and a
//! trailer.

use hyper::HeaderMap;
use hyper::body::Bytes;

pub(super) fn is_aws_chunked(headers: &HeaderMap) -> bool {
    let has = |name: &str, text: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(text))
    };
    has("content-encoding", "aws-chunked") || has("x-amz-content-sha256", "STREAMING-")
}

/// The body without its framing; none where it is cut or malformed.
pub(super) fn decode(mut framed: &[u8]) -> Option<Bytes> {
    let mut body = Vec::with_capacity(framed.len());
    loop {
        let end = framed.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&framed[..end]).ok()?;
        let length = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        framed = &framed[end + 2..];
        if length == 0 {
            return Some(body.into());
        }
        body.extend_from_slice(framed.get(..length)?);
        framed = framed[length..].strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_with_or_without_signatures() {
        let framed =
            b"4;chunk-signature=ab\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        assert_eq!(decode(framed).as_deref(), Some(&b"Wikipedia"[..]));
        assert_eq!(decode(b"0\r\n\r\n").as_deref(), Some(&b""[..]));
        for broken in [&b"4\r\nWi"[..], b"4\r\nWikipedia", b"x\r\n", b""] {
            assert_eq!(decode(broken), None);
        }
    }
}
