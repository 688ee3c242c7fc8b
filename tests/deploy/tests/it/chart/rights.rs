//! Whoever needs a secret or a role has it, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use super::{FILES, Rendered, text};

/// The components that are given something of each Secret, or act as each role at AWS.
fn holders(rendered: &Rendered) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut holders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for pod in rendered.pods() {
        let account = text(&pod.spec["serviceAccountName"]);
        let account = rendered.of_kind("ServiceAccount").find(|found| found["metadata"]["name"] == account);
        let account = account.unwrap_or_else(|| panic!("{} has no account", pod.component()));
        let role = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].as_str();
        let volumes = pod.spec["volumes"].as_array().into_iter().flatten();
        let sources =
            volumes.flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten());
        let secrets = sources.filter_map(|source| source["secret"]["name"].as_str());
        for name in secrets.chain(role) {
            holders.entry(name).or_default().insert(pod.component());
        }
    }
    holders
}

#[test]
fn what_is_the_operators_only_the_operators_commands_have() {
    let rendered = Rendered::of("production");
    let holders = holders(&rendered);
    let set = |components: &[&'static str]| components.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(
        holders["postcall-nats-operator"],
        set(&["sink-s3-setup", "sink-salesforce-setup", "sink-s3-verify"])
    );
    let operator = set(&["sink-s3-setup", "sink-s3-compact", "sink-s3-verify"]);
    assert_eq!(holders["arn:aws:iam::111122223333:role/postcall-operator"], operator);
    assert_eq!(
        holders["arn:aws:iam::111122223333:role/postcall-sink-s3"],
        set(&["sink-s3", "sink-s3-check"])
    );
}

#[test]
fn what_is_a_programs_no_other_has() {
    let expected = [
        ("postcall-nats-agent", "agent"),
        ("postcall-nats-sink-s3", "sink-s3"),
        ("postcall-nats-sink-salesforce", "sink-salesforce"),
        ("postcall-nats-web", "web"),
        ("postcall-agent-tls", "agent"),
        ("postcall-sink-s3-tls", "sink-s3"),
        ("postcall-sink-salesforce-tls", "sink-salesforce"),
        ("postcall-salesforce", "sink-salesforce"),
        ("postcall-openai", "agent"),
        ("postcall-s3", "sink-s3"),
        ("postcall-status", "web"),
    ];
    for file in FILES {
        let rendered = Rendered::of(file);
        for (secret, holders) in holders(&rendered) {
            let Some((_, program)) = expected.iter().find(|(name, _)| *name == secret) else { continue };
            for holder in holders {
                assert!(
                    [(*program).to_owned(), format!("{program}-check")].contains(&holder.to_owned()),
                    "{file}: {holder} has {secret}"
                );
            }
        }
    }
}

/// Hooks come before the release: what they need has to come with them.
#[test]
fn setup_comes_before_everything_with_an_account_of_its_own() {
    let rendered = Rendered::of("production");
    for sink in ["sink-s3", "sink-salesforce"] {
        let name = format!("postcall-{sink}-setup");
        let weight = |kind: &str| {
            let found =
                rendered.of_kind(kind).find(|document| document["metadata"]["name"] == name).expect("a hook");
            let annotations = &found["metadata"]["annotations"];
            assert_eq!(annotations["helm.sh/hook"], "pre-install,pre-upgrade", "{kind} {name}");
            text(&annotations["helm.sh/hook-weight"]).parse::<i32>().expect("a number")
        };
        assert!(weight("ServiceAccount") < weight("Job"));
        let volumes = rendered.pod(&format!("{sink}-setup")).spec["volumes"].to_string();
        assert!(!volumes.contains("postcall-sink"), "a ConfigMap of the release is not there yet: {volumes}");
    }
    let without = Rendered::with("production", &["--set", "setup.enabled=false"]);
    assert!(without.pods().iter().all(|pod| !pod.component().ends_with("-setup")));
}

#[test]
fn the_chart_makes_no_secret() {
    for file in FILES {
        assert_eq!(Rendered::of(file).of_kind("Secret").count(), 0, "{file}");
    }
}
