//! Texts as recognisers write them.

use super::*;

#[test]
fn unfinished_texts_are_known_by_their_last_word_in_each_language() {
    for (language, open, others) in [
        (
            "en",
            &[
                "we have um",
                "twelve people and",
                "it is,",
                "well…",
                "We keep all of our deals with.",
                "about ...",
                "We need the.",
            ][..],
            &["we have twelve people", "Yes.", "the plan", "We use Salesforce"][..],
        ),
        (
            "de",
            &["Wir sind ungefähr", "Wir nutzen Salesforce und.", "ja, ähm", "weil"],
            &["Wir sind zwölf Leute.", "Salesforce", "Das war alles"],
        ),
        ("fr", &["Nous sommes environ", "parce que", "euh"], &["Nous sommes douze.", "Salesforce", "oui"]),
        (
            "es",
            &["usamos el", "porque", "usamos Salesforce y"],
            &["Somos doce personas.", "Salesforce", "claro"],
        ),
    ] {
        let words = Words::of(language);
        for text in open {
            assert_eq!(words.ending(text), Ending::Open, "{text}");
        }
        for text in others {
            assert_eq!(words.ending(text), Ending::Unclear, "{text}");
        }
    }
    assert_eq!(Words::of("en").ending("What is that?"), Ending::Closed);
    // Of a language that nobody wrote a list for, the signs alone tell.
    assert_eq!(Words::of("fi").ending("me olemme noin"), Ending::Unclear);
    assert_eq!(Words::of("fi").ending("me olemme noin…"), Ending::Open);
    assert_eq!(Words::of("en-US").ending("we have the"), Ending::Open);
}

/// None of them is kept waiting as who has said "and" is.
#[test]
fn sentences_may_end_in_words_that_others_go_on_with() {
    for (language, either, over) in [
        (
            "en",
            &[
                "Yes, we do.",
                "I think so.",
                "Yes, we are",
                "just looking around",
                "We use HubSpot as well.",
                "We have",
            ][..],
            &["Not really.", "Maybe.", "probably"][..],
        ),
        (
            "de",
            &["Ja, haben wir.", "Das kann sein", "Wir haben eine."],
            &["Vielleicht.", "Danke sehr.", "auch"],
        ),
        ("fr", &["Nous en avons une.", "je veux"], &["Je ne sais pas.", "moi aussi", "si"]),
        ("es", &["Sí, tenemos.", "eso es"], &["nosotros también", "si", "nada más"]),
    ] {
        let words = Words::of(language);
        for text in either {
            assert_eq!(words.ending(text), Ending::Either, "{text}");
        }
        for text in over {
            assert_eq!(words.ending(text), Ending::Unclear, "{text}");
        }
    }
}

#[test]
fn languages_have_codes_and_names() {
    for language in ["en", "EN-gb", "eng", "English"] {
        assert_eq!(Words::of(language).ending("the"), Ending::Open, "{language}");
    }
    for language in ["multi", "auto", "und", "", "nl"] {
        assert!(Words::known(language).is_none(), "{language}");
    }
}

#[test]
fn listeners_are_told_from_speakers() {
    for (language, listening, speaking) in [
        (
            "en",
            &["Uh-huh.", "Yeah", "Mm-hm, okay, I see.", "oh okay", "Right."][..],
            &["Wait.", "Yes, we are twelve.", "yeah but wait", "okay so what does it cost", "No."][..],
        ),
        ("de", &["Ja, genau.", "mhm", "Alles klar"], &["Moment mal", "Ja, aber was kostet das?", "Nein"]),
        ("fr", &["D'accord.", "Oui, oui", "je vois"], &["Attendez", "Oui, mais combien ?", "Non"]),
        ("es", &["Vale", "sí, claro", "ya veo"], &["Espera", "Sí, ¿pero cuánto cuesta?", "No"]),
    ] {
        let words = Words::of(language);
        for text in listening {
            assert!(words.is_back_channel(text) && !words.wants_a_stop(text), "{text}");
        }
        for text in speaking {
            assert!(!words.is_back_channel(text), "{text}");
        }
    }
    for text in ["wait", "Stop, please.", "no", "hold on"] {
        assert!(Words::of("en").wants_a_stop(text), "{text}");
    }
}

#[test]
fn one_word_answers_a_question_and_a_sound_does_not() {
    let words = Words::of("en");
    for text in ["Yes.", "Salesforce", "twelve", "No", "12", "yeah", "Maybe.", "probably"] {
        assert!(words.is_short_answer(text), "{text}");
    }
    for text in ["um", "Well,", "about", "we", "twelve people", "", "..."] {
        assert!(!words.is_short_answer(text), "{text}");
    }
}
