//! What the environment says of traces, under OpenTelemetry's own names. Address, headers, time limit and resource are read by its
//! SDK; here is what that leaves to its user, and what has to be refused.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::http::Uri;
use opentelemetry_otlp::Protocol;
use opentelemetry_sdk::trace::Sampler;

use crate::plain_text::ensure_stays_on_this_machine;

/// The one way in which spans are sent.
pub(super) const PROTOCOL: Protocol = Protocol::HttpBinary;
const PROTOCOL_NAME: &str = "http/protobuf";

/// What `--help` of a program that has traces says of them. They are no flags: other programs of the same machine read them as well.
pub const HELP: &str = "\
Traces, off unless there is an address; these are variables of the environment only:
  Address of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; /v1/traces follows
      [env: OTEL_EXPORTER_OTLP_ENDPOINT]
  The same, whole
      [env: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT]
  Headers for it, such as api-key=SECRET, separated by commas
      [env: OTEL_EXPORTER_OTLP_HEADERS] [env: OTEL_EXPORTER_OTLP_TRACES_HEADERS]
  Lets these headers go to another machine without TLS, by an http address
      [env: TRACES_ALLOW_PLAIN_TEXT]
  Longest that it may take for an answer, milliseconds; 10000 by default
      [env: OTEL_EXPORTER_OTLP_TIMEOUT] [env: OTEL_EXPORTER_OTLP_TRACES_TIMEOUT]
  How spans are sent: http/protobuf, and in no other way
      [env: OTEL_EXPORTER_OTLP_PROTOCOL] [env: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL]
  Another name than the program's, and further attributes, such as deployment.environment.name=test
      [env: OTEL_SERVICE_NAME] [env: OTEL_RESOURCE_ATTRIBUTES]
  Which traces: always_on, always_off, traceidratio, or parentbased_ before one of these (parentbased_always_on by default), and the
  share of a ratio, 0 to 1; the same for all programs
      [env: OTEL_TRACES_SAMPLER] [env: OTEL_TRACES_SAMPLER_ARG]
  Spans that may wait, 2048 by default; in one request, 512; and how long one waits for others, milliseconds, 5000
      [env: OTEL_BSP_MAX_QUEUE_SIZE] [env: OTEL_BSP_MAX_EXPORT_BATCH_SIZE] [env: OTEL_BSP_SCHEDULE_DELAY]
  true: what was said stands in spans, without addresses and numbers
      [env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT]
  none, or true: off, whatever the others say
      [env: OTEL_TRACES_EXPORTER] [env: OTEL_SDK_DISABLED]";

/// Traces that are on.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where spans go, to be told.
    pub(super) endpoint: String,
    pub(super) sampler: Sampler,
    pub(super) captures_content: bool,
    /// Spans that may wait.
    pub(super) queue: usize,
    /// Most of them in one request.
    pub(super) batch: usize,
    /// How long one waits for others.
    pub(super) delay: Duration,
}

impl Settings {
    /// `None` where traces are off. A variable that is empty counts as not set.
    ///
    /// # Errors
    /// A variable that cannot be used, or a secret that would cross a network in plain text.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Self>> {
        let variable = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let is = |name: &str, value: &str| variable(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
        let named = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
            .into_iter()
            .find_map(|name| Some((name, variable(name)?)));
        let Some((name, endpoint)) = named else { return Ok(None) };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let has_headers = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]
            .into_iter()
            .any(|name| variable(name).is_some());
        let endpoint = checked(name, &endpoint, has_headers && !is("TRACES_ALLOW_PLAIN_TEXT", "true"))?;
        let named = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]
            .into_iter()
            .find_map(|name| Some((name, variable(name)?)));
        if let Some((name, protocol)) = named.filter(|(_, protocol)| protocol != PROTOCOL_NAME) {
            bail!(
                "{name} is {protocol}: spans are sent as {PROTOCOL_NAME} only, to the port that takes that"
            );
        }
        let queue = number(variable, "OTEL_BSP_MAX_QUEUE_SIZE")?.unwrap_or(2_048).clamp(1, 1_000_000);
        let batch = number(variable, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")?.unwrap_or(512).clamp(1, queue);
        let delay = number(variable, "OTEL_BSP_SCHEDULE_DELAY")?.unwrap_or(5_000);
        Ok(Some(Self {
            endpoint,
            sampler: sampler(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"))?,
            captures_content: ["true", "span_only", "span_and_event"]
                .iter()
                .any(|value| is("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)),
            queue: usize::try_from(queue)?,
            batch: usize::try_from(batch)?,
            delay: Duration::from_millis(delay),
        }))
    }
}

/// The address as it may be told: a query can be a key. `is_secret` says that headers go there which may hold one.
fn checked(name: &str, endpoint: &str, is_secret: bool) -> anyhow::Result<String> {
    let uri: Uri = endpoint.parse().with_context(|| format!("{name} is no address"))?;
    let scheme = uri.scheme_str().unwrap_or_default();
    ensure!(matches!(scheme, "http" | "https"), "{name} has to begin with http:// or https://");
    let (authority, host) =
        (uri.authority().map_or("", |authority| authority.as_str()), uri.host().unwrap_or_default());
    ensure!(!authority.contains('@'), "{name} has a login in it: give it in OTEL_EXPORTER_OTLP_HEADERS");
    if is_secret && scheme == "http" {
        let secret = "what OTEL_EXPORTER_OTLP_HEADERS has";
        ensure_stays_on_this_machine(secret, host, "use https://", "TRACES_ALLOW_PLAIN_TEXT")?;
    }
    Ok(format!("{scheme}://{authority}{}", uri.path()))
}

fn number(variable: impl Fn(&str) -> Option<String>, name: &str) -> anyhow::Result<Option<u64>> {
    variable(name)
        .map(|text| text.parse().with_context(|| format!("{name} is no number: {text}")))
        .transpose()
}

fn sampler(name: Option<String>, share: Option<String>) -> anyhow::Result<Sampler> {
    let name = name.unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (is_parent_based, of_traces) = match name.strip_prefix("parentbased_") {
        Some(of_traces) => (true, of_traces),
        None => (false, name.as_str()),
    };
    let sampler = match of_traces {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => {
            let share = share.unwrap_or_else(|| "1".to_owned());
            let parsed = share.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
            Sampler::TraceIdRatioBased(
                parsed.with_context(|| {
                    format!("OTEL_TRACES_SAMPLER_ARG is {share}, and not between 0 and 1")
                })?,
            )
        }
        _ => bail!(
            "OTEL_TRACES_SAMPLER is {name}, which is none of always_on, always_off, traceidratio and parentbased_ with these"
        ),
    };
    Ok(if is_parent_based { Sampler::ParentBased(Box::new(sampler)) } else { sampler })
}
