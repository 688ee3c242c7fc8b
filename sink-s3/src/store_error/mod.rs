//! What an error of the store means for the message: nearly always that the store is busy, unavailable or wrongly
//! configured, and only in a few cases that this object can never be put. And what a person can do about it.

pub(crate) mod needs;

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use sink::{PERMANENT, WriteError};

use crate::answer::{self, Answer};
use crate::credentials::are_refused;
use crate::put::{PutError, chain};
use crate::store_error::needs::Needs;

pub(crate) const NO_CREDENTIALS: &str =
    "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role";

/// Codes that are about the object and will be the same at another try.
const ABOUT_THE_OBJECT: [&str; 3] = ["EntityTooLarge", "KeyTooLongError", "XMinioInvalidObjectName"];
/// Codes of a request that is too much for the store, or for what is before it, because of this object. A limit there can be
/// set too low, so the object gets some tries.
const TOO_MUCH: [&str; 5] =
    ["EntityTooSmall", "InvalidObjectName", "InvalidURI", "MaxMessageLengthExceeded", "MetadataTooLarge"];
/// Codes of a store that is there and will take the same put a moment later.
const BUSY: [&str; 3] = ["RequestTimeout", "OperationAborted", "ConditionalRequestConflict"];

/// What [`kind`] calls the errors of a put.
pub(crate) const KINDS: [&str; 11] = [
    "unreachable",
    "timeout",
    "credentials",
    "denied",
    "no_bucket",
    "throttled",
    "server_error",
    "object_refused",
    "no_store",
    "differs",
    "other",
];

/// An error of a put, as the metrics show it.
pub(crate) fn kind(error: &PutError) -> &'static str {
    let answer = match error {
        PutError::Refused { answer, .. } => answer,
        PutError::NoStore(_) => return "no_store",
        PutError::Differs(_) => return "differs",
        PutError::TimedOut => return "timeout",
        PutError::Unreachable(_) => return "unreachable",
        PutError::Credentials(_) => return "credentials",
        PutError::Request(_) => return "other",
    };
    match (answer.status, answer.code.as_str()) {
        (_, code) if are_refused(code) => "credentials",
        (_, code) if ABOUT_THE_OBJECT.contains(&code) || TOO_MUCH.contains(&code) => "object_refused",
        (413 | 414, _) => "object_refused",
        (429, _) | (_, "SlowDown") => "throttled",
        (401, _) => "credentials",
        (403, _) => "denied",
        (404, _) => "no_bucket",
        (500..=599, _) => "server_error",
        _ => "other",
    }
}

pub(crate) fn of_put(bucket: &str, error: &PutError) -> WriteError {
    let PutError::Refused { answer, after } = error else {
        let reason = format!("bucket {bucket}: {error}");
        return match error {
            PutError::TimedOut | PutError::Unreachable(_) => WriteError::Busy { reason, after: None },
            _ => WriteError::Unavailable { reason, after: None },
        };
    };
    let (reason, after) = (refusal(bucket, answer), *after);
    if ABOUT_THE_OBJECT.contains(&answer.code.as_str()) {
        WriteError::Reject { outcome: PERMANENT, reason }
    } else if matches!(answer.status, 413 | 414) || TOO_MUCH.contains(&answer.code.as_str()) {
        WriteError::Retry { reason: with_todo(reason, answer) }
    } else if matches!(answer.status, 200..=299 | 429 | 500..=599) || BUSY.contains(&answer.code.as_str()) {
        WriteError::Busy { reason, after }
    } else {
        WriteError::Unavailable { reason: with_todo(reason, answer), after }
    }
}

/// The store's status and code, and the right that it misses where it does not let in who asks. Not its message: that names the
/// key, and so differs from object to object.
pub(crate) fn reason<E>(bucket: &str, error: &SdkError<E>) -> String
where
    E: Error + Needs + ProvideErrorMetadata + 'static,
{
    match answer(error) {
        Some(answer) if answer.is_denial() => format!("{}; {}", refusal(bucket, &answer), E::ALLOW),
        Some(answer) => refusal(bucket, &answer),
        None => format!("bucket {bucket}: {}", chain(error)),
    }
}

/// An error of the SDK, as a person needs it.
pub(crate) struct Trouble {
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) todo: &'static str,
    /// None where nothing came.
    pub(crate) answer: Option<Answer>,
}

impl Trouble {
    pub(crate) fn of<E>(bucket: &str, error: &SdkError<E>) -> Self
    where
        E: Error + Needs + ProvideErrorMetadata + 'static,
    {
        let (reason, answer) = (reason(bucket, error), answer(error));
        let todo = match &answer {
            Some(answer) if answer.is_denial() => E::ALLOW,
            Some(answer) => todo(answer),
            None if reason.contains("credentials") => NO_CREDENTIALS,
            None => "correct S3_ENDPOINT, or start the store",
        };
        Self { reason, todo, answer }
    }

    /// Reason and advice in one line.
    pub(crate) fn with_todo(self) -> String {
        match &self.answer {
            // A reason that is a missing right names it.
            Some(answer) if !answer.is_denial() => with_todo(self.reason, answer),
            _ => self.reason,
        }
    }
}

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// What the store answered; none where nothing came.
pub(crate) fn answer<E>(error: &SdkError<E>) -> Option<Answer>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let response = error.raw_response()?;
    let header = |name: &str| response.headers().get(name).unwrap_or_default();
    Some(Answer {
        status: response.status().as_u16(),
        code: error.code().unwrap_or_default().to_owned(),
        page: answer::page(header("content-type")),
        region: answer::region(header("x-amz-bucket-region")),
    })
}

/// Status and code; a page instead of a code is named, too.
pub(crate) fn named(answer: &Answer) -> String {
    let Answer { status, code, page, .. } = answer;
    if (200..300).contains(status) && code.is_empty() {
        return match page.as_str() {
            "" => format!("the store answered {status} with an error, or with what cannot be read"),
            page => format!("what answers is no S3 store: it answers {status} with {page}"),
        };
    }
    let what = if code.is_empty() { page } else { code };
    format!("the store answered {status} {what}").trim_end().to_owned()
}

/// What a person can do about an answer, whatever was asked.
pub(crate) fn todo(answer: &Answer) -> &'static str {
    let Answer { status, code, page, .. } = answer;
    let by_code = match code.as_str() {
        code if are_refused(code) => {
            "correct or renew the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile or the role)"
        }
        "RequestTimeTooSkewed" | "RequestExpired" => "set this machine's clock",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "set AWS_REGION to the bucket's region"
        }
        "TemporaryRedirect" => "wait, where the bucket is new, or set AWS_REGION to its region",
        "AccessDenied" | "AllAccessDisabled" | "UnauthorizedAccess" => needs::PUT,
        "NoSuchBucket" | "InvalidBucketName" => "correct S3_BUCKET, or run sink-s3 setup --create-bucket",
        "InvalidStorageClass" => "correct S3_STORAGE_CLASS",
        "InvalidTag" => "correct S3_TAGS",
        "InvalidEncryptionAlgorithmError" | "ServerSideEncryptionConfigurationNotFoundError" => {
            "correct S3_ENCRYPTION"
        }
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            "look at what is between here and the store: bytes change on their way"
        }
        "QuotaExceeded" | "XMinioStorageFull" | "StorageFull" | "InsufficientStorage" => {
            "make room in the store"
        }
        "NotImplemented" => {
            "leave out the encryption, the storage class or the tags, or set S3_CHECKSUM=when_required: the store does not \
             know them"
        }
        code if TOO_MUCH.contains(&code) => {
            "look at the event's size and session_id: the store does not take this object"
        }
        "MethodNotAllowed" => "correct S3_ENDPOINT: what answers there takes no objects",
        "SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout" => {
            "try again later: the store is busy"
        }
        code if code.starts_with("KMS.") => "enable the KMS key, allow its use, or correct S3_KMS_KEY_ID",
        _ => "",
    };
    if !by_code.is_empty() {
        return by_code;
    }
    match status {
        200..=299 if page.is_empty() => "try again later; if it stays so, correct S3_ENDPOINT",
        200..=299 => "correct S3_ENDPOINT: what answers there is no S3 store",
        301 | 302 | 303 | 307 | 308 if page.is_empty() => {
            "set AWS_REGION to the bucket's region, or correct S3_ENDPOINT"
        }
        301 | 302 | 303 | 307 | 308 => "correct S3_ENDPOINT: it leads elsewhere",
        401 => {
            "correct or renew the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile or the role)"
        }
        403 if page.is_empty() => needs::PUT,
        403 | 405 => "correct S3_ENDPOINT: what answers there, or what is before it, takes no objects",
        404 if page.is_empty() => "correct S3_BUCKET, or run sink-s3 setup --create-bucket",
        404 => "correct S3_ENDPOINT: what answers there is no S3 store",
        407 => "correct the proxy's user in HTTPS_PROXY",
        413 => "let what is before the store take larger requests",
        414 => "let what is before the store take longer addresses",
        429 => "try again later: the store is busy",
        500..=599 => "try again later: the store, or what is before it, does not work",
        _ => "correct the encryption, the storage class, the tags or S3_CHECKSUM",
    }
}

fn refusal(bucket: &str, answer: &Answer) -> String {
    let what = match (answer.status, answer.code.as_str()) {
        (404, "" | "NotFound") if answer.page.is_empty() => "it does not exist".to_owned(),
        (404, "NoSuchBucket") => "it does not exist".to_owned(),
        (301, _) | (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
            if answer.page.is_empty() =>
        {
            match &answer.region {
                Some(region) => format!("it is in another region, {region}"),
                None => "it is in another region".to_owned(),
            }
        }
        _ => named(answer),
    };
    format!("bucket {bucket}: {what}")
}

/// For whoever looks at a program that cannot work. A bucket that is missing speaks for itself.
fn with_todo(reason: String, answer: &Answer) -> String {
    if answer.is_missing_bucket() { reason } else { format!("{reason}; {}", todo(answer)) }
}

#[cfg(test)]
mod tests;
