//! Which servers of the stack are needed: what a person has elsewhere is not started here.

use super::service::address;
use crate::environment::Environment;

/// Whether one of the three services is at the simulator.
pub fn needs_openai(environment: &Environment) -> bool {
    let Some(simulator) = environment.find("OPENAI_SIMULATOR_URL").map(address) else { return false };
    let is_there = |url: &str| address(url) == simulator;
    // A file may list services of LiveKit Inference beside whatever else there is.
    let listed = environment.find("SERVICES_FILE").and(environment.find("LIVEKIT_INFERENCE_URL"));
    listed.is_some_and(is_there)
        || ["STT", "LLM", "TTS"].iter().any(|part| base_url(environment, part).is_some_and(is_there))
}

/// Whether the rooms are on this machine.
pub fn needs_livekit(environment: &Environment) -> bool {
    let address = environment.find("LIVEKIT_URL").map(address).unwrap_or_default();
    let port = ["127.0.0.1", "[::1]"].iter().find_map(|host| address.strip_prefix(host));
    port.is_some_and(|port| port.is_empty() || port.starts_with(':'))
}

/// Where the settings place a service, as the agent reads them: at its own address, else at OpenAI where there is a key for it,
/// else at LiveKit Inference. What is at its provider's usual address has none here.
fn base_url<'a>(environment: &'a Environment, part: &str) -> Option<&'a str> {
    let own = |name: &str| environment.find(&format!("{part}_{name}"));
    let shared = |name: &str| environment.find(&format!("OPENAI_{name}"));
    let has_key = ["API_KEY", "API_KEY_FILE"].iter().any(|name| own(name).or(shared(name)).is_some());
    let is_at_inference = own("PROTOCOL").map_or(!has_key, |protocol| protocol == "livekit");
    own("BASE_URL").or_else(|| environment.find("LIVEKIT_INFERENCE_URL").filter(|_| is_at_inference))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMULATOR: &str = "http://127.0.0.1:8090/v1";

    fn with(pairs: &[(&str, &str)]) -> Environment {
        let mut environment = Environment::from_iter([("OPENAI_SIMULATOR_URL", SIMULATOR)]);
        for (name, value) in pairs {
            environment.set(name, *value);
        }
        environment
    }

    #[test]
    fn the_simulator_is_needed_where_one_of_the_three_is_there() {
        let gateway = ("LIVEKIT_INFERENCE_URL", SIMULATOR);
        let own =
            ["STT_BASE_URL", "LLM_BASE_URL", "TTS_BASE_URL"].map(|name| (name, "http://localhost:8091/v1"));
        for (pairs, needed) in [
            (vec![], false),
            (vec![gateway], true),
            (vec![gateway, ("OPENAI_API_KEY", "")], true),
            (vec![gateway, ("OPENAI_API_KEY", "sk-x")], false),
            (vec![gateway, ("OPENAI_API_KEY_FILE", "/run/key")], false),
            (vec![gateway, ("OPENAI_API_KEY", "sk-x"), ("SERVICES_FILE", "services.toml")], true),
            (vec![gateway, ("OPENAI_API_KEY", "sk-x"), ("TTS_PROTOCOL", "livekit")], true),
            ([vec![gateway], own.to_vec()].concat(), false),
            (vec![gateway, own[0], own[1]], true),
            (vec![gateway, own[0], own[1], ("TTS_API_KEY", "sk-x")], false),
            (vec![("LLM_BASE_URL", "http://localhost:8090")], true),
            (vec![("LIVEKIT_INFERENCE_URL", "https://agent-gateway.livekit.cloud/v1")], false),
        ] {
            assert_eq!(needs_openai(&with(&pairs)), needed, "{pairs:?}");
        }
        assert!(!needs_openai(&Environment::default()));
    }

    #[test]
    fn a_server_of_rooms_elsewhere_is_not_started_here() {
        for (url, needed) in [
            ("ws://127.0.0.1:7880", true),
            ("ws://localhost:7880", true),
            ("ws://[::1]:7880", true),
            ("ws://127.0.0.1.example.org:7880", false),
            ("wss://project.livekit.cloud", false),
            ("wss://rooms.example.org:7443", false),
        ] {
            assert_eq!(needs_livekit(&with(&[("LIVEKIT_URL", url)])), needed, "{url}");
        }
    }
}
