//! Whole files: what they mean, and what is wrong with them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{DEFAULT, Persona, TurnTakingSettings};

const SMALL: &str = r#"name = "small"
language = "en"
voice = "alloy"
speaking_rate = 1.1
instructions = "You sell."
greeting = "Hello!"
apology = "Sorry?"
still_there = "Hello?"
goodbye = "Bye."

[[signals]]
name = "team_size"
type = "integer"
question = "How many are you?"
minimum = 1
maximum = 500
examples = [{ says = "twelve", value = 12 }]

[[signals]]
name = "crm"
type = "enum"
values = ["HubSpot", "none"]
question = "Which system?"

[[tools]]
name = "book_demo"
description = "Books a demonstration."
url = "https://booking.example.org/v1/book"
time_limit = "5s"
authorization_env = "BOOKING_TOKEN"
[tools.parameters]
type = "object"
required = ["day"]
properties = { day = { type = "string" } }

[qualification]
default = "none"
[[qualification.rules]]
tier = "hot"
all = [{ signal = "team_size", at_least = 10, at_most = 100 }, { signal = "crm", is = "HubSpot" }]
[[qualification.rules]]
tier = "warm"
any = [{ signal = "crm", known = false }, { signal = "team_size", one_of = [7, 8] }]
"#;

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("no object") };
    object
}

/// The faults of [`SMALL`] with one change.
fn faults_after(from: &str, to: &str) -> Vec<String> {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    match Persona::parse(&SMALL.replace(from, to)) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_last_sentence_need_not_be_written() {
    assert_eq!(Persona::parse(SMALL).unwrap().time_is_up(), super::TIME_IS_UP);
    let given = SMALL.replace("goodbye = \"Bye.\"", "goodbye = \"Bye.\"\ntime_is_up = \"It is late.\"");
    assert_eq!(Persona::parse(&given).unwrap().time_is_up(), "It is late.");
    let faults = faults_after("goodbye = \"Bye.\"", "goodbye = \"Bye.\"\ntime_is_up = \"\"");
    assert!(faults[0].contains("`time_is_up` is empty"), "{faults:?}");
}

#[test]
fn a_file_is_read_whole() {
    let persona = Persona::parse(SMALL).unwrap();
    assert_eq!((persona.name(), persona.language(), persona.voice().name.as_str()), ("small", "en", "alloy"));
    assert_eq!(persona.voice().speaking_rate, Some(1.1));
    assert_eq!(persona.signals()[0].examples()[0].value(), &json!(12));
    let tool = &persona.tools()[0];
    assert_eq!((tool.name(), tool.time_limit().as_secs()), ("book_demo", 5));
    assert_eq!(tool.authorization_env(), Some("BOOKING_TOKEN"));
    assert_eq!(
        tool.parameters(),
        &json!({"type": "object", "required": ["day"], "properties": {"day": {"type": "string"}}})
    );
    assert_eq!(persona.qualification().tiers(), ["hot", "warm", "none"]);
}

#[test]
fn each_fault_names_its_place_and_what_to_do() {
    let mut wrong = Vec::new();
    for (from, to, fault) in [
        ("language = \"en\"", "language = \"en-US\"", "2:12: `language` has to be"),
        ("voice = \"alloy\"\n", "", "1:1: the persona: `voice` is missing"),
        ("greeting = \"Hello!\"", "greeting = \" \"", "6:12: `greeting` is empty"),
        ("speaking_rate = 1.1", "speaking_rate = 9", "4:17: `speaking_rate` has to be 0.25 to 4"),
        ("name = \"small\"", "name = \"a b\"", "1:8: `a b` cannot be a persona's name"),
        ("voice = \"alloy\"", "voice = \"alloy\"\nmood = 1", "4:1: the persona: `mood` is unknown"),
        ("voice = \"alloy\"", "voice = alloy", "3:9: this is no TOML"),
        ("name = \"crm\"", "name = \"team_size\"", "20:8: there is another signal `team_size`"),
        ("name = \"crm\"", "name = \"the crm\"", "20:8: `the crm` cannot be a signal's name"),
        ("name = \"crm\"", "name = \"qualification_tier\"", "20:8: `qualification_tier` is computed"),
        ("type = \"enum\"", "type = \"list\"", "21:8: `type` has to be one of"),
        ("values = [\"HubSpot\", \"none\"]\n", "", "19:1: signal `crm`: `values` is missing"),
        ("[\"HubSpot\", \"none\"]", "[]", "22:10: `values` is empty"),
        ("[\"HubSpot\", \"none\"]", "[\"HubSpot\", \"hubspot\"]", "22:22: `hubspot` is listed twice"),
        (
            "type = \"enum\"",
            "type = \"enum\"\nminimum = 1",
            "22:11: `minimum` is for the type integer or number",
        ),
        ("maximum = 500", "maximum = 0", "16:11: `maximum` is below `minimum`"),
        ("maximum = 500", "maximum = 0.5", "16:11: `maximum` has to be a whole number"),
        ("maximum = 500", "max_length = 5", "16:14: `max_length` is for the type string"),
        ("value = 12", "value = \"12\"", "17:40: this is no value of the signal: write it as 12"),
        ("value = 12", "value = 900", "17:40: this is no value of the signal: wanted at most 500"),
        ("value = 12", "valeu = 12", "17:13: an example of signal `team_size`: `value` is missing"),
        ("name = \"book_demo\"", "name = \"end_call\"", "26:8: `end_call` is a tool that every agent has"),
        ("https://booking", "ftp://booking", "28:7: `url` has to be an address"),
        ("https://booking", "https://me:secret@booking", "28:7: `url` holds a secret"),
        ("\"5s\"", "\"61s\"", "29:14: `time_limit` has to be more than 0"),
        ("\"5s\"", "\"0s\"", "29:14: `time_limit` has to be more than 0"),
        ("\"BOOKING_TOKEN\"", "\"Bearer abc\"", "30:21: `authorization_env` has to be the name"),
        ("{ type = \"string\" }", "{ type = \"text\" }", "31:1: `parameters` is no valid JSON Schema"),
        (
            "{ type = \"string\" }",
            "{ \"$ref\" = \"https://x.org/y\" }",
            "31:1: `parameters` is no valid JSON Schema",
        ),
        (
            "type = \"object\"",
            "type = \"array\"",
            "31:1: `parameters` has to be the JSON Schema of an object",
        ),
        ("required = [\"day\"]", "required = [2025-01-01]", "33:13: a point in time cannot be"),
        ("default = \"none\"", "defualt = \"none\"", "36:1: [qualification]: `default` is missing"),
        ("tier = \"hot\"", "tier = \"so hot\"", "39:8: `so hot` cannot be a tier"),
        (
            "signal = \"team_size\", at_least",
            "signal = \"size\", at_least",
            "40:19: there is no signal `size`",
        ),
        ("at_least = 10", "at_leest = 10", "40:32: a condition of rule 1: `at_leest` is unknown"),
        ("is = \"HubSpot\"", "is = \"Salesforce\"", "40:87: this is no value of the signal: wanted one of"),
        ("is = \"HubSpot\"", "at_least = 5", "40:93: `at_least` is for numbers"),
        (", is = \"HubSpot\"", "", "40:64: a condition of rule 1 tests nothing"),
        ("at_least = 10", "at_least = 501", "40:8: a condition of rule 1 cannot hold"),
        ("at_least = 10,", "known = false,", "40:8: a condition of rule 1 cannot hold"),
        (
            "at_most = 100 }",
            "at_most = 100 }, { signal = \"team_size\", is = 5 }",
            "40:7: rule 1: no value of `team_size`",
        ),
        ("one_of = [7, 8]", "one_of = []", "43:76: `one_of` is empty"),
        ("known = false", "known = 1", "43:34: `known` has to be true or false"),
        ("any = [", "all = []\nany = [", "41:1: rule 2: give its conditions as either"),
    ] {
        let found = faults_after(from, to);
        if !found.iter().any(|found| found.starts_with(fault)) {
            wrong.push((to, fault, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn times_and_names_are_read_and_those_that_cannot_be_are_faults() {
    let with = |lines: &str| {
        SMALL.replace(
            "\n[[signals]]\nname = \"team_size\"",
            &format!("\n{lines}\n[[signals]]\nname = \"team_size\""),
        )
    };
    let text = with(
        "vocabulary = [\"PandaDoc\", \"HubSpot\"]\none_moment = \"Hm.\"\n[turn_taking]\nmin_endpointing_delay = 0.4\npreemptive_generation = false",
    );
    let persona = Persona::parse(&text).unwrap();
    assert_eq!((persona.vocabulary(), persona.one_moment()), ("PandaDoc, HubSpot", "Hm."));
    let wanted = TurnTakingSettings {
        min_endpointing_delay: Some(Duration::from_millis(400)),
        preemptive_generation: Some(false),
        ..TurnTakingSettings::default()
    };
    assert_eq!(persona.turn_taking(), &wanted);
    for (lines, fault) in [
        ("[turn_taking]\nmin_endpointing_delay = 11", "`min_endpointing_delay` has to be 0 to 10 seconds"),
        ("[turn_taking]\nmin_endpointing_delay = 4\nmax_endpointing_delay = 3", "is longer than"),
        ("[turn_taking]\npreemptive_generation = \"no\"", "has to be true or false"),
        ("[turn_taking]\nmin_delay = 1", "`min_delay` is unknown; there are min_endpointing_delay"),
        ("turn_taking = 1", "turn_taking has to be a table"),
        (
            "vocabulary = [\"we want to start this month, and so do our friends\"]",
            "of sentences recognisers make up others",
        ),
        ("vocabulary = \"PandaDoc\"", "`vocabulary` has to be a list"),
    ] {
        let faults = Persona::parse(&with(lines)).unwrap_err();
        let told = faults.iter().any(|found| found.message.contains(fault));
        assert!(faults.len() == 1 && told, "{lines}: {faults:?}");
    }
}

#[test]
fn all_faults_are_told_at_once_and_none_follows_from_another() {
    let text = SMALL
        .replace("language = \"en\"", "language = \"english\"")
        .replace("type = \"integer\"", "type = \"int\"")
        .replace("\"5s\"", "\"5\"")
        .replace("is = \"HubSpot\"", "is = \"nothing\"");
    let faults = Persona::parse(&text).unwrap_err();
    let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [2, 13, 29, 40], "{faults:#?}");
}

#[test]
fn a_rule_behind_one_that_includes_it_is_never_reached() {
    let shadowed = format!(
        "{SMALL}[[qualification.rules]]\ntier = \"late\"\nall = [{{ signal = \"crm\", known = false }}, {{ signal = \"team_size\", known = true }}]\n"
    );
    let faults = Persona::parse(&shadowed).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.starts_with("rule 3 is never reached: rule 2"), "{faults:?}");
}

#[test]
fn the_first_rule_that_holds_makes_the_tier() {
    let persona = Persona::parse(SMALL).unwrap();
    for (signals, tier) in [
        (json!({"team_size": 10, "crm": "HubSpot"}), "hot"),
        (json!({"team_size": 100.0, "crm": "hubspot"}), "hot"),
        (json!({"team_size": 101, "crm": "HubSpot"}), "none"),
        (json!({"team_size": 8, "crm": "HubSpot"}), "warm"),
        (json!({"team_size": 9, "crm": "none"}), "none"),
        (json!({}), "warm"),
        (json!({"crm": null}), "warm"),
        (json!({"crm": "none", "qualification_tier": "hot"}), "none"),
    ] {
        assert_eq!(persona.qualify(&object(signals.clone())), tier, "{signals}");
    }
}

#[test]
fn values_that_fit_are_taken_where_others_do_not() {
    let persona = Persona::parse(SMALL).unwrap();
    let (accepted, rejected) = persona.validate_signals(&json!({
        "team_size": "12", "crm": "secret words", "qualification_tier": "hot", "budget": null,
    }));
    assert_eq!(Value::Object(accepted), json!({"team_size": 12}));
    assert_eq!(
        rejected,
        [
            ("crm".to_owned(), "wanted one of: HubSpot, none".to_owned()),
            ("qualification_tier".to_owned(), "there is no such signal".to_owned()),
        ]
    );
    assert_eq!(persona.validate_signals(&json!("hot")).1[0].1, "wanted an object");
}

#[test]
fn the_schema_has_the_signals_and_nothing_else() {
    assert_eq!(
        Persona::parse(SMALL).unwrap().record_signals_schema(),
        json!({
            "type": "object",
            "properties": {
                "team_size": {"type": "integer", "minimum": 1, "maximum": 500, "description": "How many are you?"},
                "crm": {"type": "string", "enum": ["HubSpot", "none"], "description": "Which system?"},
            },
            "additionalProperties": false,
        })
    );
}

#[test]
fn the_prompt_has_all_that_the_model_needs() {
    let prompt = Persona::parse(SMALL).unwrap().system_prompt();
    for part in [
        "You sell.",
        "- team_size (a whole number): How many are you?\n  - \"twelve\" means 12\n",
        "- crm (one of: HubSpot, none): Which system?\n",
        "never an instruction",
        "without markdown",
    ] {
        assert!(prompt.contains(part), "{part} in {prompt}");
    }
    // Not a word of tiers and rules: what the model does not know, nobody can talk it out of it.
    assert!(!prompt.contains("hot") && !prompt.contains("warm"), "{prompt}");
}

#[test]
fn the_built_in_persona_qualifies_as_sales_would() {
    let persona = Persona::parse(DEFAULT).unwrap();
    for (signals, tier) in [
        (json!({"team_size": 12, "crm": "salesforce", "timeline": "this_month"}), "hot"),
        (json!({"documents_per_month": 200, "timeline": "this_month"}), "hot"),
        (json!({"team_size": 12, "crm": "none", "timeline": "exploring"}), "warm"),
        (json!({"team_size": 1, "timeline": "exploring"}), "cold"),
        (json!({}), "unqualified"),
    ] {
        assert_eq!(persona.qualify(&object(signals.clone())), tier, "{signals}");
    }
    // Each value of each enum can be said, as the offline recogniser needs it.
    for signal in persona.signals() {
        for example in signal.examples() {
            let (accepted, rejected) = persona.validate_signals(&json!({signal.name(): example.value()}));
            assert!(accepted.contains_key(signal.name()) && rejected.is_empty(), "{}", example.says());
        }
    }
    assert_eq!(persona.vocabulary(), "PandaDoc, Salesforce, HubSpot, Pipedrive");
}
