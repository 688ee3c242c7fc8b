//! The pages, made of what is to be shown. `maud` escapes whatever is put in.

mod words;

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{DOCTYPE, Markup, html};

use super::access::{Refusal, Viewer};
use super::overview::call::Call;
use super::overview::dead_letters::{DeadLetter, DeadLetters};
use super::overview::metrics::Counts;
use super::overview::progress::{ARCHIVE, Standing};
use super::overview::{Away, Calls, Content, Overview, Part, Program, Row, Sink};

/// Between two showings, in seconds.
const REFRESH_SECONDS: u32 = 15;
/// Dead letters that are listed.
const MOST_LETTERS: usize = 30;

/// Why somebody sees the form and not the page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    Refused(Refusal),
    /// They had signed in, and came back without the cookie.
    CookieNotKept,
}

impl Why {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Refused(Refusal::SignIn) => "Sign in to see how the calls came through.",
            Self::Refused(Refusal::WrongToken) => "That is not the token.",
            Self::Refused(Refusal::TooManyTries { .. }) => {
                "There were too many wrong tokens from your network. Try again in a minute."
            }
            Self::Refused(Refusal::NoToken) => {
                "The service cannot read its own token. Its log says why; whoever runs it can correct that."
            }
            Self::CookieNotKept => {
                "Your browser did not keep the cookie that signs you in. It does so only where this page came over https, \
                 or from your own machine."
            }
        }
    }

    fn is_a_problem(self) -> bool {
        !matches!(self, Self::Refused(Refusal::SignIn))
    }
}

/// The form for the token; without one, where a proxy has to sign people in. `up` leads to the page's folder.
pub(super) fn sign_in(why: Why, takes_tokens: bool, up: &str) -> Markup {
    let content = html! {
        main.sign-in {
            h1 { "Status" }
            p.problem[why.is_a_problem()] role=[why.is_a_problem().then_some("alert")] { (why.sentence()) }
            @if takes_tokens {
                form method="post" action={ (up) "status/sign-in" } {
                    // So that those who keep passwords keep this one.
                    input type="text" name="user" value="status" autocomplete="username" hidden;
                    label for="token" { "Token" }
                    input #token name="token" type="password" autocomplete="current-password" required autofocus;
                    button.primary type="submit" { "Sign in" }
                }
            } @else {
                p { "Open this page by the address at which you sign in elsewhere in your organisation." }
            }
        }
    };
    document("Status: sign in", None, up, &content)
}

/// The page. It shows itself again unless that was stopped.
pub(super) fn page(overview: &Overview, viewer: &Viewer, refreshes: bool) -> Markup {
    let now = overview.taken_at;
    let content = html! {
        header.top {
            div {
                h1 { "Status" }
                p {
                    "As of " (time(now, now)) " UTC. "
                    @if refreshes {
                        "Every " (REFRESH_SECONDS) " s anew. " a href="status?pause" { "Stop that" }
                    } @else {
                        a href="status" { "Show it anew" }
                    }
                }
            }
            (who(viewer))
        }
        main {
            (tiles(overview))
            section aria-labelledby="calls" {
                h2 #calls { "Last calls" }
                (part(&overview.calls, now, |calls| self::calls(calls, overview)))
            }
            section aria-labelledby="dead-letters" {
                h2 #dead-letters { "Dead letters waiting" }
                (part(&overview.dead_letters, now, |letters| dead_letters(letters, now)))
            }
            section aria-labelledby="programs" {
                h2 #programs { "Programs" }
                (programs(&overview.programs, now))
            }
        }
    };
    document("Status", refreshes.then_some(REFRESH_SECONDS), "", &content)
}

fn document(title: &str, refresh_seconds: Option<u32>, up: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = refresh_seconds {
                    meta http-equiv="refresh" content=(seconds);
                }
                title { (title) }
                link rel="icon" href={ (up) "icon.svg" } type="image/svg+xml";
                link rel="stylesheet" href={ (up) "status/style.css" };
            }
            body { (content) }
        }
    }
}

fn who(viewer: &Viewer) -> Markup {
    html! {
        div.who {
            @match viewer {
                Viewer::Named(user) => span { "Signed in as " bdi { (user) } },
                Viewer::Cookie => form method="post" action="status/sign-out" {
                    button type="submit" { "Sign out" }
                },
                Viewer::Token => {},
            }
        }
    }
}

fn tiles(overview: &Overview) -> Markup {
    let in_stream = overview.calls.read().map(|calls| words::count(calls.in_stream));
    let letters = overview.dead_letters.read().map(DeadLetters::count);
    html! {
        dl.tiles {
            (tile("Live calls", overview.live_calls.map(words::count), overview.live_calls.is_some_and(|live| live > 0), "good"))
            (tile("Calls in the stream", in_stream.ok(), false, ""))
            @for Sink { name, progress } in &overview.sinks {
                @let waiting = progress.read().ok().and_then(|progress| Some(progress.as_ref()?.waiting()));
                @let store = if *name == ARCHIVE { "the archive" } else { "Salesforce" };
                (tile(&format!("Waiting for {store}"), waiting.map(words::count), waiting.is_some_and(|waiting| waiting > 0),
                    "wait"))
            }
            (tile("Dead letters", letters.ok().map(words::count), letters.is_ok_and(|letters| letters > 0), "bad"))
        }
    }
}

/// A number, in colour where it calls for attention; a dash where it is not known.
fn tile(name: &str, value: Option<String>, stands_out: bool, colour: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd class=[stands_out.then_some(colour)] {
                @match value {
                    Some(value) => (value),
                    None => span.faint title="not known" { "\u{2013}" },
                }
            }
        }
    }
}

fn part<T>(part: &Part<T>, now: DateTime<Utc>, shown: impl FnOnce(&T) -> Markup) -> Markup {
    match part.read() {
        Ok(read) => shown(read),
        Err(away) => not_reachable("", away, now),
    }
}

/// `what` begins the sentence; it may be empty.
fn not_reachable(what: &str, Away { not_reachable_since, why }: &Away, now: DateTime<Utc>) -> Markup {
    html! {
        p.away {
            strong { (what) "Not reachable since " (time(*not_reachable_since, now)) " UTC" } " " span.faint { (why) }
        }
    }
}

fn calls(calls: &Calls, overview: &Overview) -> Markup {
    let now = overview.taken_at;
    let away = overview.sinks.iter().filter_map(|sink| Some((sink.name, sink.progress.read().err()?)));
    let columns = ["Started (UTC)", "Visitor", "Length", "Tier", "End", "Archive", "Salesforce"];
    html! {
        @for (name, away) in away {
            (not_reachable(&format!("{name}: "), away, now))
        }
        @if calls.last.is_empty() {
            p.faint { "No call has ended yet." }
        } @else {
            (table("calls", &columns, html! { @for row in &calls.last { (call_row(row, now)) } }))
            details {
                summary { "What the words mean" }
                dl.words {
                    dt { "Archived, done" } dd { "The sink has acknowledged the call, which it does only after its write is durable. A "
                        "dead letter that somebody dropped looks the same. Whether a record was found in Salesforce is in "
                        "the counts below." }
                    dt { "Waiting" } dd { "It is the sink\u{2019}s turn." }
                    dt { "Under way" } dd { "The sink has it. Whether it is written is known once all calls before it are." }
                    dt { "Dead letter" } dd { "The sink could not write it; it is kept, and can be replayed." }
                    dt { "No address" } dd { "The visitor left none, so there is nothing to do." }
                }
            }
        }
    }
}

fn call_row(row: &Row, now: DateTime<Utc>) -> Markup {
    match &row.content {
        Content::Call(call) => {
            let Call { started_at, ended_at, duration_seconds, email, tier, end_reason, archive_key, .. } =
                &**call;
            html! {
                tr role="row" {
                    (cell("Started (UTC)", &time(started_at.unwrap_or(*ended_at), now)))
                    (cell("Visitor", &html! { bdi { (email.as_deref().unwrap_or("\u{2013}")) } }))
                    (cell("Length", &html! { (duration_seconds.map_or_else(dash, words::length)) }))
                    (cell("Tier", &html! { bdi { (tier.as_deref().map_or_else(dash, words::label)) } }))
                    (cell("End", &html! { bdi { (end_reason.as_deref().map_or_else(|| dash().into(), words::end_reason)) } }))
                    (cell("Archive", &html! { (badge(row.archive, "Archived")) (key(archive_key)) }))
                    (cell("Salesforce", &badge(row.salesforce, "Done")))
                }
            }
        }
        Content::Unreadable(why) => html! {
            tr role="row" {
                (cell("Started (UTC)", &row.published_at.map_or_else(|| html! { (dash()) }, |at| time(at, now))))
                td.wide role="cell" colspan="4" data-label="Message" {
                    span { "Message " (row.sequence) " of the stream" span.id { (why) } }
                }
                (cell("Archive", &badge(row.archive, "Archived")))
                (cell("Salesforce", &badge(row.salesforce, "Done")))
            }
        },
    }
}

/// Broken between its folder and its name, where it has to be. The name begins with the session's id.
fn key(key: &str) -> Markup {
    let (folder, name) = key.split_at(key.rfind('/').map_or(0, |slash| slash + 1));
    html! { span.id { (folder) wbr; (name) } }
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

fn badge(standing: Standing, written: &str) -> Markup {
    let (colour, text) = match standing {
        Standing::Written => ("good", written),
        Standing::NoAddress => ("none", "No address"),
        Standing::Waiting => ("wait", "Waiting"),
        Standing::UnderWay => ("wait", "Under way"),
        Standing::DeadLetter => ("bad", "Dead letter"),
        Standing::NoSink => ("none", "Not set up"),
        Standing::Unknown => ("none", "Not known"),
    };
    html! { span.badge.(colour) { (text) } }
}

fn dead_letters(letters: &DeadLetters, now: DateTime<Utc>) -> Markup {
    let DeadLetters { waiting, letters, is_complete } = letters;
    let listed = letters.len().min(MOST_LETTERS);
    let count: u64 = waiting.iter().map(|sink| sink.count).fold(0, u64::saturating_add);
    let columns = ["Since (UTC)", "Sink", "Error", "Message", "Deliveries"];
    html! {
        @if waiting.is_empty() {
            p.faint { "None." }
        } @else {
            ul.counts {
                @for sink in waiting { li { bdi { (sink.sink) } ": " strong { (words::count(sink.count)) } } }
            }
            (table("dead-letters", &columns, html! {
                @for letter in letters.iter().take(listed) { (letter_row(letter, now)) }
            }))
            @if count > listed as u64 {
                p.faint { "Of " (words::count(count)) " you see " (listed) ": the oldest and the newest of each sink, and those of "
                    "the last calls." }
            }
            @if !is_complete {
                p.faint { "There are more dead letters since the oldest call above than were read: one of the calls may be a dead "
                    "letter and look written." }
            }
            p.faint { "The sink named has the commands " code { "dead-letters list" } ", " code { "show" } ", " code { "replay" } " and "
                code { "drop" } "." }
        }
    }
}

fn letter_row(letter: &DeadLetter, now: DateTime<Utc>) -> Markup {
    let number = |number: Option<u64>| number.map_or_else(dash, words::count);
    html! {
        tr role="row" {
            (cell("Since (UTC)", &letter.at.map_or_else(|| html! { (dash()) }, |at| time(at, now))))
            (cell("Sink", &html! { bdi { (letter.sink) } }))
            (cell("Error", &html! { bdi { (letter.error_class) } bdi.id { (letter.error_detail) } }))
            (cell("Message", &html! { (number(letter.of_sequence)) }))
            (cell("Deliveries", &html! { (number(letter.deliveries)) }))
        }
    }
}

fn programs(programs: &[Program], now: DateTime<Utc>) -> Markup {
    html! {
        @if programs.is_empty() {
            p.faint { "None is named in " code { "WEB_STATUS_METRICS" } ", so live calls and outcomes are not known." }
        } @else {
            (table("programs", &["Program", "State", "Since its start"], html! {
                @for Program { name, counts } in programs {
                    tr role="row" {
                        (cell("Program", &html! { bdi { (name) } }))
                        @match counts.read() {
                            Ok(counts) => (program(counts)),
                            Err(away) => {
                                (cell("State", &html! { span.badge.bad { "Not reachable" } }))
                                (cell("Since its start", &not_reachable("", away, now)))
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn program(counts: &Counts) -> Markup {
    let outcomes = counts.outcomes.iter();
    let live = counts.live_calls.map(|live| ("Live calls".to_owned(), live));
    let outbox = counts.outbox_waiting.map(|waiting| ("Not published yet".to_owned(), waiting));
    let counted =
        live.into_iter().chain(outbox).chain(outcomes.map(|(name, count)| (words::label(name), *count)));
    let counted: Vec<_> = counted.collect();
    html! {
        (cell("State", &html! {
            @if counts.is_paused { span.badge.bad { "Paused: its store is away" } } @else { span.badge.good { "Answers" } }
        }))
        (cell("Since its start", &html! {
            @if counted.is_empty() { span.faint { "Nothing yet" } } @else {
                ul.counts { @for (name, count) in &counted { li { bdi { (name) } " " strong { (words::count(*count)) } } } }
            }
        }))
    }
}

/// A table that is a list of cards on a phone. The roles say that it stays a table, whatever the style makes of it.
fn table(label: &str, columns: &[&str], rows: Markup) -> Markup {
    html! {
        table role="table" aria-labelledby=(label) {
            thead role="rowgroup" {
                tr role="row" { @for column in columns { th role="columnheader" scope="col" { (column) } } }
            }
            tbody role="rowgroup" { (rows) }
        }
    }
}

fn cell(label: &str, content: &Markup) -> Markup {
    html! { td role="cell" data-label=(label) { div { (content) } } }
}

fn time(time: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! { time datetime=(time.to_rfc3339_opts(SecondsFormat::Millis, true)) { (words::moment(time, now)) } }
}

#[cfg(test)]
mod tests;
