//! Replies to a conversation, by the first language model that answers.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::Value;

use super::chat_completions::ChatCompletions;
use super::error::ProviderError;
use super::message::ChatMessage;
use super::reply::ReplyPart;
use super::services::Services;
use super::usage::{Account, ServiceName, Used};

/// A reply as it comes. It ends with [`ReplyPart::Finished`] or an error, and nothing comes after either.
pub type Reply = BoxStream<'static, Result<ReplyPart, ProviderError>>;

/// Replies to a conversation; clones share connections.
#[derive(Clone)]
pub struct LanguageModel(Services<ChatCompletions>);

impl LanguageModel {
    pub(super) fn new(services: Services<ChatCompletions>) -> Self {
        Self(services)
    }

    /// Begins a reply; `tools` are definitions in OpenAI's form. Returns with the reply's first part.
    ///
    /// # Errors
    /// No service began to answer, and the tries are used up. Later failures are in the stream.
    pub async fn reply(
        &self,
        messages: &[ChatMessage],
        tools: &[Value],
        account: &Arc<dyn Account>,
    ) -> Result<Reply, ProviderError> {
        let asked = self.0.ask(Some(&**account), |service| service.reply(messages, tools).boxed()).await;
        let (candidate, reply) = asked?;
        account.used(&candidate.name, Used::Answers);
        let (services, name) = (self.0.clone(), candidate.name.clone());
        let answer = Answer { name: name.clone(), account: Arc::clone(account) };
        let watch = move |part: &Result<ReplyPart, ProviderError>| match part {
            Ok(ReplyPart::Usage(usage)) => answer.account.used(&name, Used::Tokens(*usage)),
            Ok(_) => {}
            Err(error) => services.broke(&name, error, &*answer.account),
        };
        Ok(reply.inspect(watch).boxed())
    }

    /// Asks once, and reads the reply to its end: whether it begins with a thought shows where the thought ends.
    ///
    /// # Errors
    /// No service answered.
    pub async fn try_once(&self, messages: &[ChatMessage], tools: &[Value]) -> Result<(), ProviderError> {
        self.0.ask(None, |service| service.try_once(messages, tools).boxed()).await.map(drop)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        match self.0.first() {
            Some(candidate) => candidate.service.is_doubtful().await,
            None => false,
        }
    }
}

/// A reply on its way; it has ended when nobody takes more of it.
struct Answer {
    name: ServiceName,
    account: Arc<dyn Account>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.account.used(&self.name, Used::Answered);
    }
}
