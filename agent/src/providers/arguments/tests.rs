//! Which key a provider is given, and what is wrong with a key.

use clap::Parser as _;
use secrecy::ExposeSecret as _;

use super::*;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: ProviderArgs,
}

async fn key_of(base: &str, own: Option<&str>, openai: Option<&str>) -> Result<Option<String>, String> {
    let mut args = vec!["x"];
    args.extend(own.into_iter().flat_map(|key| ["--llm-api-key", key]));
    args.extend(openai.into_iter().flat_map(|key| ["--openai-api-key", key]));
    shown_key(&args, base).await
}

async fn shown_key(args: &[&str], base: &str) -> Result<Option<String>, String> {
    let args = Cli::try_parse_from(args).map_err(|error| error.to_string())?.args;
    let own = args.own(Provider::LanguageModel);
    let key = args.key(Provider::LanguageModel, &own, &base.parse().unwrap()).await;
    let key = key.map_err(|error| format!("{error:#}"))?;
    Ok(key.map(|key| key.now().expose_secret().to_owned()))
}

#[tokio::test]
async fn a_key_may_be_in_a_file_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, " first\n").unwrap();
    let path = file.to_str().unwrap();
    let own = ["x", "--llm-api-key-file", path];
    assert_eq!(shown_key(&own, "http://127.0.0.1:8000").await, Ok(Some("first".to_owned())));
    assert_eq!(shown_key(&["x", "--openai-api-key-file", path], OPENAI).await, Ok(Some("first".to_owned())));
    assert_eq!(shown_key(&["x", "--openai-api-key-file", path], "http://127.0.0.1:8000").await, Ok(None));
    let both = shown_key(&["x", "--llm-api-key", "k", "--llm-api-key-file", path], OPENAI).await.unwrap_err();
    assert!(both.contains("LLM_API_KEY_FILE") && both.contains("both"), "{both}");
    let key = Key::read(SecretSource::File(file.clone())).await.unwrap();
    assert!(!key.read_again().await, "it is the same");
    for broken in ["", " \n", "a\nb"] {
        std::fs::write(&file, broken).unwrap();
        assert!(shown_key(&own, OPENAI).await.is_err(), "{broken:?}");
        assert!(!key.read_again().await);
        assert_eq!(key.now().expose_secret(), "first");
    }
    std::fs::write(&file, "second").unwrap();
    assert!(key.read_again().await);
    assert_eq!(key.now().expose_secret(), "second");
    assert!(
        shown_key(&["x", "--llm-api-key-file", "/no/such/file"], OPENAI)
            .await
            .unwrap_err()
            .contains("/no/such/file")
    );
}

#[tokio::test]
async fn one_key_is_enough_for_openai_and_goes_nowhere_else() {
    assert_eq!(key_of(OPENAI, None, Some("o")).await, Ok(Some("o".to_owned())));
    assert_eq!(key_of(OPENAI, Some("l"), Some("o")).await, Ok(Some("l".to_owned())));
    assert_eq!(key_of(OPENAI, Some(""), Some("o")).await, Ok(Some("o".to_owned())));
    assert_eq!(key_of("http://127.0.0.1:8000", None, Some("o")).await, Ok(None));
    assert_eq!(
        key_of("https://api.groq.com/openai/v1", Some("l"), Some("o")).await,
        Ok(Some("l".to_owned()))
    );
    assert!(key_of(OPENAI, None, None).await.unwrap_err().starts_with("set LLM_API_KEY or OPENAI_API_KEY"));
    let broken = key_of(OPENAI, Some("secret\n"), None).await.unwrap_err();
    assert!(!broken.contains("secret"), "{broken}");
}

#[tokio::test]
async fn a_key_crosses_no_network_in_plain_text() {
    let key = ["x", "--llm-api-key", "secret"];
    for far in ["http://vllm:8000/v1", "http://10.0.0.7:8000"] {
        let refused = shown_key(&key, far).await.unwrap_err();
        assert!(refused.contains("LLM_BASE_URL") && refused.contains(ALLOW_PLAIN_TEXT), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        let allowed = [&key[..], &["--services-allow-plain-text"]].concat();
        assert_eq!(shown_key(&allowed, far).await, Ok(Some("secret".to_owned())));
        assert_eq!(shown_key(&["x"], far).await, Ok(None), "without a key there is nothing to keep secret");
    }
    for near in ["http://127.0.0.1:8000", "http://localhost:8000/v1", "http://[::1]:8000", "https://vllm"] {
        assert_eq!(shown_key(&key, near).await, Ok(Some("secret".to_owned())));
    }
}

#[test]
fn keys_are_neither_shown_nor_required() {
    let args = ["x", "--llm-api-key", "my-own-key", "--llm-temperature", "0.3"];
    let args = Cli::try_parse_from(args).map_err(|error| error.to_string()).unwrap().args;
    assert_eq!(args.llm_temperature, Some(0.3));
    assert!(!format!("{args:?}").contains("my-own-key"));
    assert!(Cli::try_parse_from(["x", "--llm-temperature", "3"]).is_err());
    assert!(Cli::try_parse_from(["x", "--tts-base-url", "nowhere"]).is_err());
}
