//! Which sessions a day has, in the order of their keys, as S3 lists them.

use std::sync::Arc;

use anyhow::anyhow;
use futures::stream::{self, Stream, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::bucket::Bucket;
use crate::compact::FORMAT;
use crate::store_error;

/// An object as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
}

/// Streams the sessions below a folder; at no time is more than a page of them held.
pub(crate) fn sessions(
    bucket: Arc<Bucket>,
    folder: String,
) -> impl Stream<Item = anyhow::Result<Listed>> + Send + 'static {
    let request = bucket.client.list_objects_v2().bucket(&bucket.name).prefix(folder);
    let pages = stream::try_unfold((request.into_paginator().send(), bucket), |(mut pages, bucket)| async move {
        let Some(page) = pages.next().await else { return anyhow::Ok(None) };
        let page = page.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)))?;
        let sessions: Vec<_> = page.contents.unwrap_or_default().into_iter().filter_map(session).collect();
        Ok(Some((stream::iter(sessions.into_iter().map(anyhow::Ok)), (pages, bucket))))
    });
    pages.try_flatten()
}

fn session(object: aws_sdk_s3::types::Object) -> Option<Listed> {
    let key = object.key.filter(|key| key.ends_with(".json.gz"))?;
    let size = object.size.and_then(|size| size.try_into().ok()).unwrap_or(0);
    Some(Listed { key, size, etag: object.e_tag.unwrap_or_default() })
}

/// What a listing comes to. Two listings with the same digest make the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) digest: String,
}

pub(crate) async fn summarize(
    sessions: impl Stream<Item = anyhow::Result<Listed>>,
) -> anyhow::Result<Summary> {
    let begun = Summing::default();
    let sum = sessions.try_fold(begun, |sum, listed| std::future::ready(Ok(sum.with(&listed))));
    Ok(sum.await?.finish())
}

struct Summing {
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
    fn with(mut self, listed: &Listed) -> Self {
        self.objects += 1;
        self.bytes += listed.size;
        // No key and no ETag has a line break.
        self.digest.update(format!("{}\n{}\n{}\n", listed.key, listed.etag, listed.size));
        self
    }

    fn finish(self) -> Summary {
        let digest = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Summary { objects: self.objects, bytes: self.bytes, digest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(objects: &[(&str, u64, &str)]) -> Summary {
        let listed = |&(key, size, etag): &(&str, u64, &str)| Listed {
            key: key.to_owned(),
            size,
            etag: etag.to_owned(),
        };
        objects.iter().map(listed).fold(Summing::default(), |sum, listed| sum.with(&listed)).finish()
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
