//! The day's file as it is in the store: of which objects it is, and how many rows it has.

use std::collections::HashMap;

use anyhow::{Context as _, bail, ensure};
use parquet::file::metadata::ParquetMetaData;

use crate::bucket::Bucket;
use crate::compact::listing::Summary;
use crate::store_error;

/// Metadata of the file's object: the digest of the listing it is of. It is sent before the objects are read, so the file itself
/// has the digest of those that were, which is another one where not all of them could be.
const DIGEST: &str = "postcall-digest";
/// Metadata of the file's object: how many objects that listing had.
const OBJECTS: &str = "postcall-objects";
/// Noted in the file itself: rows whose objects are gone.
const KEPT: &str = "postcall-kept";
/// Noted in the file itself: objects that hold no session.
const SKIPPED: &str = "postcall-skipped";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    /// Entity tag as the store has it, with its quotation marks.
    pub(crate) etag: String,
    objects: Option<u64>,
    digest: Option<String>,
}

/// What is to be done for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// There is nothing to write, and no file.
    Nothing,
    /// The file there is of these objects, or all of them are gone and it keeps them.
    Leave,
    /// From the objects, and nothing else.
    WriteAnew,
    /// From the objects, and the rows of the file there whose objects are gone.
    Merge,
}

/// What the file of a listing is marked with.
pub(crate) fn metadata(listing: &Summary) -> HashMap<String, String> {
    HashMap::from([
        (DIGEST.to_owned(), listing.digest.clone()),
        (OBJECTS.to_owned(), listing.objects.to_string()),
    ])
}

/// Whether objects are gone is not to be seen in their number: one may be gone and another one new.
pub(crate) fn decide(stored: Option<&Stored>, listing: &Summary, force: bool) -> Decision {
    match stored {
        None if listing.objects == 0 => Decision::Nothing,
        None => Decision::WriteAnew,
        Some(_) if force => Decision::WriteAnew,
        Some(stored) if stored.digest.as_deref() == Some(&listing.digest) || listing.objects == 0 => {
            Decision::Leave
        }
        Some(_) => Decision::Merge,
    }
}

impl Stored {
    /// The file with this key; none where there is none. It may have the only rows of some sessions, so the answer has to be
    /// the store's, and the listing has to say the same.
    pub(crate) async fn look_up(bucket: &Bucket, key: &str) -> anyhow::Result<Option<Self>> {
        let head = match bucket.client.head_object().bucket(&bucket.name).key(key).send().await {
            Ok(head) => head,
            Err(error) if store_error::answer(&error).is_some_and(|answer| answer.is_missing_object()) => {
                let listed = bucket.lists(key).await.with_context(|| format!("look up {key}"))?;
                ensure!(!listed, "look up {key}: the store lists it and does not find it; try again later");
                return Ok(None);
            }
            Err(error) => bail!("look up {key}: {}", store_error::reason(&bucket.name, &error)),
        };
        let marked = |name: &str| head.metadata.as_ref()?.get(name).cloned();
        Ok(Some(Self {
            bytes: head.content_length.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
            objects: marked(OBJECTS).and_then(|objects| objects.parse().ok()),
            digest: marked(DIGEST),
            etag: head.e_tag.with_context(|| {
                format!("look up {key}: what answers is no S3 store: it answers without an ETag")
            })?,
        }))
    }

    /// Whether it has all sessions of the listing that it is marked with. What is not in it is looked for again. Files of
    /// older versions do not say.
    pub(crate) fn is_whole(&self, metadata: &ParquetMetaData) -> bool {
        noted(metadata, DIGEST).is_none_or(|digest| Some(digest) == self.digest.as_deref())
    }

    /// What its end says of it. Files of older versions do not say how many objects were skipped; they have no rows but
    /// those of their objects.
    pub(crate) fn contents(&self, metadata: &ParquetMetaData) -> Contents {
        let noted = |name: &str| noted(metadata, name)?.parse().ok();
        let sessions = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        let skipped = noted(SKIPPED).or_else(|| self.objects?.checked_sub(sessions)).unwrap_or(0);
        Contents { sessions, kept: noted(KEPT).unwrap_or(0), skipped }
    }
}

/// What the end of a file says.
fn noted<'m>(metadata: &'m ParquetMetaData, name: &str) -> Option<&'m str> {
    let pair = metadata.file_metadata().key_value_metadata()?.iter().find(|pair| pair.key == name)?;
    pair.value.as_deref()
}

/// What a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Sessions in the file, a row each.
    pub(crate) sessions: u64,
    /// Sessions in the file whose objects are gone.
    pub(crate) kept: u64,
    /// Objects that hold no session.
    pub(crate) skipped: u64,
}

impl Contents {
    /// What the end of a file says of it, and of which objects it is.
    pub(crate) fn notes(self, digest: String) -> [(&'static str, String); 3] {
        [(KEPT, self.kept.to_string()), (SKIPPED, self.skipped.to_string()), (DIGEST, digest)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_written_or_merged_by_what_is_in_the_day() {
        let listing = |objects, digest: &str| Summary { objects, bytes: 1, digest: digest.to_owned() };
        let stored =
            Stored { bytes: 1, etag: "e".to_owned(), objects: Some(5), digest: Some("a".to_owned()) };
        for (listing, decision) in [
            (listing(5, "a"), Decision::Leave),
            (listing(6, "b"), Decision::Merge),
            (listing(5, "b"), Decision::Merge),
            (listing(4, "b"), Decision::Merge),
            (listing(0, "c"), Decision::Leave),
        ] {
            assert_eq!(decide(Some(&stored), &listing, false), decision, "{listing:?}");
            assert_eq!(decide(Some(&stored), &listing, true), Decision::WriteAnew, "{listing:?}");
            let none = if listing.objects == 0 { Decision::Nothing } else { Decision::WriteAnew };
            assert_eq!(decide(None, &listing, false), none, "{listing:?}");
        }
        let of_another = Stored { objects: None, digest: None, ..stored };
        assert_eq!(decide(Some(&of_another), &listing(4, "b"), false), Decision::Merge);
        let marks = metadata(&listing(5, "a"));
        assert_eq!((marks[DIGEST].as_str(), marks[OBJECTS].as_str()), ("a", "5"));
    }
}
