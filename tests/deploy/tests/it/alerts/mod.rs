//! Every alert of the rules, in a Prometheus whose time runs faster: a fault is made at real programs and servers, the alert fires,
//! the fault is mended, and the alert stops.
//!
//! `rules` makes the rules faster, `watch` sees what fires, `run` has the stack and what was shown; `scenes` are the faults.

mod calls;
mod rules;
mod run;
mod scenes;
mod tool_server;
mod watch;

use std::collections::BTreeSet;

use run::Run;
use scenes::SCENES;

use crate::monitoring::alerts;

#[test]
fn each_alert_has_its_fault() {
    let made: Vec<_> = SCENES.iter().flat_map(|scene| scene.alerts).copied().collect();
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len(), "none has two: {made:?}");
    let wanted = alerts();
    assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), wanted.keys().map(String::as_str).collect());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour, and needs to be root: make test-alerts"]
async fn each_alert_fires_by_its_fault_and_stops_when_that_is_mended() {
    let one = std::env::var("ALERT").ok().filter(|alert| !alert.is_empty());
    let is_wanted = |alert: &str| one.as_ref().is_none_or(|one| one == alert);
    let (mut wanted, mut shown, mut failed) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut run = Run::start(0).await.expect("start the stack");
    for scene in SCENES.iter().filter(|scene| scene.alerts.iter().any(|alert| is_wanted(alert))) {
        println!("{}", scene.alerts.join(", "));
        wanted.extend(scene.alerts);
        let played = async {
            if scene.delays_sessions {
                // The promises' alerts would go on for this reason, and not stop for theirs.
                run.stop_all().await?;
            }
            (scene.play)(&mut run).await
        };
        if let Err(error) = played.await {
            println!("{error:#}\n{}\nits logs are in {}", run.table(), run.folder.display());
            failed.push(format!("{error:#}"));
            shown.extend(run.shown());
            // What is left of the fault would be the next one's.
            drop(run);
            run = Run::start(failed.len()).await.expect("start another stack");
        }
    }
    if let Err(error) = run.stop_all().await {
        failed.push(format!("{error:#}"));
    }
    println!("{}", run.table());
    shown.extend(run.shown());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(!wanted.is_empty(), "there is no such alert: {one:?}");
    assert_eq!(shown, wanted);
}
