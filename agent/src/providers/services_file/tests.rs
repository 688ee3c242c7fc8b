use clap::Parser as _;

use super::*;
use crate::providers::arguments::{Protocol, ProviderArgs};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: ProviderArgs,
}

fn own(args: &[&str]) -> ServiceSettings {
    own_of(Provider::LanguageModel, args)
}

fn own_of(provider: Provider, args: &[&str]) -> ServiceSettings {
    let args = ["x"].iter().chain(args);
    let cli = Cli::try_parse_from(args).map_err(|error| error.to_string()).unwrap();
    cli.args.own(provider)
}

fn refused(text: &str) -> String {
    format!("{:#}", ServicesFile::parse(text).unwrap_err())
}

#[test]
fn a_list_is_in_its_order_and_takes_what_it_leaves_out_from_the_arguments() {
    let file = ServicesFile::parse(
        r#"
        [[llm]]
        name = "ours"
        base_url = "http://127.0.0.1:8000"
        model = "Qwen/Qwen3-8B"
        extra_body = { chat_template_kwargs = { enable_thinking = false } }

        [[llm]]
        protocol = "openai"
        model = "gpt-4o-mini"
        temperature = 0.1
        "#,
    )
    .unwrap();
    let services = file.services(Provider::LanguageModel, own(&["--llm-temperature", "0.7"])).unwrap();
    assert_eq!(services.len(), 2);
    assert_eq!((services[0].name.as_deref(), services[0].temperature), (Some("ours"), Some(0.7)));
    assert_ne!(services[0].extra_body, services[1].extra_body);
    assert_eq!((services[1].protocol, services[1].temperature), (Some(Protocol::Openai), Some(0.1)));
    // A kind without a list is as the arguments say.
    let speech = file.services(Provider::SpeechToText, own(&["--llm-base-url", "http://x"])).unwrap();
    assert!(speech.len() == 1 && speech[0].is_set());
}

#[test]
fn the_example_can_be_used_and_prices_all_that_it_lists() {
    let file = ServicesFile::parse(include_str!("../../../services.example.toml")).unwrap();
    let prices = file.prices().unwrap();
    for provider in [Provider::SpeechToText, Provider::LanguageModel, Provider::TextToSpeech] {
        let services = file.services(provider, own(&[])).unwrap();
        assert_eq!(services.len(), 2);
        for service in services {
            let name = service.name.clone().unwrap_or_else(|| "openai".to_owned());
            assert!(prices.has(&name, service.model.as_deref().unwrap()), "{service:?}");
        }
    }
}

#[test]
fn a_service_is_set_in_one_place() {
    let file = ServicesFile::parse("[[llm]]\nbase_url = \"http://127.0.0.1:8000\"").unwrap();
    for args in [["--llm-base-url", "http://x"], ["--llm-model", "m"], ["--llm-api-key", "k"]] {
        let error = file.services(Provider::LanguageModel, own(&args)).unwrap_err().to_string();
        assert!(error.contains("LLM_") && error.contains("[[llm]]"), "{error}");
    }
    let file = ServicesFile::parse("[[stt]]\nprotocol = \"livekit\"").unwrap();
    let fallbacks = own_of(Provider::SpeechToText, &["--stt-fallback-models", "cartesia/ink-whisper"]);
    let error = file.services(Provider::SpeechToText, fallbacks).unwrap_err().to_string();
    assert!(error.contains("STT_") && error.contains("[[stt]]"), "{error}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_no_secret() {
    for (text, told) in [
        ("[[llm]]\nmodel = \"m\"", "[[llm]] 1: nothing says where it is"),
        ("[[llm]]\nprotocol = \"openai\"\n\n[[llm]]\nmodel = \"m\"", "[[llm]] 2: nothing"),
        (
            "[[stt]]\nbase_url = \"http://x\"\ntemperature = 1.0",
            "`temperature` is no setting of speech to text",
        ),
        ("[[llm]]\nbase_url = \"http://x\"\nvoice = \"v\"", "`voice` is no setting of the language model"),
        ("[[llm]]\nbase_url = \"nowhere\"", "line 2: wanted an address such as"),
        ("[[llm]]\nprotocol = \"soap\"", "line 2: unknown variant"),
        (
            "[[llm]]\nprotocol = \"openai\"\nextra_body = { model = \"m\" }",
            "\"model\" is set by the conversation",
        ),
        ("[[llm]]\nprotocol = \"openai\"\napi_key = \"sk-secret\"", "line 3: unknown field `api_key`"),
        ("\n[[llm]\napi_key = \"sk-secret\"", "line 2: "),
        ("[[llm]]\nprotocol = \"livekit\"\nextra = { a = 1 }", "`extra` is no setting of the language model"),
        (
            "[[stt]]\nprotocol = \"speaches\"\nfallback_models = [\"m\"]",
            "is for protocol = \"livekit\" alone",
        ),
        ("currency = \"USD\"", "belong together"),
        ("[[price]]\nmodel = \"m\"", "belong together"),
        ("currency = \"USD\"\n[[price]]\nmodel = \"m\"\nminute = -1.0", "no price"),
    ] {
        let error = refused(text);
        assert!(error.contains(told) && !error.contains("sk-secret"), "{text}: {error}");
    }
}

#[test]
fn a_key_comes_from_a_variable_that_is_there() {
    let text = "[[llm]]\nbase_url = \"http://127.0.0.1:8000\"\napi_key_env = \"NO_SUCH_VARIABLE\"";
    let file = ServicesFile::parse(text).unwrap();
    let error = file.services(Provider::LanguageModel, own(&[])).unwrap_err().to_string();
    assert!(error.contains("NO_SUCH_VARIABLE"), "{error}");
}
