//! The bucket: what is asked of it besides the put of a session.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use futures::Stream;
use md5::{Digest as _, Md5};

use crate::answer::{Answer, EntityTags};
use crate::bounded::{BodyError, LONGEST_OBJECT, whole};
use crate::credentials::are_refused;
use crate::hex::hex;
use crate::list::{Object, list};
use crate::put::{PutError, Putter};
use crate::store_error::needs::{self, Needs};
use crate::store_error::{self, Trouble};

const NOT_ITS_MD5: &str = "the store gave other bytes than its ETag says: look at what is between here and the store; \
    where its entity tags are no MD5, set S3_ETAG=any";

/// A bucket that can be reached, or will be.
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
    /// What the keys of all objects begin with.
    pub(crate) prefix: String,
    /// Named when the bucket is created, on AWS outside its first region.
    pub(crate) location: Option<String>,
    pub(crate) putter: Putter,
    /// A listing was asked for, and no page of a web server came.
    pub(crate) shown_to_be_a_store: AtomicBool,
}

/// What the store says of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    There,
    /// The store knows who asks, and does not let them look.
    NotTold,
}

/// An object, as the store gave it.
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    /// Without its quotation marks.
    pub(crate) etag: String,
}

/// Why an object was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    #[error("{0}")]
    Store(String),
    /// An answer came, and not with the bytes that the store says it has.
    #[error("{0}")]
    Content(String),
    #[error("the object is longer than any session's")]
    TooLong,
}

impl Bucket {
    /// Puts an object below the prefix; durable when it returns.
    pub(crate) async fn put(&self, key: &str, object: Vec<u8>, only_if_absent: bool) -> Result<(), PutError> {
        self.putter.put(key, object, only_if_absent).await
    }

    /// An object; none where the store says that there is none, which may be true of this moment only.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Got>, GetError> {
        let object = match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(object) => object,
            Err(error) if store_error::answer(&error).is_some_and(|answer| answer.is_missing_object()) => {
                return Ok(None);
            }
            Err(error) => return Err(GetError::Store(self.trouble(&error).reason)),
        };
        let etag = object.e_tag().unwrap_or_default().trim_matches('"').to_owned();
        if etag.is_empty() {
            let what = "what answers is no S3 store: an object without an ETag";
            return Err(GetError::Store(format!("bucket {}: {what}", self.name)));
        }
        let is_md5 = self.putter.entity_tags == EntityTags::Md5
            && object.sse_customer_algorithm().is_none()
            && !object.server_side_encryption().is_some_and(|it| it.as_str().starts_with("aws:kms"));
        let length = object.content_length();
        if length.is_some_and(|length| u64::try_from(length).is_ok_and(|length| length > LONGEST_OBJECT)) {
            return Err(GetError::TooLong);
        }
        let bytes = whole(object.body, LONGEST_OBJECT).await.map_err(|error| match error {
            BodyError::Store(reason) => GetError::Store(format!("read an object: {reason}")),
            BodyError::TooLong(_) => GetError::TooLong,
        })?;
        if let Some(length) = length.filter(|length| usize::try_from(*length) != Ok(bytes.len())) {
            return Err(GetError::Content(format!(
                "the store gave {} bytes of an object of {length}",
                bytes.len()
            )));
        }
        if is_md5 && is_other_md5(&etag, &bytes) {
            return Err(GetError::Content(NOT_ITS_MD5.to_owned()));
        }
        Ok(Some(Got { bytes, etag }))
    }

    /// The objects whose keys begin so, in the order of their keys.
    pub(crate) fn list(&self, beginning: String) -> impl Stream<Item = anyhow::Result<Object>> + use<> {
        list(&self.client, &self.name, beginning)
    }

    /// Is the bucket there? Denied access passes: a sink may be allowed to put and nothing else.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match self.look().await {
            Ok(_) => Ok(()),
            Err(trouble) => {
                self.shown_to_be_a_store.store(false, Ordering::Relaxed);
                Err(trouble.with_todo())
            }
        }
    }

    /// Asks for the bucket, and for a listing where the answer does not tell enough: any web server may answer 200, and a
    /// refusal without a body may be about the keys, the clock, or the right to look.
    pub(crate) async fn look(&self) -> Result<Found, Trouble> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) if self.shown_to_be_a_store.load(Ordering::Relaxed) => return Ok(Found::There),
            Ok(_) => {}
            Err(error) if matches!(store_error::status(&error), Some(400 | 401 | 403)) => {
                return match self.list_one().await {
                    Ok(()) => Ok(Found::There),
                    Err(trouble) if trouble.answer.as_ref().is_some_and(Answer::is_denial) => {
                        Ok(Found::NotTold)
                    }
                    Err(trouble) => Err(trouble),
                };
            }
            Err(error) => return Err(self.trouble(&error)),
        }
        match self.list_one().await {
            // What cannot list may still be told apart from a store by the answer to a put.
            Err(trouble) if trouble.answer.as_ref().is_some_and(Answer::is_page_without_error) => {
                Err(trouble)
            }
            _ => {
                self.shown_to_be_a_store.store(true, Ordering::Relaxed);
                Ok(Found::There)
            }
        }
    }

    async fn list_one(&self) -> Result<(), Trouble> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(&self.prefix).max_keys(1);
        list.send().await.map(drop).map_err(|error| self.trouble(&error))
    }

    /// What an error is about; where the store refuses the credentials, others are looked for.
    fn trouble<E>(&self, error: &SdkError<E>) -> Trouble
    where
        E: std::error::Error + Needs + ProvideErrorMetadata + 'static,
    {
        if error.code().is_some_and(are_refused) {
            self.putter.credentials.refused_now();
        }
        Trouble::of(&self.name, error)
    }

    /// Checks that the bucket is there, or creates it.
    pub(crate) async fn setup(&self, create: bool) -> anyhow::Result<()> {
        let trouble = match self.look().await {
            Ok(Found::There) => return Ok(()),
            Ok(Found::NotTold) => {
                let name = &self.name;
                bail!("bucket {name}: the store does not say whether it is there (403); {}", needs::LIST)
            }
            Err(trouble) => trouble,
        };
        if !trouble.answer.as_ref().is_some_and(Answer::is_missing_bucket) {
            bail!("{}", trouble.with_todo());
        }
        if !create {
            bail!("bucket {} does not exist: create it, or run setup with --create-bucket", self.name);
        }
        let location = self.location.as_deref().map(|region| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let created =
            self.client.create_bucket().bucket(&self.name).set_create_bucket_configuration(location);
        if let Err(error) = created.send().await {
            bail!("create {}", self.trouble(&error).with_todo());
        }
        Ok(())
    }
}

/// Whether an entity tag that looks like an MD5 is another one's. That of an upload in parts does not.
fn is_other_md5(etag: &str, bytes: &[u8]) -> bool {
    let looks_like_one = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    looks_like_one && !etag.eq_ignore_ascii_case(&hex(&Md5::digest(bytes)))
}
