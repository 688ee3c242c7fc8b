//! Speech to text, language model and text to speech, by whatever protocol a service speaks: `transcription`, `language_model` and
//! `text_to_speech` are what a conversation sees; `inference` is LiveKit's gateway, `realtime` OpenAI's transcription over a
//! socket, and `transcriptions`, `chat_completions` and `text_to_speech::http` are OpenAI's HTTP.
//!
//! Each service has its own address, key and model (`place`). Of several of a kind the next takes over where one fails
//! (`services`), and what each did for a call is counted (`usage`). A request is tried again while nothing of its answer was handed out;
//! what is returned as an error was tried as often as its limits say. Dropping a future or a stream cancels its request.
//! Nothing of what is sent or answered reaches a log or an error's text.

pub mod arguments;
pub mod base_url;
mod chat_completions;
mod credential;
pub mod error;
pub mod health;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod inference;
mod json_socket;
mod key;
pub mod language_model;
mod lines;
pub mod message;
mod place;
pub mod prices;
mod realtime;
pub mod reply;
mod request;
mod services;
mod services_file;
mod sockets;
mod sound;
#[cfg(test)]
mod tests;
pub mod text_to_speech;
mod tool_call_deltas;
pub mod transcription;
mod transcriptions;
pub mod usage;
mod wav;

use std::time::Duration;

use anyhow::Context as _;
use tracing::warn;

use arguments::{ProviderArgs, ServiceSettings};
use base_url::BaseUrl;
use chat_completions::ChatCompletions;
use credential::Credential;
use error::Provider;
use health::Health;
use inference::stt::InferenceStt;
use inference::tts::{self, InferenceTts};
pub use json_socket::SocketCount;
use language_model::LanguageModel;
use place::Place;
pub use place::Rooms;
use prices::Prices;
use realtime::RealtimeStt;
use request::{Endpoint, Limits};
use services::Services;
use services_file::ServicesFile;
use sockets::Sockets;
use text_to_speech::{SpeechRequests, Synthesizer, TextToSpeech};
use transcription::SpeechToText;
use transcription::dialect::Dialect;
use transcriptions::Transcriptions;
use usage::ServiceName;

use crate::persona::Persona;

/// All that there are.
const KEPT_CONNECTIONS: usize = usize::MAX;

/// The three providers of a process; clones share connections.
#[derive(Clone)]
pub struct Providers {
    /// Makes words of the caller's speech (STT).
    pub speech_to_text: SpeechToText,
    /// Makes the replies (LLM).
    pub language_model: LanguageModel,
    /// Makes speech of the replies (TTS).
    pub text_to_speech: TextToSpeech,
    /// What is known of the three.
    pub health: Health,
    /// What they cost, where it is listed.
    pub prices: Option<Prices>,
    /// Sockets to them.
    pub sockets: SocketCount,
}

impl Providers {
    /// Reads the keys and sets up the clients; nothing is sent yet.
    ///
    /// # Errors
    /// A key is missing, cannot be read or has characters that no key has, the file with lists of services is wrong, or a
    /// client for HTTP cannot be made.
    pub async fn new(args: &ProviderArgs, rooms: &Rooms, persona: &Persona) -> anyhow::Result<Self> {
        let file = match &args.services_file {
            Some(path) => ServicesFile::read(path).await?,
            None => ServicesFile::default(),
        };
        let limit = args.provider_time_limit;
        let limits = Limits { answer: limit, idle: limit, ..Limits::default() };
        let health = Health::default();
        let count = SocketCount::new().context("count sockets")?;
        let setting_up = SettingUp {
            args,
            rooms,
            file: &file,
            http: http_client(KEPT_CONNECTIONS)?,
            socket_http: http_client(0)?,
            limits,
            health,
            count,
        };
        Ok(Self {
            speech_to_text: setting_up.speech_to_text().await?,
            language_model: setting_up.language_model().await?,
            text_to_speech: setting_up.text_to_speech(persona.language()).await?,
            health: setting_up.health,
            prices: file.prices().cloned(),
            sockets: setting_up.count,
        })
    }
}

/// What all services have in common.
struct SettingUp<'a> {
    args: &'a ProviderArgs,
    rooms: &'a Rooms,
    file: &'a ServicesFile,
    http: reqwest::Client,
    socket_http: reqwest::Client,
    limits: Limits,
    health: Health,
    count: SocketCount,
}

/// One service that is set up.
struct One<'a> {
    settings: &'a ServiceSettings,
    provider: Provider,
    /// As few tries as there are others to take over.
    limits: Limits,
}

impl SettingUp<'_> {
    async fn speech_to_text(&self) -> anyhow::Result<SpeechToText> {
        let provider = Provider::SpeechToText;
        let mut services = Vec::new();
        for settings in &self.listed(provider)? {
            let (one, place) = self.one(provider, settings)?;
            let name = |usual| self.name(&one, &place, usual);
            services.push(match &place {
                Place::OpenAi(base) => {
                    let name = name("gpt-4o-mini-transcribe");
                    let service = Transcriptions::new(self.endpoint(&one, base).await?, &name.model);
                    (name, transcription::Service::Recordings(service))
                }
                Place::Realtime(form, base) => {
                    let name = name("gpt-4o-mini-transcribe");
                    let credential = self.args.key(provider, settings, base).await?.into();
                    let dialect: Box<dyn Dialect> = Box::new(RealtimeStt::new(*form, &name.model));
                    (name, transcription::Service::Stream(self.sockets(&one, base, credential), dialect))
                }
                Place::Inference(base, key) => {
                    let name = name("deepgram/nova-3:multi");
                    let fallbacks = settings.fallback_models.clone();
                    let stt = InferenceStt::new(&name.model, settings.extra.clone(), fallbacks);
                    let sockets = self.sockets(&one, base, Credential::Signed(key.clone()));
                    (name, transcription::Service::Stream(sockets, Box::new(stt)))
                }
            });
        }
        Ok(SpeechToText::new(Services::new(provider, services, self.health.clone())))
    }

    async fn language_model(&self) -> anyhow::Result<LanguageModel> {
        let provider = Provider::LanguageModel;
        let mut services = Vec::new();
        for settings in &self.listed(provider)? {
            let (one, place) = self.one(provider, settings)?;
            let (endpoint, usual) = match &place {
                Place::OpenAi(base) | Place::Realtime(_, base) => {
                    (self.endpoint(&one, base).await?, "gpt-4o-mini")
                }
                Place::Inference(base, key) => (
                    self.endpoint_with(&one, base, Credential::Signed(key.clone())),
                    "openai/gpt-5.2-chat-latest",
                ),
            };
            let name = self.name(&one, &place, usual);
            let extra_body = settings.extra_body.clone();
            let service = ChatCompletions::new(endpoint, &name.model, settings.temperature, extra_body);
            services.push((name, service));
        }
        Ok(LanguageModel::new(Services::new(provider, services, self.health.clone())))
    }

    async fn text_to_speech(&self, language: &str) -> anyhow::Result<TextToSpeech> {
        let provider = Provider::TextToSpeech;
        let mut services = Vec::new();
        for settings in &self.listed(provider)? {
            let (one, place) = self.one(provider, settings)?;
            let name = |usual| self.name(&one, &place, usual);
            let (name, service): (_, Box<dyn Synthesizer>) = match &place {
                Place::OpenAi(base) | Place::Realtime(_, base) => {
                    let (name, endpoint) = (name("gpt-4o-mini-tts"), self.endpoint(&one, base).await?);
                    let requests =
                        SpeechRequests::new(endpoint, &name.model, settings.format, settings.sample_rate)
                            .with_voice(settings.voice.clone());
                    (name, Box::new(requests))
                }
                Place::Inference(base, key) => {
                    let name = name("cartesia/sonic-3:9626c31c-bec5-4cca-baa8-f8ba9e84c8bc");
                    let mut model = tts::Model::of(&name.model, language);
                    model.fallbacks.clone_from(&settings.fallback_models);
                    model.voice = settings.voice.clone().or(model.voice);
                    model.extra.clone_from(&settings.extra);
                    let sockets = self.sockets(&one, base, Credential::Signed(key.clone()));
                    (name, Box::new(InferenceTts::new(sockets, model)))
                }
            };
            services.push((name, service));
        }
        Ok(TextToSpeech::new(Services::new(provider, services, self.health.clone())))
    }

    fn listed(&self, provider: Provider) -> anyhow::Result<Vec<ServiceSettings>> {
        self.file.services(provider, self.args.own(provider))
    }

    fn one<'s>(&self, provider: Provider, settings: &'s ServiceSettings) -> anyhow::Result<(One<'s>, Place)> {
        let place = Place::of(provider, settings, self.args, self.rooms)?;
        let has_others = self.listed(provider)?.len() > 1;
        let limits = if has_others { Limits { retries: 0, ..self.limits } } else { self.limits };
        Ok((One { settings, provider, limits }, place))
    }

    /// What the service is called, with the model that is usual there where none is set.
    fn name(&self, one: &One<'_>, place: &Place, usual: &str) -> ServiceName {
        let service = one.settings.name.clone().unwrap_or_else(|| place.service());
        let model = one.settings.model.as_deref().unwrap_or(usual);
        if self.file.prices().is_some_and(|prices| !prices.has(&service, model)) {
            warn!(%service, %model, "calls have no cost: add a [[price]] of this model to SERVICES_FILE");
        }
        ServiceName { provider: one.provider, service: service.into(), model: model.into() }
    }

    async fn endpoint(&self, one: &One<'_>, base: &BaseUrl) -> anyhow::Result<Endpoint> {
        let key = self.args.key(one.provider, one.settings, base).await?;
        Ok(self.endpoint_with(one, base, key.into()))
    }

    fn endpoint_with(&self, one: &One<'_>, base: &BaseUrl, credential: Credential) -> Endpoint {
        let One { provider, limits, .. } = *one;
        Endpoint { provider, http: self.http.clone(), base: base.clone(), credential, limits }
    }

    fn sockets(&self, one: &One<'_>, base: &BaseUrl, credential: Credential) -> Sockets {
        let One { provider, limits, .. } = *one;
        let http = self.socket_http.clone();
        Sockets { provider, http, base: base.clone(), credential, limits, count: self.count.clone() }
    }
}

/// One for all providers and sessions, so that connections are shared: to each server so many are kept that wait.
fn http_client(most_idle: usize) -> anyhow::Result<reqwest::Client> {
    // A redirect would take the key, and what was said, to a place that no setting names.
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .pool_max_idle_per_host(most_idle)
        .tcp_keepalive(Duration::from_secs(30))
        .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up the HTTP client of the providers")
}
