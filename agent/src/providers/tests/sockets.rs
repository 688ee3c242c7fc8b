//! Connections to a recogniser that are dead, forget, or break: what was said is heard by the next one, once.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::SinkExt as _;
use serde_json::Map;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::providers::base_url::BaseUrl;
use crate::providers::credential::Credential;
use crate::providers::health::Health;
use crate::providers::inference::stt::InferenceStt;
use crate::providers::json_socket::SocketCount;
use crate::providers::services::Services;
use crate::providers::sockets::Sockets;
use crate::providers::transcription::dialect::LONGEST_WORDS;
use crate::providers::transcription::{Service, SpeechToText, Spoken, TranscriptEvent, TranscriptionStream};
use crate::providers::usage::ServiceName;

/// Three bytes, so that a bound in bytes falls into the middle of a letter.
const FLOOD: &str = "字";

/// What becomes of one connection.
enum How {
    /// It is there, and nothing ever comes of it.
    Dead,
    /// Words that may change come, and are never final; it breaks when it is asked for the second time.
    Forgets,
    /// It is none: too many requests, and the reason comes late.
    Refuses,
    /// It makes a number final: that of the samples which came since the last time.
    Counts,
    /// It tells what comes by its type, but for sound.
    Tells(mpsc::UnboundedSender<String>),
    /// It makes of each piece of sound more words than anybody says, and at the end makes them final, in a language of that name.
    Floods,
    /// It shows words of a second of sound, finds their end when as much again has come, tells no times, and breaks.
    EndsInTheMiddle,
}

/// A service that does so with one connection after the other.
async fn recogniser(connections: impl IntoIterator<Item = How>) -> SpeechToText {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    let mut connections: VecDeque<_> = connections.into_iter().collect();
    tokio::spawn(async move {
        while let (Ok((mut stream, _)), Some(how)) = (listener.accept().await, connections.pop_front()) {
            if let How::Refuses = how {
                let mut request = [0; 4_096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                stream.write_all(b"{}").await.unwrap();
                continue;
            }
            let socket = accept_async(stream).await.unwrap();
            tokio::spawn(serve(socket, how));
        }
    });
    let sockets = sockets(base);
    let dialect = InferenceStt::new("deepgram/nova-3", Map::new(), Vec::new());
    let name = ServiceName { provider: Provider::SpeechToText, service: "0".into(), model: "nova-3".into() };
    let service = Service::Stream(sockets, Box::new(dialect));
    SpeechToText::new(Services::new(Provider::SpeechToText, vec![(name, service)], Health::default()))
}

fn sockets(base: BaseUrl) -> Sockets {
    Sockets {
        provider: Provider::SpeechToText,
        http: http_client(0),
        base,
        credential: Credential::None,
        limits: LIMITS,
        count: SocketCount::new().unwrap(),
    }
}

/// How a server refuses a socket that answers like this.
async fn refusal(act: Act) -> ProviderError {
    let server = Server::start([act]).await;
    let refused = sockets(server.base.parse().unwrap()).connect("stt", &[]).await.err().unwrap();
    assert_eq!(server.received().len(), 1, "it was asked once");
    refused
}

async fn serve(mut socket: WebSocketStream<TcpStream>, how: How) {
    let (mut samples, mut asked) = (0, 0);
    if let How::Dead = how {
        // Nobody reads, and so nobody answers a ping.
        return std::future::pending().await;
    }
    while let Some(Ok(message)) = socket.next().await {
        if let (Message::Close(_), How::Tells(told)) = (&message, &how) {
            told.send("close".to_owned()).unwrap();
        }
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        let answer = match (frame["type"].as_str().unwrap(), &how) {
            ("input_audio", how) => {
                samples += STANDARD.decode(frame["audio"].as_str().unwrap()).unwrap().len() / 2;
                match how {
                    How::EndsInTheMiddle if samples == 16_000 => {
                        json!({"type": "interim_transcript", "transcript": "we are twelve"})
                    }
                    How::EndsInTheMiddle if samples == 32_000 => {
                        let words = json!({"type": "final_transcript", "transcript": "We are twelve."});
                        socket.send(Message::text(words.to_string())).await.unwrap();
                        return;
                    }
                    How::Forgets => json!({"type": "interim_transcript", "transcript": "so far"}),
                    How::Floods => json!({"type": "interim_transcript", "transcript": FLOOD.repeat(200_000)}),
                    _ => continue,
                }
            }
            ("session.finalize", How::Counts) => {
                let transcript = std::mem::take(&mut samples).to_string();
                json!({"type": "final_transcript", "transcript": transcript})
            }
            ("session.finalize", How::Floods) => {
                let flood = FLOOD.repeat(200_000);
                json!({"type": "final_transcript", "transcript": flood, "language": flood})
            }
            ("session.finalize", How::Forgets) => {
                asked += 1;
                if asked == 2 {
                    return;
                }
                continue;
            }
            (kind, How::Tells(told)) => {
                told.send(kind.to_owned()).unwrap();
                continue;
            }
            _ => continue,
        };
        socket.send(Message::text(answer.to_string())).await.unwrap();
    }
}

fn says(stream: &TranscriptionStream, samples: usize) {
    stream.speech_began(Duration::ZERO);
    assert!(stream.audio(&vec![1; samples]));
    stream.speech_ended(Duration::ZERO);
}

/// What is final next; words that may change are passed over.
async fn settled(stream: &mut TranscriptionStream) -> TranscriptEvent {
    loop {
        match stream.next().await.unwrap().unwrap() {
            TranscriptEvent::Interim(_) => {}
            event => return event,
        }
    }
}

fn words(text: &str) -> TranscriptEvent {
    TranscriptEvent::Final(text.to_owned())
}

#[tokio::test]
async fn what_a_dead_connection_was_sent_is_sent_to_the_next_one() {
    let recogniser = recogniser([How::Dead, How::Counts]).await;
    let mut stream = recogniser.listen(Spoken::default(), Counted::account());
    says(&stream, 16_000);
    assert_eq!(settled(&mut stream).await, words("16000"));
    assert_eq!(settled(&mut stream).await, TranscriptEvent::Finalized);
    says(&stream, 8_000);
    assert_eq!(settled(&mut stream).await, words("8000"));
}

#[tokio::test]
async fn words_that_were_taken_as_they_were_are_not_heard_again_by_the_next_connection() {
    let recogniser = recogniser([How::Forgets, How::Counts]).await;
    let mut stream = recogniser.listen(Spoken::default(), Counted::account());
    says(&stream, 16_000);
    // It is waited for.
    assert_eq!(settled(&mut stream).await, words("so far"));
    assert_eq!(settled(&mut stream).await, TranscriptEvent::Finalized);
    says(&stream, 8_000);
    assert_eq!(settled(&mut stream).await, words("8000"));
}

#[tokio::test]
async fn what_is_said_behind_final_words_without_a_time_is_heard_by_the_next_connection() {
    let recogniser = recogniser([How::EndsInTheMiddle, How::Counts]).await;
    let mut stream = recogniser.listen(Spoken::default(), Counted::account());
    stream.speech_began(Duration::ZERO);
    assert!(stream.audio(&[1; 16_000]));
    assert_eq!(stream.next().await.unwrap().unwrap(), TranscriptEvent::Interim("we are twelve".to_owned()));
    assert!(stream.audio(&[1; 16_000]));
    assert_eq!(settled(&mut stream).await, words("We are twelve."));
    assert!(stream.audio(&[1; 8_000]));
    stream.speech_ended(Duration::ZERO);
    // The second that it had when it found the end, and the half behind it.
    assert_eq!(settled(&mut stream).await, words("24000"));
}

#[tokio::test]
async fn words_without_measure_are_cut_where_they_come() {
    let recogniser = recogniser([How::Floods]).await;
    let mut stream = recogniser.listen(Spoken::default(), Counted::account());
    says(&stream, 16_000);
    let mut last = TranscriptEvent::Finalized;
    while !matches!(last, TranscriptEvent::Final(_)) {
        last = stream.next().await.unwrap().unwrap();
        let (TranscriptEvent::Interim(text) | TranscriptEvent::Final(text) | TranscriptEvent::Language(text)) =
            &last
        else {
            panic!("{last:?}");
        };
        assert!((LONGEST_WORDS - 2..=LONGEST_WORDS).contains(&text.len()), "{}", text.len());
    }
}

#[tokio::test]
async fn a_service_is_told_when_nobody_listens_any_more() {
    let (told_tx, mut told) = mpsc::unbounded_channel();
    let recogniser = recogniser([How::Tells(told_tx)]).await;
    let stream = recogniser.listen(Spoken::default(), Counted::account());
    assert!(stream.audio(&[1; 16_000]));
    assert_eq!(told.recv().await.unwrap(), "session.create");
    drop(stream);
    assert_eq!(told.recv().await.unwrap(), "session.close");
    assert_eq!(told.recv().await.unwrap(), "close");
}

#[tokio::test]
async fn a_recogniser_that_wants_a_pause_gets_it() {
    let recogniser = recogniser([How::Refuses, How::Counts]).await;
    let mut stream = recogniser.listen(Spoken::default(), Counted::account());
    let began = Instant::now();
    says(&stream, 16_000);
    assert_eq!(settled(&mut stream).await, words("16000"));
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

/// A refusal's body comes behind its headers, in pieces.
#[tokio::test]
async fn why_a_socket_is_refused_is_read_to_its_end() {
    let quota = |category: &str| {
        let body =
            json!({"type": "inference_quota_exceeded", "error": "Ann's", "category": category}).to_string();
        let (first, second) = body.as_bytes().split_at(20);
        Act::Answer(429, vec![("retry-after", "7")], vec![first.to_vec(), second.to_vec()])
    };
    let error = refusal(quota("MaxGatewayCredits")).await;
    assert!(!error.recoverable() && error.to_string().contains("see its billing page"), "{error}");
    let error = refusal(quota("MaxConcurrentGatewaySTT")).await;
    assert!(error.recoverable() && error.to_string().contains("too many requests"), "{error}");
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    // What never comes is not waited for.
    let long = Act::Answer(403, vec![], vec![vec![b' '; 20_000]]);
    let began = Instant::now();
    for (act, kind) in [
        (long, ErrorKind::Status(403)),
        (Act::Answer(503, vec![], vec![]), ErrorKind::Status(503)),
        (Act::Break("application/json", vec![]), ErrorKind::Status(200)),
    ] {
        assert_eq!(refusal(act).await.kind(), kind);
    }
    assert!(began.elapsed() < 2 * LIMITS.answer, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_speaks_no_websocket_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let accept = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                          Sec-WebSocket-Accept: bm9uc2Vuc2U=\r\n\r\n";
            stream.write_all(accept.as_bytes()).await.unwrap();
        }
    });
    let error = sockets(base).connect("stt", &[]).await.err().unwrap();
    assert_eq!((error.kind(), error.recoverable()), (ErrorKind::Malformed, false), "{error}");
}
