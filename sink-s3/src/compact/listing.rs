//! Which sessions a day has, in the order of their keys, as S3 lists them.

use chrono::NaiveDate;
use futures::{Stream, TryStreamExt as _, future};
use schemas::names::archive_folder;
use sha2::{Digest as _, Sha256};

use crate::bucket::Bucket;
use crate::compact::FORMAT;
use crate::hex::hex;
use crate::list::Object;

/// Streams the sessions of a day; at no time is more than a page of them held.
pub(crate) fn sessions(
    bucket: &Bucket,
    day: NaiveDate,
) -> impl Stream<Item = anyhow::Result<Object>> + use<> {
    let objects = bucket.list(format!("{}{}", bucket.prefix, archive_folder(day)));
    objects.try_filter(|object| future::ready(object.key.ends_with(".json.gz")))
}

impl Bucket {
    /// Whether an object is listed: a second word, where a first one says that it is not there.
    pub(crate) async fn lists(&self, key: &str) -> anyhow::Result<bool> {
        let listed = self.list(key.to_owned()).try_any(|object| future::ready(object.key == key));
        listed.await
    }
}

/// What a listing comes to. Two listings with the same digest make the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) digest: String,
}

pub(crate) async fn summarize(
    sessions: impl Stream<Item = anyhow::Result<Object>>,
) -> anyhow::Result<Summary> {
    let begun = Summing::default();
    let sum = sessions.try_fold(begun, |mut sum, object| {
        sum.add(&object);
        future::ready(Ok(sum))
    });
    Ok(sum.await?.finish())
}

/// A summary that is being made.
pub(crate) struct Summing {
    objects: u64,
    bytes: u64,
    digest: Sha256,
}

impl Default for Summing {
    fn default() -> Self {
        let digest = Sha256::new_with_prefix(format!("postcall sessions-parquet {FORMAT}\n"));
        Self { objects: 0, bytes: 0, digest }
    }
}

impl Summing {
    pub(crate) fn add(&mut self, object: &Object) {
        let Object { key, size, etag } = object;
        self.objects += 1;
        self.bytes += size;
        // Neither a key nor an ETag has a line break.
        self.digest.update(format!("{key}\n{etag}\n{size}\n"));
    }

    pub(crate) fn finish(self) -> Summary {
        Summary { objects: self.objects, bytes: self.bytes, digest: hex(&self.digest.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(objects: &[(&str, u64, &str)]) -> Summary {
        let object = |&(key, size, etag): &(&str, u64, &str)| Object {
            key: key.to_owned(),
            size,
            etag: etag.to_owned(),
        };
        let mut sum = Summing::default();
        objects.iter().map(object).for_each(|object| sum.add(&object));
        sum.finish()
    }

    #[test]
    fn a_digest_changes_with_whatever_changes() {
        let one = sum(&[("a", 1, "x")]);
        assert_eq!((one.objects, one.bytes), (1, 1));
        assert_eq!(sum(&[("a", 1, "x")]), one);
        for other in [&[("b", 1, "x")][..], &[("a", 2, "x")], &[("a", 1, "y")], &[("a", 1, "x"); 2], &[]] {
            assert_ne!(sum(other).digest, one.digest, "{other:?}");
        }
    }
}
