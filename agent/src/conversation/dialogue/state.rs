//! What a conversation knows while it goes on.

use std::sync::Arc;
use std::time::Instant;

use livekit::webrtc::audio_source::native::NativeAudioSource;
use schemas::EndReason;
use tokio::task::JoinHandle;

use super::active_reply::{ActiveReply, EarlyReply};
use super::segments::Segments;
use crate::budget::Budget;
use crate::conversation::account::CallAccount;
use crate::conversation::assistant::Assistant;
use crate::conversation::captions::{Caption, CaptionSender};
use crate::conversation::history::History;
use crate::conversation::latencies::LatencyRecord;
use crate::conversation::record::Record;
use crate::conversation::session_tools::SessionTools;
use crate::conversation::transcriber::Transcriber;
use crate::conversation::turn_detector::Judgement;
use crate::conversation::turn_taking::{Rules, TurnTaking};
use crate::conversation::typed::Typed;
use crate::providers::usage::Account;

/// A conversation; `turns` and `replies` have what it does.
pub(super) struct Dialogue {
    pub(super) assistant: Arc<Assistant>,
    pub(super) voice: NativeAudioSource,
    pub(super) record: Record,
    pub(super) tools: SessionTools,
    captions_tx: CaptionSender,
    pub(super) turns: TurnTaking,
    pub(super) transcriber: Transcriber,
    /// Who judges how the turn was said.
    pub(super) judging: Option<JoinHandle<Option<Judgement>>>,
    pub(super) history: History,
    pub(super) typed: Typed,
    pub(super) budget: Budget,
    pub(super) account: Arc<dyn Account>,
    /// The call's budget is used up: the caller is not listened to any more.
    pub(super) takes_leave: bool,
    pub(super) latencies: LatencyRecord,
    pub(super) reply: Option<ActiveReply>,
    pub(super) early_reply: Option<EarlyReply>,
    pub(super) segments: Segments,
    /// Number of the caller's turn, from 1.
    pub(super) turn: u32,
    /// Failures of services in a row.
    pub(super) failures: usize,
    /// How often in a row the caller was away.
    pub(super) times_away: u32,
    /// The call ends with what is being said.
    pub(super) ends: Option<EndReason>,
}

impl Dialogue {
    pub(super) fn new(
        assistant: Arc<Assistant>,
        voice: NativeAudioSource,
        record: Record,
        tools: SessionTools,
        captions_tx: CaptionSender,
        budget: Budget,
    ) -> Self {
        let prices = assistant.prices.clone();
        let account: Arc<dyn Account> = Arc::new(CallAccount { record: record.clone(), prices });
        let transcriber = Transcriber::new(&assistant, record.clone(), Arc::clone(&account));
        Self {
            turns: TurnTaking::new(
                Rules::of(assistant.persona.turn_taking()),
                assistant.persona.language(),
                Instant::now(),
            ),
            history: History::new(assistant.persona.system_prompt(), budget.clone()),
            typed: Typed::default(),
            budget,
            account,
            takes_leave: false,
            judging: None,
            transcriber,
            assistant,
            voice,
            record,
            tools,
            captions_tx,
            latencies: LatencyRecord::default(),
            reply: None,
            early_reply: None,
            segments: Segments::new(rand::random()),
            turn: 0,
            failures: 0,
            times_away: 0,
            ends: None,
        }
    }

    /// When something is due although nothing happens.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let one_moment = self.reply.as_ref().and_then(|reply| reply.one_moment.as_ref());
        let one_moment = one_moment.map(|one_moment| one_moment.due);
        let deadlines = [self.turns.deadline(), self.typed.due(now), one_moment];
        deadlines.into_iter().flatten().min().filter(|_| !self.takes_leave)
    }

    pub(super) fn show(&self, caption: Caption) {
        self.captions_tx.send(caption);
    }

    /// Shows the caller's turn as it is known now.
    pub(super) fn show_caller(&mut self, text: &str, is_final: bool) {
        let segment = self.segments.caller();
        self.show(Caption::CallerSaid { segment, text: text.to_owned(), is_final });
    }
}
