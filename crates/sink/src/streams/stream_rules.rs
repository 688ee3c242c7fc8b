//! What the streams have to be: nothing in them goes before its time, makes room for another, or is taken unacknowledged.

use async_nats::jetstream::stream::{Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType};

/// A setting by which messages are lost, or cannot come in, with what to do. What `setup` changes by itself is none.
pub(crate) fn harmful(config: &Config) -> Option<String> {
    let name = &config.name;
    let change = |setting: &str, why: &str, value: &str| {
        Some(format!("{setting}: {why}; set it to {value} (`nats stream edit {name}`)"))
    };
    let make_anew = |setting: &str, why: &str| {
        Some(format!(
            "{setting}: {why}, and that cannot be changed; when nothing in it is needed any more (`nats stream backup` keeps \
             it), `nats stream rm {name}` and run setup again"
        ))
    };
    if config.max_messages_per_subject > 0 {
        let why = "all messages have few subjects, so newer ones displace older ones, or are refused";
        return change(&format!("max_msgs_per_subject is {}", config.max_messages_per_subject), why, "-1");
    }
    if config.no_ack {
        return change("no_ack is set", "nobody learns that a message is stored", "false");
    }
    if config.allow_rollup {
        return change(
            "allow_rollup_hdrs is set",
            "one message with a rollup header removes all others",
            "false",
        );
    }
    if config.sealed {
        return make_anew("it is sealed", "it takes no messages");
    }
    if config.mirror.is_some() {
        return make_anew("it is a mirror", "it takes no messages but those of another stream");
    }
    if config.allow_message_ttl || config.subject_delete_marker_ttl.is_some() {
        return make_anew("allow_msg_ttl is set", "a message may go before it is written");
    }
    if config.allow_message_counter {
        return make_anew("allow_msg_counter is set", "it takes numbers only");
    }
    if config.allow_message_schedules {
        return make_anew("allow_msg_schedules is set", "a message may be replaced by a later one");
    }
    if config.subject_transform.is_some() {
        return change("subject_transform is set", "messages get subjects that no sink reads", "nothing");
    }
    if config.persist_mode == Some(PersistenceMode::Async) {
        return make_anew("persist_mode is async", "it acknowledges messages that it has not stored");
    }
    None
}

/// What `setup` would change or refuse of the rest.
pub(crate) fn otherwise(config: &Config, subjects: &str) -> Option<String> {
    let name = &config.name;
    if config.storage != StorageType::File {
        return Some(format!("storage is not file; `nats stream rm {name}` and run setup again"));
    }
    if config.retention != RetentionPolicy::Limits || config.discard != DiscardPolicy::New {
        return Some(
            "set retention to limits and discard to new, or messages go before they are written".to_owned(),
        );
    }
    if !config.subjects.iter().any(|subject| subject == subjects) {
        return Some(format!("its subjects are without {subjects}; run setup"));
    }
    None
}
