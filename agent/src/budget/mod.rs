//! What one call may use. A caller decides how long a call lasts and how much is said in it; the operator decides how much
//! of that is paid for. All of it is set here, counted here, and shown in the metrics by the budget's name.
//!
//! A budget of [`Budgeted`] ends the call when it is used up: the persona takes its leave. What a [`Cut`] names only gets
//! less of something, and the call goes on.

pub mod kinds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use schemas::EndReason;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{info, warn};

use crate::metrics::Metrics;
use kinds::{Budgeted, Cut};

/// How long after the end of its time a call that does not end by itself is ended: the last sentence fits into it.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// Limits of one call.
#[derive(Debug, Clone, clap::Args)]
pub struct BudgetArgs {
    /// Longest that a call may last, such as 30m; then the agent takes its leave
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "30m")]
    pub agent_max_call: Duration,
    /// Most turns of the caller in a call, spoken and typed; then the agent takes its leave, as with the limits below
    #[arg(long, env, default_value_t = 300)]
    pub agent_max_turns: u64,
    /// Most requests to the language model in a call
    #[arg(long, env, default_value_t = 600)]
    pub agent_max_llm_requests: u64,
    /// Most bytes of prompts for the language model in a call
    #[arg(long, env, default_value_t = 8 << 20)]
    pub agent_max_prompt_bytes: u64,
    /// Most characters that are given to text to speech in a call
    #[arg(long, env, default_value_t = 50_000)]
    pub agent_max_speech_characters: u64,
    /// Most sound that is sent to speech to text in a call, such as 60m
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "60m")]
    pub agent_max_transcribed: Duration,
    /// Most calls of tools in a call
    #[arg(long, env, default_value_t = 200)]
    pub agent_max_tool_calls: u64,
    /// Most bytes of the conversation in one prompt; the oldest turns are left out first
    #[arg(long, env, default_value_t = 64_000)]
    pub agent_max_history_bytes: usize,
    /// Most bytes of the transcript in the session-end payload; what is said later is left out, and the payload says so
    #[arg(long, env, default_value_t = 128_000)]
    pub agent_max_transcript_bytes: usize,
}

/// A budget is used up: what was to be bought is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call's budget of {} is used up", .0.name())]
pub struct BudgetSpent(pub Budgeted);

/// The budget of one call. Clones share it.
#[derive(Clone)]
pub struct Budget {
    call: Arc<Call>,
}

struct Call {
    args: BudgetArgs,
    metrics: Metrics,
    began: Instant,
    used: [AtomicU64; Budgeted::ALL.len()],
    spent_tx: watch::Sender<Option<Budgeted>>,
}

impl Budget {
    /// Of a call that begins now.
    pub fn new(args: BudgetArgs, metrics: Metrics) -> Self {
        let (began, used) = (Instant::now(), Default::default());
        Self { call: Arc::new(Call { args, metrics, began, used, spent_tx: watch::Sender::default() }) }
    }

    /// Takes what is about to be used.
    ///
    /// # Errors
    /// There is less left: it must not be used, and the call is about to end.
    pub fn spend(&self, what: Budgeted, amount: u64) -> Result<(), BudgetSpent> {
        let call = &self.call;
        let used = call.used[what as usize].fetch_add(amount, Ordering::Relaxed).saturating_add(amount);
        if used <= call.args.limit(what) {
            call.metrics.budget_used(what.name(), amount);
            return Ok(());
        }
        let first = call.spent_tx.send_if_modified(|spent| spent.is_none() && spent.replace(what).is_none());
        if first {
            warn!(budget = what.name(), limit = call.args.limit(what), "the call has used up its budget");
            call.metrics.budget_spent(what.name());
        }
        Err(BudgetSpent(what))
    }

    /// Resolves when the call is to end because of its budget or its time. Cancel-safe.
    pub(crate) async fn spent(&self) -> EndReason {
        let mut spent_rx = self.call.spent_tx.subscribe();
        tokio::select! {
            // The sender lives in the budget.
            _ = spent_rx.wait_for(Option::is_some) => EndReason::BudgetSpent,
            () = sleep_until((self.call.began + self.call.args.agent_max_call).into()) => {
                info!("the call has lasted as long as a call may");
                EndReason::TimeLimit
            }
        }
    }

    /// Until then the call has ended by itself, or is ended.
    pub(crate) fn end(&self) -> Instant {
        self.call.began + self.call.args.agent_max_call + LEAVE_LIMIT
    }

    /// Where the call is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.call.metrics
    }

    /// Counts what was left out.
    pub(crate) fn cut(&self, what: Cut) {
        self.call.metrics.cut(what);
    }

    pub(crate) fn history_bytes(&self) -> usize {
        self.call.args.agent_max_history_bytes
    }

    pub(crate) fn transcript_bytes(&self) -> usize {
        self.call.args.agent_max_transcript_bytes
    }
}

impl BudgetArgs {
    fn limit(&self, what: Budgeted) -> u64 {
        match what {
            Budgeted::Turns => self.agent_max_turns,
            Budgeted::LlmRequests => self.agent_max_llm_requests,
            Budgeted::PromptBytes => self.agent_max_prompt_bytes,
            Budgeted::SpeechCharacters => self.agent_max_speech_characters,
            Budgeted::TranscribedMilliseconds => {
                u64::try_from(self.agent_max_transcribed.as_millis()).unwrap_or(u64::MAX)
            }
            Budgeted::ToolCalls => self.agent_max_tool_calls,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: BudgetArgs,
    }

    /// A budget with these settings, and what is counted of it.
    pub(crate) fn budget(settings: &[&str]) -> (Budget, Metrics) {
        let metrics = Metrics::new().unwrap();
        let arguments = ["agent"].iter().chain(settings);
        let args = Cli::try_parse_from(arguments).map_err(|error| error.to_string()).unwrap().args;
        (Budget::new(args, metrics.clone()), metrics)
    }

    #[tokio::test]
    async fn what_is_used_up_ends_the_call_and_is_shown_by_its_name() {
        let (budget, metrics) = budget(&["--agent-max-turns", "2", "--agent-max-prompt-bytes", "100"]);
        assert_eq!(budget.spend(Budgeted::Turns, 2), Ok(()));
        assert_eq!(budget.spend(Budgeted::PromptBytes, 99), Ok(()));
        assert!(futures::FutureExt::now_or_never(budget.spent()).is_none());
        assert_eq!(budget.spend(Budgeted::PromptBytes, 2), Err(BudgetSpent(Budgeted::PromptBytes)));
        assert_eq!(budget.spend(Budgeted::PromptBytes, 1), Err(BudgetSpent(Budgeted::PromptBytes)));
        assert_eq!(budget.spend(Budgeted::Turns, 1), Err(BudgetSpent(Budgeted::Turns)));
        assert_eq!(budget.clone().spent().await, EndReason::BudgetSpent);
        let text = prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
        for line in [
            "postcall_agent_budget_used_total{budget=\"turns\"} 2",
            "postcall_agent_budget_used_total{budget=\"prompt_bytes\"} 99",
            "postcall_agent_budget_spent_total{budget=\"prompt_bytes\"} 1",
            "postcall_agent_budget_spent_total{budget=\"turns\"} 0",
            "postcall_agent_cut_total{what=\"data_messages\"} 0",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[tokio::test]
    async fn a_call_has_its_time() {
        let (budget, _) = budget(&["--agent-max-call", "10ms"]);
        assert_eq!(budget.spent().await, EndReason::TimeLimit);
    }
}
