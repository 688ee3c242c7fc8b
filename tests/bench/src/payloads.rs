//! Session-end payloads as an agent publishes them. Each is different, and all of it follows from its number.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What people say in a trial call, and no more words than that: text that compresses as recorded transcripts do.
const WORDS: &str = "about account actually add again agree all already also always and another any anyone approve are area \
    ask assign at automate available back basic because before best better between big both branding bring budget build \
    business but button buy by call can cannot card case catalog change check choose click client close collect colour come \
    company compare complete connect contact content contract copy could create customer dashboard data date day deal \
    decide demo department details different discount document does done download draft each early easily edit editor \
    eight email else embed enough enterprise even every exactly example expire export feature feel few field file fill \
    find finish first five follow for form four free from full get give go good great group growth guess happen hard have \
    hear help here hope hour how however idea if import in include inside instead integration interested into invite \
    invoice is issue it just keep kind know last later learn legal let library license like link list little locked logo \
    long look lot make manage manager many market maybe me mean meeting member message minute mobile month more most move \
    much must my name need never new next nine no not note now number of offer office often okay on once one only open \
    option or order other our out over own page paid part partner password payment people per plan please pricing \
    probably process product proposal purchase question quick quote read ready really reason reminder remove renew report \
    request review right role sales same save say screen seat second section see seems sell send set seven share should \
    show sign signature simple since six size small so some someone soon speak start status step still stop store such \
    support sure switch table take talk team tell template ten test than thank that the their them then there these they \
    thing think this those three through time to today together too track trial true try turn twelve two type under until \
    update upload us use user usually variable version very view wait want was way we week well were what when where \
    which while who why will with without word work workflow would year yes yet you your";

/// Of the month in which all sessions end, so that every day of it exists.
const DAYS: usize = 28;
/// What a payload has beside its transcript, about.
const FRAME: usize = 1_350;

/// Payloads of about so many bytes each.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payloads {
    pub(crate) bytes: usize,
}

impl Payloads {
    /// The published bytes.
    pub(crate) fn payload(self, number: usize) -> String {
        let rest = rest(number, self.bytes, day(number));
        format!("{}{rest}", identity(&self.session_id(number), &job_id(number)))
    }

    /// The key under which the contract has it archived, written down here once more.
    pub(crate) fn key(self, number: usize) -> String {
        let day = day(number);
        format!("sessions/year=2026/month=01/day={day:02}/{}.json.gz", self.message_id(number))
    }

    pub(crate) fn message_id(self, number: usize) -> String {
        format!("{}-{}", self.session_id(number), job_id(number))
    }

    fn session_id(self, number: usize) -> String {
        format!("trial_{}_{number:07}", self.bytes)
    }
}

fn day(number: usize) -> usize {
    1 + number % DAYS
}

fn job_id(number: usize) -> String {
    format!("AJ_{:016x}", Chance::of(number).draw())
}

/// How a payload begins.
pub(crate) fn identity(session_id: &str, job_id: &str) -> String {
    format!(r#"{{"session_id":"{session_id}","job_id":"{job_id}","#)
}

/// How it goes on, with a transcript that makes it as long as it shall be, on a day of January 2026.
pub(crate) fn rest(number: usize, bytes: usize, day: usize) -> String {
    let mut chance = Chance::of(number);
    // Between 8 and 14 o'clock, in milliseconds: the longest ends on the same day.
    let start = 8 * 3_600_000 + chance.below(6 * 3_600_000);
    let (transcript, end) = transcript(&mut chance, bytes.saturating_sub(FRAME), day, start);
    let name = format!("{}.{}{}", chance.word(), chance.word(), chance.below(1_000));
    let company = format!("{}{}.example", chance.word(), chance.word());
    let (started, ended) = (time(day, start), time(day, end));
    let (team, tokens, characters) = (chance.below(200), chance.below(20_000), chance.below(9_000));
    let [utterance, transcription, first_token, first_byte, whole] = std::array::from_fn(|_| {
        let (count, half, most) = (chance.below(60), chance.below(900), chance.below(900));
        format!(r#"{{"count":{count},"p50":0.{half:03},"p95":1.{most:03}}}"#)
    });
    format!(
        concat!(
            r#""user_email":"{name}@{company}","user_metadata":{{"session_start":"{started}","user_email":"{name}@{company}"}},"#,
            r#""start_time":"{started}","end_time":"{ended}","duration_seconds":{seconds}.{milliseconds:03},"#,
            r#""discovered_signals":{{"qualification_tier":"nurture","team_size":{team}}},"#,
            r#""tool_calls":[{{"name":"record_signals","arguments":{{"team_size":{team}}},"outcome":"success","start_time":"{started}","duration_seconds":0.004}}],"#,
            r#""metrics_summary":{{"llm_prompt_tokens":{tokens},"llm_prompt_cached_tokens":0,"llm_completion_tokens":{tokens},"#,
            r#""tts_characters_count":{characters},"stt_audio_duration":0.0,"user_turns":6,"provider_errors":0,"latencies":{{"#,
            r#""end_of_utterance_delay":{utterance},"transcription_delay":{transcription},"llm_ttft":{first_token},"#,
            r#""tts_ttfb":{first_byte},"e2e_latency":{whole}}}}},"#,
            r#""schema_version":1,"room_sid":"RM_{room:012x}","agent_name":"postcall","agent_version":"0.2.0","#,
            r#""participant_identity":"trialist_{room:012x}","end_reason":"participant_left","transcript":[{transcript}],"#,
            r#""signal_sources":{{"team_size":{{"recorded_at":"{started}","turn":1}}}}}}"#,
        ),
        name = name,
        company = company,
        started = started,
        ended = ended,
        seconds = (end - start) / 1_000,
        milliseconds = (end - start) % 1_000,
        team = team,
        tokens = tokens,
        characters = characters,
        utterance = utterance,
        transcription = transcription,
        first_token = first_token,
        first_byte = first_byte,
        whole = whole,
        room = chance.draw() >> 16,
        transcript = transcript,
    )
}

/// So many bytes of turns, and when the last of them was over.
fn transcript(chance: &mut Chance, bytes: usize, day: usize, start: u64) -> (String, u64) {
    let mut text = String::with_capacity(bytes + 256);
    let mut now = start;
    for turn in 0.. {
        let speaker = if turn % 2 == 0 { "agent" } else { "user" };
        let separator = if turn == 0 { "" } else { "," };
        text.push_str(&format!(r#"{separator}{{"role":"{speaker}","text":""#));
        for word in 0..4 + chance.below(48) {
            text.push_str(if word == 0 { "" } else { " " });
            text.push_str(chance.word());
        }
        let said = now + 1_000 + chance.below(8_000);
        let times = (time(day, now), time(day, said));
        text.push_str(&format!(r#"","start_time":"{}","end_time":"{}"}}"#, times.0, times.1));
        now = said + chance.below(900);
        if text.len() >= bytes {
            break;
        }
    }
    (text, now)
}

fn time(day: usize, milliseconds: u64) -> String {
    let (seconds, part) = (milliseconds / 1_000, milliseconds % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("2026-01-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{part:03}Z")
}

/// The same numbers for the same seed (`SplitMix64`).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: usize) -> Self {
        Self(seed as u64)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The remainder's bias does not matter here.
    fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }

    fn word(&mut self) -> &'static str {
        static LIST: LazyLock<Vec<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
        LIST[self.below(LIST.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use schemas::SessionEvent;

    use super::*;

    #[test]
    fn payloads_are_as_long_as_wanted_and_compress_like_transcripts() {
        for bytes in [4_096, 32_768, 204_800] {
            let payload = Payloads { bytes }.payload(7);
            let length = payload.len() as f64 / bytes as f64;
            assert!((0.95..1.08).contains(&length), "{bytes}: {}", payload.len());
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(payload.as_bytes()).expect("compress");
            let ratio = payload.len() as f64 / encoder.finish().expect("compress").len() as f64;
            assert!((2.3..3.9).contains(&ratio), "{bytes}: {ratio}");
        }
    }

    #[test]
    fn the_contract_reads_them_and_gives_them_the_keys_that_are_expected() {
        let payloads = Payloads { bytes: 4_096 };
        for number in [0, 1, 27, 28, 19_999] {
            let payload = payloads.payload(number);
            let event = SessionEvent::decode(payload.as_bytes(), None).expect("decode");
            assert!(event.email.address().is_some());
            assert_eq!(event.identity.object_key(&event.end_time), payloads.key(number));
            assert_eq!(event.identity.message_id(), payloads.message_id(number));
            serde_json::from_str::<serde_json::Value>(&payload).expect("parse");
        }
    }

    #[test]
    fn each_is_different_and_always_the_same() {
        let payloads = Payloads { bytes: 2_048 };
        let all: HashSet<String> = (0..200).map(|number| payloads.payload(number)).collect();
        assert_eq!(all.len(), 200);
        assert!(all.contains(&payloads.payload(150)));
    }
}
