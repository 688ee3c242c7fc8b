//! `check`: all that archiving needs, tried.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::DateTime;
use sink::Check;

use crate::bounded::whole;
use crate::bucket::{Bucket, Found};
use crate::gzip::gzip;
use crate::put::PutError;
use crate::store_error;

/// What is put and removed again. It is no session, but below where they are: elsewhere the sink needs no right. Whatever reads
/// the archive leaves out a name that begins so.
const PROBE_FOLDER: &str = "sessions/_check";

/// The bucket, and whether an object can be put, where one may be.
pub(crate) async fn check_bucket(bucket: &Bucket, read_only: bool) -> Vec<Check> {
    let name = format!("bucket {}", bucket.name);
    let found = match bucket.look().await {
        Ok(Found::There) => Check::good(name, "it is there"),
        Ok(Found::NotTold) => {
            Check::good(name, "the store does not say whether it is there (403); a put shows it")
        }
        Err(trouble) => return vec![Check::bad(name, trouble.reason, trouble.todo)],
    };
    let mut checks = vec![found];
    if read_only {
        checks.push(Check::good("put", "not tried, as --read-only wants it"));
        return checks;
    }
    let process = std::process::id();
    let now = DateTime::from(std::time::SystemTime::now()).secs();
    let key = format!("{}{PROBE_FOLDER}/{now}-{process}", bucket.prefix);
    let object = gzip(b"{}");
    checks.push(match bucket.put(&key, object.clone(), false).await {
        Ok(()) => Check::good("put", format!("{key} is written")),
        Err(error) => Check::bad("put", error.to_string(), todo_of(&error)),
    });
    if checks.iter().all(|check| check.good) {
        checks.push(read_back(bucket, &key, &object).await);
        checks.push(remove(bucket, &key).await);
    }
    checks
}

/// Whether the store kept what it said that it took.
async fn read_back(bucket: &Bucket, key: &str, object: &[u8]) -> Check {
    let read = match bucket.client.get_object().bucket(&bucket.name).key(key).send().await {
        Ok(read) => whole(read.body, object.len() as u64).await.map_err(|error| error.to_string()),
        Err(error) if denied(&error) => {
            let found = "not allowed, and not needed; that it is stored is known from the answer to the put";
            return Check::good("read back", found);
        }
        Err(error) => Err(store_error::reason(&bucket.name, &error)),
    };
    match read {
        Ok(read) if read == object => Check::good("read back", "the same bytes"),
        Ok(_) => Check::bad("read back", "other bytes than were put", "correct S3_ENDPOINT"),
        Err(reason) => {
            Check::bad("read back", reason, "correct S3_ENDPOINT: what answers there keeps no objects")
        }
    }
}

async fn remove(bucket: &Bucket, key: &str) -> Check {
    match bucket.client.delete_object().bucket(&bucket.name).key(key).send().await {
        Ok(_) => Check::good("remove", "and removed"),
        // Not needed for archiving.
        Err(error) => Check::good(
            "remove",
            format!(
                "the probe object stays, remove it by hand ({})",
                store_error::reason(&bucket.name, &error)
            ),
        ),
    }
}

/// The store knows who asks, and does not let them.
fn denied<E>(error: &SdkError<E>) -> bool
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    store_error::answer(error).is_some_and(|answer| answer.is_denial())
}

fn todo_of(error: &PutError) -> &'static str {
    match error {
        PutError::Credentials(_) => store_error::NO_CREDENTIALS,
        PutError::Refused { answer, .. } => store_error::todo(answer),
        PutError::NoStore(_) => "correct S3_ENDPOINT: what answers there is no S3 store",
        PutError::Differs(_) => {
            "look at what is between here and the store; where its entity tags are no MD5, set S3_ETAG=any"
        }
        PutError::TimedOut | PutError::Unreachable(_) => "correct S3_ENDPOINT, or start the store",
        PutError::Request(_) => "correct S3_BUCKET and S3_ENDPOINT",
    }
}
