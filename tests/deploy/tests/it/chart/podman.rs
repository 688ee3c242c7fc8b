//! The chart's pods, started by podman: it has neither volumes of several sources nor claims by template, and runs no probes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_deploy::said;

use super::{Pod, Rendered, list, text};
use crate::images::container::{new_name, podman};

/// What is in the Secrets that the chart's values name, by name and key.
pub(super) type Secrets = BTreeMap<(&'static str, &'static str), String>;

/// A pod that runs, or has run; it is removed with its volumes when this is dropped.
pub(super) struct Played {
    name: String,
    container: String,
    _folder: TempDir,
}

impl Played {
    /// Starts a pod on the machine's own network, with `overridden` in place of where it would listen.
    pub(super) fn start(
        rendered: &Rendered,
        component: &str,
        secrets: &Secrets,
        overridden: &[(&str, String)],
    ) -> Self {
        let pod = rendered.pod(component);
        let folder = tempfile::tempdir().expect("make a temporary folder");
        open(folder.path());
        let name = new_name();
        let mut documents = vec![for_podman(&pod, &name, folder.path(), secrets, overridden)];
        documents.extend(rendered.of_kind("ConfigMap").cloned());
        let documents: Vec<_> = documents.iter().map(Value::to_string).collect();
        let file = folder.path().join("pod.yaml");
        fs::write(&file, documents.join("\n---\n")).expect("write the pod");
        let container = format!("{name}-{}", text(&pod.container()["name"]));
        // From here on it is removed, whatever is left of it.
        let played = Self { name, container, _folder: folder };
        let started = podman().args(["kube", "play"]).arg(&file).output().expect("run podman");
        assert!(started.status.success(), "{component}: {}", said(&started));
        played
    }

    /// Waits for its end: its exit code, and what it printed.
    pub(super) fn ended(self) -> (String, String) {
        let code = said(&podman().args(["wait", &self.container]).output().expect("run podman"));
        (code.trim().to_owned(), self.log())
    }

    pub(super) fn log(&self) -> String {
        said(&podman().args(["logs", &self.container]).output().expect("run podman"))
    }

    /// What the kernel lets its process do.
    pub(super) fn status(&self) -> String {
        let pid = podman().args(["inspect", "--format", "{{.State.Pid}}", &self.container]).output();
        let pid = said(&pid.expect("run podman"));
        fs::read_to_string(format!("/proc/{}/status", pid.trim())).expect("read of a process")
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        drop(podman().args(["pod", "rm", "--force", "--time", "0", &self.name]).output());
        drop(podman().args(["volume", "rm", "--force", &self.name]).output());
    }
}

/// The pod as podman takes it. Files of Secrets are in `folder`.
fn for_podman(
    pod: &Pod<'_>,
    name: &str,
    folder: &Path,
    secrets: &Secrets,
    overridden: &[(&str, String)],
) -> Value {
    let mut spec = pod.spec.clone();
    spec["hostNetwork"] = true.into();
    let container = &mut spec["containers"][0];
    for asked_by_kubernetes in ["livenessProbe", "readinessProbe", "lifecycle", "ports"] {
        container.as_object_mut().expect("a container").remove(asked_by_kubernetes);
    }
    for variable in container["env"].as_array_mut().into_iter().flatten() {
        if let Some((_, value)) = overridden.iter().find(|(name, _)| variable["name"] == *name) {
            variable["value"] = value.as_str().into();
        }
    }
    let mut volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
    for volume in &mut volumes {
        if volume["projected"].is_object() {
            let path = written(folder, &volume["projected"], secrets);
            *volume = json!({"name": volume["name"], "hostPath": {"path": path, "type": "Directory"}});
        }
    }
    if let Some(claims) = pod.owner["spec"]["volumeClaimTemplates"].as_array() {
        volumes.extend(claims.iter().map(
            |claim| json!({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}),
        ));
    }
    spec["volumes"] = volumes.into();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// The folder with the files of a projected volume.
fn written(folder: &Path, projected: &Value, secrets: &Secrets) -> PathBuf {
    let path = folder.join("secrets");
    fs::create_dir(&path).expect("make a folder");
    open(&path);
    for source in list(&projected["sources"]) {
        let secret = &source["secret"];
        for item in list(&secret["items"]) {
            let (name, key) = (text(&secret["name"]), text(&item["key"]));
            let content = secrets.get(&(name, key)).unwrap_or_else(|| panic!("there is no {key} in {name}"));
            let file = path.join(text(&item["path"]));
            fs::write(&file, content).expect("write a secret");
            fs::set_permissions(file, PermissionsExt::from_mode(0o644)).expect("let it be read");
        }
    }
    path
}

/// Lets the pods' user in, who is another than the test's.
fn open(folder: &Path) {
    fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("let others in");
}
