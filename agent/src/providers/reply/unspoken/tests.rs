//! Each text in one piece, cut at every place, and character by character.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What is said, and what is called.
fn read(pieces: &[&str], thinks_first: bool) -> (String, Vec<(String, Value)>, bool) {
    let mut unspoken = Unspoken::new(vec!["record_signals".to_owned(), "end_call".to_owned()], thinks_first);
    let mut written: Vec<Written> = pieces.iter().flat_map(|piece| unspoken.push(piece)).collect();
    written.extend(unspoken.finish());
    let (mut said, mut called) = (String::new(), Vec::new());
    for part in written {
        match part {
            Written::Text(text) => said.push_str(&text),
            Written::Call { name, arguments } => {
                called.push((name, serde_json::from_str(&arguments).unwrap()));
            }
            Written::LeftOut => {}
        }
    }
    (said, called, unspoken.thought_first())
}

/// The same, however the text comes.
fn everywhere(text: &str, thinks_first: bool) -> (String, Vec<(String, Value)>, bool) {
    let whole = read(&[text], thinks_first);
    for (cut, _) in text.char_indices() {
        assert_eq!(read(&[&text[..cut], &text[cut..]], thinks_first), whole, "cut at {cut}: {text}");
    }
    let each: Vec<&str> = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
    assert_eq!(read(&each, thinks_first), whole, "{text}");
    whole
}

#[test]
fn what_a_model_thinks_is_not_said() {
    for (text, said) in [
        ("<think>The caller said two. I ask.</think>Great.", "Great."),
        ("<think></think>\n\nGreat.", "\n\nGreat."),
        ("Well. <THINK>hm < 5 </thin</THINK>Great.", "Well. Great."),
        ("<thinking>a</think>b</thinking>Great.", "Great."),
        ("<|channel>thought The caller <b> wants <channel|>Great.", "Great."),
        ("<|channel|>analysis<|message|>Hm.<|end|>Great.", "Great."),
        ("Great. <think>I should call the too", "Great. "),
        ("A < b, and <th is no tag. Is 1 <", "A < b, and <th is no tag. Is 1 <"),
        ("Größe <think>Öl</think>„ja“ …", "Größe „ja“ …"),
        ("{name}, {1} and { are said.", "{name}, {1} and { are said."),
        ("[a], (b), [, ( and x[1](2) are said: <b", "[a], (b), [, ( and x[1](2) are said: <b"),
        ("At the end (call) I record_signals, end", "At the end (call) I record_signals, end"),
        ("a <| b |> c, 1 <2|3> and <|", "a <| b |> c, 1 <2|3> and "),
    ] {
        assert_eq!(everywhere(text, false), (said.to_owned(), Vec::new(), false), "{text}");
    }
}

#[test]
fn a_thought_that_the_prompt_began_is_not_said_again() {
    let text = "The caller said two. I ask.</think>Great.";
    // Nothing tells it from an answer until its end has come.
    let (_, called, thought_first) = everywhere(text, false);
    assert!(thought_first && called.is_empty());
    assert_eq!(everywhere(text, true), ("Great.".to_owned(), Vec::new(), true));
    // Where none comes, it was an answer.
    assert_eq!(everywhere("Great.", true), ("Great.".to_owned(), Vec::new(), false));
    let call = r#"Great. <tool_call>{"name": "end_call"}</tool_call><|im_end|>"#;
    assert_eq!(
        everywhere(call, true),
        ("Great. ".to_owned(), vec![("end_call".to_owned(), json!({}))], false)
    );
    let long = format!("{}</think>Great.", "Hm. ".repeat(10_000));
    assert_eq!(read(&[&long], true).0, "Great.");
}

#[test]
fn calls_that_are_written_as_text_are_called_and_not_said() {
    let seats = json!({"seats": 12});
    for text in [
        r#"<tool_call>{"name": "record_signals", "arguments": {"seats": 12}}</tool_call>"#,
        r#"<tool_call>{"name": "record_signals", "arguments": {"seats": 12}}"#,
        r#"tool_call {"name": "record_signals", "arguments": {"seats": 12}}"#,
        "```json\n{\"name\": \"record_signals\", \"parameters\": {\"seats\": 12}}\n```",
        r#"{"name": "record_signals", "arguments": "{\"seats\": 12}"}"#,
        r#"{ "type": "function", "function": {"name": "record_signals", "arguments": {"seats": 12}}}"#,
        r#"[TOOL_CALLS][{"name": "record_signals", "arguments": {"seats": 12}}]"#,
        r#"<function=record_signals>{"seats": 12}</function>"#,
    ] {
        let wanted = vec![("record_signals".to_owned(), seats.clone())];
        let (said, called, _) = everywhere(&format!("Great. {text}"), false);
        assert_eq!((said.trim(), called), ("Great.", wanted), "{text}");
    }
    let two = r#"<tool_call>{"name": "record_signals", "arguments": {}}</tool_call> <tool_call>{"name": "end_call"}</tool_call>Bye."#;
    let (said, called, _) = everywhere(two, false);
    let names: Vec<&str> = called.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((said.trim(), names), ("Bye.", vec!["record_signals", "end_call"]));
}

/// gpt-oss, ChatML, Llama, Gemma, and those who only end.
#[test]
fn control_tokens_and_what_names_speakers_and_channels_are_not_said() {
    for (text, said) in [
        (
            "<|channel|>analysis<|message|>They say two.<|end|><|start|>assistant<|channel|>final<|message|>Great.<|return|>",
            "Great.",
        ),
        ("<|channel|>final <|constrain|>text<|message|>Great.", "Great."),
        (
            "<|channel|>commentary<|message|>One moment. <|end|><|start|>assistant<|channel|>final<|message|>Great.",
            "One moment. Great.",
        ),
        ("<|start|>assistant<|channel|>analysis<|message|>Hm <b> | <|end|>Great.", "Great."),
        ("<|channel|>analysis Hm, they say two<|end|>Great.", "Great."),
        ("<|channel|>final Great. And more\nof it.", "Great. And more\nof it."),
        ("<|im_start|>assistant\nGreat.<|im_end|>", "Great."),
        ("Great.<|im_end|>\n<|im_start|>user\nWe are nine.<|im_end|>", "Great.\n"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nGreat.<|eot_id|>", "\n\nGreat."),
        ("<start_of_turn>model\nGreat.<end_of_turn>", "\nGreat."),
        ("<|turn>model\nGreat.<turn|>", "\nGreat."),
        ("Great.<|endoftext|>", "Great."),
        // Their server took the tokens out.
        ("analysisThe caller says two.assistantfinalGreat.", "Great."),
        ("\nanalysisHm", ""),
        ("analysis", "analysis"),
        ("analysis is what we do.", "analysis is what we do."),
        ("Analysis and analysisHm", "Analysis and analysisHm"),
        ("Gr<|x|>eat.<｜end▁of▁sentence｜>", "Great."),
        ("Great.<|eot_i", "Great."),
        ("<|start|>assistant<|chan", ""),
    ] {
        let (heard, called, _) = everywhere(text, false);
        assert_eq!((heard.trim(), called), (said.trim(), Vec::new()), "{text}");
    }
    // A header that never ends is none.
    let long = format!("<|start|>{}", "Great. ".repeat(100));
    assert_eq!(read(&[&long], false).0.trim(), "Great. ".repeat(100).trim());
}

#[test]
fn calls_between_control_tokens_are_called_and_not_said() {
    let seats = json!({"seats": 12});
    for text in [
        r#"<|channel|>commentary to=functions.record_signals <|constrain|>json<|message|>{"seats": 12}<|call|>"#,
        r#"<|start|>assistant to=functions.record_signals<|channel|>commentary json<|message|>{"seats": 12}<|call|>"#,
        r#"<|channel|>analysis<|message|>I record.<|end|><|start|>assistant<|channel|>commentary to=functions.record_signals<|message|>{"seats": 12}"#,
        r#"<|python_tag|>{"name": "record_signals", "parameters": {"seats": 12}}<|eom_id|>"#,
        r#"<|python_tag|>{"type": "function", "name": "record_signals", "parameters": {"seats": 12}}"#,
        r#"<|python_tag|>record_signals(seats=12)<|eot_id|>"#,
        r#"<|tool_calls_section_begin|><|tool_call_begin|>functions.record_signals:0<|tool_call_argument_begin|>{"seats": 12}<|tool_call_end|><|tool_calls_section_end|>"#,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>record_signals\n```json\n{\"seats\": 12}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        r#"[TOOL_CALLS]record_signals[ARGS]{"seats": 12}"#,
    ] {
        let wanted = vec![("record_signals".to_owned(), seats.clone())];
        let (said, called, _) = everywhere(&format!("Great. {text}"), false);
        assert_eq!((said.trim(), called), ("Great.", wanted), "{text}");
    }
    for text in [
        r#"<|channel|>commentary to=functions.wire_money<|message|>{"to": "me"}<|call|>"#,
        r#"<|channel|>commentary to=functions.end_call<|message|>{"a": <|call|>"#,
        r#"<|start|>functions.end_call to=assistant<|channel|>commentary<|message|>{"ok": true}<|end|>"#,
        r#"<|python_tag|>import os"#,
        r#"<|python_tag|>brave_search.call(query="x")<|eom_id|>"#,
        r#"<|python_tag|>{"name": "wire_money", "parameters": {}}"#,
        r#"<|python_tag|>{"a": {"name": "end_call"}"#,
    ] {
        let (said, called, _) = everywhere(&format!("Great. {text}"), false);
        assert_eq!((said.trim(), called), ("Great.", Vec::new()), "{text}");
    }
}

#[test]
fn calls_as_python_writes_them_are_called_and_not_said() {
    let call = |name: &str, arguments: Value| (name.to_owned(), arguments);
    for (text, called) in [
        ("[end_call()]", vec![call("end_call", json!({}))]),
        ("record_signals(team_size=12)", vec![call("record_signals", json!({"team_size": 12}))]),
        (
            "[ record_signals( crm = 'hub (spot)', a=[1, -2.5], b={'c': None}, d=True ), end_call() ]",
            vec![
                call(
                    "record_signals",
                    json!({"crm": "hub (spot)", "a": [1, -2.5], "b": {"c": null}, "d": true}),
                ),
                call("end_call", json!({})),
            ],
        ),
        (r#"record_signals({"crm": "a\"b"})"#, vec![call("record_signals", json!({"crm": "a\"b"}))]),
        (
            "```tool_code\nrecord_signals(team_size=12)\n```",
            vec![call("record_signals", json!({"team_size": 12}))],
        ),
        // What cannot be read for certain is neither called nor said.
        ("record_signals(12)", vec![]),
        ("record_signals(team_size=size())", vec![]),
        ("record_signals(a=1, a=2)", vec![]),
        ("[end_call(), wire_money()]", vec![]),
        ("record_signals(team_size=", vec![]),
    ] {
        let (said, heard, _) = everywhere(&format!("Great. {text}"), false);
        assert_eq!((said.trim(), heard), ("Great.", called), "{text}");
    }
    let (said, called, _) = everywhere("Bye. end_call() And bye.", false);
    assert_eq!((said.as_str(), called.len()), ("Bye.  And bye.", 1));
    let said = "I pretend_call(you), call end_call, or end_call (soon): record_signals(s).";
    assert_eq!(everywhere(said, false), (said.to_owned(), Vec::new(), false));
}

#[test]
fn what_is_neither_speech_nor_a_call_is_left_out() {
    for text in [
        "```python\nprint(1)\n```",
        r#"{"name": "wire_money", "arguments": {"to": "me"}}"#,
        r#"{"name": "record_signals", "arguments": {"a": "}"#,
        r#"<tool_call>{"name": "rec"#,
    ] {
        assert_eq!(everywhere(&format!("Great. {text}"), false).0.trim(), "Great.", "{text}");
    }
    let endless = format!("Great. {{\"a\": \"{}", "x".repeat(100_000));
    let mut unspoken = Unspoken::new(Vec::new(), false);
    for piece in endless.as_bytes().chunks(1_000) {
        drop(unspoken.push(std::str::from_utf8(piece).unwrap()));
        assert!(unspoken.held.len() <= MOST_HELD + 1_000);
    }
}

/// Parts of what models write.
const PARTS: [&str; 26] = [
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|call|>",
    "<|im_start|>",
    "<|python_tag|>",
    "<|x|>",
    "<turn|>",
    "assistant",
    "analysis",
    "final",
    " to=functions.end_call",
    "<think>",
    "</think>",
    "<",
    "|>",
    "end_call(",
    "a=1)",
    "[",
    "]",
    "{\"name\": \"end_call\"}",
    "```",
    "\n",
    " ",
    "é",
];

proptest! {
    /// However it is cut, the same is said and called; and no control token is said.
    #[test]
    fn any_order_of_markers_is_read_alike_in_any_pieces(
        parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..14),
        thinks_first: bool,
    ) {
        let (said, _, _) = everywhere(&parts.concat(), thinks_first);
        prop_assert!(!said.contains("<|x|>") && !said.contains("<|end|>"), "{}", said);
    }
}
