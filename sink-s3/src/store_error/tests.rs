//! What a store's errors mean for an event.

use std::time::Duration;

use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::operation::upload_part::UploadPartError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::*;

fn of(status: u16, code: &str) -> Answer {
    Answer { status, code: code.to_owned(), ..Answer::default() }
}

fn answer(status: u16, code: &str, after: Option<u64>) -> WriteError {
    let after = after.map(Duration::from_secs);
    of_put("archive", &PutError::Refused { answer: of(status, code), after })
}

#[test]
fn errors_are_counted_by_their_kind() {
    let refused = |status, code| PutError::Refused { answer: of(status, code), after: None };
    for (error, expected) in [
        (refused(503, "SlowDown"), "throttled"),
        (refused(429, ""), "throttled"),
        (refused(500, "InternalError"), "server_error"),
        (refused(200, "InternalError"), "other"),
        (refused(403, "AccessDenied"), "denied"),
        (refused(403, "InvalidAccessKeyId"), "credentials"),
        (refused(401, ""), "credentials"),
        (refused(404, "NoSuchBucket"), "no_bucket"),
        (refused(400, "EntityTooLarge"), "object_refused"),
        (refused(413, ""), "object_refused"),
        (refused(301, "PermanentRedirect"), "other"),
        (PutError::TimedOut, "timeout"),
        (PutError::Unreachable("gone".to_owned()), "unreachable"),
        (PutError::NoStore("a page".to_owned()), "no_store"),
        (PutError::Differs("cut".to_owned()), "differs"),
    ] {
        assert_eq!(kind(&error), expected, "{error}");
        assert!(KINDS.contains(&expected));
    }
}

#[test]
fn only_an_impossible_object_is_rejected() {
    for code in ABOUT_THE_OBJECT {
        assert!(matches!(answer(400, code, None), WriteError::Reject { .. }), "{code}");
    }
    for (status, code) in [(413, ""), (414, ""), (400, "MetadataTooLarge"), (400, "InvalidURI")] {
        assert!(matches!(answer(status, code, None), WriteError::Retry { .. }), "{status} {code}");
    }
    for (status, code) in [
        (400, "ExpiredToken"),
        (400, "InvalidArgument"),
        (431, ""),
        (403, "AccessDenied"),
        (403, "RequestTimeTooSkewed"),
        (403, ""),
        (404, "NoSuchBucket"),
        (301, "PermanentRedirect"),
        (307, "TemporaryRedirect"),
    ] {
        assert!(matches!(answer(status, code, None), WriteError::Unavailable { .. }), "{code}");
    }
    for (status, code) in [
        (200, "InternalError"),
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
    for unproven in [PutError::NoStore(String::new()), PutError::Differs(String::new())] {
        assert!(matches!(of_put("archive", &unproven), WriteError::Unavailable { .. }));
    }
}

#[test]
fn the_reason_is_the_same_for_every_object_and_retry_after_is_kept() {
    let WriteError::Busy { reason, after } = answer(503, "SlowDown", Some(7)) else { panic!() };
    assert_eq!(reason, "bucket archive: the store answered 503 SlowDown");
    assert_eq!(after, Some(Duration::from_secs(7)));
    assert_eq!(answer(404, "NoSuchBucket", None).to_string(), "bucket archive: it does not exist");
    assert_eq!(of_put("archive", &PutError::TimedOut).to_string(), "bucket archive: no answer within 12s");
    let region = Some("eu-west-1".to_owned());
    let elsewhere = Answer { region, ..of(301, "PermanentRedirect") };
    assert_eq!(
        of_put("archive", &PutError::Refused { answer: elsewhere, after: None }).to_string(),
        "bucket archive: it is in another region, eu-west-1; set AWS_REGION to the bucket's region"
    );
}

#[test]
fn each_answer_has_its_own_hint() {
    for (status, code, page, hint) in [
        (403, "RequestTimeTooSkewed", "", "clock"),
        (403, "SignatureDoesNotMatch", "", "credentials"),
        (403, "InvalidAccessKeyId", "", "credentials"),
        (400, "ExpiredToken", "", "credentials"),
        (401, "", "", "credentials"),
        (301, "PermanentRedirect", "", "AWS_REGION"),
        (301, "", "", "AWS_REGION"),
        (307, "TemporaryRedirect", "", "wait"),
        (307, "", "text/html", "S3_ENDPOINT"),
        (302, "", "text/html", "S3_ENDPOINT"),
        (400, "AuthorizationHeaderMalformed", "", "AWS_REGION"),
        (403, "AccessDenied", "", "s3:PutObject"),
        (403, "", "", "s3:PutObject"),
        (403, "", "text/html", "S3_ENDPOINT"),
        (404, "NoSuchBucket", "", "S3_BUCKET"),
        (404, "", "", "S3_BUCKET"),
        (404, "", "text/html", "S3_ENDPOINT"),
        (405, "MethodNotAllowed", "", "S3_ENDPOINT"),
        (407, "", "text/html", "HTTPS_PROXY"),
        (502, "", "text/html", "later"),
        (503, "", "text/html", "later"),
        (503, "SlowDown", "", "busy"),
        (500, "InternalError", "", "busy"),
        (501, "NotImplemented", "", "S3_CHECKSUM"),
        (400, "KMS.DisabledException", "", "S3_KMS_KEY_ID"),
        (400, "InvalidStorageClass", "", "S3_STORAGE_CLASS"),
        (400, "BadDigest", "", "between"),
        (400, "InvalidArgument", "", "encryption"),
        (507, "", "", "later"),
        (200, "", "text/html", "no S3 store"),
    ] {
        let answer = Answer { page: page.to_owned(), ..of(status, code) };
        assert!(todo(&answer).contains(hint), "{answer:?}: {}", todo(&answer));
    }
}

#[test]
fn a_refusal_names_the_right_of_what_was_asked() {
    fn refused<E: Error + Needs + ProvideErrorMetadata + 'static>(error: E) -> String {
        let response = HttpResponse::new(403_u16.try_into().unwrap(), SdkBody::empty());
        let error = SdkError::service_error(error, response);
        let reason = reason("archive", &error);
        assert_eq!(Trouble::of("archive", &error).with_todo(), reason);
        reason
    }
    let denied = || ErrorMetadata::builder().code("AccessDenied").build();
    assert_eq!(
        refused(ListObjectsV2Error::generic(denied())),
        "bucket archive: the store answered 403 AccessDenied; allow s3:ListBucket for the bucket"
    );
    assert!(refused(GetObjectError::generic(denied())).contains("allow s3:GetObject"));
    assert!(
        refused(UploadPartError::generic(denied())).contains("s3:PutObject below the prefix (and kms:Gen")
    );
    // An answer to HEAD has no body, and so no code.
    let without_code = HeadObjectError::generic(ErrorMetadata::builder().build());
    assert!(refused(without_code).starts_with("bucket archive: the store answered 403; allow s3:GetObject"));
}
