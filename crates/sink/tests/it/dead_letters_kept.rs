//! No message is settled whose dead letter is not there, in whatever order streams begin anew, letters go, and room ends.

use std::time::Duration;

use schemas::names::{self, SESSION_ENDED_V1, header};
use sink::{DeadLettersArgs, NoArgs, SinkOptions};
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::dead_letters::replay;
use crate::scripted::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_begins_anew_has_dead_letters_of_its_own() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
    publish_bytes(&jetstream, "a", "broken A".to_owned()).await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
    set_up(&nats, &options(), &[]).await.unwrap();
    // Another one, and then the same bytes at the same sequence.
    for (count, broken) in [(2, "another broken B"), (3, "broken A")] {
        publish_bytes(&jetstream, broken, broken.to_owned()).await;
        all_settled(&jetstream).await;
        assert_eq!(dead_letters(&jetstream).await, count);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_was_dropped_is_stored_again_and_one_that_is_there_is_not() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    publish_bytes(&jetstream, "a", "broken".to_owned()).await;
    for round in 1..=7 {
        let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
        all_settled(&jetstream).await;
        assert_eq!(dead_letters(&jetstream).await, 1, "round {round}");
        running.stop().await;
        // As after a lost answer, or an operator who lets the sink begin anew.
        jetstream.delete_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
        set_up_again(&nats, &options()).await;
        if round % 2 == 0 {
            let url = nats.url();
            let drop_all = args::<DeadLettersArgs<NoArgs>>(&["--nats-url", &url, "drop", "--all"]);
            sink::dead_letters(NAME, drop_all, async |_| Ok((options(), scripted(|_| Ok(())).0)))
                .await
                .unwrap();
            assert_eq!(dead_letters(&jetstream).await, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_as_large_as_the_server_takes_is_a_dead_letter_all_the_same() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
    // A megabyte that is small once it is packed, and one that is not.
    let packable = format!(r#"{{"session_id":"packed","padding":"{}"}}"#, "x".repeat(1_048_540));
    jetstream.publish(SESSION_ENDED_V1, packable.clone().into()).await.unwrap().await.unwrap();
    let mut state = 1_u64;
    let noise = (0..1_048_576).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    });
    let noise: Vec<u8> = noise.collect();
    jetstream.publish(SESSION_ENDED_V1, noise.clone().into()).await.unwrap().await.unwrap();
    // And one whose headers are as many as the server takes.
    let large = block(&[b"Nats-Msg-Id: large\r\nX-Large: ".to_vec(), vec![b'a'; 65_400]].concat());
    publish_raw(&nats, SESSION_ENDED_V1.as_bytes(), &large, "{").await;
    eventually("three dead letters", async || dead_letters(&jetstream).await == 3).await;
    all_settled(&jetstream).await;
    readyz(running.http, 200, "ready").await;
    running.stop().await;

    let letters = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let mut forms = Vec::new();
    for sequence in 1..=3 {
        let letter = letters.get_raw_message(sequence).await.unwrap();
        let has = |name| letter.headers.get(name).map(|value| value.as_str().to_owned());
        forms.push((has(header::DEAD_LETTER_CUT), has(header::DEAD_LETTER_PACKED), letter));
    }
    // They may be stored in any order.
    let form = |cut: Option<&str>, packed: Option<&str>| {
        let found = forms.iter().find(|form| form.0.as_deref() == cut && form.1.as_deref() == packed);
        &found.unwrap().2
    };
    form(None, Some("0"));
    form(None, Some(&large.len().to_string()));
    let cut = form(Some("1048576"), None);
    assert!(noise.starts_with(&cut.payload) && cut.payload.len() > 100_000);
    let reason = cut.headers.get(header::DEAD_LETTER_ERROR).unwrap().as_str();
    assert!(reason.contains("all of it is in SESSIONS, sequence 2"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_in_every_form_are_replayed_whole() {
    let nats = NatsServer::start().await;
    let sink = options();
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let refuse = |_: &sink::Message| {
        Err(sink::WriteError::Reject { outcome: sink::PERMANENT, reason: "no".to_owned() })
    };
    let running = RunningSink::start(&nats, sink, scripted(refuse).0);
    let with_padding = |session: &str, padding: &str| {
        let event = payload(session);
        format!(r#"{},"padding":"{padding}"}}"#, event.strip_suffix('}').unwrap())
    };
    let mut state = 1_u64;
    let mut noise = String::new();
    while noise.len() < 1_048_576 - with_padding("cut", "").len() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push(match char::from(b'!' + ((state >> 33) % 90) as u8) {
            '"' | '\\' => 'x',
            other => other,
        });
    }
    let packed = with_padding("packed", &"x".repeat(noise.len() - 3));
    let cut = with_padding("cut", &noise);
    for event in [&payload("plain"), &packed, &cut] {
        jetstream.publish(SESSION_ENDED_V1, event.clone().into()).await.unwrap().await.unwrap();
    }
    eventually("three dead letters", async || dead_letters(&jetstream).await == 3).await;
    all_settled(&jetstream).await;
    running.stop().await;
    let letters = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    assert!(letters.cached_info().state.bytes < 1_048_576, "packed, and cut");

    let sizes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (writer, written) = scripted({
        let sizes = std::sync::Arc::clone(&sizes);
        move |message| {
            sizes.lock().unwrap().push(message.payload.len());
            Ok(())
        }
    });
    replay(&nats, &["--all"], writer).await.unwrap();
    assert_eq!(stems(&written), ["cut-AJ", "packed-AJ", "plain-AJ"]);
    let mut sizes = sizes.lock().unwrap().clone();
    sizes.sort_unstable();
    let mut expected = [payload("plain").len(), packed.len(), cut.len()];
    expected.sort_unstable();
    assert_eq!(sizes, expected);
    assert_eq!(dead_letters(&jetstream).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_letter_whose_message_is_gone_is_kept_and_says_so() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let stream = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let mut config = stream.cached_info().config.clone();
    // Room for the headers of a letter, and no more.
    config.max_message_size = 600;
    jetstream.update_stream(&config).await.unwrap();
    let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
    let mut state = 1_u64;
    let noise = (0..2_000).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    });
    jetstream.publish(SESSION_ENDED_V1, noise.collect::<Vec<u8>>().into()).await.unwrap().await.unwrap();
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    running.stop().await;
    jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap().purge().await.unwrap();
    let error = replay(&nats, &["--all"], scripted(|_| Ok(())).0).await.unwrap_err();
    assert_eq!(error.to_string(), "dead letters that could not be written and stay: 1");
    assert_eq!(dead_letters(&jetstream).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_dead_letter_stream_holds_no_good_message() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions { max_batch: 20, ..options() };
    set_up(&nats, &sink, &["--dead-letters-max-bytes", "2000"]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, sink.clone(), writer);
    for broken in 0..200 {
        publish_bytes(&jetstream, &format!("broken{broken}"), format!("broken {broken}")).await;
        if broken % 10 == 0 {
            publish(&jetstream, &format!("room{broken:03}")).await;
        }
    }
    eventually("the good ones are written", async || stems(&written).len() == 20).await;
    let body =
        readyz(running.http, 503, "cannot be stored: stream SESSIONS_DLQ refuses the dead letter").await;
    assert!(body.contains("maximum bytes exceeded"), "{body}");
    let waiting = metric(running.http, r#"postcall_sink_dead_letters_waiting{sink="sink-test"}"#).await;
    assert!((150.0..200.0).contains(&waiting), "{waiting}");

    set_up(&nats, &sink, &["--dead-letters-max-bytes", "10000000"]).await.unwrap();
    eventually("all are dead letters", async || dead_letters(&jetstream).await == 200).await;
    all_settled(&jetstream).await;
    readyz(running.http, 200, "ready").await;
    assert!(running.stop().await < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_among_the_dead_letters_are_listed_and_kept() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let subject = names::dead_letter_subject(NAME);
    for headers in [
        &b"X-Trace: a\rb"[..],
        b"X-Name: Jos\xe9",
        b"Postcall-Dead-Letter-Packed: 7",
        b"Postcall-Dead-Letter-Cut: 9",
    ] {
        publish_raw(&nats, subject.as_bytes(), &block(headers), "{").await;
    }
    publish_raw(&nats, subject.as_bytes(), &block(b"X-Trace: a\rb"), &payload("room")).await;
    let (writer, written) = scripted(|_| Ok(()));
    let error = replay(&nats, &["--all"], writer).await.unwrap_err();
    assert_eq!(error.to_string(), "dead letters that could not be written and stay: 4");
    assert_eq!(stems(&written), ["room-AJ"]);
    let url = nats.url();
    for command in [&["list"][..], &["list", "--json"], &["show", "1"], &["show", "3"], &["drop", "--all"]] {
        let args = args::<DeadLettersArgs<NoArgs>>(&[&["--nats-url", &url], command].concat());
        sink::dead_letters(NAME, args, async |_| Ok((options(), scripted(|_| Ok(())).0))).await.unwrap();
    }
    assert_eq!(dead_letters(&jetstream).await, 0);
}
