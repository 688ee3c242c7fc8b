//! Rules, runbooks and dashboards: whether Prometheus reads them, whether they belong together, and whether what they ask for is
//! there, in a Prometheus that watches the programs.

mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_deploy::{repository, said, tool, yaml_documents};
use watched::Watched;

/// What Grafana puts in its place is four times the interval of the scrapes.
const RATE_INTERVAL: (&str, &str) = ("$__rate_interval", "4s");

fn monitoring() -> PathBuf {
    repository().join("deploy/monitoring")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rules of all groups.
fn rules() -> Vec<Value> {
    let groups = yaml_documents(&read("deploy/monitoring/rules.yaml")).remove(0)["groups"].take();
    let groups: Vec<Value> = serde_json::from_value(groups).expect("groups of rules");
    groups
        .into_iter()
        .flat_map(|group| group["rules"].as_array().cloned().expect("rules of a group"))
        .collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is missing in {value}"))
}

/// The alerts by their names, of which some have several rules.
pub(crate) fn alerts() -> BTreeMap<String, Vec<Value>> {
    let mut alerts = BTreeMap::<_, Vec<_>>::new();
    for rule in rules().into_iter().filter(|rule| rule.get("alert").is_some()) {
        alerts.entry(text(&rule, "alert").to_owned()).or_default().push(rule);
    }
    alerts
}

/// Each dashboard's expressions, each with the panel that it is of.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for file in fs::read_dir(monitoring().join("dashboards")).expect("list the dashboards") {
        let path = file.expect("a dashboard").path();
        let name = path.file_stem().expect("its name").to_string_lossy().into_owned();
        let dashboard: Value =
            serde_json::from_slice(&fs::read(&path).expect("read a dashboard")).expect("JSON");
        for panel in dashboard["panels"].as_array().expect("its panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let panel = format!("{name}: {}", text(panel, "title"));
                queries.push((panel, text(target, "expr").replace(RATE_INTERVAL.0, RATE_INTERVAL.1)));
            }
        }
    }
    queries
}

/// The metrics of ours, and of each program's process, that an expression names.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    // What stands in quotation marks are values of labels.
    let outside = expression.split('"').step_by(2);
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let words = outside.flat_map(|part| part.split(move |char| !is_part(char)));
    words
        .filter(|word| word.starts_with("postcall") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// As a program exports it: a histogram is three series.
fn family<'a>(metric: &'a str, exported: &BTreeSet<String>) -> &'a str {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| metric.strip_suffix(part));
    of_histogram.filter(|family| exported.contains(*family)).unwrap_or(metric)
}

#[test]
fn promtool_has_nothing_against_the_rules_and_each_alert_fires_when_it_should() {
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]] {
        let mut promtool = Command::new(tool("deploy/bin/promtool"));
        let output = promtool.args(arguments).current_dir(monitoring()).output().expect("run promtool");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn each_alert_says_what_it_is_and_what_to_do() {
    let alerts = alerts();
    assert!(alerts.len() > 20, "{alerts:?}");
    for (name, rule) in alerts.iter().flat_map(|(name, rules)| rules.iter().map(move |rule| (name, rule))) {
        let severity = text(&rule["labels"], "severity");
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for annotation in ["summary", "description"] {
            assert!(!text(&rule["annotations"], annotation).is_empty(), "{name}: {annotation}");
        }
        assert_eq!(text(&rule["annotations"], "runbook_url"), format!("docs/runbooks/{name}.md"));
    }
    let pages = fs::read_dir(repository().join("docs/runbooks")).expect("list the runbooks");
    let pages: BTreeSet<_> =
        pages.map(|page| page.expect("a page").file_name().to_string_lossy().into_owned()).collect();
    let wanted: BTreeSet<_> = alerts.keys().map(|name| format!("{name}.md")).collect();
    assert_eq!(pages, wanted, "a page for each alert, and none besides");
    for name in alerts.keys() {
        let page = read(&format!("docs/runbooks/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        for part in ["What it means.", "How to look.", "What to do.", "When to escalate."] {
            assert!(page.contains(&format!("\n**{part}**")), "{name}: {part}");
        }
    }
}

#[test]
fn each_alert_is_tested_firing_and_not_firing() {
    let mut tested = BTreeSet::new();
    let tests = yaml_documents(&read("deploy/monitoring/tests.yaml")).remove(0);
    for test in tests["tests"].as_array().expect("tests") {
        for look in test["promql_expr_test"].as_array().expect("looks at expressions") {
            let expression = text(look, "expr");
            let alert =
                expression.strip_prefix("ALERTS{alertname=\"").and_then(|rest| rest.split('"').next());
            let fires = !look["exp_samples"].as_array().expect("the expected samples").is_empty();
            tested.insert((alert.unwrap_or_else(|| panic!("{expression}")).to_owned(), fires));
        }
    }
    let wanted = alerts().into_keys().flat_map(|name| [(name.clone(), false), (name, true)]);
    assert_eq!(tested, wanted.collect());
}

#[test]
fn the_dashboards_are_what_their_description_makes() {
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let mut making = Command::new(tool("deploy/bin/python"));
    let made =
        making.arg(monitoring().join("dashboards.py")).arg(folder.path()).output().expect("run Python");
    assert!(made.status.success(), "{}", said(&made));
    let files = |folder: PathBuf| -> BTreeMap<_, _> {
        let files = fs::read_dir(folder).expect("list dashboards").map(|file| file.expect("a file").path());
        let content = |path: PathBuf| fs::read_to_string(path).expect("read a dashboard");
        files.map(|path| (path.file_name().map(ToOwned::to_owned), content(path))).collect()
    };
    let (made, kept) = (files(folder.path().to_owned()), files(monitoring().join("dashboards")));
    assert_eq!(made.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (name, content) in made {
        assert!(kept[&name] == content, "{name:?} is old: run deploy/monitoring/dashboards.py");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_and_dashboards_ask_for_is_there() {
    let watched = Watched::start().await;

    let exported = watched.exported();
    for (program, metrics) in &exported {
        let mut promtool = Command::new(tool("deploy/bin/promtool"));
        promtool
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut checking = promtool.spawn().expect("run promtool");
        let given = checking.stdin.take().expect("its input is piped").write_all(metrics.as_bytes());
        given.expect("give it the metrics");
        let output = checking.wait_with_output().expect("promtool ends");
        assert!(output.status.success() && said(&output).is_empty(), "{program}: {}", said(&output));
    }

    let families: BTreeSet<_> = exported.values().flat_map(|metrics| families(metrics)).collect();
    let documented = documented();
    let both =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(both(&families, &documented), [""; 0], "are not in docs/OPERATING.md");
    assert_eq!(both(&documented, &families), [""; 0], "are in docs/OPERATING.md, and no program has them");

    let rules = rules();
    let recorded: BTreeSet<_> =
        rules.iter().filter_map(|rule| Some(rule["record"].as_str()?.to_owned())).collect();
    let of_rules = rules.iter().map(|rule| {
        let name = rule["alert"].as_str().or(rule["record"].as_str()).expect("a rule has a name");
        (name.to_owned(), text(rule, "expr").to_owned())
    });
    let queries = queries();
    for (what, expression) in of_rules.chain(queries.clone()) {
        for metric in metrics_in(&expression) {
            let is_there = recorded.contains(&metric) || families.contains(family(&metric, &families));
            assert!(is_there, "{what}: no program exports {metric}\n{expression}");
        }
    }

    for (panel, expression) in queries {
        watched.has_data(&panel, &expression);
    }
    watched.all_rules_work();
    // Of what this test has none of, or that is not where the settings say.
    for alert in
        ["PostcallNoAgent", "PostcallLiveKitUnreachable", "PostcallSinkPaused", "PostcallServiceDown"]
    {
        watched.has_data(alert, &format!("ALERTS{{alertname=\"{alert}\"}}"));
    }
    watched.has_none("NATS is there", "ALERTS{alertname=\"PostcallNatsDisconnected\"}");
}

/// The names of what a program exports.
fn families(metrics: &str) -> Vec<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

/// The names in the tables of docs/OPERATING.md.
fn documented() -> BTreeSet<String> {
    let text = read("docs/OPERATING.md");
    let (_, section) = text.split_once("\n## Metrics\n").expect("a section on metrics");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.split('{').next()?.to_owned())).collect()
}
