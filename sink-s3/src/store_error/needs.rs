//! Which right each request needs, as a person is told who has to give it.

use aws_sdk_s3::operation::abort_multipart_upload::AbortMultipartUploadError;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_sdk_s3::operation::create_multipart_upload::CreateMultipartUploadError;
use aws_sdk_s3::operation::delete_object::DeleteObjectError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::upload_part::UploadPartError;

pub(crate) const PUT: &str =
    "allow s3:PutObject below the prefix (and kms:GenerateDataKey for the key, where there is one)";
/// Parts are read again when they are put together, so a key has to decrypt as well.
const PUT_PARTS: &str = "allow s3:PutObject below the prefix (and kms:GenerateDataKey and kms:Decrypt for the key, where there is one)";
const GET: &str = "allow s3:GetObject below the prefix (and kms:Decrypt for the key, where there is one)";
pub(crate) const LIST: &str = "allow s3:ListBucket for the bucket";

/// The error of a request that takes a right.
pub(crate) trait Needs {
    /// What to do where the store refuses it.
    const ALLOW: &'static str;
}

macro_rules! need {
    ($($error:ty: $allow:expr;)*) => {
        $(impl Needs for $error {
            const ALLOW: &'static str = $allow;
        })*
    };
}

need! {
    AbortMultipartUploadError: "allow s3:AbortMultipartUpload below the prefix";
    CompleteMultipartUploadError: PUT_PARTS;
    CreateBucketError: "allow s3:CreateBucket";
    CreateMultipartUploadError: PUT_PARTS;
    DeleteObjectError: "allow s3:DeleteObject below the prefix";
    GetObjectError: GET;
    HeadBucketError: LIST;
    HeadObjectError: GET;
    ListObjectsV2Error: LIST;
    PutObjectError: PUT;
    UploadPartError: PUT_PARTS;
}
