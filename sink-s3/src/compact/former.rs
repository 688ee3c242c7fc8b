//! The day's file as it is there, of which rows are kept: those whose objects are gone stand nowhere else.

use std::ops::Range;
use std::sync::Arc;

use anyhow::anyhow;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest as _, Sha256};

use crate::bounded::whole;
use crate::bucket::Bucket;
use crate::store_error;

/// What a row is made of anew.
const OBJECT_KEY: &str = "object_key";
const PAYLOAD: &str = "payload";
/// Payloads that are decoded at a time; each can be large.
const AT_A_TIME: usize = 16;

/// A file that is read in pieces, all of them of the same one: another one in its place is an error.
#[derive(Clone)]
pub(crate) struct Former {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) etag: String,
}

/// A row that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FormerRow {
    pub(crate) object_key: String,
    pub(crate) payload: String,
}

/// Why rows cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormerError {
    /// The file is no Parquet file of ours, or a damaged one.
    #[error("{0}")]
    Unreadable(String),
    /// Somebody has written it meanwhile.
    #[error("it was written meanwhile")]
    Overtaken,
    #[error(transparent)]
    Store(anyhow::Error),
}

/// Keys of objects, 16 bytes of each: those of a million take 16 MB.
#[derive(Default)]
pub(crate) struct Keys(Vec<[u8; 16]>);

impl Keys {
    pub(crate) fn add(&mut self, key: &str) {
        self.0.push(short(key));
    }

    /// For looking keys up.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        self
    }

    fn has(&self, key: &str) -> bool {
        self.0.binary_search(&short(key)).is_ok()
    }
}

/// Cut, two keys are the same as seldom as they would be by chance: never.
fn short(key: &str) -> [u8; 16] {
    let digest = Sha256::digest(key);
    std::array::from_fn(|at| digest[at])
}

impl Former {
    /// The rows of objects other than some, which have to be sorted.
    pub(crate) async fn rows_beside(
        &self,
        keys: &Keys,
    ) -> Result<impl Stream<Item = Result<FormerRow, FormerError>> + use<>, FormerError> {
        let mut kept = Vec::new();
        let mut row = 0;
        let mut batches = self.batches(&[OBJECT_KEY], None).await?;
        while let Some(batch) = batches.try_next().await? {
            for key in texts(&batch, OBJECT_KEY)? {
                if !keys.has(key) {
                    kept.push(row..row + 1);
                }
                row += 1;
            }
        }
        let rows = if kept.is_empty() {
            None
        } else {
            let selected = RowSelection::from_consecutive_ranges(kept.into_iter(), row);
            Some(self.batches(&[OBJECT_KEY, PAYLOAD], Some(selected)).await?)
        };
        let rows = futures::stream::iter(rows).flatten().map(|batch| of_batch(&batch?));
        Ok(rows.map_ok(|rows| futures::stream::iter(rows).map(Ok)).try_flatten())
    }

    /// What its end says.
    pub(crate) async fn metadata(&self) -> Result<Arc<ParquetMetaData>, FormerError> {
        Ok(self.clone().get_metadata(None).await?)
    }

    async fn batches(
        &self,
        columns: &[&str],
        selected: Option<RowSelection>,
    ) -> Result<impl Stream<Item = Result<RecordBatch, FormerError>> + Unpin + use<>, FormerError> {
        let builder = ParquetRecordBatchStreamBuilder::new(self.clone()).await?;
        let of_texts = |column: &&&str| {
            let field = builder.schema().field_with_name(column);
            !field.is_ok_and(|field| *field.data_type() == arrow_schema::DataType::Utf8)
        };
        if let Some(column) = columns.iter().find(of_texts) {
            return Err(FormerError::Unreadable(format!("it has no column {column} of texts")));
        }
        let columns = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let mut builder = builder.with_projection(columns);
        if let Some(selected) = selected {
            builder = builder.with_row_selection(selected).with_batch_size(AT_A_TIME);
        }
        Ok(builder.build()?.map_err(FormerError::from).boxed())
    }

    async fn range(&self, range: Range<u64>) -> Result<Bytes, FormerError> {
        if range.end > self.bytes || range.is_empty() {
            return Err(FormerError::Unreadable("it ends too early".to_owned()));
        }
        let Self { bucket, key, .. } = self;
        let get = bucket.client.get_object().bucket(&bucket.name).key(key).if_match(&self.etag);
        let got = get.range(format!("bytes={}-{}", range.start, range.end - 1)).send().await;
        let failed = |reason: &dyn std::fmt::Display| FormerError::Store(anyhow!("read {key}: {reason}"));
        let object = got.map_err(|error| match store_error::answer(&error) {
            Some(answer) if answer.status == 412 || answer.is_missing_object() => FormerError::Overtaken,
            _ => failed(&store_error::reason(&bucket.name, &error)),
        })?;
        // A store that knows no conditions gives what is there.
        if object.e_tag() != Some(&self.etag) {
            return Err(FormerError::Overtaken);
        }
        let length = range.end - range.start;
        let body = whole(object.body, length).await.map_err(|error| failed(&error))?;
        match body.len() as u64 == length {
            true => Ok(body.into()),
            false => Err(failed(&"the store gave another piece than it was asked for")),
        }
    }
}

impl AsyncFileReader for Former {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.range(range).await.map_err(|error| ParquetError::External(Box::new(error))) }
            .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let bytes = self.bytes;
            let metadata = ParquetMetaDataReader::new().load_and_finish(self, bytes).await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}

impl From<ParquetError> for FormerError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Unreadable(other.to_string()),
            },
            other => Self::Unreadable(other.to_string()),
        }
    }
}

fn texts<'b>(batch: &'b RecordBatch, column: &str) -> Result<impl Iterator<Item = &'b str>, FormerError> {
    let texts = batch.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
    let texts =
        texts.ok_or_else(|| FormerError::Unreadable(format!("it has no column {column} of texts")))?;
    Ok(texts.iter().map(Option::unwrap_or_default))
}

fn of_batch(batch: &RecordBatch) -> Result<Vec<FormerRow>, FormerError> {
    let rows = texts(batch, OBJECT_KEY)?.zip(texts(batch, PAYLOAD)?);
    let row =
        |(key, payload): (&str, &str)| FormerRow { object_key: key.to_owned(), payload: payload.to_owned() };
    Ok(rows.map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_what_they_are() {
        let mut keys = Keys::default();
        for number in 0..1_000 {
            keys.add(&number.to_string());
        }
        let keys = keys.sorted();
        assert!((0..1_000).all(|number| keys.has(&number.to_string())));
        assert!(!keys.has("1000") && !keys.has(""));
    }
}
