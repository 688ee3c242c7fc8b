//! A service that transcribes recordings, as if it listened: each part of what was said is sent once, when speech has ended,
//! and one request at a time.

use std::time::{Duration, Instant};

use super::hearing::{Ended, Hearing};
use crate::providers::transcriptions::{Transcription, Transcriptions};

/// Listens until the service's tries are used up.
pub(super) async fn listen(
    hearing: &mut Hearing,
    service: &Transcriptions,
    works: &(dyn Fn() + Send + Sync),
) -> Ended {
    // It hears what no other service has made final, and its requests have a time limit of their own.
    hearing.finality.connected(Instant::now(), Duration::ZERO, true);
    loop {
        match transcribe_part(hearing, service).await {
            Ok(()) => works(),
            Err(ended) => return ended,
        }
    }
}

async fn transcribe_part(hearing: &mut Hearing, service: &Transcriptions) -> Result<(), Ended> {
    while !hearing.finality.is_asked() {
        hearing.next().await?;
    }
    let (part, end) = (hearing.unsettled.all(), hearing.unsettled.now());
    if !hearing.may_send(part.len()) {
        // The budget is used up, and ends the call.
        return Err(Ended::Over);
    }
    hearing.asks();
    let spoken = hearing.spoken.clone();
    let transcribing = service.transcribe(&part, &spoken.language, &spoken.vocabulary);
    let Transcription { text, usage } = hearing.during(transcribing).await?.map_err(Ended::Failed)?;
    usage.into_iter().for_each(|usage| hearing.used(usage));
    hearing.unsettled.settle_until(end);
    // What was said meanwhile is the next part.
    Ok(hearing.words(text, end).await?)
}
