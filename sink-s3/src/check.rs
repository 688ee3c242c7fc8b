//! `check`: all that archiving needs, tried.

use aws_sdk_s3::primitives::DateTime;
use sink::Check;

use crate::bucket::Bucket;
use crate::gzip::gzip;
use crate::put::PutError;
use crate::store_error;

/// What is put and removed again. It is no session, and outside of where sessions are.
const PROBE_FOLDER: &str = "postcall-check";

/// The bucket, and whether an object can be put.
pub(crate) async fn check_bucket(bucket: &Bucket) -> Vec<Check> {
    let name = format!("bucket {}", bucket.name);
    let head = bucket.client.head_bucket().bucket(&bucket.name).send().await;
    let found = match &head {
        Ok(_) => Check::good(name, "it is there"),
        Err(error) if store_error::status(error) == Some(403) => {
            Check::good(name, "the store does not say whether it is there (403); a put shows it")
        }
        Err(error) => {
            let todo = match store_error::status(error) {
                Some(404) => "correct S3_BUCKET, or run sink-s3 setup --create-bucket",
                Some(301) => "set AWS_REGION to the bucket's region",
                _ => "correct S3_ENDPOINT, AWS_REGION and the credentials",
            };
            return vec![Check::bad(name, store_error::reason(&bucket.name, error), todo)];
        }
    };
    let mut checks = vec![found];
    let process = std::process::id();
    let now = DateTime::from(std::time::SystemTime::now()).secs();
    let key = format!("{}{PROBE_FOLDER}/{now}-{process}", bucket.prefix);
    checks.push(match bucket.put(&key, gzip(b"{}"), false).await {
        Ok(()) => Check::good("put", format!("{key} is written")),
        Err(error) => Check::bad("put", error.to_string(), todo_of(&error)),
    });
    if checks.iter().all(|check| check.good) {
        let removed = bucket.client.delete_object().bucket(&bucket.name).key(&key).send().await;
        checks.push(match removed {
            Ok(_) => Check::good("remove", "and removed"),
            // Not needed for archiving.
            Err(error) => Check::good(
                "remove",
                format!(
                    "the probe object stays, remove it by hand ({})",
                    store_error::reason(&bucket.name, &error)
                ),
            ),
        });
    }
    checks
}

fn todo_of(error: &PutError) -> &'static str {
    match error {
        PutError::Credentials(_) => {
            "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
        }
        PutError::Refused { status: 403, .. } => {
            "allow s3:PutObject below the prefix (and kms:GenerateDataKey for the key, where there is one)"
        }
        PutError::Refused { status: 404, .. } => "correct S3_BUCKET, or run sink-s3 setup --create-bucket",
        PutError::Refused { .. } => "correct the encryption, the storage class, the tags or S3_CHECKSUM",
        PutError::TimedOut | PutError::Unreachable(_) => "correct S3_ENDPOINT, or start the store",
        PutError::Request(_) => "correct S3_BUCKET and S3_ENDPOINT",
    }
}
