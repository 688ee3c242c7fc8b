//! A Parquet file that is written while it grows: what is finished of it is taken away in parts.

use anyhow::Context as _;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::compact::FORMAT;
use crate::compact::payload::{Payload, Unreadable, gunzip};
use crate::compact::rows::{Rows, schema};

/// Rows are handed to the encoder when there are so many, or so many bytes of payload.
const BATCH: (usize, usize) = (1_024, 4 * 1024 * 1024);
/// A row group is ended when it has so many rows, or so many bytes encoded.
const ROW_GROUP: (usize, usize) = (100_000, 16 * 1024 * 1024);
/// Columns that hardly ever have a value twice.
const UNIQUE: [&str; 5] = ["session_id", "job_id", "room_sid", "object_key", "payload"];

pub(crate) struct ParquetFile {
    rows: Rows,
    /// Gunzipped; kept for its allocation.
    text: Vec<u8>,
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetFile {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let writer = ArrowWriter::try_new(Vec::new(), schema()?, Some(properties()?));
        Ok(Self { rows: Rows::new(), text: Vec::new(), writer: writer.context("begin a Parquet file")? })
    }

    /// Adds the session of an object, or says why it holds none.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub(crate) fn push(&mut self, key: &str, object: &[u8]) -> anyhow::Result<Result<(), Unreadable>> {
        if let Err(unreadable) = gunzip(object, &mut self.text) {
            return Ok(Err(unreadable));
        }
        let text = std::mem::take(&mut self.text);
        let pushed = self.push_payload(key, &text);
        self.text = text;
        // One that was huge is not kept.
        self.text.shrink_to(BATCH.1);
        pushed
    }

    /// Adds a session by its payload, or says why it is none.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub(crate) fn push_payload(
        &mut self,
        key: &str,
        payload: &[u8],
    ) -> anyhow::Result<Result<(), Unreadable>> {
        match Payload::parse(payload) {
            Ok(payload) => self.rows.push(key, &payload),
            Err(unreadable) => return Ok(Err(unreadable)),
        }
        let (rows, bytes) = self.rows.size();
        if rows >= BATCH.0 || bytes >= BATCH.1 {
            self.encode()?;
        }
        Ok(Ok(()))
    }

    fn encode(&mut self) -> anyhow::Result<()> {
        self.writer.write(&self.rows.take()?).context("encode rows")?;
        if self.writer.in_progress_rows() >= ROW_GROUP.0 || self.writer.in_progress_size() >= ROW_GROUP.1 {
            self.writer.flush().context("end a row group")?;
        }
        Ok(())
    }

    /// The next so many bytes of the file, where they are finished.
    pub(crate) fn take_part(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let finished = self.writer.inner_mut();
        if finished.len() < bytes {
            return None;
        }
        let after = finished.split_off(bytes);
        Some(std::mem::replace(finished, after))
    }

    /// What is left of the file, with some notes at its end.
    pub(crate) fn finish(
        mut self,
        notes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> anyhow::Result<Vec<u8>> {
        self.encode()?;
        for (name, value) in notes {
            self.writer.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        self.writer.into_inner().context("end the Parquet file")
    }
}

/// Nothing in them depends on the time or the machine: the same sessions make the same file.
fn properties() -> anyhow::Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("postcall version {FORMAT}.0.0 (build sink-s3)"))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).context("set zstd's level")?));
    for column in UNIQUE {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    let payload = ColumnPath::from("payload");
    Ok(properties.set_column_statistics_enabled(payload, EnabledStatistics::None).build())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::gzip::gzip;

    /// A file of so many sessions with payloads of so many bytes, and the sizes of its parts.
    fn write(sessions: usize, payload_bytes: usize, part_bytes: usize) -> (Vec<u8>, Vec<usize>) {
        let mut file = ParquetFile::new().unwrap();
        let (mut bytes, mut parts) = (Vec::new(), Vec::new());
        let mut state = 1_u64;
        for session in 0..sessions {
            let noise: String = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + (state >> 33) as u8 % 26)
            })
            .take(payload_bytes)
            .collect();
            let payload = format!(r#"{{"session_id":"{session}","noise":"{noise}"}}"#);
            file.push(&format!("{session}.json.gz"), &gzip(payload.as_bytes())).unwrap().unwrap();
            while let Some(part) = file.take_part(part_bytes) {
                parts.push(part.len());
                bytes.extend(part);
            }
        }
        bytes.extend(file.finish([]).unwrap());
        (bytes, parts)
    }

    #[test]
    fn a_file_taken_in_parts_is_the_file() {
        let (whole, none) = write(3_000, 10, usize::MAX);
        assert!(none.is_empty());
        let (in_parts, parts) = write(30, 2_000_000, 1024 * 1024);
        assert!(parts.len() > 10 && parts.iter().all(|part| *part == 1024 * 1024), "{parts:?}");
        for (file, rows) in [(whole, 3_000), (in_parts, 30)] {
            let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
            assert_eq!(reader.metadata().file_metadata().num_rows(), rows);
            let read: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(read as i64, rows);
        }
    }

    #[test]
    fn the_same_sessions_make_the_same_bytes() {
        assert!(write(100, 100, usize::MAX).0 == write(100, 100, usize::MAX).0);
    }

    #[test]
    fn an_object_that_is_no_session_leaves_the_file_as_it_is() {
        let mut file = ParquetFile::new().unwrap();
        assert_eq!(file.push("a", b"plain").unwrap(), Err(Unreadable::NotGzip));
        assert_eq!(file.push("b", &gzip(b"[]")).unwrap(), Err(Unreadable::NotAnObject));
        assert_eq!(file.push("c", &gzip(b"{}")).unwrap(), Ok(()));
        let file = Bytes::from(file.finish([]).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 1);
    }
}
