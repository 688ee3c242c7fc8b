//! What is known of services, who takes over where one fails, and what is counted.

use std::sync::{Arc, Mutex};

use super::*;
use crate::providers::health::Standing;
use crate::providers::language_model::LanguageModel;
use crate::providers::reply::Usage;
use crate::providers::text_to_speech::{Synthesizer, TextToSpeech};
use crate::providers::transcription::{self, SpeechToText, Spoken, TranscriptEvent, TranscriptionStream};
use crate::providers::usage::{Account, ServiceName, Used};

/// An account that can be read.
#[derive(Default)]
pub(super) struct Counted(Mutex<Vec<(String, Used)>>);

impl Counted {
    pub(super) fn account() -> Arc<dyn Account> {
        Arc::new(Self::default())
    }

    fn taken(&self) -> Vec<(String, Used)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Account for Counted {
    fn may_hear(&self, _: &ServiceName, _: f64) -> bool {
        true
    }

    fn used(&self, service: &ServiceName, used: Used) {
        self.0.lock().unwrap().push((service.service.to_string(), used));
    }
}

/// The standing with which a provider fails like this.
fn fails(server: &Server, provider: Provider, error: &ProviderError) -> Standing {
    match server.health.standing(provider) {
        Standing::Fails { since, .. } => Standing::Fails { error: error.clone(), since },
        other => other,
    }
}

fn used(service: &str, used: Used) -> (String, Used) {
    (service.to_owned(), used)
}

async fn next(stream: &mut TranscriptionStream) -> Result<TranscriptEvent, ProviderError> {
    stream.next().await.unwrap()
}

#[tokio::test]
async fn what_calls_experience_is_known() {
    let server = Server::start([status(401), said(), Act::Break(EVENTS, events(&[ONE]))]).await;
    let provider = Provider::TextToSpeech;
    assert_eq!(server.health.complaints().unwrap().lines().count(), 3, "nothing was tried");
    let speech = server.services(provider, [Box::new(server.text_to_speech()) as Box<dyn Synthesizer>]);
    let error = TextToSpeech::new(speech).speak("x", &voice(), &Counted::account()).await.err().unwrap();
    assert_eq!(server.health.standing(provider), fails(&server, provider, &error));
    let complaints = server.health.complaints().unwrap();
    assert!(
        complaints.contains("text to speech: status 401") && complaints.contains("TTS_API_KEY"),
        "{complaints}"
    );
    let provider = Provider::LanguageModel;
    let model = LanguageModel::new(server.services(provider, [server.language_model()]));
    model.try_once(&user("x"), &[]).await.unwrap();
    assert_eq!(server.health.standing(provider), Standing::Works);
    all(model.reply(&user("x"), &[], &Counted::account()).await.unwrap()).await;
    assert_ne!(server.health.standing(provider), Standing::Works);
}

#[tokio::test]
async fn another_model_takes_over_within_the_turn_and_both_are_counted() {
    const USAGE: &str = r#"{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}"#;
    let broken = Server::start([status(401)]).await;
    let act = Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE, STOP, USAGE, "[DONE]"]));
    let server = Server::start([act.clone(), act]).await;
    let models = [broken.language_model(), server.language_model()];
    let model = LanguageModel::new(server.services(Provider::LanguageModel, models));
    let counted = Arc::new(Counted::default());
    let account: Arc<dyn Account> = counted.clone();
    let (parts, error) = all(model.reply(&user("x"), &[], &account).await.unwrap()).await;
    assert_eq!((parts.contains(&ReplyPart::Text("One.".to_owned())), error), (true, None));
    let taken = counted.taken();
    assert_eq!(taken[2..4], [used("1", Used::Request), used("1", Used::Answers)]);
    assert!(
        matches!(&taken[4], (service, Used::Tokens(usage)) if service == "1" && usage.prompt_tokens == 7)
    );
    assert_eq!(taken[5..], [used("1", Used::Answered)]);
    // The one that failed is not asked again for a while.
    all(model.reply(&user("x"), &[], &account).await.unwrap()).await;
    assert_eq!(counted.taken()[0], used("1", Used::Request));
    assert_eq!((broken.received().len(), server.received().len()), (1, 2));
    assert_eq!(server.health.standing(Provider::LanguageModel), Standing::Works);
}

#[tokio::test]
async fn one_that_breaks_in_the_middle_of_its_answer_is_asked_last_as_well() {
    let broken = Server::start([Act::Break(EVENTS, events(&[ONE]))]).await;
    let server =
        Server::start([Act::Answer(200, vec![("content-type", EVENTS)], events(&[ONE, STOP, "[DONE]"]))])
            .await;
    let models = [broken.language_model(), server.language_model()];
    let model = LanguageModel::new(server.services(Provider::LanguageModel, models));
    let (parts, error) = all(model.reply(&user("x"), &[], &Counted::account()).await.unwrap()).await;
    assert!(!parts.is_empty() && error.is_some());
    let (_, error) = all(model.reply(&user("x"), &[], &Counted::account()).await.unwrap()).await;
    assert_eq!((error, broken.received().len(), server.received().len()), (None, 1, 1));
}

#[tokio::test]
async fn another_voice_takes_over_and_what_was_made_is_counted_also_where_it_is_given_up() {
    let broken = Server::start([status(404)]).await;
    let second = Act::Stall("audio/pcm", vec![vec![0; 24_000]]);
    let server = Server::start([second]).await;
    let voices = [broken.text_to_speech(), server.text_to_speech()];
    let voices = voices.map(|voice| Box::new(voice) as Box<dyn Synthesizer>);
    let speech = TextToSpeech::new(server.services(Provider::TextToSpeech, voices));
    let counted = Arc::new(Counted::default());
    let account: Arc<dyn Account> = counted.clone();
    let mut spoken = speech.speak("Hello.", &voice(), &account).await.unwrap();
    let mut samples = 0;
    while samples < 12_000 {
        match spoken.next().await.unwrap().unwrap() {
            SpeechPart::Samples(more) => samples += more.len(),
            SpeechPart::Words(words) => panic!("{words:?}"),
        }
    }
    drop(spoken);
    let (first, second) = ("0", "1");
    assert_eq!(
        counted.taken(),
        [
            used(first, Used::Request),
            used(first, Used::Failure),
            used(second, Used::Request),
            used(second, Used::Characters(6)),
            used(second, Used::Spoken(0.5)),
        ]
    );
}

#[tokio::test]
async fn tokens_of_a_transcription_are_counted() {
    let usage = json!({
        "type": "tokens", "input_tokens": 14, "output_tokens": 3, "total_tokens": 17,
        "input_token_details": { "audio_tokens": 13, "text_tokens": 1 },
    });
    let answer = json!({ "text": "yes", "usage": usage }).to_string();
    let json = vec![("content-type", "application/json")];
    let server = Server::start([Act::Answer(200, json, vec![answer.into()])]).await;
    let services = [transcription::Service::Recordings(server.speech_to_text())];
    let services = server.services(Provider::SpeechToText, services);
    let counted = Arc::new(Counted::default());
    let mut stream = SpeechToText::new(services).listen(Spoken::default(), counted.clone());
    stream.speech_began(Duration::ZERO);
    assert!(stream.audio(&[1; 1_600]));
    stream.speech_ended(Duration::ZERO);
    assert_eq!(next(&mut stream).await, Ok(TranscriptEvent::Final("yes".to_owned())));
    let tokens =
        Usage { prompt_tokens: 14, prompt_audio_tokens: 13, completion_tokens: 3, ..Usage::default() };
    assert_eq!(counted.taken(), [used("0", Used::Request), used("0", Used::Tokens(tokens))]);
}

#[tokio::test]
async fn another_recogniser_takes_over_with_all_that_was_said() {
    let broken = Server::start([status(401), status(401)]).await;
    let server = Server::start([transcript("We are twelve."), transcript("In sales.")]).await;
    let services = [broken.speech_to_text(), server.speech_to_text()].map(transcription::Service::Recordings);
    let services = server.services(Provider::SpeechToText, services);
    let speech_to_text = SpeechToText::new(services);
    let counted = Arc::new(Counted::default());
    let mut stream = speech_to_text.listen(Spoken::default(), counted.clone());
    for words in ["We are twelve.", "In sales."] {
        stream.speech_began(Duration::ZERO);
        assert!(stream.audio(&[1; 16_000]));
        stream.speech_ended(Duration::ZERO);
        assert_eq!(next(&mut stream).await, Ok(TranscriptEvent::Final(words.to_owned())));
        assert_eq!(next(&mut stream).await, Ok(TranscriptEvent::Finalized));
    }
    assert_eq!(broken.received().len(), 1, "the one that took over stays");
    assert_eq!(counted.taken()[..2], [used("0", Used::Request), used("0", Used::Failure)]);
    // The whole second was sent again.
    let bytes: Vec<_> = server.received().iter().map(|request| request.body.len()).collect();
    assert!(bytes.iter().all(|bytes| *bytes > 32_000), "{bytes:?}");
}

#[tokio::test]
async fn where_none_answers_the_caller_is_told_and_all_are_asked_again() {
    let servers = [Server::start([status(401)]).await, Server::start([status(401), transcript("yes")]).await];
    let services =
        servers.each_ref().map(|server| transcription::Service::Recordings(server.speech_to_text()));
    let services = servers[0].services(Provider::SpeechToText, services);
    let mut stream = SpeechToText::new(services).listen(Spoken::default(), Counted::account());
    let speak = |stream: &TranscriptionStream| {
        stream.speech_began(Duration::ZERO);
        assert!(stream.audio(&[1; 1_600]));
        stream.speech_ended(Duration::ZERO);
    };
    speak(&stream);
    assert_eq!(next(&mut stream).await.unwrap_err().status(), Some(401));
    assert_ne!(servers[0].health.standing(Provider::SpeechToText), Standing::Works);
    speak(&stream);
    // The first one has nothing to say any more: 501, which may pass, is tried again.
    assert_eq!(next(&mut stream).await, Ok(TranscriptEvent::Final("yes".to_owned())));
    assert_eq!(servers[0].health.standing(Provider::SpeechToText), Standing::Works);
}
