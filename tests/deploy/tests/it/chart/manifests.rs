//! What is rendered is what Kubernetes knows.

use std::process::Command;

use test_deploy::{said, tool, yaml_documents};

use super::{FILES, Rendered, chart, helm, value_file};

/// The oldest and the newest version of Kubernetes that the chart is for (`kubeVersion` in Chart.yaml).
const VERSIONS: [&str; 2] = ["1.34", "1.37"];
/// Kinds of others' that Kubernetes does not know by itself. `make test-cluster` has them.
const OTHERS: [&str; 2] = ["PodMonitor", "ScaledObject"];

#[test]
fn every_manifest_is_valid_in_the_oldest_and_the_newest_version() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    for name in FILES {
        files.push((name, Rendered::of(name)));
    }
    // What none of them has.
    let further = [
        "--set",
        "agent.publish={3},agent.maxUnavailable=50%,spread.whenUnsatisfiable=DoNotSchedule,image.pullSecrets[0].name=x",
    ];
    files.push(("further", Rendered::with("production", &further)));
    for (name, rendered) in &files {
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, &rendered.text).expect("write it");
        for version in VERSIONS {
            let mut validate = Command::new(tool("deploy/bin/kubernetes-validate"));
            let output = validate.args(["--strict", "-k", version]).arg(&path).output().expect("start it");
            let text = said(&output);
            assert!(output.status.success(), "{name} in {version}: {text}");
            let unknown = text.lines().filter(|line| line.contains("Couldn't find schema"));
            let unknown: Vec<_> =
                unknown.filter(|line| !OTHERS.iter().any(|kind| line.contains(kind))).collect();
            assert!(unknown.is_empty(), "{name} in {version}: {unknown:?}");
            let validated = text.lines().filter(|line| line.contains("passed")).count();
            let own = rendered
                .documents
                .iter()
                .filter(|document| OTHERS.iter().all(|kind| document["kind"] != *kind));
            assert_eq!(validated, own.count(), "{name} in {version}: {text}");
        }
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs_and_says_for_which_kubernetes_it_is() {
    let about = std::fs::read_to_string(chart().join("Chart.yaml")).expect("read Chart.yaml");
    let about = &yaml_documents(&about)[0];
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["kubeVersion"], format!(">={}.0-0", VERSIONS[0]));
    let older = helm(&["template", "--kube-version", "1.33.0"], &value_file("small"), &[]);
    assert!(!older.status.success() && said(&older).contains("kubeVersion"), "{}", said(&older));
}

#[test]
fn no_two_are_the_same_and_each_says_whose_it_is() {
    for name in FILES {
        let rendered = Rendered::of(name);
        let mut names: Vec<_> = Vec::new();
        for document in &rendered.documents {
            let labels = &document["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/instance"], "postcall", "{document}");
            names.push(format!("{} {}", document["kind"], document["metadata"]["name"]));
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{name}: {names:?}");
    }
}
