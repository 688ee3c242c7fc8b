//! What an error of the store means for the message: nearly always that the store is busy, unavailable or wrongly
//! configured, and only in a few cases that this object can never be put.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use sink::{PERMANENT, WriteError};

use crate::put::{PutError, chain};

/// Codes that are about the object and will be the same at another try.
const ABOUT_THE_OBJECT: [&str; 3] = ["EntityTooLarge", "KeyTooLongError", "XMinioInvalidObjectName"];
/// Codes of a store that is there and will take the same put a moment later.
const BUSY: [&str; 3] = ["RequestTimeout", "OperationAborted", "ConditionalRequestConflict"];

pub(crate) fn of_put(bucket: &str, error: &PutError) -> WriteError {
    let PutError::Refused { status, code, after } = error else {
        let reason = format!("bucket {bucket}: {error}");
        return match error {
            PutError::TimedOut | PutError::Unreachable(_) => WriteError::Busy { reason, after: None },
            _ => WriteError::Unavailable { reason, after: None },
        };
    };
    let (reason, after) = (refusal(bucket, Some(*status), Some(code), ""), *after);
    if ABOUT_THE_OBJECT.contains(&code.as_str()) {
        WriteError::Reject { outcome: PERMANENT, reason }
    } else if matches!(status, 429 | 500..=599) || BUSY.contains(&code.as_str()) {
        WriteError::Busy { reason, after }
    } else {
        WriteError::Unavailable { reason, after }
    }
}

/// The store's status and code. Not its message: that names the key, and so differs from object to object.
pub(crate) fn reason<E>(bucket: &str, error: &SdkError<E>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = status(error);
    let why = if status.is_none() { chain(error) } else { String::new() };
    refusal(bucket, status, error.code(), &why)
}

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn refusal(bucket: &str, status: Option<u16>, code: Option<&str>, otherwise: &str) -> String {
    let what = match (status, code.unwrap_or_default()) {
        (Some(404), "" | "NotFound" | "NoSuchBucket") => "it does not exist".to_owned(),
        (Some(301), _) => "it is in another region".to_owned(),
        (Some(status), code) => format!("the store answered {status} {code}").trim_end().to_owned(),
        (None, _) => otherwise.to_owned(),
    };
    format!("bucket {bucket}: {what}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, code: &str, after: Option<u64>) -> WriteError {
        let after = after.map(Duration::from_secs);
        of_put("archive", &PutError::Refused { status, code: code.to_owned(), after })
    }

    #[test]
    fn only_an_impossible_object_is_rejected() {
        for code in ABOUT_THE_OBJECT {
            assert!(matches!(answer(400, code, None), WriteError::Reject { .. }), "{code}");
        }
        for (status, code) in [
            (400, "ExpiredToken"),
            (400, "InvalidArgument"),
            (403, "AccessDenied"),
            (403, "RequestTimeTooSkewed"),
            (403, ""),
            (404, "NoSuchBucket"),
            (301, "PermanentRedirect"),
        ] {
            assert!(matches!(answer(status, code, None), WriteError::Unavailable { .. }), "{code}");
        }
        for (status, code) in [
            (400, "RequestTimeout"),
            (409, "OperationAborted"),
            (409, "ConditionalRequestConflict"),
            (429, ""),
            (500, "InternalError"),
            (503, "SlowDown"),
        ] {
            assert!(matches!(answer(status, code, None), WriteError::Busy { .. }), "{code}");
        }
        assert!(matches!(of_put("archive", &PutError::TimedOut), WriteError::Busy { .. }));
    }

    #[test]
    fn the_reason_is_the_same_for_every_object_and_retry_after_is_kept() {
        let WriteError::Busy { reason, after } = answer(503, "SlowDown", Some(7)) else { panic!() };
        assert_eq!(reason, "bucket archive: the store answered 503 SlowDown");
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert_eq!(answer(404, "NoSuchBucket", None).to_string(), "bucket archive: it does not exist");
        assert_eq!(
            of_put("archive", &PutError::TimedOut).to_string(),
            "bucket archive: no answer within 12s"
        );
    }
}
