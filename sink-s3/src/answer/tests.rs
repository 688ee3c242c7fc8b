//! Which answers to a put prove that the object is stored.

use aws_sdk_s3::primitives::SdkBody;

use super::*;

const OBJECT: &[u8] = b"session";
const MD5: &str = "\"21d6f40cfb511982e4424e0e250a9557\"";

async fn judged(
    proof: &Proof,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Result<(), PutError> {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    for (name, value) in headers {
        response.headers_mut().insert(*name, *value);
    }
    proof.judge(response).await
}

fn proof(checksum: Option<&str>, entity_tags: EntityTags) -> Proof {
    Proof::of(OBJECT, checksum.map(str::to_owned), entity_tags)
}

#[tokio::test]
async fn a_put_is_done_when_the_answer_proves_it() {
    let kms = ("x-amz-server-side-encryption", "aws:kms");
    let sum = ("x-amz-checksum-crc32", "AAAAAA==");
    let upper = "\"21D6F40CFB511982E4424E0E250A9557\"";
    let plain = proof(Some("AAAAAA=="), EntityTags::Md5);
    let without_sum = proof(None, EntityTags::Md5);
    let any = proof(Some("AAAAAA=="), EntityTags::Any);
    for (proof, headers) in [
        (&plain, &[("etag", MD5)][..]),
        (&plain, &[("etag", upper)]),
        (&plain, &[("etag", "21d6f40cfb511982e4424e0e250a9557"), sum]),
        (&plain, &[("etag", MD5), ("x-amz-server-side-encryption", "AES256")]),
        // With a type for a body that is not there.
        (&plain, &[("etag", MD5), ("content-type", "text/html")]),
        (&plain, &[("etag", "\"abc\""), kms, sum]),
        (&without_sum, &[("etag", "\"abc\""), kms]),
        (&without_sum, &[("etag", "\"abc\""), ("x-amz-server-side-encryption-customer-algorithm", "AES256")]),
        (&any, &[("etag", "\"0x8DC\"")]),
    ] {
        assert!(judged(proof, 200, headers, "").await.is_ok(), "{headers:?}");
    }
}

#[tokio::test]
async fn whatever_else_answers_200_is_no_archive() {
    let kms = ("x-amz-server-side-encryption", "aws:kms");
    let html = ("content-type", "text/html; charset=utf-8");
    let plain = proof(Some("AAAAAA=="), EntityTags::Md5);
    let any = proof(Some("AAAAAA=="), EntityTags::Any);
    for (proof, headers, body, told) in [
        (&plain, &[html][..], "<html>welcome</html>", "with a page (200 text/html)"),
        (&plain, &[html, ("etag", MD5)], "<html>welcome</html>", "with a page"),
        (&plain, &[], "", "without an ETag (200)"),
        (&any, &[], "", "without an ETag"),
        (&plain, &[("etag", "\"\"")], "", "ETag that is none"),
        (&any, &[("etag", "a b")], "", "ETag that is none"),
        (&plain, &[("etag", "\"d41d8cd98f00b204e9800998ecf8427e\"")], "", "its ETag is d41d8cd9"),
        (&plain, &[("etag", "W/\"5f-264\"")], "", "its ETag is W/\"5f-264"),
        (&plain, &[("etag", MD5), ("x-amz-checksum-crc32", "BBBBBB==")], "", "its checksum is BBBBBB=="),
        (&any, &[("etag", "\"a\""), ("x-amz-checksum-crc32", "BBBBBB==")], "", "its checksum is BBBBBB=="),
        (&plain, &[("etag", "\"a\""), kms], "", "without the checksum that was sent"),
        (&plain, &[("etag", MD5)], "<Error><Code>InternalError</Code></Error>", "200 InternalError"),
    ] {
        let error = judged(proof, 200, headers, body).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn an_answer_says_what_it_can() {
    let proof = proof(None, EntityTags::Md5);
    let headers = [("x-amz-bucket-region", "eu-west-1"), ("retry-after", "86400")];
    let error = judged(&proof, 301, &headers, "<Error><Code>PermanentRedirect</Code></Error>").await;
    let Err(PutError::Refused { answer, after }) = error else { panic!() };
    assert_eq!((answer.status, answer.code.as_str()), (301, "PermanentRedirect"));
    assert_eq!(answer.region.as_deref(), Some("eu-west-1"));
    assert_eq!(after, Some(LONGEST_PAUSE), "a store may say a day");
    let page = judged(&proof, 502, &[("content-type", "text/html")], "<html>Bad Gateway</html>").await;
    let Err(PutError::Refused { answer, .. }) = page else { panic!() };
    assert_eq!((answer.code.as_str(), answer.page.as_str()), ("", "text/html"));
}

#[test]
fn the_code_of_an_answer_is_found_and_nothing_else() {
    let body = "<?xml version=\"1.0\"?><Error><Message>a/key</Message><Code>SlowDown</Code></Error>";
    assert_eq!(error_code(body).as_deref(), Some("SlowDown"));
    let kms = "<Error><Code>KMS.DisabledException</Code></Error>";
    assert_eq!(error_code(kms).as_deref(), Some("KMS.DisabledException"));
    for other in [
        "",
        "<Error></Error>",
        "<html>",
        "<Error><Code>a b</Code></Error>",
        "not xml",
        "<x><Code>A</Code></x>",
    ] {
        assert_eq!(error_code(other), None, "{other}");
    }
}
