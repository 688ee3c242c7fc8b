//! The program that hears, by its own protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_servers::tool;

use super::caller::{Voice, say};

const GRAMMAR: &str = "#JSGF V1.0; grammar answers; public <answer> = twelve people | hello;";

#[test]
fn a_sound_that_comes_before_the_last_answer_was_read_is_answered_as_well() {
    let mut program = Command::new(tool("python/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/recognise.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start python (POSTCALL_TOOLS)");
    let mut requests = Vec::new();
    let mut ask = |request: Value, sound: &[u8]| {
        requests.extend(format!("{request}\n").into_bytes());
        requests.extend(sound);
    };
    ask(json!({ "words": ["twelve", "people", "hello"] }), &[]);
    ask(json!({ "grammar": GRAMMAR }), &[]);
    for text in ["twelve people", "hello", "twelve people"] {
        let samples = say(text, Voice::Flite, 16_000);
        let sound: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        ask(json!({ "bytes": sound.len() }), &sound);
    }
    let mut input = program.stdin.take().unwrap();
    let mut answers = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    // More than a pipe holds, and the program ends with its input.
    let asking = std::thread::spawn(move || {
        drop(input.write_all(&requests));
        input
    });
    let mut heard = || serde_json::from_str::<Value>(&answers.next().expect("it ended")).unwrap();
    assert_eq!(heard(), json!({ "unknown": [] }));
    assert_eq!(heard(), json!({ "ready": true }));
    for text in ["twelve people", "hello", "twelve people"] {
        let answer = heard();
        let words = answer["words"].as_array().unwrap().iter();
        let words: Vec<_> = words.map(|word| word[0].as_str().unwrap()).collect();
        assert_eq!(words.join(" "), text, "{answer}");
    }
    // It ends with its input, by an error where its last copy is still there.
    drop(asking.join().unwrap());
    program.wait().unwrap();
}
