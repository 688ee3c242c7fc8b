//! Lists objects. A page counts when it is whole: one that breaks off, or comes again, would leave objects out, or have them
//! twice, and nobody would notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use futures::{Stream, TryStreamExt as _};
use tokio::time::sleep;
use tracing::warn;

use crate::store_error;

/// How often a page is asked for, beyond what the SDK repeats, which takes what breaks off for all there is.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);
/// Pages without an object, one after the other. S3 gives some where it has much to pass over.
const MOST_EMPTY_PAGES: u32 = 100;

/// An object, as a listing has it.
#[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only `compact` reads size and tag"))]
pub(crate) struct Object {
    pub(crate) key: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Without its quotation marks.
    pub(crate) etag: String,
}

/// The objects whose keys begin so, each once, in the order of their keys.
pub(crate) fn list(
    client: &Client,
    bucket: &str,
    beginning: String,
) -> impl Stream<Item = anyhow::Result<Object>> + use<> {
    let listing = Listing {
        client: client.clone(),
        bucket: bucket.to_owned(),
        beginning,
        next: Next::default(),
        is_over: false,
    };
    let pages = futures::stream::try_unfold(listing, |mut listing| async move {
        if listing.is_over {
            return anyhow::Ok(None);
        }
        let objects = listing.page().await?;
        Ok(Some((futures::stream::iter(objects.into_iter().map(Ok)), listing)))
    });
    pages.try_flatten()
}

struct Listing {
    client: Client,
    bucket: String,
    beginning: String,
    next: Next,
    is_over: bool,
}

/// Where the next page begins, and what it has to follow.
#[derive(Clone, Default)]
struct Next {
    token: Option<String>,
    order: Order,
    empty_pages: u32,
}

impl Listing {
    async fn page(&mut self) -> anyhow::Result<Vec<Object>> {
        for tried in 1.. {
            let fault = match self.ask().await? {
                Ok(page) => match read(page, &self.beginning, &self.next) {
                    Ok((objects, next)) => {
                        match next {
                            Some(next) => self.next = next,
                            None => self.is_over = true,
                        }
                        return Ok(objects);
                    }
                    Err(fault) => fault,
                },
                Err(fault) => fault,
            };
            let fault = format!("list bucket {}: {fault}", self.bucket);
            if tried == TRIES {
                return Err(anyhow!("{fault}; look at the store, and at what is between here and it"));
            }
            warn!("{fault}; asking again");
            sleep(PAUSE * tried).await;
        }
        unreachable!("the last try ends it")
    }

    /// A page, or what is wrong with it.
    async fn ask(&self) -> anyhow::Result<Result<ListObjectsV2Output, String>> {
        let breaks_off = BreaksOff::default();
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.beginning);
        let list = list.set_continuation_token(self.next.token.clone()).customize();
        let page = list.interceptor(breaks_off.clone()).send().await;
        if breaks_off.0.load(Ordering::Relaxed) {
            return Ok(Err("the listing breaks off".to_owned()));
        }
        page.map(Ok).map_err(|error| anyhow!("list {}", store_error::reason(&self.bucket, &error)))
    }
}

/// The objects of a page, and where the next one begins; or what is wrong with it.
fn read(
    page: ListObjectsV2Output,
    beginning: &str,
    at: &Next,
) -> Result<(Vec<Object>, Option<Next>), String> {
    let mut next = at.clone();
    let more = page.is_truncated.ok_or("the listing does not say whether it is all")?;
    next.token = page.next_continuation_token.filter(|token| more && !token.is_empty());
    if more && next.token.is_none() {
        return Err("there are more objects, and the listing ends without saying where they begin".to_owned());
    }
    if more && next.token == at.token {
        return Err("the listing goes on at the same place again".to_owned());
    }
    let listed = page.contents.unwrap_or_default();
    let counted = page.key_count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    if counted > listed.len() + page.common_prefixes.map_or(0, |folders| folders.len()) {
        return Err(format!("a page of {counted} objects has {}", listed.len()));
    }
    next.empty_pages = if listed.is_empty() { at.empty_pages + 1 } else { 0 };
    if more && next.empty_pages > MOST_EMPTY_PAGES {
        return Err(format!("the listing has {MOST_EMPTY_PAGES} pages without an object and does not end"));
    }
    let objects = listed.into_iter().map(|listed| {
        let object = Object::of(listed).ok_or("an object is listed without its key or its size")?;
        if !object.key.starts_with(beginning) {
            return Err("an object is listed that was not asked for".to_owned());
        }
        match next.order.follows(&object.key) {
            true => Ok(object),
            false => Err("objects are listed twice, or not in their order".to_owned()),
        }
    });
    let objects = objects.collect::<Result<_, String>>()?;
    Ok((objects, more.then_some(next)))
}

impl Object {
    fn of(listed: aws_sdk_s3::types::Object) -> Option<Self> {
        let etag = listed.e_tag.unwrap_or_default().trim_matches('"').to_owned();
        Some(Self { key: listed.key?, size: listed.size?.try_into().ok()?, etag })
    }
}

/// In which order keys come: byte by byte as in S3, or folder by folder as in stores that are file systems. Either one of
/// them holds throughout, so that no key comes twice.
#[derive(Clone)]
struct Order {
    last: Option<String>,
    by_bytes: bool,
    by_folders: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { last: None, by_bytes: true, by_folders: true }
    }
}

impl Order {
    fn follows(&mut self, key: &str) -> bool {
        if let Some(last) = &self.last {
            self.by_bytes &= last.as_str() < key;
            self.by_folders &= last.split('/').lt(key.split('/'));
        }
        self.last = Some(key.to_owned());
        self.by_bytes || self.by_folders
    }
}

/// Whether a listing ends before its last tag, which the SDK does not look for.
#[derive(Debug, Clone, Default)]
struct BreaksOff(Arc<AtomicBool>);

impl Intercept for BreaksOff {
    fn name(&self) -> &'static str {
        "BreaksOff"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let breaks_off = context.response().status().is_success() && breaks_off(body);
        self.0.store(breaks_off, Ordering::Relaxed);
        Ok(())
    }
}

fn breaks_off(body: &[u8]) -> bool {
    const LIST: &str = "ListBucketResult";
    let Ok(text) = std::str::from_utf8(body) else { return true };
    let last_tag = text.trim_end().rsplit('<').next().unwrap_or_default();
    let is_whole = last_tag.starts_with('/') && last_tag.ends_with(&format!("{LIST}>"));
    text.contains(LIST) && !is_whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_has_its_last_tag_is_whole() {
        for whole in [
            "<ListBucketResult></ListBucketResult>",
            "<?xml version=\"1.0\"?><x:ListBucketResult xmlns:x=\"y\"></x:ListBucketResult>\r\n",
            "<Error><Code>SlowDown</Code></Error>",
            "<html>",
            "",
        ] {
            assert!(!breaks_off(whole.as_bytes()), "{whole}");
        }
        for cut in [
            "<ListBucketResult",
            "<ListBucketResult>",
            "<ListBucketResult/>",
            "<ListBucketResult><Contents>",
            "<ListBucketResult></ListBucketResult",
        ] {
            assert!(breaks_off(cut.as_bytes()), "{cut}");
        }
        assert!(breaks_off(b"<ListBucketResult>\xc3"));
    }

    #[test]
    fn keys_follow_each_other_in_one_order() {
        let order = |keys: &[&str]| {
            let mut order = Order::default();
            keys.iter().all(|key| order.follows(key))
        };
        assert!(order(&["d/a.json.gz", "d/a/b.json.gz", "d/b"]), "byte by byte");
        assert!(order(&["d/a/b.json.gz", "d/a.json.gz", "d/b"]), "folder by folder");
        for wrong in [
            &["a", "a"][..],
            &["b", "a"],
            &["d/a.z", "d/a/b", "d/a.z"],
            &["d/a/b", "d/a.z", "d/b.z", "d/b/a"],
        ] {
            assert!(!order(wrong), "{wrong:?}");
        }
    }
}
