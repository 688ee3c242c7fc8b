//! Pods live as their programs need it.

use std::time::Duration;

use serde_json::json;

use super::{FILES, PROGRAMS, Pod, Rendered, list, text};

/// Every worker of a program that runs all the time.
fn workloads(rendered: &Rendered) -> Vec<Pod<'_>> {
    let pods = rendered.pods().into_iter();
    pods.filter(|pod| ["StatefulSet", "Deployment"].contains(&text(&pod.owner["kind"]))).collect()
}

/// What `restricted` of Kubernetes' pod security standards asks for, and more.
#[test]
fn every_pod_may_do_next_to_nothing() {
    for file in FILES {
        let rendered = Rendered::with(file, &["--set", "agent.publish={0}"]);
        for pod in rendered.pods() {
            let component = pod.component();
            let security = &pod.spec["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{component}");
            assert_eq!(security["runAsUser"], 65532, "{component}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{component}");
            let expected = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            });
            assert_eq!(pod.container()["securityContext"], expected, "{component}");
            assert_eq!(pod.spec["automountServiceAccountToken"], false, "{component}");
            for name in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(pod.spec[name].is_null(), "{component}: {name}");
            }
            for volume in pod.spec["volumes"].as_array().into_iter().flatten() {
                let admitted = ["configMap", "projected", "persistentVolumeClaim"];
                assert!(admitted.iter().any(|kind| volume[kind].is_object()), "{component}: {volume}");
            }
        }
        for account in rendered.of_kind("ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false, "{account}");
        }
    }
}

/// Only what asks nobody else may restart a pod, so that a broker that is away restarts none.
#[test]
fn a_program_is_asked_whether_it_lives_and_whether_it_works_where_it_listens() {
    for file in FILES {
        let rendered = Rendered::of(file);
        for pod in workloads(&rendered) {
            let container = pod.container();
            assert_eq!(
                container["livenessProbe"]["httpGet"],
                json!({"path": "/healthz", "port": "operations"})
            );
            assert_eq!(
                container["readinessProbe"]["httpGet"],
                json!({"path": "/readyz", "port": "operations"})
            );
            assert!(container["startupProbe"].is_null());
            let setting = match pod.program() {
                "web" => "WEB_OPERATIONS_HTTP".to_owned(),
                name => format!("{}_HTTP", name.to_uppercase().replace('-', "_")),
            };
            assert_eq!(listens_at(&pod, &setting), pod.port("operations"), "{}", pod.component());
        }
        let web = rendered.pod("web");
        assert_eq!(listens_at(&web, "WEB_HTTP"), web.port("http"));
    }
}

/// The port of a setting whose address others than the pod itself reach.
fn listens_at(pod: &Pod<'_>, setting: &str) -> Option<u64> {
    pod.variable(setting)?.strip_prefix("0.0.0.0:")?.parse().ok()
}

#[test]
fn a_pod_that_is_stopped_has_the_time_that_its_program_takes() {
    for file in FILES {
        for drain in ["", "agent.drainSeconds=300,sinkS3.drainSeconds=60,sinkSalesforce.drainSeconds=45"] {
            let rendered = Rendered::with(file, &["--set", drain]);
            for pod in workloads(&rendered) {
                let limit = |name: &str| {
                    let value = pod.variable(name).unwrap_or_else(|| panic!("{name} of {}", pod.component()));
                    Duration::from_secs(
                        value.strip_suffix('s').and_then(|value| value.parse().ok()).expect("seconds"),
                    )
                };
                let takes = match pod.program() {
                    "agent" => {
                        let leaving = constant("agent/src/worker/mod.rs", "LEAVE_LIMIT")
                            + constant("agent/src/worker/mod.rs", "CLOSE_LIMIT");
                        limit("AGENT_DRAIN_LIMIT") + leaving + limit("AGENT_PUBLISH_DRAIN_LIMIT")
                    }
                    "web" => {
                        let before = pod.container()["lifecycle"]["preStop"]["sleep"]["seconds"]
                            .as_u64()
                            .expect("a pause");
                        Duration::from_secs(before + 5)
                    }
                    _ => limit("SINK_SHUTDOWN_GRACE") + Duration::from_secs(2),
                };
                let grace = pod.spec["terminationGracePeriodSeconds"].as_u64().expect("a grace period");
                assert!(
                    Duration::from_secs(grace) >= takes,
                    "{file}: {} has {grace} s and takes {takes:?}",
                    pod.component()
                );
            }
        }
    }
}

/// A limit as the program's source has it, so that the chart follows it.
fn constant(file: &str, name: &str) -> Duration {
    let source = std::fs::read_to_string(test_deploy::repository().join(file)).expect("read the source");
    let (_, rest) =
        source.split_once(&format!("const {name}: Duration = Duration::from_secs(")).expect("the limit");
    Duration::from_secs(rest.split_once(')').and_then(|(seconds, _)| seconds.parse().ok()).expect("seconds"))
}

/// A Job's pod that a Deployment counted as its own would be one replica less.
#[test]
fn whatever_chooses_pods_chooses_those_of_one_program_that_run_all_the_time() {
    for file in FILES {
        let rendered = Rendered::with(file, &["--set", "agent.publish={0}"]);
        let owners = ["StatefulSet", "Deployment", "PodDisruptionBudget"].map(|kind| {
            rendered.of_kind(kind).map(|owner| (owner, &owner["spec"]["selector"]["matchLabels"]))
        });
        let services = rendered.of_kind("Service").map(|service| (service, &service["spec"]["selector"]));
        for (owner, selector) in owners.into_iter().flatten().chain(services) {
            let selector = selector.as_object().expect("labels");
            let chosen = rendered
                .pods()
                .into_iter()
                .filter(|pod| selector.iter().all(|(name, value)| pod.metadata["labels"][name] == *value));
            let chosen: Vec<_> = chosen.map(|pod| pod.component()).collect();
            let name = text(&owner["metadata"]["name"]);
            assert_eq!(
                chosen,
                [name.strip_prefix("postcall-").expect("the release's name")],
                "{file}: {} {name}",
                owner["kind"]
            );
        }
    }
}

#[test]
fn a_changed_file_replaces_the_pods_that_have_it_and_no_others() {
    let pods = |page: &str| {
        let rendered = Rendered::with(
            "production",
            &["--set-string", &format!("web.files.WEB_PAGE_CONFIGURATION={page}")],
        );
        let pods = workloads(&rendered)
            .into_iter()
            .map(|pod| (pod.component().to_owned(), pod.metadata.clone(), pod.spec.clone()));
        pods.collect::<Vec<_>>()
    };
    let (before, after) = (pods("name = 1"), pods("name = 2"));
    let changed: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(pod, _)| pod.0.as_str())
        .collect();
    assert_eq!(changed, ["web"]);
}

/// Two replicas that scale by themselves have nobody who says how many they are.
#[test]
fn who_scales_is_one() {
    let rendered = Rendered::of("production");
    let scaled: Vec<_> =
        ["ScaledObject", "HorizontalPodAutoscaler"].iter().flat_map(|kind| rendered.of_kind(kind)).collect();
    for pod in workloads(&rendered) {
        let name = &pod.owner["metadata"]["name"];
        let by = scaled.iter().filter(|scaler| scaler["spec"]["scaleTargetRef"]["name"] == *name).count();
        let fixed = usize::from(!pod.owner["spec"]["replicas"].is_null());
        assert_eq!(by + fixed, 1, "{name}");
    }
    assert_eq!(scaled.len(), 3, "agent, sink-s3 and web");
}

#[test]
fn every_pod_says_what_it_needs_and_a_voice_is_never_held_back() {
    for file in FILES {
        let rendered = Rendered::of(file);
        for pod in workloads(&rendered) {
            let resources = &pod.container()["resources"];
            assert!(
                resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string(),
                "{resources}"
            );
            assert!(
                resources["limits"]["memory"].is_string() && resources["limits"]["cpu"].is_null(),
                "{resources}"
            );
        }
        for (program, key) in PROGRAMS {
            let enabled = rendered.pods().iter().any(|pod| pod.component() == program);
            let budgets = rendered
                .of_kind("PodDisruptionBudget")
                .filter(|budget| budget["metadata"]["name"] == format!("postcall-{program}"));
            assert_eq!(budgets.count(), usize::from(enabled), "{key}");
        }
    }
}

/// The spool is kept, whatever goes: it may hold what nobody has published.
#[test]
fn a_spool_outlives_its_worker() {
    let rendered = Rendered::with("production", &["--set", "agent.publish={3}"]);
    let workers = rendered.of_kind("StatefulSet").next().expect("the agents");
    assert_eq!(
        workers["spec"]["persistentVolumeClaimRetentionPolicy"],
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"})
    );
    assert_eq!(workers["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "spool");
    let publishes = rendered.pod("agent-publish");
    let claim =
        &publishes.volume_at("/var/lib/postcall").expect("the spool")["persistentVolumeClaim"]["claimName"];
    assert_eq!(claim, "spool-postcall-agent-3");
    let commands: Vec<_> = rendered.pods().iter().map(|pod| list(&pod.spec["containers"]).len()).collect();
    assert!(commands.iter().all(|count| *count == 1));
}
