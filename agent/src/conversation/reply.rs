//! Generates one reply: asks the language model, runs the tools that it calls, asks again, and hands on sentence by sentence
//! what is to be said.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::disclosure::Disclosure;
use super::sentences::Sentences;
use super::session_tools::{ProposedCall, SessionTools};
use crate::budget::kinds::{Budgeted, Cut};
use crate::budget::{Budget, BudgetSpent};
use crate::providers::error::ProviderError;
use crate::providers::language_model::LanguageModel;
use crate::providers::message::ChatMessage;
use crate::providers::reply::{ReplyPart, Usage};
use crate::providers::usage::Account;

/// How often in one reply the model may call tools; then it has to answer without.
const MOST_TOOL_STEPS: usize = 3;
/// Tools that a model may call at once; what is more is left out.
const MOST_CALLS: usize = 16;
/// Bytes that it may say in a reply: some two minutes of speech, which nobody asks for. It ends with the sentence before.
const LONGEST_ANSWER: usize = 2 * 1024;

/// What happens while a reply is generated.
#[derive(Debug)]
pub(super) enum GenerationEvent {
    /// The model began to answer.
    FirstToken(Instant),
    /// The first sentence is whole.
    FirstSentence(Instant),
    /// A request to the model took so many tokens.
    Used(Usage),
    /// The model has failed; what it said before that is handed on.
    Failed(ProviderError),
}

/// A reply to be generated.
pub(super) struct Generation {
    pub(super) model: LanguageModel,
    pub(super) messages: Vec<ChatMessage>,
    pub(super) tools: SessionTools,
    pub(super) budget: Budget,
    pub(super) account: Arc<dyn Account>,
    /// Whether tools may be called: not before the turn is over.
    pub(super) may_act_rx: watch::Receiver<bool>,
    /// Looks at what is to be said.
    pub(super) disclosure: Disclosure,
    /// What is to be said goes here, sentence by sentence.
    pub(super) sentences_tx: mpsc::UnboundedSender<String>,
    pub(super) events_tx: mpsc::UnboundedSender<GenerationEvent>,
    /// Bytes that were said so far.
    pub(super) said: usize,
}

/// What the model answered to one request.
#[derive(Default)]
struct Asked {
    said: String,
    calls: Vec<ProposedCall>,
}

impl Generation {
    /// Until all is handed on. Dropped, it stops; a tool that runs is not stopped, and its answer is told.
    pub(super) async fn run(mut self) {
        match self.generate().await {
            Ok(()) => {
                if let Some(sentence) = self.disclosure.finish() {
                    drop(self.sentences_tx.send(sentence));
                }
            }
            Err(error) => self.tell(GenerationEvent::Failed(error)),
        }
    }

    async fn generate(&mut self) -> Result<(), ProviderError> {
        for step in 0..=MOST_TOOL_STEPS {
            let may_call = step < MOST_TOOL_STEPS;
            if let Err(spent) = self.pay(may_call) {
                // Who holds the conversation is told by the budget.
                debug!("the language model is not asked: {spent}");
                return Ok(());
            }
            let Asked { calls, said } = self.ask(may_call, step == 0).await?;
            if calls.is_empty() || !may_call {
                return Ok(());
            }
            if self.may_act_rx.wait_for(|may_act| *may_act).await.is_err() {
                return Ok(());
            }
            let mut answered = self.tools.run(calls).await;
            let ended = answered.ends_call;
            // What it said before it called is said, and it would say it again.
            if let Some(ChatMessage::Assistant { content, .. }) = answered.messages.first_mut() {
                *content = said;
            }
            self.messages.extend(answered.messages);
            if ended {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Of each request, before it is made: what is given up half-way is paid for, too.
    fn pay(&self, may_call: bool) -> Result<(), BudgetSpent> {
        let tools = if may_call { self.tools.definitions() } else { &[] };
        let tools: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
        let messages: usize = self.messages.iter().map(ChatMessage::bytes).sum();
        self.budget.spend(Budgeted::LlmRequests, 1)?;
        self.budget.spend(Budgeted::PromptBytes, (messages + tools) as u64)
    }

    /// One request.
    async fn ask(&mut self, may_call: bool, first: bool) -> Result<Asked, ProviderError> {
        let tools = if may_call { self.tools.definitions() } else { &[] };
        let mut answer = self.model.reply(&self.messages, tools, &self.account).await?;
        let mut sentences = Sentences::default();
        let mut asked = Asked::default();
        let (mut began, mut spoke) = (false, false);
        while let Some(part) = answer.next().await {
            let part = part?;
            if first && !began && matches!(part, ReplyPart::Text(_) | ReplyPart::ToolCall { .. }) {
                began = true;
                self.tell(GenerationEvent::FirstToken(Instant::now()));
            }
            match part {
                ReplyPart::Text(text) => {
                    asked.said.push_str(&text);
                    self.said += text.len();
                    if self.said > LONGEST_ANSWER {
                        self.budget.cut(Cut::Replies);
                        return Ok(asked);
                    }
                    for sentence in sentences.push(&text) {
                        self.say(sentence, &mut spoke);
                    }
                }
                ReplyPart::ToolCall { .. } if asked.calls.len() >= MOST_CALLS => {
                    self.budget.cut(Cut::ToolCalls);
                }
                ReplyPart::ToolCall { id, name, arguments, extra_content } => {
                    asked.calls.push(ProposedCall { id, name, arguments, extra_content })
                }
                ReplyPart::Usage(usage) => self.tell(GenerationEvent::Used(usage)),
                ReplyPart::Finished => {}
            }
        }
        if let Some(sentence) = sentences.finish() {
            self.say(sentence, &mut spoke);
        }
        Ok(asked)
    }

    fn say(&mut self, sentence: String, spoke: &mut bool) {
        if !std::mem::replace(spoke, true) {
            self.tell(GenerationEvent::FirstSentence(Instant::now()));
        }
        for sentence in self.disclosure.check(sentence) {
            // Without a listener the reply is being given up.
            drop(self.sentences_tx.send(sentence));
        }
    }

    fn tell(&self, event: GenerationEvent) {
        drop(self.events_tx.send(event));
    }
}
