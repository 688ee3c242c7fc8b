//! The clients against a real server with every fault.

mod server;
mod sockets;
mod speech_sockets;
mod take_over;

use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use service::{LiveKitKey, SecretSource};

use super::arguments::ProviderArgs;
use super::error::{ErrorKind, Provider, ProviderError};
use super::key::Key;
use super::message::{ChatMessage, RequestedCall};
use super::place::Rooms;
use super::reply::ReplyPart;
use super::text_to_speech::{Speech, SpeechPart, Synthesizer as _};
use super::transcriptions::Transcription;
use super::{Providers, wav};
use crate::persona::{Persona, Voice};
use server::{Act, LIMITS, Server};
use take_over::Counted;

/// It is the process's: whichever test is the first installs it.
fn install_cryptography() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn http_client(most_idle: usize) -> reqwest::Client {
    install_cryptography();
    super::http_client(most_idle).unwrap()
}

const EVENTS: &str = "text/event-stream";

fn status(status: u16) -> Act {
    Act::Answer(
        status,
        vec![],
        vec![b"{\"error\": {\"message\": \"secret\", \"type\": \"server_error\"}}".to_vec()],
    )
}

fn transcript(text: &str) -> Act {
    Act::Answer(
        200,
        vec![("content-type", "application/json")],
        vec![json!({"text": text}).to_string().into()],
    )
}

/// What was said, where nobody counts tokens.
fn words(text: &str) -> Transcription {
    Transcription { text: text.to_owned(), usage: None }
}

fn events(data: &[&str]) -> Vec<Vec<u8>> {
    data.iter().map(|data| format!("data: {data}\n\n").into_bytes()).collect()
}

const ONE: &str = r#"{"choices": [{"delta": {"content": "One."}}]}"#;
const STOP: &str = r#"{"choices": [{"delta": {}, "finish_reason": "stop"}]}"#;

fn said() -> Act {
    Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE, STOP, "[DONE]"]))
}

fn user(text: &str) -> [ChatMessage; 1] {
    [ChatMessage::User { content: text.to_owned() }]
}

fn voice() -> Voice {
    Voice { name: "alloy".to_owned(), speaking_rate: Some(1.5) }
}

async fn all<T>(
    mut parts: stream::BoxStream<'static, Result<T, ProviderError>>,
) -> (Vec<T>, Option<ProviderError>) {
    let mut read = Vec::new();
    while let Some(part) = parts.next().await {
        match part {
            Ok(part) => read.push(part),
            Err(error) => {
                assert!(parts.next().await.is_none(), "something came after an error");
                return (read, Some(error));
            }
        }
    }
    (read, None)
}

/// The samples of speech, in the pieces in which they came.
async fn heard(speech: Speech) -> (Vec<Vec<i16>>, Option<ProviderError>) {
    let (parts, error) = all(speech).await;
    let samples = parts.into_iter().map(|part| match part {
        SpeechPart::Samples(samples) => samples,
        SpeechPart::Words(words) => panic!("nobody tells words here: {words:?}"),
    });
    (samples.collect(), error)
}

#[tokio::test]
async fn speech_is_sent_as_a_wav_file_with_what_helps() {
    let server = Server::start([transcript("  twelve people \n")]).await;
    let text = server.speech_to_text().transcribe(&[1, -1, 300], "en", "salesforce, hubspot").await;
    assert_eq!(text, Ok(words("twelve people")));
    let request = &server.received()[0];
    assert_eq!(request.path, "/prefix/v1/audio/transcriptions");
    assert_eq!(request.authorization.as_deref(), Some("Bearer k3y"));
    assert!(request.content_type.starts_with("multipart/form-data"));
    let body = String::from_utf8_lossy(&request.body).into_owned();
    for field in [
        "name=\"model\"\r\n\r\nhear-1\r\n",
        "name=\"language\"\r\n\r\nen\r\n",
        "\r\n\r\nsalesforce, hubspot\r\n",
        "name=\"response_format\"\r\n\r\njson\r\n",
        "filename=\"speech.wav\"",
    ] {
        assert!(body.contains(field), "{field} in {body}");
    }
    let wav = wav::encode(&[1, -1, 300], 16_000);
    assert!(request.body.windows(wav.len()).any(|window| window == wav));
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for act in [status(429), status(500), status(503), Act::Break("application/json", vec![b"{".to_vec()])] {
        let server = Server::start([act.clone(), act, transcript("yes")]).await;
        assert_eq!(server.speech_to_text().transcribe(&[0; 160], "en", "").await, Ok(words("yes")));
        assert_eq!(server.received().len(), 3);
    }
    for act in [status(429), status(500), Act::Break(EVENTS, vec![]), Act::Answer(200, vec![], vec![])] {
        let server = Server::start([act.clone(), act, said()]).await;
        let reply = server.language_model().reply(&user("x"), &[]).await.unwrap();
        assert_eq!(all(reply).await, (vec![ReplyPart::Text("One.".to_owned()), ReplyPart::Finished], None));
        assert_eq!(server.received().len(), 3);
    }
}

/// It may have ended before the request came.
#[tokio::test]
async fn a_lost_connection_is_no_try() {
    let lost = Act::Break("application/json", vec![]);
    let server = Server::start([lost.clone(), transcript("yes")]).await;
    assert_eq!(server.speech_to_text().try_once("en").await, Ok(()));
    let server = Server::start([lost.clone(), lost, transcript("yes")]).await;
    let error = server.speech_to_text().try_once("en").await.unwrap_err();
    assert_eq!((error.kind(), server.received().len()), (ErrorKind::Connection, 2));
}

/// Somebody waits on the line.
#[tokio::test]
async fn who_used_up_the_time_is_asked_once_more() {
    let server = Server::start([Act::Silence, transcript("yes")]).await;
    assert_eq!(server.speech_to_text().transcribe(&[0; 160], "en", "").await, Ok(words("yes")));
    let server = Server::start(vec![Act::Silence; 9]).await;
    let error = server.language_model().reply(&user("x"), &[]).await.err().unwrap();
    assert_eq!((error.kind(), server.received().len()), (ErrorKind::Timeout, 2));
}

/// They are on their way to an answer, and have an end.
#[tokio::test]
async fn thoughts_are_life_and_no_answer() {
    for piece in [
        "data: {\"choices\": [{\"delta\": {\"reasoning_content\": \"well\"}}]}\n\n",
        "data: {\"choices\": [{\"delta\": {\"content\": \"<think>well\"}}]}\n\n",
    ] {
        let server = Server::start([Act::Drip(EVENTS, piece)]).await;
        let began = Instant::now();
        let error = server.language_model().try_once(&user("x"), &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(began.elapsed() > 2 * LIMITS.idle, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn the_tries_come_to_an_end() {
    let server = Server::start(vec![status(500); 9]).await;
    let error = server.speech_to_text().transcribe(&[0; 160], "en", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recoverable(), error.status()),
        (ErrorKind::Status(500), true, Some(500))
    );
    assert_eq!(server.received().len(), 4);
    let server = Server::start(vec![Act::Silence; 9]).await;
    let start = Instant::now();
    let error = server.text_to_speech().speak("x", &voice()).await.err().unwrap();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Timeout, Provider::TextToSpeech));
    assert!(start.elapsed() >= 2 * LIMITS.answer, "{:?}", start.elapsed());
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let html = Act::Answer(200, vec![("content-type", "text/html")], vec![b"<html>".to_vec()]);
    let moved = Act::Answer(307, vec![("location", "/elsewhere")], vec![]);
    for act in [status(400), status(401), status(404), moved.clone(), html.clone()] {
        let server = Server::start([act, transcript("no")]).await;
        let error = server.speech_to_text().transcribe(&[0; 160], "en", "").await.unwrap_err();
        assert!(!error.recoverable() && !error.to_string().contains("secret"), "{error}");
        assert_eq!(server.received().len(), 1);
    }
    let broken = Act::Answer(200, vec![("content-type", EVENTS)], events(&["{\"choices\""]));
    let no_text = Act::Answer(200, vec![("content-type", EVENTS)], vec![b"data: \xff\xfe\n\n".to_vec()]);
    for act in [status(400), moved, html, broken, no_text] {
        let server = Server::start([act, said()]).await;
        let error = server.language_model().reply(&user("x"), &[]).await.err().unwrap();
        assert!(!error.recoverable(), "{error}");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_wants_a_pause_gets_it_where_it_is_short() {
    let wants = |seconds: &'static str| Act::Answer(429, vec![("retry-after", seconds)], vec![]);
    let server = Server::start([wants("0.3"), transcript("yes")]).await;
    let start = Instant::now();
    assert_eq!(server.speech_to_text().transcribe(&[0; 160], "en", "").await, Ok(words("yes")));
    assert!(start.elapsed() >= Duration::from_millis(300));
    let server = Server::start([wants("60"), transcript("no")]).await;
    let error = server.speech_to_text().transcribe(&[0; 160], "en", "").await.unwrap_err();
    assert_eq!((error.status(), error.recoverable()), (Some(429), true));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_reply_is_asked_for_with_its_tools() {
    let server = Server::start([said()]).await;
    let tools = [json!({"type": "function", "function": {"name": "end_call"}})];
    all(server.language_model().reply(&user("hello"), &tools).await.unwrap()).await;
    let request = &server.received()[0];
    assert_eq!(
        (request.path.as_str(), request.content_type.as_str()),
        ("/prefix/v1/chat/completions", "application/json")
    );
    assert_eq!(request.authorization.as_deref(), Some("Bearer k3y"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "think-1", "messages": [{"role": "user", "content": "hello"}], "tools": tools, "temperature": 0.5,
            "stream": true, "stream_options": {"include_usage": true}, "reasoning_effort": "none",
        })
    );
}

#[tokio::test]
async fn once_something_was_handed_out_a_failure_is_the_readers() {
    let error_event = r#"{"error": {"message": "secret", "code": "overloaded"}}"#;
    for (act, kind) in [
        (Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE])), ErrorKind::Cut),
        (Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE, "no JSON"])), ErrorKind::Malformed),
        (Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE, error_event])), ErrorKind::Reported),
        (Act::Break(EVENTS, events(&[ONE])), ErrorKind::Connection),
        (Act::Stall(EVENTS, events(&[ONE])), ErrorKind::Timeout),
    ] {
        let server = Server::start([act, said()]).await;
        let (parts, error) = all(server.language_model().reply(&user("x"), &[]).await.unwrap()).await;
        assert_eq!(parts, [ReplyPart::Text("One.".to_owned())]);
        assert_eq!(error.unwrap().kind(), kind);
        assert_eq!(server.received().len(), 1);
    }
    // Whole, although the server never closes its stream well.
    for act in [Act::Stall(EVENTS, events(&[ONE, STOP])), Act::Break(EVENTS, events(&[ONE, STOP]))] {
        let server = Server::start([act]).await;
        let (parts, error) = all(server.language_model().reply(&user("x"), &[]).await.unwrap()).await;
        assert_eq!((parts.last(), error), (Some(&ReplyPart::Finished), None));
    }
}

#[tokio::test]
async fn a_server_that_only_keeps_the_connection_alive_says_nothing() {
    let pieces = [
        ": ping\n\n",
        "data: {\"choices\": []}\n\n",
        "data: {\"choices\": [{\"delta\": {\"content\": \" \"}}]}\n\n",
    ];
    join_all(pieces.map(async |piece| {
        let server = Server::start(vec![Act::Drip(EVENTS, piece); 4]).await;
        let error = match server.language_model().reply(&user("x"), &[]).await {
            Ok(reply) => all(reply).await.1.unwrap(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::Timeout, "{piece}");
    }))
    .await;
    // A tool call that comes slowly is on its way.
    let call = "data: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 0, \"function\": {\"arguments\": \" \"}}]}}]}\n\n";
    let server = Server::start([Act::Drip(EVENTS, call)]).await;
    let began = Instant::now();
    let error = server.language_model().try_once(&user("x"), &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(began.elapsed() > 2 * LIMITS.idle, "{:?}", began.elapsed());
}

#[tokio::test]
async fn events_may_be_cut_anywhere_and_arguments_may_be_anything() {
    let call = r#"{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "book", "arguments": "{\"day\": Müll"}}]}}]}"#;
    let whole: Vec<u8> = events(&[call, STOP, "[DONE]"]).concat();
    let pieces = whole.chunks(7).map(<[u8]>::to_vec).collect();
    let server = Server::start([Act::Answer(200, vec![("content-type", EVENTS)], pieces)]).await;
    let (parts, error) = all(server.language_model().reply(&user("x"), &[]).await.unwrap()).await;
    assert_eq!(error, None);
    let book = ReplyPart::ToolCall {
        id: "a".to_owned(),
        name: "book".to_owned(),
        arguments: "{\"day\": Müll".to_owned(),
        extra_content: None,
    };
    assert_eq!(parts, [book, ReplyPart::Finished]);
}

#[tokio::test]
async fn what_stands_beside_a_call_is_handed_on() {
    let call = r#"{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "book", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "c2ln"}}}]}}]}"#;
    let server =
        Server::start([Act::Answer(200, vec![("content-type", EVENTS)], events(&[call, STOP]))]).await;
    let (parts, _) = all(server.language_model().reply(&user("x"), &[]).await.unwrap()).await;
    let [ReplyPart::ToolCall { extra_content: Some(extra), .. }, ReplyPart::Finished] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!(extra["google"]["thought_signature"], "c2ln");
    let sent = serde_json::to_value(RequestedCall::new("a", "book", "{}", Some(extra.clone()))).unwrap();
    assert_eq!(sent["extra_content"], *extra);
}

#[tokio::test]
async fn speech_comes_in_samples_whatever_the_pieces() {
    let samples: Vec<i16> = (0..20_000).map(|sample| (sample * 7 % 3_000) as i16 - 1_500).collect();
    let pcm: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let wav = wav::encode(&samples, 24_000);
    for bytes in [&pcm, &wav] {
        let pieces = bytes.chunks(9_999).map(<[u8]>::to_vec).collect();
        let server = Server::start([Act::Answer(200, vec![("content-type", "audio/pcm")], pieces)]).await;
        let (spoken, error) = heard(server.text_to_speech().speak("Hello.", &voice()).await.unwrap()).await;
        assert_eq!((spoken.concat(), error), (samples.clone(), None));
        assert!(spoken.len() > 1, "it was not streamed");
        let request = &server.received()[0];
        assert_eq!(request.path, "/prefix/v1/audio/speech");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"model": "speak-1", "input": "Hello.", "voice": "alloy", "response_format": "pcm", "speed": 1.5})
        );
    }
}

#[tokio::test]
async fn speech_of_another_rate_is_spoken_and_what_is_none_is_refused() {
    let other = wav::encode(&[0; 1_600], 16_000);
    let server = Server::start([Act::Answer(200, vec![("content-type", "audio/mpeg")], vec![other])]).await;
    let (spoken, error) = heard(server.text_to_speech().speak("x", &voice()).await.unwrap()).await;
    assert_eq!((spoken.concat().len(), error), (2_400, None));

    for (kind, body) in [
        ("audio/mpeg", b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("audio/pcm;rate=1", vec![0; 100]),
        ("text/html", b"<html>".to_vec()),
        ("audio/pcm", b"{\"error\": \"there is no such voice\"}".to_vec()),
    ] {
        let server = Server::start([Act::Answer(200, vec![("content-type", kind)], vec![body])]).await;
        let error = server.text_to_speech().speak("x", &voice()).await.err().unwrap();
        assert_eq!((error.kind(), error.recoverable()), (ErrorKind::Malformed, false), "{error}");
    }

    let server =
        Server::start([Act::Answer(200, vec![], vec![]), Act::Break("audio/pcm", vec![vec![0; 9_600]])])
            .await;
    let (spoken, error) = heard(server.text_to_speech().speak("x", &voice()).await.unwrap()).await;
    assert_eq!(spoken.concat().len(), 4_800);
    assert_eq!(error.unwrap().kind(), ErrorKind::Connection);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn speech_that_does_not_end_is_given_up() {
    let second = vec![0; 48_000];
    let server =
        Server::start([Act::Answer(200, vec![("content-type", "audio/pcm")], vec![second; 60])]).await;
    let (spoken, error) = heard(server.text_to_speech().speak("Hello.", &voice()).await.unwrap()).await;
    let error = error.unwrap();
    assert!(error.to_string().contains("goes on for more than"), "{error}");
    assert!(spoken.concat().len() <= 11 * 24_000, "{}", spoken.concat().len());
}

#[tokio::test]
async fn what_works_is_looked_at_and_only_silence_and_a_refused_key_say_something() {
    for (act, is_doubtful) in [
        (status(200), false),
        (status(404), false),
        (status(500), false),
        (status(401), true),
        (status(403), true),
        (Act::Silence, true),
    ] {
        let server = Server::start([act]).await;
        assert_eq!(server.speech_to_text().is_doubtful().await, is_doubtful);
        assert_eq!(server.received()[0].path, "/prefix/v1/models");
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old").unwrap();
    let server = Server::start([status(401), transcript("yes"), status(401), status(401)]).await;
    let key = Key::read(SecretSource::File(file.path().to_owned())).await;
    let speech_to_text = server.speech_to_text_with(key.unwrap());
    let ask = || speech_to_text.transcribe(&[0; 160], "en", "");
    std::fs::write(file.path(), "new\n").unwrap();
    assert_eq!(ask().await, Ok(words("yes")));
    // The same key is not asked for again.
    assert_eq!(ask().await.unwrap_err().status(), Some(401));
    let keys = server.received().into_iter().map(|request| request.authorization.unwrap());
    assert_eq!(keys.collect::<Vec<_>>(), ["Bearer old", "Bearer new", "Bearer new"]);
}

#[tokio::test]
async fn dropping_cancels_the_request() {
    let server = Server::start([Act::Stall("audio/pcm", vec![vec![0; 9_600]]), Act::Silence]).await;
    let mut speech = server.text_to_speech().speak("x", &voice()).await.unwrap();
    assert!(speech.next().await.unwrap().is_ok());
    assert_eq!(server.open(), 1);
    drop(speech);
    until(|| server.open() == 0).await;

    let speech_to_text = server.speech_to_text();
    let transcribing = tokio::spawn(async move { speech_to_text.transcribe(&[0; 160], "en", "").await });
    until(|| server.open() == 1).await;
    transcribing.abort();
    until(|| server.open() == 0).await;
    assert_eq!(server.received().len(), 2);
}

async fn until(reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(5), "it is never so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    providers: ProviderArgs,
}

async fn providers<T: AsRef<str>>(arguments: &[T]) -> anyhow::Result<Providers> {
    install_cryptography();
    let arguments = ["agent"].into_iter().chain(arguments.iter().map(AsRef::as_ref));
    let settings = <Settings as clap::Parser>::try_parse_from(arguments)?;
    let key = LiveKitKey::new(SecretSource::Value("key".into()), SecretSource::Value("secret".into()));
    let persona = Persona::parse(crate::persona::DEFAULT).unwrap();
    Providers::new(&settings.providers, &Rooms { key, is_cloud: true }, &persona).await
}

/// Whatever the protocol, and of each of the three.
#[tokio::test]
async fn no_provider_is_set_up_that_would_send_a_secret_in_plain_text() {
    for (kind, protocol) in [
        ("stt", "openai"),
        ("stt", "openai-realtime"),
        ("stt", "speaches"),
        ("stt", "livekit"),
        ("llm", "openai"),
        ("llm", "livekit"),
        ("tts", "openai"),
        ("tts", "livekit"),
    ] {
        let set = |name: &str, value: &str| [format!("--{kind}-{name}"), value.to_owned()];
        let at =
            |url: &str| [set("base-url", url), set("api-key", "k3y"), set("protocol", protocol)].concat();
        let refused = providers(&at("http://gw.corp/v1")).await.err().unwrap().to_string();
        assert!(
            refused.contains(&format!("{}_BASE_URL", kind.to_uppercase())),
            "{kind} {protocol}: {refused}"
        );
        assert!(refused.contains("SERVICES_ALLOW_PLAIN_TEXT") && !refused.contains("k3y"), "{refused}");
        assert!(providers(&at("http://127.0.0.1:1/v1")).await.is_ok(), "{kind} {protocol}");
    }
}

#[tokio::test]
async fn each_setting_reaches_its_provider() {
    let server =
        Server::start([transcript("yes"), said(), Act::Answer(200, vec![], vec![vec![1; 64]])]).await;
    let arguments = ["stt", "llm", "tts"].into_iter().flat_map(|name| {
        [
            [format!("--{name}-base-url"), server.base.clone()],
            [format!("--{name}-model"), format!("{name}-model")],
            [format!("--{name}-api-key"), format!("{name}-key")],
        ]
    });
    let arguments: Vec<_> = arguments.flatten().collect();
    let providers = providers(&arguments).await.unwrap();
    assert_eq!(providers.speech_to_text.try_once("en").await, Ok(()));
    let account = Counted::account();
    all(providers.language_model.reply(&user("x"), &[], &account).await.unwrap()).await;
    all(providers.text_to_speech.speak("x", &voice(), &account).await.unwrap()).await;
    let received = server.received();
    assert_eq!(received.len(), 3);
    for (request, name) in received.iter().zip(["stt", "llm", "tts"]) {
        assert_eq!(request.authorization, Some(format!("Bearer {name}-key")));
        assert!(String::from_utf8_lossy(&request.body).contains(&format!("{name}-model")), "{name}");
    }
}
