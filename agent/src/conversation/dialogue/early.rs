//! Replies that begin before the caller's turn is certainly over. Until then nothing of them is heard or shown, no tool is
//! called, and nothing stands in the history or the transcript; so throwing one away costs tokens, and nothing else.

use super::active_reply::{ActiveReply, EarlyReply};
use super::replies::When;
use super::state::Dialogue;
use crate::conversation::record::ReplyTimes;
use crate::conversation::reply::GenerationEvent;
use crate::conversation::turn_taking::same_words;

impl Dialogue {
    /// Begins the reply to a turn that is probably over.
    pub(super) async fn prepare(&mut self, text: String) -> anyhow::Result<()> {
        self.discard().await?;
        if self.takes_leave {
            return Ok(());
        }
        let reply = self.generate(&text, When::Early);
        self.early_reply = Some(EarlyReply { text, reply });
        Ok(())
    }

    /// The early reply to these words, which is a reply like any other from now on. One to other words is thrown away.
    pub(super) async fn take_early_reply(&mut self, text: &str) -> anyhow::Result<Option<ActiveReply>> {
        if self.early_reply.as_ref().is_some_and(|early| !same_words(&early.text, text)) {
            self.discard().await?;
        }
        let Some(EarlyReply { reply, .. }) = self.early_reply.take() else { return Ok(None) };
        reply.may_act_tx.send_replace(true);
        reply.speech.resume();
        self.record.early_reply(true);
        Ok(Some(reply))
    }

    /// Throws the early reply away, where there is one. What it has cost is counted.
    pub(super) async fn discard(&mut self) -> anyhow::Result<()> {
        let Some(EarlyReply { mut reply, .. }) = self.early_reply.take() else { return Ok(()) };
        while let Ok(event) = reply.generation_rx.try_recv() {
            if let GenerationEvent::Used(usage) = event {
                self.record.discarded(&usage);
            }
        }
        let said = reply.speech.stop().await?;
        self.record.synthesised(&said);
        let times = ReplyTimes { turn: reply.turn, moments: &reply.moments, account: &reply.account };
        self.record.trace_agent_turn(&times, &said, true);
        self.record.early_reply(false);
        Ok(())
    }
}
