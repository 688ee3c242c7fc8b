//! What has arrived in the bucket.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::environment::Environment;
use crate::wait_for;

/// The bucket of the archive.
#[derive(Debug, Clone)]
pub struct Archive {
    client: Client,
    bucket: String,
}

/// A session as the archive has it.
#[derive(Debug, Clone)]
pub struct Archived {
    /// The object's key.
    pub key: String,
    /// The payload's bytes, gunzipped.
    pub bytes: Vec<u8>,
    /// The payload, parsed.
    pub payload: Value,
}

impl Archive {
    /// Opens the bucket that the environment names.
    pub fn open(environment: &Environment) -> Result<Self> {
        let credentials = Credentials::new(
            environment.get("AWS_ACCESS_KEY_ID")?,
            environment.get("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "environment",
        );
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(credentials)
            .region(Region::new(environment.get("AWS_REGION")?.to_owned()))
            .endpoint_url(environment.get("S3_ENDPOINT")?)
            .force_path_style(true)
            .build();
        Ok(Self { client: Client::from_conf(config), bucket: environment.get("S3_BUCKET")?.to_owned() })
    }

    /// Keys of all objects, or of those that hold `part`.
    pub async fn keys(&self, part: &str) -> Result<Vec<String>> {
        let keys = self.list().await?.into_iter().map(|(key, _)| key);
        Ok(keys.filter(|key| key.contains(part)).collect())
    }

    /// Keys of all objects, and when each was stored, in whole seconds.
    pub async fn list(&self) -> Result<Vec<(String, DateTime<Utc>)>> {
        let mut objects = Vec::new();
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.context("list objects")?;
            objects.extend(page.contents().iter().filter_map(|object| {
                let stored = DateTime::from_timestamp(object.last_modified()?.secs(), 0)?;
                Some((object.key()?.to_owned(), stored))
            }));
        }
        Ok(objects)
    }

    /// Reads the object with this key.
    pub async fn read(&self, key: &str) -> Result<Archived> {
        let object =
            self.client.get_object().bucket(&self.bucket).key(key).send().await.context("get object")?;
        let body = object.body.collect().await.context("read object")?.into_bytes();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut bytes).context("gunzip object")?;
        let payload = serde_json::from_slice(&bytes).context("parse object")?;
        Ok(Archived { key: key.to_owned(), bytes, payload })
    }

    /// Waits for the first object of a session.
    pub async fn wait_for(&self, session_id: &str, limit: Duration) -> Result<Archived> {
        let what = format!("the object of {session_id}");
        let key = wait_for(&what, limit, || async { Ok(self.keys(session_id).await?.pop()) }).await?;
        self.read(&key).await
    }
}
