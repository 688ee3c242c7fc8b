//! The day's file as it is in the store: of which objects it is, and how many rows it has.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, bail};
use parquet::file::metadata::ParquetMetaDataReader;

use crate::bucket::Bucket;
use crate::compact::listing::Summary;
use crate::store_error;

/// Metadata of the file's object: the digest of the listing it is of.
const DIGEST: &str = "postcall-digest";
/// Metadata of the file's object: how many objects that listing had.
const OBJECTS: &str = "postcall-objects";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    objects: Option<u64>,
    digest: Option<String>,
}

/// What is to be done where the day's file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Write,
    Leave,
    /// Sessions are gone, by a lifecycle rule perhaps, and the file may be the only place that still has them.
    Refuse {
        objects: u64,
    },
}

/// What the file of a listing is marked with.
pub(crate) fn metadata(listing: &Summary) -> HashMap<String, String> {
    HashMap::from([
        (DIGEST.to_owned(), listing.digest.clone()),
        (OBJECTS.to_owned(), listing.objects.to_string()),
    ])
}

impl Stored {
    /// The file with this key; none where there is none.
    pub(crate) async fn look_up(bucket: &Bucket, key: &str) -> anyhow::Result<Option<Self>> {
        let head = match bucket.client.head_object().bucket(&bucket.name).key(key).send().await {
            Ok(head) => head,
            Err(error) if store_error::status(&error) == Some(404) => return Ok(None),
            Err(error) => bail!("look up {key}: {}", store_error::reason(&bucket.name, &error)),
        };
        let marked = |name: &str| head.metadata.as_ref()?.get(name).cloned();
        Ok(Some(Self {
            bytes: head.content_length.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
            objects: marked(OBJECTS).and_then(|objects| objects.parse().ok()),
            digest: marked(DIGEST),
        }))
    }

    pub(crate) fn decide(&self, listing: &Summary) -> Decision {
        if self.digest.as_deref() == Some(&listing.digest) {
            return Decision::Leave;
        }
        match self.objects {
            Some(objects) if objects > listing.objects => Decision::Refuse { objects },
            _ => Decision::Write,
        }
    }
}

/// How many rows a Parquet file has, from its end.
pub(crate) async fn rows(bucket: &Bucket, key: &str) -> anyhow::Result<u64> {
    // The length of the metadata, and `PAR1`.
    let end = last_bytes(bucket, key, 8).await?;
    let length = end.first_chunk().map(|length| u32::from_le_bytes(*length)).context("read its length")?;
    let end = last_bytes(bucket, key, u64::from(length) + 8).await?;
    let metadata = end.get(..length as usize).context("read its metadata")?;
    let metadata = ParquetMetaDataReader::decode_metadata(metadata);
    let metadata = metadata.with_context(|| format!("understand the end of {key}"))?;
    metadata.file_metadata().num_rows().try_into().context("count its rows")
}

async fn last_bytes(bucket: &Bucket, key: &str, bytes: u64) -> anyhow::Result<Vec<u8>> {
    let get = bucket.client.get_object().bucket(&bucket.name).key(key).range(format!("bytes=-{bytes}"));
    let got = get.send().await.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)));
    let body = got.with_context(|| format!("read the end of {key}"))?.body.collect().await;
    Ok(body.with_context(|| format!("read the end of {key}"))?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_written_or_refused() {
        let listing = |objects, digest: &str| Summary { objects, bytes: 1, digest: digest.to_owned() };
        let stored = Stored { bytes: 1, objects: Some(5), digest: Some("a".to_owned()) };
        assert_eq!(stored.decide(&listing(5, "a")), Decision::Leave);
        assert_eq!(stored.decide(&listing(6, "b")), Decision::Write);
        assert_eq!(stored.decide(&listing(5, "b")), Decision::Write);
        assert_eq!(stored.decide(&listing(4, "b")), Decision::Refuse { objects: 5 });
        let of_another = Stored { bytes: 1, objects: None, digest: None };
        assert_eq!(of_another.decide(&listing(4, "b")), Decision::Write);
        let marks = metadata(&listing(5, "a"));
        assert_eq!((marks[DIGEST].as_str(), marks[OBJECTS].as_str()), ("a", "5"));
    }
}
