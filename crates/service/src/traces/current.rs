//! What a program does while a span is on its way: calls of others are spans below it.

use std::time::SystemTime;

use super::{Span, SpanContext, SpanKind, child, record};

tokio::task_local! {
    static CURRENT: SpanContext;
}

/// Does some work as that of a span that is sampled. Without one it is only done.
pub async fn within<T>(context: Option<SpanContext>, work: impl Future<Output = T>) -> T {
    match context.filter(SpanContext::is_sampled) {
        Some(context) => CURRENT.scope(context, work).await,
        None => work.await,
    }
}

/// Makes a call, and a span of it below that of [`within`], where there is one. `describe` says what there is to say of the answer.
pub async fn client_span<T>(
    name: &'static str,
    call: impl Future<Output = T>,
    describe: impl FnOnce(Span, &T) -> Span,
) -> T {
    let Ok(parent) = CURRENT.try_with(Clone::clone) else { return call.await };
    let began = SystemTime::now();
    let answer = call.await;
    let span = Span::new(child(&parent), Some(&parent), name, began, SystemTime::now());
    record([describe(span.of_kind(SpanKind::Client), &answer)]);
    answer
}
