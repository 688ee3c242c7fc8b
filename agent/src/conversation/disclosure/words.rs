//! The words by which it is known that somebody asks whether they talk with a human, or claims to be one. All in small letters,
//! one space between two, as `normal` makes them.

/// What a human is called; what an AI is called.
pub(super) const HUMANS: &str = "humans?|human being|persons?|real|alive|man|woman|living being\
    |mensch|menschlich|person|echt|echter|humain|humaine|être humain|personne|vrai|vraie|humano|humana|ser humano|persona\
    |umano|umana|essere umano|pessoa|mens|persoon|człowiekiem|osobą|människa|menneske|человек|живой|insan";
const MACHINES: &str = "robots?|bots?|chatbot|machine|computer|ai|a i|artificial|artificial intelligence|automated\
    |program|software|recording|language model|virtual|synthetic|llm|chatgpt\
    |roboter|maschine|ki|künstlich|künstliche|automat|ia|i a|intelligence artificielle|ordinateur|máquina|inteligencia artificial\
    |ordenador|computadora|macchina|intelligenza artificiale|robô|inteligência artificial|robotem|botem|maszyną\
    |робот|бот|машина|maskin|maskine";

/// What callers ask for; other words ask for the product.
pub(super) const ASKED_MACHINES: &str = "robots?|bots?|chatbot|machine|computer|ai|a i|artificial|recording|language model|chatgpt\
    |roboter|maschine|ki|automat|ia|i a|intelligence artificielle|ordinateur|máquina|inteligencia artificial\
    |ordenador|computadora|macchina|intelligenza artificiale|robô|inteligência artificial|robotem|botem|maszyną\
    |робот|бот|машина|maskin|maskine";

/// How a question, or a remark that wants an answer, begins.
const QUESTIONS: &str = "are (?:you|u)|you are|you sound|am i (?:talking|speaking|chatting)|i am (?:talking|speaking|chatting)\
    |is this|do i (?:talk|speak)|can i (?:talk|speak)|could i (?:talk|speak)|want to (?:talk|speak)|like to (?:talk|speak)\
    |bist du|sind sie|spreche ich|rede ich|ist das|êtes vous|vous êtes|es tu|tu es|je parle|parle je\
    |eres|es usted|usted es|hablo|estoy hablando|sei|lei è|è lei|sto parlando|parlo|você é|és|falo|estou falando\
    |ben je|bent u|ben jij|spreek ik|praat ik|jesteś|czy rozmawiam|är du|er du|вы|ты|я говорю";

pub(super) const ASKED_FOR_HUMAN: [&str; 9] = [
    "人間ですか",
    "人間なの",
    "你是人吗",
    "你是真人",
    "是真人吗",
    "사람이세요",
    "사람인가요",
    "사람이에요",
    "insan mısın",
];
pub(super) const ASKED_FOR_MACHINE: [&str; 8] = [
    "ロボットですか",
    "aiですか",
    "機械ですか",
    "你是机器人",
    "是机器人吗",
    "로봇이세요",
    "로봇인가요",
    "robot musun",
];

/// Short answers that say yes.
pub(super) const YES: [&str; 31] = [
    "yes",
    "bet",
    "yeah",
    "yep",
    "yup",
    "sure",
    "course",
    "absolutely",
    "indeed",
    "correct",
    "certainly",
    "definitely",
    "right",
    "totally",
    "ja",
    "jawohl",
    "doch",
    "natürlich",
    "klar",
    "sicher",
    "genau",
    "oui",
    "sí",
    "si",
    "sì",
    "claro",
    "certo",
    "sim",
    "tak",
    "да",
    "evet",
];
/// Short answers that say no.
pub(super) const NO: [&str; 12] =
    ["no", "nope", "nah", "not", "never", "nein", "non", "não", "nee", "nie", "нет", "hayır"];
/// What may stand beside them.
pub(super) const AND_SO: [&str; 36] = [
    "i", "am", "of", "that", "is", "you", "are", "really", "all", "at", "it", "100", "percent", "very",
    "much", "one", "to", "be", "ich", "bin", "es", "das", "stimmt", "ist", "bien", "sûr", "je", "suis", "le",
    "lo", "soy", "sono", "sou", "por", "supuesto", "well",
];

/// What follows a human or an AI that is none: human resources, an AI expert.
pub(super) const OTHER_THINGS: [&str; 19] = [
    "resources",
    "resource",
    "like",
    "sounding",
    "friendly",
    "rights",
    "error",
    "level",
    "centered",
    "expert",
    "experts",
    "engineer",
    "specialist",
    "company",
    "developer",
    "scientist",
    "based",
    "user",
    "free",
];

/// Claims in languages that do not put spaces between their words, or need no subject.
pub(super) const SENTENCES: [&str; 12] = [
    "人間です",
    "aiではありません",
    "ロボットではありません",
    "我是人类",
    "我是真人",
    "我是一个人",
    "我不是机器人",
    "我不是ai",
    "저는 사람입니다",
    "저는 인간입니다",
    "로봇이 아닙니다",
    "insanım",
];

pub(super) fn questions(kind: &str) -> String {
    format!(r"\b(?:{QUESTIONS}) (?:\w+ ){{0,5}}?(?:{kind})\b")
}

/// Who says of themselves: I am a human. Group `not` is there where it is denied, `next` is the word that follows.
pub(super) fn claims() -> String {
    const ADJECTIVES: &str = "really|actually|indeed|very|much|just|only|also|definitely|absolutely|certainly|truly|totally\
        |completely|entirely|of course|in fact|still|fully|100|one hundred|hundred|percent|a|an|one|as|quite|every bit as|friendly\
        |normal|ordinary|regular|real|actual|true|genuine|live|living|breathing|flesh and blood|fellow|yes|too";
    const SUBJECTS: &str =
        "i am|im|you are (?:talking|speaking|chatting|dealing) (?:to|with)|you have reached";
    const HUMAN: &str = "human|human being|person|man|woman|guy|lady|flesh and blood\
        |(?:live|real|human|actual) (?:agent|representative|rep|employee|operator|assistant|salesperson|someone|somebody)";
    const OTHERS: [&str; 10] = [
        r"(?:this is|it is|as) (?:a |an |really |actually )*(?:(?:real|live|actual|genuine) (?:human|person)|human being|human)",
        r"(?:ich bin|bin|sie sprechen mit|du sprichst mit) (?:wirklich |natürlich |tatsächlich |auch |nur |ja |ein |eine |einem |einer |echter |echte |echten |richtiger |richtige |normaler |lebender )*(?:mensch|menschen|menschlich|person|mann|frau)",
        r"(?:je suis|vous parlez à|vous parlez avec) (?:bien |vraiment |un |une |vrai |vraie |véritable |être )*(?:humain|humaine|personne|homme|femme)",
        r"(?:soy|habla con|hablas con|está hablando con) (?:realmente |un |una |ser |verdadero |verdadera |auténtico )*(?:humano|humana|persona|hombre|mujer)",
        r"(?:sono|sta parlando con|parla con) (?:davvero |un |una |vero |vera |essere )*(?:umano|umana|persona|uomo|donna)",
        r"(?:sou|está falando com) (?:realmente |um |uma |ser |verdadeiro |verdadeira )*(?:humano|humana|pessoa|homem|mulher)",
        r"(?:ik ben|u spreekt met|je spreekt met) (?:echt |gewoon |een |echte |menselijk )*(?:mens|persoon|man|vrouw)",
        r"jestem (?:prawdziwym |żywym |prawdziwą )*(?:człowiekiem|osobą|mężczyzną|kobietą)",
        r"(?:jag är|jeg er) (?:en |et |riktig |ekte |rigtig )*(?:människa|menneske)",
        r"я (?:настоящий |живой |обычный )*человек",
    ];
    let others = OTHERS.join("|");
    format!(
        r"(?P<not>\b(?:no|non|não|nie|not) )?\b(?:(?:{SUBJECTS}) (?:(?:{ADJECTIVES}) )*(?:{HUMAN})|{others})\b(?P<next> \w+)?"
    )
}

/// Who says of themselves that they are a human, with other words between: I am Sarah, a real person. Group `between` has
/// these words.
pub(super) fn claims_in_passing() -> String {
    const HUMAN: &str = "human|human being|person|flesh and blood\
        |(?:live|real|human|actual) (?:agent|representative|rep|employee|operator|assistant|salesperson|someone|somebody)";
    format!(
        r"\b(?:i am|im|my name is|this is|you have reached|you are (?:talking|speaking|chatting) (?:to|with)) (?P<between>(?:\w+ ){{1,6}}?)(?:{HUMAN})\b(?P<next> \w+)?"
    )
}

/// Who says so of the line: there is a real person at this end.
pub(super) const CLAIMS_OF_THE_LINE: &str = r"\b(?:there is|you have) (?:a|an) (?:\w+ ){0,2}?(?:person|human|human being) (?:here|(?:on|at|behind) (?:this|the) (?:line|call|phone|other end)|at this end)\b";

/// Who denies to be a machine, with other words between: I am totally not a bot.
pub(super) fn denials_in_passing() -> String {
    format!(
        r"\b(?:i am|im) (?P<between>(?:\w+ ){{1,4}}?)(?:not|no|never) (?:(?:a|an|any|some|one of those) )*(?:{MACHINES})\b(?P<next> \w+)?"
    )
}

/// With such a word between, the sentence speaks of somebody else: I am happy to find you a real person.
pub(super) fn is_about_others(between: &str) -> bool {
    const OTHERS: [&str; 60] = [
        "not", "no", "never", "nor", "neither", "to", "with", "for", "of", "from", "by", "in", "on", "at",
        "about", "than", "like", "unlike", "as", "and", "or", "but", "so", "because", "if", "when",
        "whether", "that", "which", "who", "what", "how", "while", "the", "this", "every", "each", "i",
        "you", "he", "she", "it", "we", "they", "is", "are", "was", "can", "will", "have", "has", "sure",
        "certain", "sorry", "afraid", "glad", "happy", "aware", "told", "good",
    ];
    let machines: Vec<_> = MACHINES.split('|').collect();
    between.split_whitespace().any(|word| {
        OTHERS.contains(&word)
            || machines.contains(&word)
            || word.ends_with("ing") && !["living", "breathing"].contains(&word)
    })
}

/// Who says of themselves: I am not a robot.
pub(super) fn denials() -> String {
    const BETWEEN: &str = "definitely|certainly|really|just|actually|absolutely|a|an|any|some|kind of|sort of|talking to|speaking with|one of those";
    format!(
        r"\b(?:(?:i am|im|this is|it is|you are) (?:(?:{BETWEEN}) )*(?:not|no|never) (?:(?:{BETWEEN}|chatting with|talking with|speaking to|dealing with) )*|ich bin (?:doch |wirklich |ganz sicher )*(?:kein|keine|nicht ein|nicht eine) |je ne suis (?:pas|ni) (?:un |une )?|no soy (?:un |una |ningún |ninguna )?|non sono (?:un |una )?|não sou (?:um |uma )?|ik ben (?:echt )?geen |nie jestem |jag är ingen |jeg er (?:ikke en |ingen )|я не )(?:{MACHINES})\b(?P<next> \w+)?"
    )
}

/// Only in answer to a question.
pub(super) const ELLIPTICAL: &str = r"^(?:(?:a|an|just|only|ein|eine|un|une|una|real|100|one|hundred|percent|all|very|much|echter|vrai|vraie) )*(?:human|human being|person|flesh and blood|mensch|humain|humaine|humano|humana|umano|umana|mens)\b|\b(?:no|not a|not an|kein|keine|pas de|geen) (?:robots?|bots?|chatbots?|machines?|computers?|ai|ki|ia|roboter)\b";

/// Who says of themselves: I am an AI.
pub(super) fn disclosures() -> String {
    format!(
        r"\b(?:i am|im|this is|as|you are (?:talking|speaking|chatting) (?:to|with)|ich bin|bin|sie sprechen mit|je suis|vous parlez (?:à|avec)|soy|sono|sou|ik ben|jestem|jag är|jeg er|я) (?:\w+ ){{0,3}}?(?:{MACHINES}|sztuczną inteligencją|искусственный|kunstmatige)\b"
    )
}
