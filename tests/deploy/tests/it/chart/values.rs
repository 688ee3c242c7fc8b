//! What may be set, and what is said of what may not.

use std::collections::BTreeSet;

use serde_json::Value;
use test_deploy::{said, yaml_documents};

use super::{FILES, PROGRAMS, Rendered, chart, helm, value_file};

#[test]
fn each_file_of_values_is_taken() {
    for file in FILES {
        let output = helm(&["lint", "--strict"], &value_file(file), &[]);
        assert!(output.status.success(), "{file}: {}", said(&output));
    }
}

#[test]
fn what_is_misspelt_or_of_another_type_is_refused_with_its_place() {
    let refused = [
        ("agent.replicass=3", "at '/agent': additional properties 'replicass' not allowed"),
        (
            "agent.settings.AGENT_CAPACTY=3",
            "at '/agent/settings': additional properties 'AGENT_CAPACTY' not allowed",
        ),
        ("agnet.replicas=3", "additional properties 'agnet' not allowed"),
        ("agent.replicas=two", "at '/agent/replicas': got string, want integer"),
        ("agent.pod.affinity=none", "at '/agent/pod/affinity': got string, want object"),
        ("podMonitor.interval=often", "at '/podMonitor/interval'"),
        (
            "verify.runs[0].name=x,verify.runs[0].schedule=x,verify.runs[0].to=today,verify.runs[0].from=monday",
            "at '/verify/runs/0/from'",
        ),
        // A secret, in the text that everybody may read who may read the release.
        (
            "agent.settings.OPENAI_API_KEY=x",
            "at '/agent/settings': additional properties 'OPENAI_API_KEY' not allowed",
        ),
        (
            "web.settings.WEB_STATUS_TOKEN=x",
            "at '/web/settings': additional properties 'WEB_STATUS_TOKEN' not allowed",
        ),
        (
            "traces.settings.OTEL_EXPORTER_OTLP_HEADERS=x",
            "additional properties 'OTEL_EXPORTER_OTLP_HEADERS' not allowed",
        ),
        ("nats.url=nats://user:password@nats:4222", "at '/nats/url'"),
        // Each replica costs API calls of the org.
        ("sinkSalesforce.replicas=3", "at '/sinkSalesforce/replicas': maximum: got 3, want 2"),
        (
            "sinkSalesforce.keda.maxReplicas=3",
            "at '/sinkSalesforce/keda/maxReplicas': maximum: got 3, want 2",
        ),
    ];
    for (set, why) in refused {
        let output = helm(&["template"], &value_file("production"), &["--set", set]);
        assert!(!output.status.success() && said(&output).contains(why), "{set}: {}", said(&output));
    }
}

#[test]
fn what_is_missing_is_named() {
    let all = "nats.url=nats://nats:4222,livekit.url=wss://livekit.example.com,sinkS3.settings.S3_BUCKET=sessions,\
               sinkSalesforce.settings.SALESFORCE_URL=https://login.salesforce.com";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nothing = folder.path().join("nothing.yaml");
    std::fs::write(&nothing, "{}\n").expect("write it");
    let render = |values: &str| helm(&["template", "postcall"], &nothing, &["--set", values]);
    assert!(render(all).status.success(), "{}", said(&render(all)));
    for (left_out, named) in [
        ("nats.url", "missing property 'url'"),
        ("livekit.url", "livekit.url is not set"),
        ("sinkS3.settings.S3_BUCKET", "sinkS3.settings.S3_BUCKET is not set"),
        ("sinkSalesforce.settings.SALESFORCE_URL", "sinkSalesforce.settings.SALESFORCE_URL is not set"),
    ] {
        let others: Vec<_> = all.split(',').filter(|value| !value.starts_with(left_out)).collect();
        let output = render(&others.join(","));
        assert!(!output.status.success() && said(&output).contains(named), "{left_out}: {}", said(&output));
    }
}

#[test]
fn each_program_can_be_switched_off() {
    for (program, key) in PROGRAMS {
        let rendered = Rendered::with("production", &["--set", &format!("{key}.enabled=false")]);
        let left: Vec<_> = rendered.pods().iter().map(|pod| pod.component().to_owned()).collect();
        assert!(
            !left.is_empty() && left.iter().all(|component| !component.starts_with(program)),
            "{program}: {left:?}"
        );
        let policies: Vec<_> =
            rendered.of_kind("NetworkPolicy").map(|policy| &policy["metadata"]["name"]).collect();
        assert!(policies.iter().all(|name| **name != format!("postcall-{program}")), "{policies:?}");
    }
}

/// A value that the schema knows stands in values.yaml as well, with what it is and what it is without its user.
#[test]
fn every_value_stands_in_the_file_that_explains_them() {
    let read = |name: &str| std::fs::read_to_string(chart().join(name)).expect("read a file of the chart");
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("a schema");
    let values = &yaml_documents(&read("values.yaml"))[0];
    let mut missing = BTreeSet::new();
    missing_below("", &schema, &schema, values, &mut missing);
    // Required, and so without a value of their own; helm's.
    let expected = ["global", "livekit.url", "nats.url"].map(str::to_owned);
    assert_eq!(missing, BTreeSet::from(expected));
}

fn missing_below(path: &str, schema: &Value, whole: &Value, values: &Value, missing: &mut BTreeSet<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => whole.pointer(reference.trim_start_matches('#')).expect("what is referred to"),
        None => schema,
    };
    // Empty where its user decides what is in it.
    let Some(properties) =
        schema["properties"].as_object().filter(|_| values.as_object().is_some_and(|all| !all.is_empty()))
    else {
        return;
    };
    for (name, schema) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match values.get(name) {
            Some(values) => missing_below(&path, schema, whole, values, missing),
            None => drop(missing.insert(path)),
        }
    }
}
