//! Cuts a body into its lines, so that whatever reads them looks at each byte once, however small the pieces are in which
//! they come.

use bytes::{Buf as _, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};

use super::error::{Provider, ProviderError};

/// Most bytes of a line: more than all the tool calls of a reply take.
const LONGEST_LINE: usize = 512 * 1024;

/// What a server may begin with, and is part of no line (in UTF-8). The reader of events does not survive it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

type Chunks = BoxStream<'static, Result<Bytes, ProviderError>>;

/// What has come and is no whole line yet.
#[derive(Default)]
struct Rest {
    bytes: BytesMut,
    /// So many of them are known to hold no line end.
    searched: usize,
    /// A line was given.
    has_begun: bool,
    is_last: bool,
}

/// Each line with its end, which is LF, CR or both; at last what has no end.
pub(super) fn lines(provider: Provider, chunks: Chunks) -> Chunks {
    let next = move |(mut chunks, mut rest): (Chunks, Rest)| async move {
        loop {
            if let Some(line) = rest.line() {
                return Ok(Some((line, (chunks, rest))));
            }
            if rest.bytes.len() > LONGEST_LINE {
                return Err(ProviderError::malformed(
                    provider,
                    "a line of the answer is longer than any should be",
                ));
            }
            if rest.is_last {
                return Ok(None);
            }
            match chunks.next().await {
                Some(chunk) => rest.bytes.extend_from_slice(&chunk?),
                None => rest.is_last = true,
            }
        }
    };
    stream::try_unfold((chunks, Rest::default()), next).boxed()
}

impl Rest {
    fn line(&mut self) -> Option<Bytes> {
        let mut line = self.raw_line()?;
        while !self.has_begun && line.starts_with(BYTE_ORDER_MARK) {
            line.advance(BYTE_ORDER_MARK.len());
        }
        self.has_begun = true;
        Some(line)
    }

    /// As it came.
    fn raw_line(&mut self) -> Option<Bytes> {
        let bytes = &self.bytes;
        // Whether a CR is the end depends on what follows.
        let is_end = |at: &usize| match bytes[*at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1).is_some_and(|next| *next != b'\n'),
            _ => false,
        };
        let Some(end) = (self.searched..bytes.len()).find(is_end) else {
            self.searched = bytes.len().saturating_sub(1);
            return (self.is_last && !bytes.is_empty()).then(|| self.bytes.split().freeze());
        };
        self.searched = 0;
        Some(self.bytes.split_to(end + 1).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn cut(body: &[u8], piece: usize) -> Result<Vec<Bytes>, ProviderError> {
        let chunks: Vec<_> = body.chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut lines = lines(Provider::LanguageModel, stream::iter(chunks).boxed());
        let mut read = Vec::new();
        while let Some(line) = lines.next().await {
            read.push(line?);
        }
        Ok(read)
    }

    #[tokio::test]
    async fn lines_are_the_same_in_pieces_of_any_size() {
        let wanted =
            ["data: one\n", "\n", "data: two\r\n", "\r\n", "data: three\r", "\r", ": \r", "data: four"];
        let body = wanted.concat();
        for piece in 1..body.len() {
            assert_eq!(cut(body.as_bytes(), piece).await.unwrap(), wanted, "{piece}");
        }
        assert!(cut(b"", 1).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_left_out_where_the_body_begins() {
        for piece in 1..20 {
            assert_eq!(
                cut("\u{feff}data: one\n\u{feff}\n".as_bytes(), piece).await.unwrap(),
                ["data: one\n", "\u{feff}\n"]
            );
            assert_eq!(cut("\u{feff}\u{feff}".as_bytes(), piece).await.unwrap(), [""]);
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let error = cut(&vec![b'x'; LONGEST_LINE + 2], 1_000).await.unwrap_err();
        assert_eq!(error.kind(), crate::providers::error::ErrorKind::Malformed);
        assert_eq!(cut(&vec![b'x'; LONGEST_LINE], 1_000).await.unwrap().len(), 1);
    }
}
