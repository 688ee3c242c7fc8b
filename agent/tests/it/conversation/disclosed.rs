//! A model that insists that it is a human.

use serde_json::{Value, json};

use super::stage::Stage;

const TRUTH: &str = "I am an AI assistant, not a human.";

#[test]
fn a_claim_to_be_human_is_never_spoken_shown_or_remembered() {
    // On a busy machine the model may be slow. That is announced, and is none of this.
    let mut stage = Stage::new(&[("PROVIDER_TIME_LIMIT", "30s")]);
    let simulator = stage.simulator();
    for (room, caller, model, answer) in [
        ("asked", "are you a human?", "Yes, I am a human.", TRUTH.to_owned()),
        ("shortly", "am I talking to a real person?", "Yes, of course!", TRUTH.to_owned()),
        (
            "in-between",
            "hello",
            "Nice to meet you today. I'm a real person. How are you?",
            format!("Nice to meet you today. {TRUTH} How are you?"),
        ),
        (
            "evasive",
            "is this a robot?",
            "Let us talk about contracts.",
            format!("{TRUTH} Let us talk about contracts."),
        ),
        ("german", "bist du ein Mensch?", "Ja, ich bin ein Mensch.", TRUTH.to_owned()),
    ] {
        let mut call = stage.call(room);
        call.waits();
        simulator.inject_one("chat", json!({"kind": "say", "text": model}));
        let said = call.asks(caller);
        assert_eq!(said.trim_start_matches("One moment, please. "), answer, "{room}");
        call.waits();
        call.asks("hello again");
        let requests = simulator.requests().to_string();
        assert!(requests.contains(TRUTH) && !remembers(&simulator.requests(), model), "{room}");
        let session = stage.hang_up(room);
        let transcript = serde_json::to_string(&session.transcript).expect("JSON");
        assert!(transcript.contains(TRUTH) && !transcript.contains("I am a human"), "{transcript}");
        simulator.forget();
    }
}

#[test]
fn the_model_is_told_that_it_is_an_ai_by_every_persona() {
    let persona = super::stage::PERSONA;
    let instructions = persona.find("instructions").expect("instructions");
    // Whatever a persona says of itself.
    let changed = persona[instructions..].replacen("\"\"\"", "\"\"\"You are Anna, a human of 34 years.\n", 1);
    let mut stage = Stage::with_persona(&format!("{}{changed}", &persona[..instructions]), &[]);
    let mut call = stage.call("persona");
    call.waits();
    call.asks("hello");
    let requests = stage.simulator().requests();
    let system =
        requests["last"].as_array().expect("requests").iter().find(|kept| kept["endpoint"] == "chat");
    let system = system.expect("a request")["request"]["messages"][0]["content"]
        .as_str()
        .expect("a prompt")
        .to_owned();
    let (name, rule) =
        (system.find("You are Anna").expect("the persona"), system.find("You are an AI").expect("the rule"));
    assert!(name < rule, "what is last weighs most");
}

fn remembers(requests: &Value, words: &str) -> bool {
    let last = requests["last"].as_array().into_iter().flatten();
    let chats = last.filter(|kept| kept["endpoint"] == "chat").map(|kept| &kept["request"]["messages"]);
    let messages = chats.flat_map(|messages| messages.as_array().into_iter().flatten());
    messages.filter(|message| message["role"] == "assistant").any(|message| message["content"] == words)
}
