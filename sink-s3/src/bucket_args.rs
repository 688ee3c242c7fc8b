//! Where the bucket is, how it is reached, and how its objects are stored.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{IdentityCache, RequestChecksumCalculation};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::answer::EntityTags;
use crate::bounded::Bounded;
use crate::bucket::Bucket;
use crate::credentials::Credentials;
use crate::endpoint;
use crate::put::Putter;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than what servers and load balancers allow, so that no put begins on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time of a request other than a put, which the SDK repeats.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
const ATTEMPTS: u32 = 3;
/// S3's limits for tags.
const MOST_TAGS: usize = 10;

/// The bucket, and how to reach it. Credentials come from the standard chain: environment, profile, web identity, container,
/// instance.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BucketArgs {
    /// Bucket of the archive.
    #[arg(long, env = "S3_BUCKET")]
    pub(crate) bucket: String,
    /// What the keys of all objects begin with, such as `voice/`.
    #[arg(long, env = "S3_PREFIX", default_value = "", value_parser = prefix)]
    pub(crate) prefix: String,
    /// Region of the bucket; without it, the profile's or the instance's.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// Address of an S3-compatible store, such as http://127.0.0.1:8333; without it, AWS.
    #[arg(long, env = "S3_ENDPOINT")]
    endpoint: Option<String>,
    /// What the entity tags of the store are. A put counts when they prove it.
    #[arg(long, env = "S3_ETAG", default_value = "md5")]
    entity_tags: EntityTags,
    /// Bucket in the path instead of the host name [default: true with an endpoint].
    #[arg(long, env = "S3_FORCE_PATH_STYLE", num_args = 0..=1, default_missing_value = "true")]
    force_path_style: Option<bool>,
    /// When a put carries a checksum; some stores refuse them.
    #[arg(long, env = "S3_CHECKSUM", default_value = "when_supported")]
    checksum: Checksum,
    /// Encryption at the store; without it, as the bucket has it.
    #[arg(long, env = "S3_ENCRYPTION")]
    encryption: Option<Encryption>,
    /// Key of `--encryption aws:kms`; without it, the account's key for S3.
    #[arg(long, env = "S3_KMS_KEY_ID")]
    kms_key_id: Option<String>,
    /// Storage class of objects, such as STANDARD_IA; without it, STANDARD. Small objects are cheapest there.
    #[arg(long, env = "S3_STORAGE_CLASS")]
    storage_class: Option<String>,
    /// Tag of every object, NAME=VALUE; again for each, or separated by commas.
    #[arg(long = "tag", env = "S3_TAGS", value_delimiter = ',', value_parser = tag)]
    tags: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Checksum {
    /// Always: the store finds bytes that changed on the way.
    WhenSupported,
    /// Only where S3 demands one.
    WhenRequired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Encryption {
    /// With keys of S3's.
    #[value(name = "AES256")]
    S3,
    /// With a key in KMS.
    #[value(name = "aws:kms")]
    Kms,
    /// With a key in KMS, twice.
    #[value(name = "aws:kms:dsse")]
    KmsTwice,
}

impl BucketArgs {
    /// A client; nothing is asked of the store yet.
    ///
    /// # Errors
    /// A setting that the store could not take.
    pub(crate) async fn connect(&self) -> anyhow::Result<Bucket> {
        let headers = self.headers()?;
        let given = self.endpoint.as_deref().map(str::trim).filter(|endpoint| !endpoint.is_empty());
        let endpoint = given.map(endpoint::parse).transpose()?;
        let connector = connector();
        let loading = loader(&connector, self.region.clone());
        let config = match &endpoint {
            Some(endpoint) => loading.endpoint_url(endpoint).load().await,
            None => loading.load().await,
        };
        let credentials = {
            let (connector, region) = (connector.clone(), self.region.clone());
            Credentials::new(move || {
                let loader = loader(&connector, region.clone());
                async move { loader.load().await.credentials_provider() }
            })
        };
        let with_checksum = matches!(self.checksum, Checksum::WhenSupported);
        let client = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(self.force_path_style.unwrap_or(endpoint.is_some()))
            .credentials_provider(credentials.clone())
            .identity_cache(IdentityCache::no_cache())
            .request_checksum_calculation(if with_checksum {
                RequestChecksumCalculation::WhenSupported
            } else {
                RequestChecksumCalculation::WhenRequired
            })
            .build();
        let client = Client::from_conf(client);
        let region = config.region().map(ToString::to_string);
        let putter = Putter {
            client: client.clone(),
            connector,
            credentials,
            // Stores other than AWS take any.
            region: region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            bucket: self.bucket.clone(),
            headers,
            with_checksum,
            entity_tags: self.entity_tags,
            address: OnceCell::new(),
        };
        Ok(Bucket {
            client,
            name: self.bucket.clone(),
            prefix: self.prefix.clone(),
            location: region.filter(|region| endpoint.is_none() && region != "us-east-1"),
            putter,
            shown_to_be_a_store: AtomicBool::new(false),
        })
    }

    /// Headers that every object is put with.
    fn headers(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            let value =
                HeaderValue::from_str(value).with_context(|| format!("{name} cannot be {value:?}"))?;
            headers.insert(HeaderName::from_static(name), value);
            anyhow::Ok(())
        };
        if let Some(encryption) = self.encryption {
            let name = match encryption {
                Encryption::S3 => "AES256",
                Encryption::Kms => "aws:kms",
                Encryption::KmsTwice => "aws:kms:dsse",
            };
            set("x-amz-server-side-encryption", name)?;
        }
        if let Some(key_id) = &self.kms_key_id {
            let with_kms = self.encryption.is_some_and(|encryption| encryption != Encryption::S3);
            ensure!(with_kms, "a KMS key needs --encryption aws:kms or aws:kms:dsse");
            set("x-amz-server-side-encryption-aws-kms-key-id", key_id)?;
        }
        if let Some(class) = &self.storage_class {
            set("x-amz-storage-class", class)?;
        }
        ensure!(self.tags.len() <= MOST_TAGS, "S3 takes {MOST_TAGS} tags, not {}", self.tags.len());
        if !self.tags.is_empty() {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            let tags = self.tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
            set("x-amz-tagging", &tags.collect::<Vec<_>>().join("&"))?;
        }
        Ok(headers)
    }
}

fn loader(connector: &SharedHttpConnector, region: Option<String>) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(ATTEMPT_TIMEOUT * ATTEMPTS)
        .build();
    let connector = SharedHttpConnector::new(Bounded(connector.clone()));
    let loader = aws_config::defaults(BehaviorVersion::latest())
        // One pool of connections for the SDK's requests and for puts.
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        // The time-outs above do its work, and it takes slow stores for stalled ones.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    match region.filter(|region| !region.is_empty()) {
        Some(region) => loader.region(Region::new(region)),
        None => loader,
    }
}

fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build();
    SharedHttpConnector::new(connector)
}

/// A prefix of keys ends a folder, or is none.
pub(crate) fn prefix(text: &str) -> Result<String, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/-_.=".contains(character);
    let folders = text.strip_suffix('/').unwrap_or(text).split('/');
    let well_formed =
        text.chars().all(plain) && folders.clone().all(|folder| !matches!(folder, "" | "." | ".."));
    if text.is_empty() || (well_formed && text.len() <= 100) {
        let slash = if text.is_empty() || text.ends_with('/') { "" } else { "/" };
        return Ok(format!("{text}{slash}"));
    }
    Err("a prefix is folders of letters, digits and -_.=, such as voice/eu/, of 100 bytes at most".to_owned())
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256 => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("a tag is NAME=VALUE, of 128 and 256 characters at most".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        bucket: BucketArgs,
    }

    fn parse(flags: &[&str]) -> Result<BucketArgs, String> {
        let flags = ["test", "--bucket", "archive"].iter().chain(flags);
        Cli::try_parse_from(flags).map(|cli| cli.bucket).map_err(|error| error.to_string())
    }

    #[test]
    fn a_prefix_is_folders() {
        for (given, kept) in [("", ""), ("voice", "voice/"), ("voice/eu-1/", "voice/eu-1/")] {
            assert_eq!(prefix(given).as_deref(), Ok(kept));
        }
        for wrong in ["/", "/voice", "a//b", "../x", "a/./b", "a b", "a\n", &"a".repeat(101)] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_operator_wants_of_objects_becomes_headers() {
        let args = parse(&[
            "--encryption",
            "aws:kms",
            "--kms-key-id",
            "alias/archive",
            "--storage-class",
            "GLACIER_IR",
            "--tag",
            "team=sales ops",
            "--tag",
            "pii=yes",
        ]);
        let headers = args.unwrap().headers().unwrap();
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"), @r"
        x-amz-server-side-encryption-aws-kms-key-id: alias/archive
        x-amz-server-side-encryption: aws:kms
        x-amz-storage-class: GLACIER_IR
        x-amz-tagging: team=sales%20ops&pii=yes
        ");
    }

    #[test]
    fn settings_that_the_store_would_refuse_are_told_at_once() {
        let kms = parse(&["--encryption", "AES256", "--kms-key-id", "k"]).unwrap().headers().unwrap_err();
        assert_eq!(kms.to_string(), "a KMS key needs --encryption aws:kms or aws:kms:dsse");
        assert!(parse(&["--storage-class", "a\nb"]).unwrap().headers().is_err());
        assert!(parse(&["--tag", "novalue"]).unwrap_err().contains("NAME=VALUE"));
        let many: Vec<_> = (0..11).flat_map(|tag| ["--tag".to_owned(), format!("t{tag}=x")]).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(parse(&many).unwrap().headers().unwrap_err().to_string(), "S3 takes 10 tags, not 11");
    }
}
