//! A span as it is made: when it began and ended is known, and where it belongs. What stands in it is bounded, and no text in it
//! shows an e-mail address.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::SpanContext;
use crate::logging::mask_addresses;

/// Most bytes of a text in a span; of one that was said, what a turn may have.
const LONGEST_TEXT: usize = 256;
const LONGEST_CONTENT: usize = 4 * 1024;
/// Most links of a span: as many sessions as a batch may have.
const MOST_LINKS: usize = 256;

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Span(SpanData);

impl Span {
    /// One without attributes. One that would end before it began, because a clock was set, ends as it begins.
    pub fn new(
        context: SpanContext,
        parent: Option<&SpanContext>,
        name: impl Into<Cow<'static, str>>,
        began: SystemTime,
        ended: SystemTime,
    ) -> Self {
        Self(SpanData {
            span_context: context,
            parent_span_id: parent.map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: parent.is_some_and(SpanContext::is_remote),
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: began,
            end_time: ended.max(began),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        })
    }

    /// Of another kind than internal.
    #[must_use]
    pub fn of_kind(mut self, kind: SpanKind) -> Self {
        self.0.span_kind = kind;
        self
    }

    /// With a number, a truth, or a text that stands in this code.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(KeyValue::new(key, value));
        self
    }

    /// The same, where there is one.
    #[must_use]
    pub fn with_some(self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// With a text that somebody else has chosen, such as an id or a name.
    #[must_use]
    pub fn with_text(self, key: &'static str, text: &str) -> Self {
        self.with(key, bounded(text, LONGEST_TEXT))
    }

    /// With a text that was said, where those are wanted ([`super::capture_content`]).
    #[must_use]
    pub fn with_content(self, key: &'static str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(key, bounded(text, LONGEST_CONTENT)),
            None => self,
        }
    }

    /// It failed; `error` is the kind of failure, in a word.
    #[must_use]
    pub fn failed(mut self, error: impl Into<Cow<'static, str>>) -> Self {
        self.0.status = Status::Error { description: Cow::Borrowed("") };
        let error: Cow<'static, str> = error.into();
        self.with("error.type", error)
    }

    /// It has to do with another span, of this trace or of another.
    #[must_use]
    pub fn linked_to(mut self, context: &SpanContext) -> Self {
        let links = &mut self.0.links;
        if links.links.len() < MOST_LINKS {
            links.links.push(Link::with_context(context.clone()));
        } else {
            links.dropped_count += 1;
        }
        self
    }

    /// All of it, as the exporter takes it.
    pub fn into_data(self) -> SpanData {
        self.0
    }

    pub(super) fn finished(mut self, scope: &InstrumentationScope) -> SpanData {
        self.0.instrumentation_scope = scope.clone();
        self.0
    }
}

/// Masked before it is cut, so that no half of an address is left.
fn bounded(text: &str, most: usize) -> String {
    let masked = mask_addresses(text);
    masked[..masked.floor_char_boundary(most)].to_owned()
}
