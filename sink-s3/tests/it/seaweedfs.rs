//! One SeaweedFS for the tests that run at the same time, killed when the last of them ends.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use flate2::Compression;
use flate2::bufread::{GzDecoder, GzEncoder};
use tokio::sync::Mutex;

use test_servers::http::get;
use test_servers::{
    Process, SEAWEEDFS_PORTS, SeaweedFsUser, free_port_with, seaweedfs_arguments, seaweedfs_keys, tool,
};

pub(crate) const ACCESS_KEY: &str = "archive-test";
pub(crate) const SECRET_KEY: &str = "archive-test-secret";

pub(crate) struct SeaweedFs {
    _process: Process,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl SeaweedFs {
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<SeaweedFs>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start(&[]).await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// One for a single test, with users who may not do everything.
    pub(crate) async fn with_users(users: &[SeaweedFsUser]) -> Arc<Self> {
        Arc::new(Self::start(users).await)
    }

    async fn start(users: &[SeaweedFsUser]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("s3.json");
        std::fs::write(&keys, seaweedfs_keys(ACCESS_KEY, SECRET_KEY, users).to_string()).unwrap();
        let port = free_port_with(&SEAWEEDFS_PORTS);
        let mut command = Command::new(tool("bin/weed"));
        command.args(seaweedfs_arguments(port, folder.path(), &keys)).arg("-s3.autoCreateBucket=false");
        // Each bucket gets volumes of its own: many, one at a time.
        command.arg("-volume.max=200").env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1");
        let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        let server = Self { _process: process, port, _folder: folder };
        server.answers().await;
        server
    }

    /// Healthy, and with a place to put an object: the volume server joins later.
    async fn answers(&self) {
        let started = Instant::now();
        while !self.healthy().await || !self.takes_an_object().await {
            assert!(started.elapsed() < Duration::from_secs(60), "SeaweedFS does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn healthy(&self) -> bool {
        get(([127, 0, 0, 1], self.port).into(), "/healthz").await.is_some_and(|(status, _)| status == 200)
    }

    async fn takes_an_object(&self) -> bool {
        let client = self.client();
        // There already at the second try.
        drop(client.create_bucket().bucket("first").send().await);
        client.put_object().bucket("first").key("first").send().await.is_ok()
    }

    fn client(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) async fn create_bucket(&self, bucket: &str) {
        self.client().create_bucket().bucket(bucket).send().await.unwrap();
    }

    /// Every object by its key, gunzipped; none where there is no such bucket.
    pub(crate) async fn objects(&self, bucket: &str) -> BTreeMap<String, String> {
        let mut objects = BTreeMap::new();
        let Ok(listed) = self.client().list_objects_v2().bucket(bucket).send().await else { return objects };
        for object in listed.contents() {
            let key = object.key().unwrap();
            let (_, file) = self.object(bucket, key).await;
            let mut text = String::new();
            GzDecoder::new(file.as_slice()).read_to_string(&mut text).unwrap();
            objects.insert(key.to_owned(), text);
        }
        objects
    }

    /// An object that another program made of a text.
    pub(crate) async fn put_gzipped(&self, bucket: &str, key: &str, text: &str) {
        let mut file = Vec::new();
        GzEncoder::new(text.as_bytes(), Compression::fast()).read_to_end(&mut file).unwrap();
        self.put(bucket, key, file).await;
    }

    pub(crate) async fn put(&self, bucket: &str, key: &str, object: Vec<u8>) {
        self.client().put_object().bucket(bucket).key(key).body(object.into()).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, bucket: &str, key: &str) {
        self.client().delete_object().bucket(bucket).key(key).send().await.unwrap();
    }

    /// Keys of all objects below a folder.
    pub(crate) async fn keys(&self, bucket: &str, folder: &str) -> Vec<String> {
        let mut pages = self.client().list_objects_v2().bucket(bucket).prefix(folder).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(page.unwrap().contents.unwrap_or_default().into_iter().filter_map(|it| it.key));
        }
        keys
    }

    /// Uploads in parts that are neither complete nor aborted.
    pub(crate) async fn unfinished_uploads(&self, bucket: &str) -> usize {
        let listed = self.client().list_multipart_uploads().bucket(bucket).send().await.unwrap();
        listed.uploads.unwrap_or_default().len()
    }

    pub(crate) async fn tags(&self, bucket: &str, key: &str) -> Vec<(String, String)> {
        let tags = self.client().get_object_tagging().bucket(bucket).key(key).send().await.unwrap();
        tags.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
    }

    /// An object as it is stored.
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> (GetObjectOutput, Vec<u8>) {
        let mut output = self.client().get_object().bucket(bucket).key(key).send().await.unwrap();
        let body = std::mem::take(&mut output.body).collect().await.unwrap();
        (output, body.to_vec())
    }
}
