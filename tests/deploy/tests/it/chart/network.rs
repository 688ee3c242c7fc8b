//! NetworkPolicies let through what each program needs.

use serde_json::Value;

use super::{FILES, Pod, Rendered, list, text};

/// The policies that are about a pod.
fn policies<'a>(rendered: &'a Rendered, pod: &Pod<'_>) -> Vec<&'a Value> {
    let about = |policy: &&Value| {
        let selector = &policy["spec"]["podSelector"];
        let labels = selector["matchLabels"].as_object().expect("labels");
        let expression = &selector["matchExpressions"][0];
        assert_eq!(
            (&expression["key"], &expression["operator"]),
            (&"app.kubernetes.io/component".into(), &"In".into())
        );
        labels.iter().all(|(name, value)| pod.metadata["labels"][name] == *value)
            && list(&expression["values"]).iter().any(|component| component == pod.component())
    };
    rendered.of_kind("NetworkPolicy").filter(about).collect()
}

fn ports<'a>(rules: &'a Value, protocol: &'a str) -> impl Iterator<Item = &'a Value> {
    let ports = list(rules).iter().flat_map(|rule| list(&rule["ports"]));
    ports.filter(move |port| port["protocol"].as_str().unwrap_or("TCP") == protocol).map(|port| &port["port"])
}

/// The ports of all addresses in a pod's settings.
fn reached(pod: &Pod<'_>) -> Vec<(String, u16)> {
    let mut reached = Vec::new();
    for (name, value) in pod.environment() {
        for address in value.split(',') {
            let Some((scheme, rest)) =
                address.rsplit_once('=').map_or(address, |(_, url)| url).split_once("://")
            else {
                continue;
            };
            // What visitors' browsers reach.
            if name == "LIVEKIT_PUBLIC_URL" {
                continue;
            }
            let host = rest.split('/').next().unwrap_or_default();
            let own = match scheme {
                "nats" | "tls" => 4222,
                "ws" | "http" => 80,
                "wss" | "https" => 443,
                other => panic!("{name}: {other}"),
            };
            reached.push((
                format!("{name}={address}"),
                host.rsplit_once(':').map_or(own, |(_, port)| port.parse().expect("a port")),
            ));
        }
    }
    reached
}

#[test]
fn every_pod_reaches_the_addresses_in_its_settings() {
    let own_servers = "agent.settings.LLM_BASE_URL=http://vllm:8000/v1,agent.settings.STT_BASE_URL=http://speaches:8001/v1,\
                       sinkS3.settings.S3_ENDPOINT=http://seaweedfs:8333,nats.url=nats://a:4222\\,nats://b:4333,traces.headers.secret=x,traces.headers.key=y";
    for (file, set) in FILES.into_iter().map(|file| (file, "")).chain([("production", own_servers)]) {
        let rendered = Rendered::with(file, &["--set", set]);
        for pod in rendered.pods() {
            let found = policies(&rendered, &pod);
            assert_eq!(found.len(), 1, "{file}: {}", pod.component());
            let egress = &found[0]["spec"]["egress"];
            let allowed = |protocol: &'static str, port: u16| {
                ports(egress, protocol).any(|found| found.is_null() || *found == port)
            };
            assert!(allowed("UDP", 53) && allowed("TCP", 53), "names: {}", pod.component());
            // Services that are not named: LiveKit Inference, OpenAI, AWS, the org's own address.
            assert!(allowed("TCP", 443), "{}", pod.component());
            for (setting, port) in reached(&pod) {
                assert!(allowed("TCP", port), "{file}: {} does not reach {setting}", pod.component());
            }
            assert_eq!(allowed("UDP", 40_000), pod.program() == "agent", "sound: {}", pod.component());
            assert!(!allowed("TCP", 22), "{}", pod.component());
        }
    }
}

#[test]
fn metrics_are_for_prometheus_and_the_status_page_and_the_page_for_everybody() {
    let rendered = Rendered::of("small");
    for program in ["agent", "sink-s3", "web"] {
        let pod = rendered.pod(program);
        let ingress = list(&policies(&rendered, &pod)[0]["spec"]["ingress"]);
        let rule = |port: &str| ingress.iter().find(|rule| rule["ports"][0]["port"] == port);
        let metrics = rule("operations").expect("a rule for metrics");
        let from: Vec<_> = list(&metrics["from"]).iter().map(Value::to_string).collect();
        assert!(from.iter().any(|peer| peer.contains("monitoring")), "{from:?}");
        assert_eq!(
            from.iter().any(|peer| peer.contains(r#""app.kubernetes.io/component":"web""#)),
            program != "web"
        );
        assert_eq!(rule("http").is_some_and(|rule| rule["from"].is_null()), program == "web");
    }
    let restricted = Rendered::of("production");
    let web = restricted.pod("web");
    let ingress = list(&policies(&restricted, &web)[0]["spec"]["ingress"]);
    let visitors =
        ingress.iter().find(|rule| rule["ports"][0]["port"] == "http").expect("a rule for visitors");
    assert!(
        text(&visitors["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
            == "ingress-nginx"
    );
}
