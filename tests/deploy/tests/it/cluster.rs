//! The chart in a real API server, in a namespace that admits `restricted` pods only. There are neither controllers nor nodes: what is
//! admitted is not started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_deploy::{repository, said, tool};
use test_servers::{Process, free_port};

const TOKEN: &str = "operator-of-this-test";

#[test]
#[ignore = "its API server takes ten minutes to build: make test-cluster"]
fn an_api_server_takes_the_chart_and_its_upgrade_without_a_warning() {
    let cluster = Cluster::start();
    cluster.make_namespace("calls");
    for file in ["small", "livekit-cloud", "production"] {
        let installed = cluster.helm("install", file, &["--namespace", "calls"]);
        without_warning(&installed);
        // Hooks, which nobody would end here, and all else once more, field by field.
        let rendered =
            cluster.helm("template", file, &["--namespace", "calls", "--set", "agent.publish={3}"]);
        let path = cluster.folder.path().join("rendered.yaml");
        fs::write(&path, &rendered.stdout).expect("write what is rendered");
        let path = path.to_string_lossy();
        let looked_at = [
            "--dry-run=server",
            "--validate=strict",
            "--force-conflicts",
            "--namespace",
            "calls",
            "--filename",
            &path,
        ];
        without_warning(&cluster.kubectl(&[&["apply", "--server-side"], looked_at.as_slice()].concat()));
        let upgraded = cluster.helm(
            "upgrade",
            file,
            &["--namespace", "calls", "--set", "agent.settings.AGENT_CAPACITY=40"],
        );
        without_warning(&upgraded);
        let agent = ["get", "statefulset", "postcall-agent", "--namespace", "calls", "--output", "yaml"];
        assert!(said(&cluster.kubectl(&agent)).contains("value: \"40\""), "{file}");
        // Which is why values.yaml says that only the claims' own size can be changed.
        let larger =
            cluster.helm("upgrade", file, &["--namespace", "calls", "--set", "agent.spool.size=3Gi"]);
        assert!(!larger.status.success() && said(&larger).contains("immutable"), "{}", said(&larger));
        let removed = cluster
            .tool("helm")
            .args(["uninstall", "postcall", "--no-hooks", "--namespace", "calls"])
            .output();
        without_warning(&removed.expect("start helm"));
    }
    let soft = cluster.kubectl(&["run", "soft", "--image=soft", "--namespace", "calls"]);
    assert!(!soft.status.success() && said(&soft).contains("violates PodSecurity"), "{}", said(&soft));
}

fn without_warning(output: &Output) {
    let text = said(output);
    assert!(output.status.success() && !text.to_lowercase().contains("warn"), "{text}");
}

/// etcd and kube-apiserver, which end with it.
struct Cluster {
    _servers: [Process; 2],
    kubeconfig: PathBuf,
    folder: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let etcd_url = format!("http://127.0.0.1:{}", free_port());
        let peer_url = format!("http://127.0.0.1:{}", free_port());
        let port = free_port();
        let path = |name: &str| folder.path().join(name);
        let mut etcd = Command::new(tool("cluster/bin/etcd"));
        etcd.arg("--data-dir").arg(path("etcd"));
        etcd.args(["--listen-client-urls", &etcd_url, "--advertise-client-urls", &etcd_url]);
        etcd.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        etcd.args(["--initial-cluster", &format!("default={peer_url}")]);
        let etcd = start(&mut etcd, &path("etcd.log"));
        let key = path("service-accounts.pem");
        let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").output();
        assert!(made.expect("start openssl").status.success());
        fs::write(path("tokens.csv"), format!("{TOKEN},operator,operator,system:masters\n"))
            .expect("write the token");
        let mut server = Command::new(tool("cluster/bin/kube-apiserver"));
        server.args([
            "--etcd-servers",
            &etcd_url,
            "--secure-port",
            &port.to_string(),
            "--bind-address=127.0.0.1",
        ]);
        // An address for others, of which there are none.
        server.args(["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"]);
        server.args(["--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC"]);
        server.arg("--service-account-issuer=https://kubernetes.default.svc");
        server
            .arg("--service-account-key-file")
            .arg(&key)
            .arg("--service-account-signing-key-file")
            .arg(&key);
        server.arg("--token-auth-file").arg(path("tokens.csv")).arg("--cert-dir").arg(path("certificates"));
        let server = start(&mut server, &path("apiserver.log"));
        let kubeconfig = path("kubeconfig");
        fs::write(&kubeconfig, kubeconfig_text(port, &path("certificates/apiserver.crt")))
            .expect("write the kubeconfig");
        let cluster = Self { _servers: [etcd, server], kubeconfig, folder };
        cluster.wait_until_ready();
        let crds = tool("cluster/crds");
        let applied = cluster.kubectl(&["apply", "--server-side", "--filename", &crds.to_string_lossy()]);
        assert!(applied.status.success(), "{}", said(&applied));
        let known =
            cluster.kubectl(&["wait", "--for=condition=Established", "customresourcedefinition", "--all"]);
        assert!(known.status.success(), "{}", said(&known));
        cluster
    }

    fn wait_until_ready(&self) {
        let started = Instant::now();
        while !self.kubectl(&["get", "--raw", "/readyz"]).status.success() {
            let log = || fs::read_to_string(self.folder.path().join("apiserver.log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "the API server is not ready: {}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Where only what the standard `restricted` admits may be.
    fn make_namespace(&self, name: &str) {
        let restricted =
            ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
        for arguments in [
            vec!["create", "namespace", name],
            vec!["label", "namespace", name, &restricted[0], &restricted[1]],
            // A controller's work.
            vec!["create", "serviceaccount", "default", "--namespace", name],
        ] {
            let output = self.kubectl(&arguments);
            assert!(output.status.success(), "{}", said(&output));
        }
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        self.tool("kubectl").args(arguments).output().expect("start kubectl")
    }

    /// Without hooks: no controller ends their Jobs.
    fn helm(&self, command: &str, values: &str, further: &[&str]) -> Output {
        let mut helm = self.tool("helm");
        helm.args([command, "postcall"]).arg(repository().join("deploy/helm/postcall"));
        helm.arg("--values")
            .arg(repository().join(format!("deploy/helm/values/{values}.yaml")))
            .args(further);
        if command != "template" {
            helm.arg("--no-hooks");
        }
        helm.output().expect("start helm")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(tool(&format!("deploy/bin/{name}")));
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", self.folder.path());
        command
    }
}

fn start(command: &mut Command, log: &Path) -> Process {
    let log = fs::File::create(log).expect("make a log");
    let errors = log.try_clone().expect("the same log");
    Process::start(command.stdin(Stdio::null()).stdout(log).stderr(errors)).expect("start a server")
}

fn kubeconfig_text(port: u16, authority: &Path) -> String {
    let authority = authority.display();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority: {authority}}}}}]\n\
         users: [{{name: operator, user: {{token: {TOKEN}}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: operator}}}}]\n"
    )
}
