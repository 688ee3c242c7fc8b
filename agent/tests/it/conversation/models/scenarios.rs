//! Calls as people make them: plain ones, with pauses, with interruptions, with noise.

use crate::conversation::sound::Voice;

/// A call, and who makes it.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) voice: Voice,
    /// The recogniser is told the persona's names.
    pub(super) vocabulary: bool,
    /// Others talk around the caller, softly.
    pub(super) babble: bool,
    pub(super) steps: &'static [Step],
}

/// What the caller says once, and what is to become of it.
pub(super) struct Step {
    pub(super) parts: &'static [&'static str],
    /// Seconds between the parts.
    pub(super) pauses: &'static [f64],
    pub(super) when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It is the caller's turn; the agent is to answer.
    Listening,
    /// The agent speaks, and is to stop and to answer.
    Interrupting,
    /// The agent speaks, and is to go on if the recogniser hears what was said.
    Agreeing,
}

const fn says(parts: &'static [&'static str]) -> Step {
    Step { parts, pauses: &[], when: When::Listening }
}

const fn with_pauses(parts: &'static [&'static str], pauses: &'static [f64]) -> Step {
    Step { parts, pauses, when: When::Listening }
}

const fn interrupts(parts: &'static [&'static str]) -> Step {
    Step { parts, pauses: &[], when: When::Interrupting }
}

const fn agrees(parts: &'static [&'static str]) -> Step {
    Step { parts, pauses: &[], when: When::Agreeing }
}

const PLAIN: [Step; 6] = [
    says(&["Hello."]),
    says(&["We are twelve people."]),
    says(&["About forty documents a month."]),
    says(&["We use Salesforce."]),
    says(&["We want to send proposals."]),
    says(&["We want to start this month."]),
];

/// Ten pauses of up to 1.5 s, each where more has to come.
const PAUSES: [Step; 5] = [
    with_pauses(&["We are about", "twelve people in the", "sales team."], &[0.7, 1.2]),
    with_pauses(&["Every one of my colleagues", "writes about", "forty documents a month."], &[1.0, 1.5]),
    with_pauses(&["We keep all of our deals in", "Salesforce and", "nothing else."], &[0.8, 1.3]),
    with_pauses(&["I would like to", "send proposals to", "our customers."], &[0.9, 1.1]),
    with_pauses(&["It would be nice to be", "ready by the end of", "this month."], &[1.4, 0.7]),
];

const BARGE_IN: [Step; 5] = [
    says(&["Hello."]),
    interrupts(&["Wait, stop. We are twelve people."]),
    says(&["About forty documents a month."]),
    interrupts(&["No, I meant two hundred documents a month."]),
    says(&["We use HubSpot."]),
];

const BACK_CHANNEL: [Step; 9] = [
    says(&["Hello."]),
    agrees(&["Uh-huh."]),
    says(&["We are twelve people."]),
    agrees(&["Okay, I see."]),
    says(&["About forty documents a month."]),
    agrees(&["Yeah."]),
    says(&["We use Salesforce."]),
    agrees(&["Right."]),
    says(&["We want to send proposals."]),
];

const QUICK: [Step; 4] = [
    says(&["Hi there, I have a question. Can I send proposals with it?"]),
    says(&["We are twenty people. No, sorry, we are twelve people."]),
    says(&["About forty documents a month. My address is jane at example dot org."]),
    says(&["We use Salesforce."]),
];

/// With a breath at each comma.
const STORY: [Step; 1] = [with_pauses(
    &[
        "So, let me tell you how we work today",
        "because it is a bit of a story",
        "we are twelve people in the sales team",
        "and every one of us writes proposals by hand in a text editor",
        "then we print them and sign them and scan them",
        "and send them by mail, which takes us about a week for each one",
        "and last month we lost two of them on the way",
        "so our boss said that we need something better",
        "something that keeps track of who has signed and when",
        "and that works together with Salesforce, where we keep all of our customers",
        "and that is why I am calling you today.",
    ],
    &[0.4; 10],
)];

const SLT: Voice = Voice::Flite("slt");

const fn scenario(name: &'static str, voice: Voice, steps: &'static [Step]) -> Scenario {
    Scenario { name, voice, vocabulary: true, babble: false, steps }
}

pub(super) const SCENARIOS: [Scenario; 9] = [
    scenario("plain", SLT, &PLAIN),
    Scenario { vocabulary: false, ..scenario("plain, no names", SLT, &PLAIN) },
    scenario("a German accent, noise", Voice::German, &PLAIN),
    scenario("pauses", SLT, &PAUSES),
    scenario("barge-in", SLT, &BARGE_IN),
    scenario("back-channels", SLT, &BACK_CHANNEL),
    scenario("quick", SLT, &QUICK),
    scenario("a story of 30 s", SLT, &STORY),
    Scenario { babble: true, ..scenario("babble", SLT, &PLAIN) },
];
