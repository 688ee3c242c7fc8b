use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use sink::WriteError;

use crate::store_error;

/// How long one put may take, the client's own second attempt included.
pub(crate) const PUT_TIMEOUT: Duration = Duration::from_secs(25);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than what servers and load balancers allow, so that no put begins on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// One more for a connection that broke; everything else is repeated by the runtime, which pauses meanwhile.
const ATTEMPTS: u32 = 2;

/// The bucket, and how to reach it. Credentials come from the standard chain: environment, profile, web identity, container,
/// instance.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BucketArgs {
    /// Bucket of the archive.
    #[arg(long, env = "S3_BUCKET")]
    bucket: String,
    /// Region of the bucket; without it, the profile's or the instance's.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// Address of an S3-compatible store, such as http://127.0.0.1:8333; without it, AWS.
    #[arg(long, env = "S3_ENDPOINT")]
    endpoint: Option<String>,
    /// Bucket in the path instead of the host name [default: true with an endpoint].
    #[arg(long, env = "S3_FORCE_PATH_STYLE", num_args = 0..=1, default_missing_value = "true")]
    force_path_style: Option<bool>,
    /// When a put carries a checksum; some stores refuse them.
    #[arg(long, env = "S3_CHECKSUM", default_value = "when_supported")]
    checksum: Checksum,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Checksum {
    /// Always: the store finds bytes that changed on the way.
    WhenSupported,
    /// Only where S3 demands one.
    WhenRequired,
}

/// A bucket that can be reached, or will be.
pub(crate) struct Bucket {
    client: Client,
    name: String,
    /// Named when the bucket is created, on AWS outside its first region.
    location: Option<String>,
}

impl BucketArgs {
    /// A client; nothing is asked of the store yet.
    pub(crate) async fn connect(&self) -> Bucket {
        let http = aws_smithy_http_client::Builder::new()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(PUT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            // The time-outs above do its work, and it takes slow stores for stalled ones.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        let client = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(self.force_path_style.unwrap_or(self.endpoint.is_some()))
            .request_checksum_calculation(match self.checksum {
                Checksum::WhenSupported => RequestChecksumCalculation::WhenSupported,
                Checksum::WhenRequired => RequestChecksumCalculation::WhenRequired,
            })
            .build();
        let location = config.region().map(ToString::to_string);
        Bucket {
            client: Client::from_conf(client),
            name: self.bucket.clone(),
            location: location.filter(|region| self.endpoint.is_none() && region != "us-east-1"),
        }
    }
}

impl Bucket {
    /// Puts a gzip file; durable when it returns. It has no `Content-Encoding`, with which some clients would decode it
    /// unasked.
    pub(crate) async fn put(&self, key: &str, object: Vec<u8>) -> Result<(), WriteError> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.content_type("application/gzip").body(ByteStream::from(object));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(store_error::of_put(&self.name, &error)),
        }
    }

    /// Is the bucket there? Denied access passes: a sink may be allowed to put and nothing else.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if store_error::status(&error) == Some(403) => Ok(()),
            Err(error) => Err(store_error::reason(&self.name, &error)),
        }
    }

    /// Checks that the bucket is there, or creates it.
    pub(crate) async fn setup(&self, create: bool) -> anyhow::Result<()> {
        let Err(error) = self.client.head_bucket().bucket(&self.name).send().await else { return Ok(()) };
        if store_error::status(&error) != Some(404) {
            bail!("{}", store_error::reason(&self.name, &error));
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
        created.send().await.with_context(|| format!("create bucket {}", self.name))?;
        Ok(())
    }
}
