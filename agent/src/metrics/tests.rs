//! What is shown, and that all of it is from the start.

use prometheus::TextEncoder;

use super::*;
use crate::spool::SpoolArgs;

fn text(metrics: &Metrics) -> String {
    TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap()
}

fn has(metrics: &Metrics, line: &str) -> bool {
    text(metrics).lines().any(|shown| shown == line)
}

#[test]
fn every_label_is_there_before_its_first_event() {
    let metrics = Metrics::new().unwrap();
    for line in [
        "postcall_agent_offers_total{answer=\"refused_full\"} 0",
        "postcall_agent_sessions_total{end_reason=\"participant_left\"} 0",
        "postcall_agent_sessions_total{end_reason=\"agent_failed\"} 0",
        "postcall_agent_joins_failed_total{reason=\"timeout\"} 0",
        "postcall_agent_service_failures_total{reason=\"timeout\",service=\"language_model\"} 0",
        "postcall_agent_tool_calls_total{outcome=\"error_status\"} 0",
        "postcall_agent_publishes_total{outcome=\"failed\"} 0",
        "postcall_agent_not_shown_total{what=\"words\"} 0",
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", text(&metrics));
    }
    // Whatever is counted later has its series already.
    let series = text(&metrics).lines().filter(|line| !line.starts_with('#')).count();
    metrics.offered("refused_room_served");
    metrics.session_began();
    metrics.session_ended(EndReason::BudgetSpent);
    metrics.join_failed(&JoinError::TrackNotInTime);
    metrics.service_asked(Provider::TextToSpeech);
    metrics.tool_called(OVER_BUDGET);
    metrics.not_shown(CAPTIONS[0]);
    assert_eq!(text(&metrics).lines().filter(|line| !line.starts_with('#')).count(), series);
}

#[test]
fn what_is_promised_is_a_bound_of_a_bucket() {
    let metrics = Metrics::new().unwrap();
    for (bucket, bound) in [("join_seconds", "2"), ("answer_seconds", "1")] {
        let line = format!("postcall_agent_{bucket}_bucket{{le=\"{bound}\"}} 0");
        assert!(has(&metrics, &line), "{line} is not in\n{}", text(&metrics));
    }
}

#[test]
fn a_turn_is_counted_by_the_parts_that_are_known() {
    let metrics = Metrics::new().unwrap();
    metrics.waited(&Waits { end_to_end: Some(0.9), first_token: Some(0.4), ..Waits::default() });
    for line in [
        "postcall_agent_answer_seconds_bucket{le=\"0.75\"} 0",
        "postcall_agent_answer_seconds_bucket{le=\"1\"} 1",
        "postcall_agent_first_token_seconds_count 1",
        "postcall_agent_transcript_seconds_count 0",
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", text(&metrics));
    }
}

#[tokio::test]
async fn a_spool_shows_what_a_dead_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let args = SpoolArgs {
        spool_dir: folder.path().to_owned(),
        max_payload_bytes: 100_000,
        sync_interval: Duration::ZERO.into(),
        keep_published_bytes: 0,
    };
    for name in ["journal", "unreadable"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let payload = serde_json::json!({
        "session_id": "room", "job_id": "AJ_1", "duration_seconds": 0.0,
        "start_time": "2025-10-29T12:00:00Z", "end_time": "2025-10-29T12:00:00Z",
    });
    std::fs::write(folder.path().join("journal/a.json"), payload.to_string()).unwrap();
    std::fs::write(folder.path().join("journal/b.json"), "no payload").unwrap();
    std::fs::write(folder.path().join("unreadable/c.json"), "no payload either").unwrap();
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let journal = std::fs::File::options().write(true).open(folder.path().join("journal/a.json")).unwrap();
    journal.set_modified(hour_ago).unwrap();

    let (metrics, spool) = (Metrics::new().unwrap(), Spool::open(&args).unwrap());
    spool.publish_failed(crate::spool::PublishOutcome::Refused);
    metrics.show(&Connections { livekit: true, nats: false, load: 0.5 }, &Health::default(), &spool);
    for line in [
        "postcall_agent_sessions_recovered_total 1",
        "postcall_agent_spool_files{folder=\"journal\"} 0",
        "postcall_agent_spool_files{folder=\"unreadable\"} 2",
        "postcall_agent_outbox_waiting 1",
        "postcall_agent_publishes_total{outcome=\"refused\"} 1",
        "postcall_agent_livekit_connected 1",
        "postcall_agent_nats_connected 0",
        "postcall_agent_load_ratio 0.5",
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", text(&metrics));
    }
    let oldest = spool.oldest_waits().unwrap();
    assert!((3_600..3_700).contains(&oldest.as_secs()), "{oldest:?}");
    // Counters are brought up to date, and not counted twice.
    metrics.show(&Connections { livekit: true, nats: false, load: 0.5 }, &Health::default(), &spool);
    assert!(has(&metrics, "postcall_agent_sessions_recovered_total 1"));
}
