//! The loop of a conversation: what is heard and typed goes to the rules of turn taking, and what they decide is done.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use schemas::EndReason;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, debug, info, warn};

use super::disclosure::Disclosure;
use super::ear::EAR_SAMPLE_RATE;
use super::front_end::{Show, Shown};
use super::hearing::Hearing;
use super::history::History;
use super::latencies::{LatencyRecord, Moments};
use super::record::Record;
use super::reply::{Thinking, Thought};
use super::session_tools::{SessionTools, ToolsAnswered};
use super::speech::{Said, Speech, SpeechEvent};
use super::turn_taking::{Action, Event, Turn, TurnTaking};
use super::typed::Typed;
use super::{CHANNELS, Line, Mind, Over};
use crate::agent_state::AgentState;
use crate::budget::{Budget, Budgeted, Cut};
use crate::providers::ProviderError;
use crate::providers::message::ChatMessage;

/// Longest that the greeting waits for somebody to receive the agent's track; a page may never subscribe.
const AUDIBLE_LIMIT: Duration = Duration::from_secs(3);
/// Failures of services in a row after which the call is ended.
const MOST_FAILURES: usize = 3;
/// Longest that the last sentence of a call whose budget is used up may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(20);
/// Samples of a recording that are listened to at a time: 100 ms. Other calls are served in between.
const EARLY_PART: usize = EAR_SAMPLE_RATE as usize / 10;

/// Holds the conversation until it is over.
pub(super) async fn hold(
    line: Line,
    mind: Arc<Mind>,
    shown: &Shown,
    hang_up: &CancellationToken,
) -> anyhow::Result<Over> {
    let Line { room, voice, mut audible, mut heard, mut heard_early, mut typed, journal, budget, .. } = line;
    let audible = timeout(AUDIBLE_LIMIT, audible.wait_for(|audible| *audible));
    match hang_up.run_until_cancelled(audible).await {
        None => return Ok(Over::HungUp),
        Some(Err(_)) => debug!("nobody receives the agent's track yet"),
        Some(Ok(_)) => {}
    }
    let (answered, mut answers) = mpsc::unbounded_channel();
    let record = Record::new(journal, mind.record, budget.clone());
    let tools = SessionTools::new(
        mind.toolbox.clone(),
        Arc::clone(&mind.persona),
        record.clone(),
        room.name().into(),
        answered,
    );
    let mut dialogue = Dialogue::new(mind, voice, record, tools, shown.clone(), budget.clone());
    let mut microphone: Option<NativeAudioStream> = None;
    let mut leave_by: Option<(Instant, EndReason)> = None;
    let spent = budget.spent();
    tokio::pin!(spent);
    dialogue.say(Phrase::Greeting);
    loop {
        let deadline = [dialogue.turns.deadline(), dialogue.typed.due(Instant::now())];
        let deadline = deadline.into_iter().flatten().min().filter(|_| !dialogue.takes_leave);
        let happens = tokio::select! {
            // Tools have answered before the reply that called them ends, and may end the call with it.
            biased;
            () = hang_up.cancelled() => {
                dialogue.hung_up().await?;
                return Ok(Over::HungUp);
            }
            reason = &mut spent, if leave_by.is_none() => {
                leave_by = Some((Instant::now() + LEAVE_LIMIT, reason));
                dialogue.take_leave(reason).await?;
                continue;
            }
            reason = left(leave_by) => return Ok(Over::EndsTheCall(reason)),
            Some(heard) = heard.recv() => {
                let track = heard.track.rtc_track();
                let stream = NativeAudioStream::new(track, EAR_SAMPLE_RATE as i32, CHANNELS as i32);
                microphone = Some(stream);
                if heard.has_early_audio {
                    dialogue.hearing.wait_for_early_audio();
                }
                continue;
            }
            Some(samples) = heard_early.recv() => Happens::HeardEarly(samples),
            frame = next_frame(&mut microphone) => Happens::Heard(frame),
            Some(text) = typed.recv() => Happens::Typed(text),
            words = dialogue.hearing.transcribed() => Happens::Transcribed(words),
            Some(answer) = answers.recv() => Happens::ToolsAnswered(answer),
            happens = reply_goes_on(&mut dialogue.reply) => happens,
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => Happens::Due,
        };
        if let Some(reason) = dialogue.on(happens).await? {
            return Ok(Over::EndsTheCall(reason));
        }
    }
}

async fn next_frame(microphone: &mut Option<NativeAudioStream>) -> AudioFrame<'static> {
    if let Some(stream) = microphone {
        if let Some(frame) = stream.next().await {
            return frame;
        }
        *microphone = None;
    }
    pending().await
}

async fn left(leave_by: Option<(Instant, EndReason)>) -> EndReason {
    let Some((at, reason)) = leave_by else { return pending().await };
    sleep_until(at.into()).await;
    reason
}

enum Happens {
    Heard(AudioFrame<'static>),
    HeardEarly(Vec<i16>),
    Typed(String),
    Transcribed(Result<String, ProviderError>),
    ToolsAnswered(ToolsAnswered),
    Thought(Thought),
    Speech(SpeechEvent),
    /// A deadline of turn taking has come.
    Due,
}

async fn reply_goes_on(reply: &mut Option<Reply>) -> Happens {
    let Some(reply) = reply else { return pending().await };
    tokio::select! {
        // A failure was told before the speech without words ended, and has to be known first.
        biased;
        Some(thought) = reply.thoughts.recv() => Happens::Thought(thought),
        Some(event) = reply.spoken.recv() => Happens::Speech(event),
        else => pending().await,
    }
}

/// What the agent says of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phrase {
    Greeting,
    StillThere,
    Apology,
    Goodbye,
    /// The last one, whatever the caller does.
    TimeIsUp,
}

/// A reply, or a phrase, that is being made and spoken.
struct Reply {
    /// None where it answers a turn.
    phrase: Option<Phrase>,
    /// The turn was typed.
    typed: bool,
    failed: bool,
    segment: String,
    moments: Moments,
    thoughts: mpsc::UnboundedReceiver<Thought>,
    speech: Speech,
    spoken: mpsc::UnboundedReceiver<SpeechEvent>,
    /// Ends with the reply.
    _thinking: Option<AbortOnDropHandle<()>>,
}

struct Dialogue {
    mind: Arc<Mind>,
    voice: NativeAudioSource,
    record: Record,
    tools: SessionTools,
    shown: Shown,
    turns: TurnTaking,
    hearing: Hearing,
    history: History,
    typed: Typed,
    budget: Budget,
    /// The call's budget is used up: the caller is not heard any more.
    takes_leave: bool,
    latencies: LatencyRecord,
    reply: Option<Reply>,
    /// Makes the ids of segments; no other session in the room has the same.
    segment_prefix: u32,
    segments: u32,
    caller_segment: Option<String>,
    turn: u32,
    failures: usize,
    times_away: u32,
    /// The call ends with what is being said.
    ends: Option<EndReason>,
}

impl Dialogue {
    fn new(
        mind: Arc<Mind>,
        voice: NativeAudioSource,
        record: Record,
        tools: SessionTools,
        shown: Shown,
        budget: Budget,
    ) -> Self {
        Self {
            turns: TurnTaking::new(mind.rules, Instant::now()),
            history: History::new(mind.persona.system_prompt(), budget.clone()),
            typed: Typed::default(),
            budget,
            takes_leave: false,
            hearing: Hearing::new(Arc::clone(&mind), record.clone()),
            mind,
            voice,
            record,
            tools,
            shown,
            latencies: LatencyRecord::default(),
            reply: None,
            segment_prefix: rand::random(),
            segments: 0,
            caller_segment: None,
            turn: 0,
            failures: 0,
            times_away: 0,
            ends: None,
        }
    }

    /// Why the call ends, where it does.
    async fn on(&mut self, happens: Happens) -> anyhow::Result<Option<EndReason>> {
        let now = Instant::now();
        match happens {
            Happens::Heard(_) | Happens::HeardEarly(_) | Happens::Transcribed(_) if self.takes_leave => {}
            Happens::Heard(frame) => {
                for event in self.hearing.hear(&frame) {
                    self.take_turns(event).await?;
                }
            }
            Happens::HeardEarly(samples) => {
                let samples = self.hearing.early(samples);
                let mut rest = samples.as_slice();
                while !rest.is_empty() {
                    let (part, later) = rest.split_at(EARLY_PART.min(rest.len()));
                    for event in self.hearing.hear_early(part, later.len()) {
                        self.take_turns(event).await?;
                    }
                    rest = later;
                    yield_now().await;
                }
            }
            Happens::Typed(text) => {
                if self.takes_leave || !self.typed.add(&text) {
                    self.budget.cut(Cut::TypedMessages);
                } else {
                    self.typed_turn(now).await?;
                }
            }
            Happens::Transcribed(words) => self.transcribed(words).await?,
            Happens::ToolsAnswered(answered) => {
                answered.messages.into_iter().for_each(|message| self.history.add(message));
                if answered.ends_call && !self.takes_leave {
                    self.ends = Some(EndReason::AgentEnded);
                }
            }
            Happens::Thought(thought) => self.thought(thought),
            Happens::Speech(event) => return self.spoken(event).await,
            Happens::Due => {
                self.typed_turn(now).await?;
                let actions = self.turns.expire(now);
                self.act(actions).await?;
            }
        }
        Ok(None)
    }

    async fn typed_turn(&mut self, now: Instant) -> anyhow::Result<()> {
        match self.typed.turn(now) {
            Some(text) => self.take_turns(Event::Typed(text)).await,
            None => Ok(()),
        }
    }

    /// The call has used up its time or a budget: it ends with one more sentence.
    async fn take_leave(&mut self, reason: EndReason) -> anyhow::Result<()> {
        self.finish_reply().await?;
        self.hearing.drop_transcription();
        self.typed = Typed::default();
        self.takes_leave = true;
        self.ends = Some(reason);
        self.say(Phrase::TimeIsUp);
        Ok(())
    }

    async fn take_turns(&mut self, event: Event) -> anyhow::Result<()> {
        let actions = self.turns.on(event, Instant::now());
        self.act(actions).await
    }

    async fn act(&mut self, actions: Vec<Action>) -> anyhow::Result<()> {
        for action in actions {
            match action {
                Action::Transcribe => self.hearing.transcribe(),
                Action::DropTranscription => self.hearing.drop_transcription(),
                Action::Forget => self.hearing.forget(),
                Action::Reply(turn) => self.reply_to(turn),
                Action::Pause => {
                    if let Some(reply) = &self.reply {
                        reply.speech.pause();
                    }
                    self.show(Show::State(AgentState::Listening));
                }
                Action::Resume => {
                    if let Some(reply) = &self.reply {
                        reply.speech.resume();
                    }
                    self.show(Show::State(AgentState::Speaking));
                }
                Action::Interrupt => {
                    // Who speaks into a farewell has more to say.
                    self.ends = None;
                    self.finish_reply().await?;
                }
                Action::Away => self.away(),
            }
        }
        Ok(())
    }

    async fn transcribed(&mut self, words: Result<String, ProviderError>) -> anyhow::Result<()> {
        match words {
            Ok(text) => {
                if !text.is_empty() {
                    self.show_caller(&text, false);
                }
                self.take_turns(Event::Transcribed(text)).await?;
            }
            Err(error) => {
                self.take_turns(Event::Transcribed(String::new())).await?;
                self.failed(&error);
                if self.reply.is_none() {
                    self.say(Phrase::Apology);
                }
            }
        }
        Ok(())
    }

    fn reply_to(&mut self, turn: Turn) {
        if self.budget.spend(Budgeted::Turns, 1).is_err() {
            return;
        }
        self.turn += 1;
        self.times_away = 0;
        self.record.user_said(&turn.text, turn.spoken.map(|spoken| (spoken.began, spoken.ended)));
        if turn.spoken.is_some() {
            self.show_caller(&turn.text, true);
        }
        self.caller_segment = None;
        let disclosure = Disclosure::new(self.mind.persona.disclosure(), &turn.text);
        self.history.add(ChatMessage::User { content: turn.text });
        let moments = Moments {
            speech_ended: turn.spoken.map(|spoken| spoken.ended),
            transcribed: turn.spoken.map(|spoken| spoken.transcribed),
            turn_over: Some(Instant::now()),
            ..Moments::default()
        };
        let (sentences, to_say) = mpsc::unbounded_channel();
        let (thoughts, thinks) = mpsc::unbounded_channel();
        let thinking = Thinking {
            model: self.mind.language_model.clone(),
            messages: self.history.messages(),
            tools: self.tools.in_turn(self.turn),
            budget: self.budget.clone(),
            disclosure,
            sentences,
            thoughts,
        };
        let thinking = AbortOnDropHandle::new(tokio::spawn(thinking.run().in_current_span()));
        self.speak(None, turn.spoken.is_none(), moments, to_say, thinks, Some(thinking));
        self.show(Show::State(AgentState::Thinking));
    }

    fn say(&mut self, phrase: Phrase) {
        let persona = &self.mind.persona;
        let text = match phrase {
            Phrase::Greeting => persona.greeting(),
            Phrase::StillThere => persona.still_there(),
            Phrase::Apology => persona.apology(),
            Phrase::Goodbye => persona.goodbye(),
            Phrase::TimeIsUp => persona.time_is_up(),
        };
        let (sentences, to_say) = mpsc::unbounded_channel();
        // It is received below.
        drop(sentences.send(text.to_owned()));
        let (_, thinks) = mpsc::unbounded_channel();
        self.turns.agent_begins();
        self.speak(Some(phrase), false, Moments::default(), to_say, thinks, None);
    }

    fn speak(
        &mut self,
        phrase: Option<Phrase>,
        typed: bool,
        moments: Moments,
        to_say: mpsc::UnboundedReceiver<String>,
        thoughts: mpsc::UnboundedReceiver<Thought>,
        thinking: Option<AbortOnDropHandle<()>>,
    ) {
        // The last sentence is beyond the budget.
        let budget = (phrase != Some(Phrase::TimeIsUp)).then(|| self.budget.clone());
        let phrases = Arc::clone(&self.mind.phrases);
        let (speech, spoken) = Speech::start(phrases, self.voice.clone(), to_say, budget);
        let segment = self.new_segment();
        self.reply = Some(Reply {
            phrase,
            typed,
            failed: false,
            segment,
            moments,
            thoughts,
            speech,
            spoken,
            _thinking: thinking,
        });
    }

    fn thought(&mut self, thought: Thought) {
        let Some(reply) = &mut self.reply else { return };
        match thought {
            Thought::FirstToken(at) => reply.moments.first_token = Some(at),
            Thought::FirstSentence(at) => {
                reply.moments.first_sentence.get_or_insert(at);
            }
            Thought::Used(usage) => self.record.used(&usage),
            Thought::Failed(error) => {
                // What it has said already is spoken to its end.
                reply.failed = true;
                self.failed(&error);
            }
        }
    }

    async fn spoken(&mut self, event: SpeechEvent) -> anyhow::Result<Option<EndReason>> {
        let Some(reply) = &mut self.reply else { return Ok(None) };
        match event {
            SpeechEvent::Began(at) => {
                reply.moments.first_audio = Some(at);
                self.show(Show::State(AgentState::Speaking));
                self.take_turns(Event::VoiceBegan).await?;
            }
            SpeechEvent::Sentence(text) => {
                let segment = reply.segment.clone();
                self.show(Show::AgentSays { segment, text });
            }
            SpeechEvent::Ended => return self.reply_ended().await,
            SpeechEvent::Failed(error) => {
                reply.failed = true;
                self.failed(&error);
                return self.reply_ended().await;
            }
        }
        Ok(None)
    }

    async fn reply_ended(&mut self) -> anyhow::Result<Option<EndReason>> {
        let (phrase, failed) =
            self.reply.as_ref().map_or((None, false), |reply| (reply.phrase, reply.failed));
        let said = self.finish_reply().await?;
        self.take_turns(Event::VoiceEnded).await?;
        if self.takes_leave {
            return Ok(self.ends);
        }
        let silent = phrase.is_none() && said.text.is_empty();
        if failed {
            // An apology that failed is not apologised for.
            if phrase != Some(Phrase::Apology) {
                self.say(Phrase::Apology);
                return Ok(None);
            }
        } else if phrase.is_none() && !silent {
            self.failures = 0;
        }
        // A model without a word leaves the words to the persona: the caller waits for some.
        if silent && !failed {
            self.say(if self.ends.is_some() { Phrase::Goodbye } else { Phrase::Apology });
            return Ok(None);
        }
        Ok(self.ends)
    }

    /// Stops what is being said, if it has not ended, and writes down what was heard of it.
    async fn finish_reply(&mut self) -> anyhow::Result<Said> {
        let Some(Reply { typed, segment, moments, speech, .. }) = self.reply.take() else {
            return Ok(Said::default());
        };
        let said = speech.stop().await?;
        self.record.agent_said(&said);
        self.record.waited(&mut self.latencies, &moments);
        self.history.add_said(&said.text, !said.whole);
        if typed && !said.text.is_empty() {
            self.show(Show::Chat(said.text.clone()));
        }
        self.show(Show::AgentSaid { segment, text: said.text.clone() });
        self.show(Show::State(AgentState::Listening));
        Ok(said)
    }

    fn away(&mut self) {
        self.times_away += 1;
        if self.times_away == 1 {
            return self.say(Phrase::StillThere);
        }
        info!("the caller does not answer: the call is ended");
        self.ends = Some(EndReason::AgentEnded);
        self.say(Phrase::Goodbye);
    }

    fn failed(&mut self, error: &ProviderError) {
        self.failures += 1;
        self.record.provider_failed();
        warn!(failures = self.failures, "a service failed: {error}");
        if self.failures >= MOST_FAILURES && !self.takes_leave {
            self.ends = Some(EndReason::ProviderFailed);
        }
    }

    /// The call is over: what is said stops, and the caller's last words are waited for.
    async fn hung_up(&mut self) -> anyhow::Result<()> {
        self.finish_reply().await?;
        if let Some(text) = self.hearing.last_words().await {
            self.record.user_said(&text, self.turns.speech(Instant::now()));
        }
        if let Some(text) = std::mem::take(&mut self.typed).rest() {
            self.record.user_said(&text, None);
        }
        Ok(())
    }

    fn show_caller(&mut self, text: &str, is_final: bool) {
        let segment = match self.caller_segment.clone() {
            Some(segment) => segment,
            None => self.new_segment(),
        };
        self.caller_segment = Some(segment.clone());
        self.show(Show::CallerSaid { segment, text: text.to_owned(), is_final });
    }

    fn new_segment(&mut self) -> String {
        self.segments += 1;
        format!("SG_{:08x}_{}", self.segment_prefix, self.segments)
    }

    fn show(&self, show: Show) {
        self.shown.show(show);
    }
}
