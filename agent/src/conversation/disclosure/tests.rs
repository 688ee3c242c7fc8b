//! Claims, questions and answers in the languages that the words are of.

use super::*;

const TRUTH: &str = "I am an AI assistant, not a human.";

fn spoken(caller: &str, model: &[&str]) -> Vec<String> {
    let mut disclosure = Disclosure::new(TRUTH, caller);
    let mut spoken: Vec<_> =
        model.iter().flat_map(|sentence| disclosure.check((*sentence).to_owned())).collect();
    spoken.extend(disclosure.finish());
    spoken
}

#[test]
fn a_claim_to_be_human_is_not_spoken_asked_or_not() {
    for claim in [
        "Yes, I am a human.",
        "I'm human.",
        "Of course I’m a real person!",
        "I am 100% human, just like you.",
        "I'm not a robot.",
        "No, I am definitely not an AI.",
        "You're talking to a real human being.",
        "You are not talking to a machine.",
        "This is a real person.",
        "As a human, I understand that.",
        "I am a live agent.",
        "I am Sarah, a real person from PandaDoc.",
        "My name is Sarah Miller, and yes, I'm a real person.",
        "My name is Sarah, a real person.",
        "I am obviously human.",
        "I'm your human assistant today.",
        "I am totally not a bot.",
        "I am, believe me, not a machine.",
        "There is a real person on this line, not a machine.",
        "I am most certainly a human being.",
        "You are talking to Sarah, a human being.",
        "Ich bin ein Mensch.",
        "Ja, ich bin natürlich ein echter Mensch.",
        "Ich bin kein Roboter.",
        "Sie sprechen mit einem Menschen.",
        "Je suis une vraie personne.",
        "Je ne suis pas un robot.",
        "Soy una persona real.",
        "No soy un robot.",
        "Sono una persona.",
        "Non sono un robot.",
        "Sou uma pessoa.",
        "Ik ben een mens.",
        "Jestem człowiekiem.",
        "Nie jestem robotem.",
        "Я человек.",
        "私は人間です。",
        "我是真人。",
    ] {
        for caller in ["hello", "are you a human?"] {
            assert_eq!(spoken(caller, &[claim]), [TRUTH], "{caller} {claim}");
        }
        assert_eq!(spoken("hello", &[claim, "How can I help?"]), [TRUTH, "How can I help?"], "{claim}");
    }
}

#[test]
fn who_asks_is_told_whatever_the_model_says() {
    for question in [
        "Are you a human?",
        "are you real",
        "am I talking to a real person?",
        "Is this a robot?",
        "are you an AI or a human being",
        "you sound like a machine",
        "can I speak to a human please",
        "Bist du ein Mensch?",
        "Spreche ich mit einer Maschine?",
        "Êtes-vous un robot ?",
        "¿Eres una persona?",
        "Sei un robot?",
        "Você é uma pessoa?",
        "Ben je een mens?",
        "Jesteś robotem?",
        "Вы человек?",
        "あなたは人間ですか",
        "你是机器人吗",
    ] {
        assert_eq!(
            spoken(question, &["What can I do for you?"]),
            [TRUTH, "What can I do for you?"],
            "{question}"
        );
        assert_eq!(spoken(question, &[]), [TRUTH], "{question}");
        let honest = "I am an AI assistant for PandaDoc.";
        assert_eq!(spoken(question, &[honest, "What else?"]), [honest, "What else?"], "{question}");
    }
}

#[test]
fn a_short_answer_that_is_a_lie_is_left_out() {
    for (question, answer, expected) in [
        ("Are you a human?", "Yes.", vec![TRUTH]),
        ("Are you a human?", "Yes, of course I am!", vec![TRUTH]),
        ("Are you a human?", "Yes, how can I help you?", vec![TRUTH, "how can I help you?"]),
        ("Are you a human?", "Human, of course.", vec![TRUTH]),
        ("Are you a human?", "You bet I am.", vec![TRUTH]),
        ("Are you a human?", "A hundred percent flesh and blood.", vec![TRUTH]),
        ("Are you a human?", "No.", vec![TRUTH, "No."]),
        ("Are you a robot?", "No, not at all.", vec![TRUTH]),
        ("Are you a robot?", "No robots here!", vec![TRUTH]),
        ("Are you a robot?", "Yes.", vec![TRUTH, "Yes."]),
        ("Bist du ein Mensch?", "Ja, natürlich.", vec![TRUTH]),
        ("Are you a human?", "No, I am an AI.", vec!["No, I am an AI."]),
        (
            "Are you a human?",
            "I can put you through to a human colleague.",
            vec![TRUTH, "I can put you through to a human colleague."],
        ),
    ] {
        assert_eq!(spoken(question, &[answer]), expected, "{question} {answer}");
    }
}

#[test]
fn what_is_no_claim_is_said() {
    for sentence in [
        "I am an AI, not a human.",
        "I am not a human.",
        "I'm a virtual assistant, so I cannot sign that.",
        "No soy humano.",
        "Ich bin kein Mensch.",
        "Je ne suis pas humain.",
        "Nie jestem człowiekiem.",
        "How many people on your team send documents?",
        "So you are twelve people.",
        "Is there a person who signs your contracts?",
        "I am with you, a human resources team has many documents.",
        "There is no software to install.",
        "It is a person with a pen who signs.",
        "I am not sure that I understood.",
        "You are a small team, then.",
        "Would you like to talk to a person in sales?",
        "I am happy to connect you with a real person.",
        "I am sure a person on your team signs them.",
        "I am sorry, no person is free right now.",
        "I am looking for the person who signs.",
        "I am the right person to ask about prices.",
        "I am PandaDoc's virtual assistant, not a real person.",
        "Is there a person on the line with you?",
        "I am not sure that no machine can do it.",
        "This is how every person on the team signs.",
    ] {
        assert_eq!(spoken("we use HubSpot", &[sentence]), [sentence], "{sentence}");
    }
}

#[test]
fn what_callers_say_otherwise_asks_nothing() {
    for text in [
        "we are twelve people",
        "you are right",
        "we use HubSpot",
        "are you able to import our contracts",
        "is this month fine for you",
        "we want to send contracts",
        "yes",
        "hello, can you help me with quotes",
    ] {
        assert_eq!(Asked::by(text), Asked::default(), "{text}");
    }
}
