//! Sockets for speech that wait: how many there are, that they live, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::SinkExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::providers::credential::Credential;
use crate::providers::inference::tts::{InferenceTts, Model};
use crate::providers::json_socket::SocketCount;
use crate::providers::request::Limits;
use crate::providers::sockets::Sockets;
use crate::providers::text_to_speech::Synthesizer as _;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What becomes of one connection.
#[derive(Clone, Copy)]
enum How {
    /// It is there, and nothing ever comes of it but what a session begins with.
    Dead,
    /// It speaks so long after it was asked.
    Speaks(Duration),
    /// It tells without end when words are over, before its sound and after.
    Floods,
}

/// What was seen of the connections.
#[derive(Default)]
struct Seen {
    opened: AtomicUsize,
    /// Those that ended with a good-bye, and without.
    left: AtomicUsize,
    broken: AtomicUsize,
}

fn count(number: &AtomicUsize) -> usize {
    number.load(Ordering::SeqCst)
}

/// A gateway whose first connection is the one, and every other one the other.
async fn gateway(first: How, others: How) -> (InferenceTts, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    let seen = Arc::new(Seen::default());
    let at_server = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let how = if at_server.opened.fetch_add(1, Ordering::SeqCst) == 0 { first } else { others };
            let seen = Arc::clone(&at_server);
            tokio::spawn(async move {
                // So that those that are opened together are under way together.
                sleep(Duration::from_millis(50)).await;
                let ended = serve(accept_async(stream).await.unwrap(), how).await;
                let number = if ended { &seen.left } else { &seen.broken };
                number.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    let limits = Limits { answer: ANSWER_LIMIT, idle: ANSWER_LIMIT, ..LIMITS };
    let (provider, credential) = (Provider::TextToSpeech, Credential::None);
    let http = http_client(0);
    let sockets = Sockets { provider, http, base, credential, limits, count: SocketCount::new().unwrap() };
    (InferenceTts::new(sockets, Model::of("cartesia/sonic-3", "en")), seen)
}

/// Whether the client has said that it leaves.
async fn serve(mut socket: WebSocketStream<TcpStream>, how: How) -> bool {
    socket.send(Message::text(json!({"type": "session.created"}).to_string())).await.unwrap();
    let after = match how {
        How::Dead => return std::future::pending().await,
        How::Speaks(after) => after,
        How::Floods => Duration::ZERO,
    };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            if message.is_close() {
                return true;
            }
            continue;
        };
        if serde_json::from_str::<Value>(&text).unwrap()["type"] != "session.flush" {
            continue;
        }
        // Pings are answered meanwhile.
        let until = Instant::now() + after;
        while let Ok(Some(Ok(_))) = tokio::time::timeout_at(until, socket.next()).await {}
        let audio = STANDARD.encode([1; 48]);
        let words = vec![json!({"word": "Hello.", "end": 0.5}); 50_000];
        let words = json!({"type": "output_alignment", "words": words});
        let flood = vec![words; if let How::Floods = how { 5 } else { 0 }];
        let sound = [json!({"type": "output_audio", "audio": audio})];
        for frame in [&flood[..], &sound, &flood, &[json!({"type": "done"})]].concat() {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return false;
            }
        }
    }
    false
}

#[tokio::test]
async fn a_socket_that_died_while_it_waited_is_replaced_before_its_time_is_up() {
    let (speech, seen) = gateway(How::Dead, How::Speaks(Duration::ZERO)).await;
    let _call = speech.prepare();
    until(|| count(&seen.opened) == 1).await;
    sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    let (spoken, error) = heard(speech.speak("Hello.", &voice()).await.unwrap()).await;
    assert_eq!((spoken.concat().len(), error), (24, None));
    assert!(began.elapsed() < ANSWER_LIMIT / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_that_lives_may_be_slow_to_speak() {
    let slow = How::Speaks(Duration::from_millis(2_500));
    let (speech, seen) = gateway(slow, slow).await;
    let _call = speech.prepare();
    until(|| count(&seen.opened) == 1).await;
    sleep(Duration::from_millis(200)).await;
    let (spoken, error) = heard(speech.speak("Hello.", &voice()).await.unwrap()).await;
    assert_eq!((spoken.concat().len(), error, count(&seen.opened)), (24, None, 1));
}

#[tokio::test]
async fn calls_that_begin_together_open_no_more_than_may_wait_and_leave_politely() {
    let how = How::Speaks(Duration::ZERO);
    let (speech, seen) = gateway(how, how).await;
    let calls: Vec<_> = (0..5).map(|_| speech.prepare()).collect();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(count(&seen.opened), 2);
    // One that was interrupted is closed, and another one made ready.
    drop(speech.speak("Hello.", &voice()).await.unwrap());
    until(|| count(&seen.opened) == 3).await;
    until(|| count(&seen.left) == 1).await;
    sleep(Duration::from_millis(200)).await;
    drop(calls);
    until(|| count(&seen.left) == 3).await;
    assert_eq!((count(&seen.opened), count(&seen.broken)), (3, 0));
}

/// They wait for the caller to have heard what was said before.
#[tokio::test]
async fn times_of_words_without_measure_are_left_out() {
    let (speech, _) = gateway(How::Floods, How::Floods).await;
    let mut parts = speech.speak("Hello.", &voice()).await.unwrap();
    let (mut words, mut samples) = (0, 0);
    while let Some(part) = parts.next().await {
        match part.unwrap() {
            SpeechPart::Samples(part) => samples += part.len(),
            SpeechPart::Words(part) => words += part.len(),
        }
    }
    assert!(samples == 24 && (1..1_000).contains(&words), "{samples} samples, {words} words");
}
