//! What an error of the store means for the message: nearly always that the store is unavailable or wrongly configured,
//! and only in a few cases that this object can never be put.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use sink::WriteError;

/// Codes that are about the object and will be the same at another try.
const ABOUT_THE_OBJECT: [&str; 3] = ["EntityTooLarge", "KeyTooLongError", "XMinioInvalidObjectName"];

pub(crate) fn of_put<E>(bucket: &str, error: &SdkError<E>) -> WriteError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let reason = reason(bucket, error);
    if error.code().is_some_and(|code| ABOUT_THE_OBJECT.contains(&code)) {
        return WriteError::Reject { reason };
    }
    let after = error.raw_response().and_then(|response| response.headers().get("retry-after"));
    let after = after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    WriteError::Unavailable { reason, after }
}

/// The store's status and code. Not its message: that names the key, and so differs from object to object.
pub(crate) fn reason<E>(bucket: &str, error: &SdkError<E>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let what = match (status(error), error.code()) {
        (Some(404), None | Some("NotFound" | "NoSuchBucket")) => "it does not exist".to_owned(),
        (Some(301), _) => "it is in another region".to_owned(),
        (Some(status), code) => {
            format!("the store answered {status} {}", code.unwrap_or_default()).trim_end().to_owned()
        }
        (None, _) => chain(error),
    };
    format!("bucket {bucket}: {what}")
}

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// An error and its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !parts.contains(&part) {
            parts.push(part);
        }
        cause = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::http::HttpResponse;
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn answer(status: u16, code: &str, retry_after: Option<&'static str>) -> WriteError {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        if let Some(seconds) = retry_after {
            response.headers_mut().insert("retry-after", seconds);
        }
        let metadata = ErrorMetadata::builder().code(code).message("about some/key").build();
        of_put("archive", &SdkError::service_error(PutObjectError::generic(metadata), response))
    }

    #[test]
    fn only_an_impossible_object_is_rejected() {
        for code in ABOUT_THE_OBJECT {
            assert!(matches!(answer(400, code, None), WriteError::Reject { .. }), "{code}");
        }
        for (status, code) in [
            (400, "ExpiredToken"),
            (400, "InvalidArgument"),
            (400, "RequestTimeout"),
            (403, "AccessDenied"),
            (403, "RequestTimeTooSkewed"),
            (404, "NoSuchBucket"),
            (409, "OperationAborted"),
            (500, "InternalError"),
            (503, "SlowDown"),
        ] {
            assert!(matches!(answer(status, code, None), WriteError::Unavailable { .. }), "{code}");
        }
    }

    #[test]
    fn the_reason_is_the_same_for_every_object_and_retry_after_is_kept() {
        let WriteError::Unavailable { reason, after } = answer(503, "SlowDown", Some("7")) else { panic!() };
        assert_eq!(reason, "bucket archive: the store answered 503 SlowDown");
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert_eq!(answer(404, "NoSuchBucket", None).to_string(), "bucket archive: it does not exist");
    }
}
