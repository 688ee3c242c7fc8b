"""What somebody with a key may do at the store, tried with boto3.

Arguments: endpoint, bucket, key of an object that is there. Prints, as JSON, which of the attempts the store did not refuse.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, BUCKET, KEPT = sys.argv[1:]
config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
s3 = boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", config=config)
NEW, PROBE = KEPT.replace("kept", "new"), "sessions/_check/probe"
everybody = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}],
})


def on(call, **arguments):
    return lambda: call(Bucket=BUCKET, **arguments)


ATTEMPTS = {
    "put a session": on(s3.put_object, Key=NEW, Body=b"x"),
    "put the probe of check": on(s3.put_object, Key=PROBE, Body=b"x"),
    "get the probe of check": on(s3.get_object, Key=PROBE),
    "remove the probe of check": on(s3.delete_object, Key=PROBE),
    "put elsewhere": on(s3.put_object, Key="x", Body=b"x"),
    "put beside": on(s3.put_object, Key="sessions-parquet/x", Body=b"x"),
    "put a name that begins so": on(s3.put_object, Key="sessionsx", Body=b"x"),
    "get a session": on(s3.get_object, Key=KEPT),
    "get its own": on(s3.get_object, Key=NEW),
    "get a file of the analysts": on(s3.get_object, Key="sessions-parquet/kept"),
    "look at a session": on(s3.head_object, Key=KEPT),
    "copy a session": on(s3.copy_object, Key=PROBE, CopySource={"Bucket": BUCKET, "Key": KEPT}),
    "tag a session": on(s3.put_object_tagging, Key=KEPT, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
    "remove a session": on(s3.delete_object, Key=KEPT),
    "remove its own": on(s3.delete_object, Key=NEW),
    "remove several": on(s3.delete_objects, Delete={"Objects": [{"Key": KEPT}], "Quiet": False}),
    "list": on(s3.list_objects_v2),
    "list versions": on(s3.list_object_versions),
    "read the policy": on(s3.get_bucket_policy),
    "change the policy": on(s3.put_bucket_policy, Policy=everybody),
    "change the lifecycle": on(
        s3.put_bucket_lifecycle_configuration,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
        },
    ),
    "remove the bucket": on(s3.delete_bucket),
    "make a bucket": lambda: s3.create_bucket(Bucket="another"),
    "list buckets": lambda: s3.list_buckets()["Buckets"] or refuse(),
}


def refuse():
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "nothing was shown")


def is_done(attempt):
    try:
        answer = attempt()
    except ClientError:
        return False
    return not answer.get("Errors") if isinstance(answer, dict) else True


print(json.dumps([name for name, attempt in ATTEMPTS.items() if is_done(attempt)]))
