use super::*;

fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        model: "m".to_owned(),
        api_key_file: None,
        context_tokens: 512,
        slots: 2,
        queue: 1,
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = Service::open(config("http://127.0.0.1:1/v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "http://127.0.0.1:1/v1: nobody listens there; is the server running?");
    let error = Service::open(config("ftp://127.0.0.1")).await.unwrap_err();
    assert!(error.to_string().contains("http://ADDRESS:PORT"), "{error}");
    let path = std::path::PathBuf::from("/nowhere/key");
    let error = Service::open(Config { api_key_file: Some(path), ..config("http://127.0.0.1:1") }).await;
    assert!(matches!(error, Err(Error::Unreadable { .. })));
}

#[test]
fn each_server_and_model_is_one_of_its_own() {
    let facts = [("http://a", "m"), ("http://a", "n"), ("http://b", "m")]
        .map(|(url, model)| facts(&Config { model: model.to_owned(), ..config(url) }).sha256);
    assert!(facts[0] != facts[1] && facts[0] != facts[2] && facts[1] != facts[2]);
}
