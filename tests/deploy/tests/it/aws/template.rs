//! What the template makes.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use test_deploy::{program, said, settings, tool};

use super::{Aws, BUCKET, POLICIES, REGION, STACK, policy, template};

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000";
const OIDC_PROVIDER: &str =
    "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:people";

/// As it comes.
static PLAIN: LazyLock<Aws> = LazyLock::new(|| Aws::with(&[]));

/// With all that is optional.
static FULL: LazyLock<Aws> = LazyLock::new(|| {
    Aws::with(&[
        ("Prefix", "voice/"),
        ("KmsKeyArn", KEY),
        ("SessionsExpireDays", "90"),
        ("ParquetMoveDays", "60"),
        ("ParquetStorageClass", "GLACIER_IR"),
        ("ParquetExpireDays", "3650"),
        ("OidcProviderArn", OIDC_PROVIDER),
        ("KubernetesNamespace", "voice"),
        ("CompactServiceAccount", "night"),
        ("Users", "true"),
        ("QueryBytes", "20000000"),
        ("BytesADay", "30000000"),
        ("RequestMetrics", "false"),
        ("AlarmTopicArn", TOPIC),
    ])
});

#[test]
fn cfn_lint_has_no_complaint() {
    let mut lint = Command::new(tool("deploy/bin/cfn-lint"));
    // All that it has, what is for information only included.
    let output = lint.args(["--include-checks", "I", "--template"]).arg(template()).output().unwrap();
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
}

#[test]
fn each_policy_is_that_of_the_file_beside_it() {
    assert_eq!(PLAIN.told["status"], "CREATE_COMPLETE");
    for (file, resource) in POLICIES {
        assert_eq!(PLAIN.told["policies"][resource], policy(file), "{file}");
    }
    assert_eq!(PLAIN.told["policies"].as_object().unwrap().len(), POLICIES.len());
}

#[test]
fn a_policy_is_for_the_prefix_and_the_key() {
    assert_eq!(FULL.told["status"], "CREATE_COMPLETE");
    for (file, resource) in POLICIES {
        let text = policy(file).to_string().replace(&format!(":::{BUCKET}/"), &format!(":::{BUCKET}/voice/"));
        let mut wanted: Value = serde_json::from_str(&text).unwrap();
        let actions = match file {
            "setup" => Value::Null,
            "sink-s3" => json!("kms:GenerateDataKey"),
            "verify" => json!("kms:Decrypt"),
            _ => json!(["kms:Decrypt", "kms:GenerateDataKey"]),
        };
        if !actions.is_null() {
            let via_s3 =
                json!({ "StringEquals": { "kms:ViaService": format!("s3.{REGION}.amazonaws.com") } });
            wanted["Statement"].as_array_mut().unwrap().push(json!({
                "Sid": "UseTheKeyOfTheBucket", "Effect": "Allow", "Action": actions, "Resource": KEY, "Condition": via_s3,
            }));
        }
        assert_eq!(FULL.told["policies"][resource], wanted, "{file}");
    }
    let encryption = &FULL.properties("Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    let with_key = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY });
    assert_eq!(*encryption, json!([{ "ServerSideEncryptionByDefault": with_key, "BucketKeyEnabled": true }]));
    let results = &FULL.properties("WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"];
    assert_eq!(results["EncryptionConfiguration"], json!({ "EncryptionOption": "SSE_KMS", "KmsKey": KEY }));
    assert_eq!(results["OutputLocation"], format!("s3://{BUCKET}/voice/athena-results/"));
}

#[test]
fn the_bucket_is_shut_to_others_and_stays() {
    let bucket = PLAIN.properties("Bucket");
    let blocked = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let blocked: Map<_, _> = blocked.map(|name| (name.to_owned(), json!(true))).into_iter().collect();
    assert_eq!(bucket["PublicAccessBlockConfiguration"], Value::Object(blocked));
    assert_eq!(
        bucket["OwnershipControls"],
        json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] })
    );
    assert_eq!(bucket["VersioningConfiguration"], json!({ "Status": "Enabled" }));
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    assert_eq!(*encryption, json!([{ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } }]));
    let arn = format!("arn:aws:s3:::{BUCKET}");
    assert_eq!(
        PLAIN.properties("BucketPolicy")["PolicyDocument"]["Statement"],
        json!([{
            "Sid": "WithTlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")], "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }])
    );
    for resource in ["Bucket", "BucketPolicy"] {
        let resource = &PLAIN.told["resources"][resource];
        assert_eq!(resource["DeletionPolicy"], "Retain");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain");
    }
}

#[test]
fn what_is_kept_how_long_is_a_parameter() {
    let rules = |aws: &Aws| aws.properties("Bucket")["LifecycleConfiguration"]["Rules"].clone();
    let always = json!([
        {
            "Id": "old-versions", "Status": "Enabled", "ExpiredObjectDeleteMarker": true,
            "NoncurrentVersionExpiration": { "NoncurrentDays": 30 },
        },
        {
            "Id": "abandoned-uploads", "Status": "Enabled",
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 2 },
        },
        { "Id": "probes", "Status": "Enabled", "Prefix": "sessions/_check/", "ExpirationInDays": 1 },
        { "Id": "results", "Status": "Enabled", "Prefix": "athena-results/", "ExpirationInDays": 30 },
    ]);
    assert_eq!(rules(&PLAIN), always);
    let moves = json!([{ "StorageClass": "GLACIER_IR", "TransitionInDays": 60 }]);
    let wanted = json!([
        { "Id": "sessions", "Status": "Enabled", "Prefix": "voice/sessions/", "ExpirationInDays": 90 },
        { "Id": "parquet-moves", "Status": "Enabled", "Prefix": "voice/sessions-parquet/", "Transitions": moves },
        { "Id": "parquet-expires", "Status": "Enabled", "Prefix": "voice/sessions-parquet/", "ExpirationInDays": 3650 },
    ]);
    assert_eq!(rules(&FULL).as_array().unwrap()[4..], *wanted.as_array().unwrap());
}

#[test]
fn a_service_account_has_the_role_of_its_command_and_a_user_the_policy() {
    assert_eq!((&PLAIN.told["roles"], &PLAIN.told["users"]), (&json!({}), &json!({})));
    let (_, issuer) = OIDC_PROVIDER.split_once("oidc-provider/").unwrap();
    for (name, account) in [
        ("SinkS3", "postcall-sink-s3"),
        ("Setup", "postcall-sink-s3-setup"),
        ("Compact", "night"),
        ("Verify", "postcall-sink-s3-verify"),
    ] {
        let role = &FULL.told["roles"][format!("{name}Role")];
        assert_eq!(role["policies"], json!([format!("{name}Policy")]));
        let who = json!({
            format!("{issuer}:aud"): "sts.amazonaws.com",
            format!("{issuer}:sub"): format!("system:serviceaccount:voice:{account}"),
        });
        assert_eq!(
            role["trust"],
            json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": { "Federated": OIDC_PROVIDER },
                "Action": "sts:AssumeRoleWithWebIdentity", "Condition": { "StringEquals": who },
            }] })
        );
    }
    assert_eq!(FULL.told["roles"].as_object().unwrap().len(), 4);
    assert_eq!(
        FULL.told["users"],
        json!({
            "SinkS3User": ["SinkS3Policy"], "CompactUser": ["CompactPolicy"],
            "VerifyUser": ["VerifyPolicy"], "OperatorUser": ["OperatorPolicy"],
        })
    );
}

#[test]
fn athena_has_the_table_and_the_views_of_ddl() {
    let ddl = Command::new(program("sink-s3"))
        .args(["ddl", "athena", "--bucket", BUCKET, "--prefix", "voice/"])
        .output();
    let ddl = said(&ddl.unwrap());
    let statements = ddl.split_inclusive('\n').filter(|line| !line.starts_with("--")).collect::<String>();
    let mut statements = statements.split(';').map(str::trim);

    let table = statements.next().unwrap();
    let column = |line: &str| {
        let (name, kind) = line.strip_prefix("  `")?.split_once("` ")?;
        Some(json!({ "Name": name, "Type": kind.strip_suffix(',').unwrap_or(kind) }))
    };
    let columns: Vec<_> = table.lines().filter_map(column).collect();
    let properties = table.split_once("TBLPROPERTIES").unwrap().1;
    let quoted: Vec<_> = properties.split('\'').skip(1).step_by(2).collect();
    let pairs = quoted.chunks(2).map(|pair| (pair[0].to_owned(), json!(pair[1])));
    // What Athena adds by itself.
    let more = [("EXTERNAL".to_owned(), json!("TRUE")), ("classification".to_owned(), json!("parquet"))];
    let (_, location) = table.split_once("\nLOCATION '").unwrap();
    assert!(table.starts_with("CREATE EXTERNAL TABLE IF NOT EXISTS sessions_parquet ("), "{table}");
    assert!(
        table.contains("PARTITIONED BY (`year` int, `month` int, `day` int)\nSTORED AS PARQUET\n"),
        "{table}"
    );

    let input = &FULL.properties("SessionsParquet")["TableInput"];
    assert_eq!(input["Name"], "sessions_parquet");
    assert_eq!(input["StorageDescriptor"]["Columns"], json!(columns));
    let days = ["year", "month", "day"].map(|name| json!({ "Name": name, "Type": "int" }));
    assert_eq!(input["PartitionKeys"], json!(days));
    assert_eq!(input["StorageDescriptor"]["Location"], location.split('\'').next().unwrap());
    assert_eq!(input["Parameters"], Value::Object(pairs.chain(more).collect()));

    let queries = ["SessionsView", "ToolCallsView", "SignalsView", "ModelUsageView"];
    let views: Vec<_> = statements.filter(|statement| !statement.is_empty()).collect();
    assert_eq!(queries.map(|query| FULL.properties(query)["QueryString"].as_str().unwrap()), *views);
}

#[test]
fn questions_and_alarms_have_their_limits() {
    let group = &FULL.properties("WorkGroup")["WorkGroupConfiguration"];
    assert_eq!(group["EnforceWorkGroupConfiguration"], true);
    assert_eq!(group["PublishCloudWatchMetricsEnabled"], true);
    assert_eq!(group["BytesScannedCutoffPerQuery"], 20_000_000);
    let questions = FULL.properties("ExpensiveQueries");
    assert_eq!(questions["MetricName"], "ProcessedBytes");
    assert_eq!(questions["Dimensions"], json!([{ "Name": "WorkGroup", "Value": STACK }]));
    assert_eq!((&questions["Threshold"], &questions["AlarmActions"]), (&json!(30_000_000), &json!([TOPIC])));

    let filters = json!([{ "Id": "sessions", "Prefix": "sessions/" }]);
    assert_eq!(PLAIN.properties("Bucket")["MetricsConfigurations"], filters);
    let dimensions =
        json!([{ "Name": "BucketName", "Value": BUCKET }, { "Name": "FilterId", "Value": "sessions" }]);
    for (alarm, metric, statistic) in
        [("RefusedRequests", "4xxErrors", "Sum"), ("FailedRequests", "5xxErrors", "Average")]
    {
        let requests = PLAIN.properties(alarm);
        assert_eq!((&requests["MetricName"], &requests["Statistic"]), (&json!(metric), &json!(statistic)));
        assert_eq!(requests["Dimensions"], dimensions);
        assert!(requests.get("AlarmActions").is_none());
        assert!(FULL.told["resources"].get(alarm).is_none());
    }
    assert!(FULL.properties("Bucket").get("MetricsConfigurations").is_none());
}

#[test]
fn outputs_name_what_goes_into_the_settings() {
    let outputs = FULL.told["outputs"].as_object().unwrap();
    let settings = settings(&program("sink-s3"), &["run"]);
    for (name, setting, value) in
        [("Bucket", "S3_BUCKET", BUCKET), ("Prefix", "S3_PREFIX", "voice/"), ("Region", "AWS_REGION", REGION)]
    {
        assert!(settings.iter().any(|known| known == setting), "{setting} is no setting of sink-s3");
        let output = &outputs[name];
        assert_eq!(
            (&output["OutputValue"], &output["Description"]),
            (&json!(value), &json!(format!("{setting} of sink-s3")))
        );
    }
    for role in ["SinkS3Role", "SetupRole", "CompactRole", "VerifyRole"] {
        assert_eq!(outputs[role]["OutputValue"], FULL.told["roles"][role]["arn"]);
    }
    for name in ["SinkS3User", "CompactUser", "VerifyUser", "OperatorUser", "OperatorPolicy", "AnalystPolicy"]
    {
        assert!(outputs[name]["OutputValue"].as_str().is_some_and(|value| value.contains(name)), "{name}");
    }
    for (name, value) in [("WorkGroup", STACK), ("Database", "postcall")] {
        assert_eq!(outputs[name]["OutputValue"], value);
    }
}
