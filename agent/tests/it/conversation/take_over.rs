//! Lists of services: where one fails the next takes over, and the payload says so and what it cost.

use schemas::{ModelUsage, Role, SessionEnded, UsageType};
use serde_json::json;

use super::call::GREETING;
use super::stage::Stage;

const SERVICES: &str = r#"
currency = "EUR"

[[stt]]
name = "down"
base_url = "http://127.0.0.1:1"
model = "hear"

[[stt]]
name = "up"
base_url = "http://127.0.0.1:PORT"
api_key_env = "TEST_SERVICE_KEY"
model = "hear"

[[llm]]
name = "down"
base_url = "http://127.0.0.1:1"
model = "think"

[[llm]]
name = "up"
base_url = "http://127.0.0.1:PORT"
api_key_env = "TEST_SERVICE_KEY"
model = "think"

[[tts]]
name = "down"
base_url = "http://127.0.0.1:1"
model = "speak"

[[tts]]
name = "up"
base_url = "http://127.0.0.1:PORT"
api_key_env = "TEST_SERVICE_KEY"
model = "speak"
voice = "nova"

[[price]]
model = "hear"
minute = 0.6

[[price]]
model = "think"

[[price]]
model = "speak"
million_characters = 1000.0
"#;

#[test]
fn where_all_first_services_are_down_the_second_ones_hold_the_call() {
    let mut stage = Stage::on_lists(SERVICES);
    let simulator = stage.simulator();
    let mut call = stage.call("lists");
    call.waits();
    call.speaks("we are twelve people");
    call.hears("How many documents do you send in a month?");
    let session = stage.hang_up("lists");
    let metrics = &session.metrics_summary;
    assert_eq!(metrics.provider_errors, 0, "the caller has noticed nothing");
    for (kind, model) in
        [(UsageType::SttUsage, "hear"), (UsageType::LlmUsage, "think"), (UsageType::TtsUsage, "speak")]
    {
        let of = |provider: &str| {
            let same = |used: &&schemas::ModelUsage| used.kind == kind && used.provider == provider;
            metrics.model_usage.iter().find(same)
        };
        // One that failed when it was tried at the start is asked last from then on.
        if let Some(down) = of("down") {
            assert_eq!((down.requests, down.model.as_str()), (down.failures, model));
            assert_eq!(down.cost.unwrap_or_default(), 0.0);
        }
        let up = of("up").unwrap_or_else(|| panic!("{metrics:?}"));
        assert!(up.requests > 0 && up.failures == 0, "{up:?}");
    }
    let heard = metrics.stt_audio_duration / 60.0 * 0.6;
    let spoken = |used: &&schemas::ModelUsage| used.kind == UsageType::TtsUsage && used.provider == "up";
    let spoken = metrics.model_usage.iter().find(spoken).expect("a voice").characters_count as f64 / 1_000.0;
    assert!((metrics.cost.expect("a cost") - heard - spoken).abs() < 1e-6, "{metrics:?}");
    assert_eq!(metrics.cost_currency.as_deref(), Some("EUR"));
    let asked = simulator.requests().to_string();
    assert!(asked.contains("\"nova\""), "the voice of the list is asked for: {asked}");
}

#[test]
fn a_service_that_breaks_in_the_call_has_its_turn_taken_over() {
    let mut stage = Stage::on_lists(&both_up());
    let simulator = stage.simulator();
    let mut call = stage.call("breaks");
    call.waits();
    let broken = |endpoint: &str| serde_json::json!({"endpoint": endpoint, "kind": "status", "status": 503});
    simulator.inject(&serde_json::json!([broken("transcriptions"), broken("chat"), broken("speech")]));
    call.speaks("we are twelve people");
    call.hears("How many documents do you send in a month?");
    let session = stage.hang_up("breaks");
    let metrics = &session.metrics_summary;
    assert_eq!(metrics.provider_errors, 0, "{metrics:?}");
    for kind in [UsageType::SttUsage, UsageType::LlmUsage, UsageType::TtsUsage] {
        let of = |provider: &str| {
            let same = |used: &&schemas::ModelUsage| used.kind == kind && used.provider == provider;
            metrics.model_usage.iter().find(same).unwrap_or_else(|| panic!("{provider}: {metrics:?}"))
        };
        assert_eq!(of("down").failures, 1, "{metrics:?}");
        assert!(of("up").requests > 0 && of("up").failures == 0, "{metrics:?}");
    }
}

/// Five sentences, each of some two seconds.
const FIVE: [&str; 5] = [
    "PandaDoc has templates for all of your proposals.",
    "You can send one of them to many people at once.",
    "Everybody signs where they are asked to sign.",
    "You see who has read what, and when they did so.",
    "How many people on your team send documents?",
];

#[test]
fn a_voice_that_breaks_in_the_middle_of_a_reply_has_its_rest_said_by_the_next_one() {
    let mut stage = Stage::on_lists(&both_up());
    let simulator = stage.simulator();
    for (room, after) in [("little-heard", 2), ("much-heard", 14)] {
        let mut call = stage.call(room);
        call.waits();
        simulator.inject(&json!([
            {"endpoint": "chat", "kind": "say", "text": FIVE.join(" ")},
            {"endpoint": "speech", "kind": "cut", "after": after},
        ]));
        let answer = call.asks("tell me about it");
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        assert_eq!(call.apologies(), 0, "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.metrics_summary.provider_errors, 0, "{room}");
        let (down, up) = (voice(&session, "down"), voice(&session, "up"));
        let said: usize = FIVE.iter().map(|sentence| sentence.chars().count()).sum();
        if room == "little-heard" {
            // From its start, and once in the transcript.
            assert_eq!((answer, last_said(&session)), (FIVE.join(" "), (FIVE.join(" "), false)));
            assert_eq!((down.failures, up.failures), (1, 0), "{:?}", session.metrics_summary);
            assert_eq!(up.characters_count as usize, said);
        } else {
            let (heard, interrupted) = last_said(&session);
            let begun = heard.strip_suffix(&FIVE[1..].join(" ")).map(str::trim_end);
            let begun = begun.unwrap_or_else(|| panic!("{heard}"));
            assert!(FIVE[0].starts_with(begun) && (6..FIVE[0].len()).contains(&begun.len()), "{heard}");
            assert!(interrupted, "not all was heard");
        }
        // One that broke is asked last for a while.
        simulator.inject(&json!([]));
        std::thread::sleep(std::time::Duration::from_secs(31));
    }
}

#[test]
fn where_only_the_last_sentence_breaks_the_caller_is_asked_to_say_it_again() {
    let mut stage = Stage::on_lists(&both_up());
    let simulator = stage.simulator();
    let mut call = stage.call("question");
    call.waits();
    simulator.inject(&json!([
        {"endpoint": "chat", "kind": "say", "text": FIVE[4]},
        {"endpoint": "speech", "kind": "cut", "after": 14},
    ]));
    call.is_not_understood("tell me about it");
    let session = stage.hang_up("question");
    assert_eq!(session.metrics_summary.provider_errors, 1);
}

/// The lists, with services of which each is there.
fn both_up() -> String {
    SERVICES
        .replace("127.0.0.1:1\"", "127.0.0.1:PORT/\"")
        .replace("name = \"down\"", "name = \"down\"\napi_key_env = \"TEST_SERVICE_KEY\"")
}

fn voice<'a>(session: &'a SessionEnded, provider: &str) -> &'a ModelUsage {
    let usage = &session.metrics_summary.model_usage;
    let of = |used: &&ModelUsage| used.kind == UsageType::TtsUsage && used.provider == provider;
    usage.iter().find(of).unwrap_or_else(|| panic!("{usage:?}"))
}

/// What the agent said last, and whether it was cut short.
fn last_said(session: &SessionEnded) -> (String, bool) {
    let transcript = session.transcript.as_deref().unwrap_or_default();
    let last = transcript.iter().rfind(|entry| entry.role == Role::Agent).expect("an answer");
    assert_ne!(last.text, GREETING);
    (last.text.clone(), last.interrupted)
}
