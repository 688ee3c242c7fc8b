//! The columns of a session that hold one value of its payload each: where it stands in the payload, and its type. Compaction
//! fills them, and the views over the raw objects read the same places. So it is with the fields of a model's usage.

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    /// A moment in UTC, milliseconds.
    Time,
    /// A number beside a `count`; none where nothing was counted.
    Measured,
}

/// A column with one value of the payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Names of the fields that lead to it.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
}

/// In the order in which they stand in a file. New ones are added, none is changed or taken away.
pub(crate) const COLUMNS: &[Column] = &[
    field("session_id", Kind::Text),
    field("job_id", Kind::Text),
    field("room_sid", Kind::Text),
    field("user_email", Kind::Text),
    field("participant_identity", Kind::Text),
    field("agent_name", Kind::Text),
    field("agent_version", Kind::Text),
    field("schema_version", Kind::Integer),
    field("start_time", Kind::Time),
    field("end_time", Kind::Time),
    field("duration_seconds", Kind::Number),
    field("end_reason", Kind::Text),
    at("qualification_tier", "discovered_signals.qualification_tier", Kind::Text),
    at("user_turns", "metrics_summary.user_turns", Kind::Integer),
    at("provider_errors", "metrics_summary.provider_errors", Kind::Integer),
    at("audio_received_seconds", "metrics_summary.audio_received_seconds", Kind::Number),
    at("audio_published_seconds", "metrics_summary.audio_published_seconds", Kind::Number),
    at("stt_audio_duration", "metrics_summary.stt_audio_duration", Kind::Number),
    at("tts_audio_duration", "metrics_summary.tts_audio_duration", Kind::Number),
    at("tts_characters_count", "metrics_summary.tts_characters_count", Kind::Integer),
    at("llm_prompt_tokens", "metrics_summary.llm_prompt_tokens", Kind::Integer),
    at("llm_prompt_cached_tokens", "metrics_summary.llm_prompt_cached_tokens", Kind::Integer),
    at("llm_completion_tokens", "metrics_summary.llm_completion_tokens", Kind::Integer),
    at("llm_input_text_tokens", "metrics_summary.llm_input_text_tokens", Kind::Integer),
    at("llm_input_cached_text_tokens", "metrics_summary.llm_input_cached_text_tokens", Kind::Integer),
    at("llm_input_audio_tokens", "metrics_summary.llm_input_audio_tokens", Kind::Integer),
    at("llm_input_cached_audio_tokens", "metrics_summary.llm_input_cached_audio_tokens", Kind::Integer),
    at("llm_input_image_tokens", "metrics_summary.llm_input_image_tokens", Kind::Integer),
    at("llm_input_cached_image_tokens", "metrics_summary.llm_input_cached_image_tokens", Kind::Integer),
    at("llm_output_text_tokens", "metrics_summary.llm_output_text_tokens", Kind::Integer),
    at("llm_output_audio_tokens", "metrics_summary.llm_output_audio_tokens", Kind::Integer),
    at("llm_output_image_tokens", "metrics_summary.llm_output_image_tokens", Kind::Integer),
    at("e2e_latency_count", "metrics_summary.latencies.e2e_latency.count", Kind::Integer),
    at("e2e_latency_p50", "metrics_summary.latencies.e2e_latency.p50", Kind::Measured),
    at("e2e_latency_p95", "metrics_summary.latencies.e2e_latency.p95", Kind::Measured),
    at(
        "end_of_utterance_delay_count",
        "metrics_summary.latencies.end_of_utterance_delay.count",
        Kind::Integer,
    ),
    at("end_of_utterance_delay_p50", "metrics_summary.latencies.end_of_utterance_delay.p50", Kind::Measured),
    at("end_of_utterance_delay_p95", "metrics_summary.latencies.end_of_utterance_delay.p95", Kind::Measured),
    at("transcription_delay_count", "metrics_summary.latencies.transcription_delay.count", Kind::Integer),
    at("transcription_delay_p50", "metrics_summary.latencies.transcription_delay.p50", Kind::Measured),
    at("transcription_delay_p95", "metrics_summary.latencies.transcription_delay.p95", Kind::Measured),
    at("llm_ttft_count", "metrics_summary.latencies.llm_ttft.count", Kind::Integer),
    at("llm_ttft_p50", "metrics_summary.latencies.llm_ttft.p50", Kind::Measured),
    at("llm_ttft_p95", "metrics_summary.latencies.llm_ttft.p95", Kind::Measured),
    at("tts_ttfb_count", "metrics_summary.latencies.tts_ttfb.count", Kind::Integer),
    at("tts_ttfb_p50", "metrics_summary.latencies.tts_ttfb.p50", Kind::Measured),
    at("tts_ttfb_p95", "metrics_summary.latencies.tts_ttfb.p95", Kind::Measured),
    at("early_replies", "metrics_summary.early_replies", Kind::Integer),
    at("early_replies_used", "metrics_summary.early_replies_used", Kind::Integer),
    at("llm_discarded_prompt_tokens", "metrics_summary.llm_discarded_prompt_tokens", Kind::Integer),
    at("llm_discarded_completion_tokens", "metrics_summary.llm_discarded_completion_tokens", Kind::Integer),
    at("cost", "metrics_summary.cost", Kind::Number),
    at("cost_currency", "metrics_summary.cost_currency", Kind::Text),
];

/// Where the list of models and their usage stands.
pub(crate) const MODEL_USAGE_PATH: &str = "metrics_summary.model_usage";

/// What the column `model_usage` has of each model: its fields are called as in the payload. New ones are added at the end.
pub(crate) const MODEL_USAGE: [(&str, Kind); 13] = [
    ("type", Kind::Text),
    ("provider", Kind::Text),
    ("model", Kind::Text),
    ("requests", Kind::Integer),
    ("failures", Kind::Integer),
    ("input_tokens", Kind::Integer),
    ("input_cached_tokens", Kind::Integer),
    ("input_audio_tokens", Kind::Integer),
    ("output_tokens", Kind::Integer),
    ("output_audio_tokens", Kind::Integer),
    ("characters_count", Kind::Integer),
    ("audio_duration", Kind::Number),
    ("cost", Kind::Number),
];

impl Column {
    /// Where the count of a [`Kind::Measured`] stands.
    pub(crate) fn count_path(&self) -> String {
        self.path.rsplit_once('.').map_or_else(String::new, |(latency, _)| format!("{latency}.count"))
    }
}

const fn field(name: &'static str, kind: Kind) -> Column {
    at(name, name, kind)
}

const fn at(name: &'static str, path: &'static str, kind: Kind) -> Column {
    Column { name, path, kind }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The paths of all single values in the contract, from its JSON Schema.
    fn contract() -> BTreeSet<String> {
        let schema = schemas::documents::json_schema();
        let mut paths = BTreeSet::new();
        collect(&schema, &schema, "", &mut paths);
        paths
    }

    fn collect(root: &Value, schema: &Value, path: &str, paths: &mut BTreeSet<String>) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        let Some(fields) = schema["properties"].as_object() else {
            let one = |schema: &Value| schema["type"] != "array" && schema["type"] != "object";
            if one(schema) && !schema["type"].as_array().is_some_and(|types| types.contains(&"array".into()))
            {
                paths.insert(path.to_owned());
            }
            return;
        };
        for (name, field) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(root, field, &path, paths);
        }
    }

    #[test]
    fn every_single_value_of_the_contract_has_a_column() {
        let columns: BTreeSet<_> = COLUMNS.iter().map(|column| column.path.to_owned()).collect();
        let mut contract = contract();
        contract.insert("discovered_signals.qualification_tier".to_owned());
        assert_eq!(columns, contract);
        let names: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), COLUMNS.len());
    }

    #[test]
    fn every_value_of_a_models_usage_has_a_field() {
        let schema = schemas::documents::json_schema();
        let mut contract = BTreeSet::new();
        collect(&schema, &schema["$defs"]["ModelUsage"], "", &mut contract);
        let fields: BTreeSet<_> = MODEL_USAGE.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(fields, contract);
        assert_eq!(fields.len(), MODEL_USAGE.len());
    }
}
