//! The chart, rendered by helm with the value files that stand beside it.

mod call;
mod manifests;
mod network;
mod podman;
mod pods;
mod rights;
mod settings;
mod values;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use test_deploy::{repository, said, tool, yaml_documents};

/// The complete examples of values.
const FILES: [&str; 3] = ["small", "production", "livekit-cloud"];

/// Programs by their names in images, and in the values.
const PROGRAMS: [(&str, &str); 4] =
    [("agent", "agent"), ("sink-s3", "sinkS3"), ("sink-salesforce", "sinkSalesforce"), ("web", "web")];

fn chart() -> PathBuf {
    repository().join("deploy/helm/postcall")
}

fn value_file(name: &str) -> PathBuf {
    repository().join(format!("deploy/helm/values/{name}.yaml"))
}

/// `helm COMMAND CHART`, with that file of values, and what may be added to it.
fn helm(command: &[&str], values: &Path, further: &[&str]) -> Output {
    let mut helm = Command::new(tool("deploy/bin/helm"));
    helm.args(command).arg(chart()).arg("--values").arg(values).args(further);
    helm.output().expect("start helm")
}

/// What would be given to Kubernetes.
struct Rendered {
    text: String,
    documents: Vec<Value>,
}

impl Rendered {
    fn of(file: &str) -> Self {
        Self::with(file, &[])
    }

    fn with(file: &str, further: &[&str]) -> Self {
        Self::read(&helm(&["template", "postcall", "--namespace", "calls"], &value_file(file), further))
    }

    fn read(output: &Output) -> Self {
        assert!(output.status.success(), "{}", said(output));
        let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
        let documents = yaml_documents(&text);
        Self { text, documents }
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.documents.iter().filter(move |document| document["kind"] == kind)
    }

    /// Every pod that comes of it, whatever makes it.
    fn pods(&self) -> Vec<Pod<'_>> {
        self.documents.iter().filter_map(Pod::of).collect()
    }

    fn pod(&self, component: &str) -> Pod<'_> {
        let found = self.pods().into_iter().find(|pod| pod.component() == component);
        found.unwrap_or_else(|| panic!("there is no pod of {component}"))
    }
}

struct Pod<'a> {
    owner: &'a Value,
    metadata: &'a Value,
    spec: &'a Value,
}

impl<'a> Pod<'a> {
    fn of(owner: &'a Value) -> Option<Self> {
        let template = match owner["kind"].as_str()? {
            "Pod" => owner,
            "StatefulSet" | "Deployment" | "Job" => &owner["spec"]["template"],
            "CronJob" => &owner["spec"]["jobTemplate"]["spec"]["template"],
            _ => return None,
        };
        Some(Self { owner, metadata: &template["metadata"], spec: &template["spec"] })
    }

    /// `sink-s3`, or of its other commands `sink-s3-setup`.
    fn component(&self) -> &'a str {
        text(&self.metadata["labels"]["app.kubernetes.io/component"])
    }

    /// Each has one.
    fn container(&self) -> &'a Value {
        let containers = list(&self.spec["containers"]);
        assert_eq!(containers.len(), 1, "{}", self.component());
        &containers[0]
    }

    /// The name of its program, which its image has.
    fn program(&self) -> &'a str {
        let image = text(&self.container()["image"]);
        let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
        let name = name.split([':', '@']).next().unwrap_or_default();
        name.strip_prefix("postcall-").unwrap_or_else(|| panic!("{image} is none of ours"))
    }

    fn arguments(&self) -> Vec<&'a str> {
        self.container()["args"]
            .as_array()
            .map(|arguments| arguments.iter().map(text).collect())
            .unwrap_or_default()
    }

    /// Names and values of its environment; a value from a Secret is none.
    fn environment(&self) -> Vec<(&'a str, &'a str)> {
        let Some(variables) = self.container()["env"].as_array() else { return Vec::new() };
        variables
            .iter()
            .map(|variable| (text(&variable["name"]), variable["value"].as_str().unwrap_or_default()))
            .collect()
    }

    fn variable(&self, name: &str) -> Option<&'a str> {
        self.environment().into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The volume that is mounted there.
    fn volume_at(&self, path: &str) -> Option<&'a Value> {
        let mounts = self.container()["volumeMounts"].as_array()?;
        let mount = mounts.iter().find(|mount| mount["mountPath"] == path)?;
        let name = &mount["name"];
        let claims = self.owner["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        let claim = claims.into_iter().find(|claim| claim["metadata"]["name"] == *name);
        let volumes = self.spec["volumes"].as_array().into_iter().flatten();
        claim.or_else(|| volumes.into_iter().find(|volume| volume["name"] == *name))
    }

    /// The port of that name.
    fn port(&self, name: &str) -> Option<u64> {
        let ports = self.container()["ports"].as_array()?;
        ports.iter().find(|port| port["name"] == name)?["containerPort"].as_u64()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}
