//! What the owner of a machine does by way of a running node's REST: a real process, its owner's key, and what holds after a restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use polymath_sdk::Connection;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take here: far beyond what it takes, so that only a hang fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A node process with a page, in a home of its own; killed when dropped.
struct Owned {
    child: Child,
    home: PathBuf,
    address: String,
    key: String,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Nodes of private swarms outlive the one that started them.
        for swarm in std::fs::read_dir(self.home.join("state/swarms")).into_iter().flatten().flatten() {
            let mut stop = Command::new(env!("CARGO_BIN_EXE_daemon"));
            stop.arg("--state-dir").arg(self.home.join("state")).arg("--swarm").arg(swarm.file_name());
            let _ = stop.arg("stop").stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

impl Owned {
    /// A node that serves a copy of the geography expert below `home`.
    async fn start(home: &Path) -> Self {
        let folder = home.join("geography");
        if !folder.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            for name in ["card.toml", "geography.gguf"] {
                std::fs::copy(models().join("experts/geography").join(name), folder.join(name)).unwrap();
            }
        }
        std::fs::write(home.join("settings.toml"), "").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLYMATH_"));
        ours.for_each(|(name, _)| _ = command.env_remove(name));
        command.env("HOME", home).env_remove("XDG_DATA_HOME").env_remove("XDG_STATE_HOME");
        command.arg("--assets").arg(models()).arg("--config").arg(home.join("settings.toml"));
        command.arg("--state-dir").arg(home.join("state")).args(["run", "--no-mdns", "--namespace", "owner"]);
        command.args(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--rest", "127.0.0.1:0"]);
        command.args(["--grpc", "off", "--ws", "off", "--expert"]).arg(&folder);
        let log = std::fs::File::options().append(true).create(true).open(home.join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let state = home.join("state");
        let page = until("the console", async || {
            let text = std::fs::read_to_string(state.join("console.url")).ok()?;
            Connection::unix(&state.join("api.sock")).ok()?.health().await.ok()?;
            Some(text.trim().to_owned())
        });
        let page = page.await;
        let (address, key) = page.split_once("/#key=").unwrap();
        Self { child, home: home.to_owned(), address: address.to_owned(), key: key.to_owned() }
    }

    async fn stop(mut self) {
        Connection::unix(&self.home.join("state/api.sock")).unwrap().shutdown().await.unwrap();
        self.child.wait().unwrap();
        assert!(!self.home.join("state/console.url").exists(), "the address goes with the node");
    }

    async fn call(
        &self,
        key: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = Client::new().request(method, format!("{}/v1/node/{path}", self.address));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// As the owner; what is asked for is done.
    async fn own(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, reply) = self.call(Some(&self.key), method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {reply}");
        reply
    }

    async fn refused(
        &self,
        key: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, String) {
        let (status, reply) = self.call(key, method, path, body).await;
        (status.as_u16(), reply["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Fetches a bundled model and serves it under this id.
    async fn serve(&self, expert: &str, id: &str) {
        let file = models().join(format!("experts/{expert}/{expert}.gguf"));
        let begun = self.own(Method::POST, "pulls", Some(json!({"source": file}))).await;
        until("the model", async || {
            (self.own(Method::GET, "pulls", None).await["data"][0]["state"] == "done").then_some(())
        })
        .await;
        let wish = json!({"pull": begun["id"], "id": id, "description": "Knows a little"});
        self.own(Method::POST, "models", Some(wish)).await;
    }

    /// Ids of the experts that it serves.
    async fn serves(&self) -> Vec<String> {
        let (_, list) = self.call(None, Method::GET, "models", None).await;
        list["data"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn nobody_else_of_the_machine_gets_at_what_is_the_owners() {
    let home = tempfile::tempdir().unwrap();
    let node = Owned::start(home.path()).await;
    let owner_only = (403, "owner_only".to_owned());
    let name = || Some(json!({"name": "family"}));
    for (method, path, body) in [
        (Method::GET, "swarms", None),
        (Method::POST, "swarms", name()),
        (Method::GET, "keys", None),
        (Method::POST, "pulls", Some(json!({"source": "a/b"}))),
        (Method::DELETE, "models/geography", None),
        (Method::PUT, "models/geography/card", Some(json!({}))),
    ] {
        assert_eq!(
            node.refused(None, method.clone(), path, body.clone()).await,
            owner_only,
            "{method} {path}"
        );
        let wrong = Some("pmk_owner_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(node.refused(wrong, method.clone(), path, body).await, owner_only, "{method} {path}");
    }
    // What a program of this machine may do, it may as before.
    assert_eq!(node.serves().await, ["geography"]);
    assert_eq!(node.call(None, Method::GET, "models/geography/card", None).await.0, StatusCode::OK);
    let wish = json!({"name": "phone", "scopes": ["chat"], "rate_per_minute": null});
    let made = node.own(Method::POST, "keys", Some(wish)).await;
    assert!(made["key"].as_str().unwrap().starts_with("pmk_"));
    // From the first key on, the port is closed to those without one.
    until("the closed port", async || {
        (node.refused(None, Method::GET, "models", None).await.0 == 401).then_some(())
    })
    .await;
    let lacks = node.refused(made["key"].as_str(), Method::GET, "swarms", None).await;
    assert_eq!(lacks, (403, "forbidden".to_owned()));
    let listed = node.own(Method::GET, "keys", None).await;
    assert!(listed["data"][0]["key"].is_null(), "{listed}");
    node.own(Method::DELETE, &format!("keys/{}", made["id"].as_str().unwrap()), None).await;
    let first = node.key.clone();
    node.stop().await;
    let again = Owned::start(home.path()).await;
    assert_ne!(first, again.key);
    assert_eq!(again.refused(Some(&first), Method::GET, "swarms", None).await, owner_only);
}

#[tokio::test]
async fn a_private_swarm_is_made_joined_and_left() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (Owned::start(ours.path()).await, Owned::start(theirs.path()).await);
    ours.own(Method::POST, "swarms", Some(json!({"name": "family"}))).await;
    assert_eq!(
        ours.refused(Some(&ours.key), Method::POST, "swarms", Some(json!({"name": "../x"}))).await.0,
        400
    );
    let started = ours.own(Method::POST, "swarms/family/start", None).await;
    assert!(started["console"].as_str().unwrap().contains("/#key=pmk_owner_"), "{started}");
    let invitation = ours.own(Method::POST, "swarms/family/invitation", None).await;
    assert!(!invitation["addresses"].as_array().unwrap().is_empty());
    let joining = json!({"invitation": invitation["invitation"]});
    theirs.own(Method::POST, "swarms/join", Some(joining)).await;
    // The port that follows from the key is taken: both are on one machine.
    theirs.own(Method::POST, "swarms/family/start", None).await;
    let member = Connection::unix(&theirs.home.join("state/swarms/family/api.sock")).unwrap();
    until("members that see each other", async || (member.health().await.ok()?.peers >= 1).then_some(()))
        .await;
    for path in ["swarms/family/rotate", "swarms/family"] {
        let method = if path.ends_with("rotate") { Method::POST } else { Method::DELETE };
        assert_eq!(ours.refused(Some(&ours.key), method, path, None).await, (409, "conflict".to_owned()));
    }
    for node in [&ours, &theirs] {
        let stopped = node.own(Method::POST, "swarms/family/stop", None).await;
        assert_eq!(stopped["running"], false);
    }
    ours.own(Method::POST, "swarms/family/rotate", None).await;
    let renewed = ours.own(Method::POST, "swarms/family/invitation", None).await;
    assert_ne!(renewed["invitation"], invitation["invitation"]);
    theirs.own(Method::DELETE, "swarms/family", None).await;
    assert_eq!(theirs.own(Method::GET, "swarms", None).await["data"], json!([]));
    assert_eq!(theirs.refused(Some(&theirs.key), Method::POST, "swarms/family/start", None).await.0, 404);
}

#[tokio::test]
async fn a_model_is_fetched_served_and_there_again_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let node = Owned::start(home.path()).await;
    let file = models().join("experts/chemistry/chemistry.gguf");
    let begun = node.own(Method::POST, "pulls", Some(json!({"source": file}))).await;
    let pull = format!("pulls/{}", begun["id"]);
    let done = until("the model", async || {
        let list = node.own(Method::GET, "pulls", None).await;
        (list["data"][0]["state"] == "done").then(|| list["data"][0].clone())
    });
    let done = done.await;
    assert_eq!((&done["card"], &done["served"], &done["error"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(done["path"].as_str().unwrap().starts_with(home.path().to_str().unwrap()), "{done}");
    let bare =
        node.refused(Some(&node.key), Method::POST, "models", Some(json!({"pull": begun["id"]}))).await;
    assert_eq!(bare, (400, "invalid".to_owned()));
    let wanted = json!({"pull": begun["id"], "id": "symbols", "description": "Symbols of chemical elements",
        "exemplars": ["What is the symbol for gold?"]});
    node.own(Method::POST, "models", Some(wanted.clone())).await;
    assert_eq!(node.serves().await, ["geography", "symbols"]);
    assert_eq!(node.refused(Some(&node.key), Method::POST, "models", Some(wanted)).await.0, 409);
    let pulled = node.own(Method::GET, "pulls", None).await["data"][0].clone();
    assert!(pulled["served"] == "symbols" && pulled["card"].is_string(), "{pulled}");
    let card = std::fs::read_to_string(pulled["card"].as_str().unwrap()).unwrap();
    let other = json!({"pull": begun["id"], "id": "other", "description": "Something else"});
    assert_eq!(node.refused(Some(&node.key), Method::POST, "models", Some(other)).await.0, 409);
    assert_eq!(std::fs::read_to_string(pulled["card"].as_str().unwrap()).unwrap(), card, "it is overwritten");
    assert_eq!(node.own(Method::POST, "models/symbols/verify", None).await["ok"], true);
    node.own(Method::DELETE, &pull, None).await;
    assert_eq!(node.refused(Some(&node.key), Method::DELETE, &pull, None).await.0, 404);
    let named = node.refused(Some(&node.key), Method::DELETE, "models/geography", None).await;
    assert_eq!(named, (409, "conflict".to_owned()));
    node.stop().await;
    let again = Owned::start(home.path()).await;
    assert_eq!(again.serves().await, ["geography", "symbols"]);
    again.own(Method::DELETE, "models/symbols", None).await;
    assert_eq!(again.serves().await, ["geography"]);
    // Fetched again it has its card, and may have another name all the same.
    let begun = again.own(Method::POST, "pulls", Some(json!({"source": file}))).await;
    until("the model", async || {
        (again.own(Method::GET, "pulls", None).await["data"][0]["state"] == "done").then_some(())
    })
    .await;
    let taken = json!({"pull": begun["id"], "id": "geography", "description": "Symbols"});
    assert_eq!(again.refused(Some(&again.key), Method::POST, "models", Some(taken)).await.0, 409);
    again.own(Method::POST, "models", Some(json!({"pull": begun["id"]}))).await;
    assert_eq!(again.serves().await, ["geography", "symbols"]);
    again.own(Method::DELETE, "models/symbols", None).await;
    let renamed = json!({"pull": begun["id"], "id": "elements", "description": "Symbols"});
    again.own(Method::POST, "models", Some(renamed)).await;
    again.own(Method::DELETE, "models/elements", None).await;
    again.stop().await;
    assert_eq!(Owned::start(home.path()).await.serves().await, ["geography"]);
    let other = tempfile::tempdir().unwrap();
    let failing = Owned::start(other.path()).await;
    let refused =
        failing.refused(Some(&failing.key), Method::POST, "pulls", Some(json!({"source": "no such"})));
    assert_eq!(refused.await, (400, "invalid".to_owned()));
}

#[tokio::test]
async fn what_did_not_load_stays_listed_until_it_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let (model, aside) = (
        home.path().join(".local/share/polymath/models/chemistry/chemistry.gguf"),
        home.path().join("aside.gguf"),
    );
    let node = Owned::start(home.path()).await;
    node.serve("chemistry", "symbols").await;
    node.stop().await;
    // Its disk is not there this time.
    std::fs::rename(&model, &aside).unwrap();
    let node = Owned::start(home.path()).await;
    assert_eq!(node.serves().await, ["geography"]);
    node.serve("numerals", "romans").await;
    node.stop().await;
    std::fs::rename(&aside, &model).unwrap();
    let node = Owned::start(home.path()).await;
    let mut all = node.serves().await;
    all.sort();
    assert_eq!(all, ["geography", "romans", "symbols"], "another was added meanwhile");
    node.stop().await;
    std::fs::rename(&model, &aside).unwrap();
    let node = Owned::start(home.path()).await;
    node.own(Method::DELETE, "models/symbols", None).await;
    assert_eq!(node.refused(Some(&node.key), Method::DELETE, "models/symbols", None).await.0, 404);
    node.stop().await;
    std::fs::rename(&aside, &model).unwrap();
    let mut all = Owned::start(home.path()).await.serves().await;
    all.sort();
    assert_eq!(all, ["geography", "romans"]);
}

#[tokio::test]
async fn one_model_is_compared_at_a_time_and_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let node = Owned::start(home.path()).await;
    let model = home.path().join("geography/geography.gguf");
    let aside = home.path().join("aside.gguf");
    // A model that takes as long to read as we like: it is written by hand.
    std::fs::rename(&model, &aside).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&model).status().unwrap().success());
    let verify = || node.call(Some(&node.key), Method::POST, "models/geography/verify", None);
    // Whoever asks first loses patience: the reading goes on.
    let first = tokio::time::timeout(Duration::from_millis(300), verify()).await;
    assert!(first.is_err(), "{first:?}");
    // The next one is told to wait, unless it became the first, whose reading had not begun.
    let told = until("the second is told to wait", async || {
        tokio::time::timeout(Duration::from_millis(300), verify()).await.ok()
    });
    assert_eq!(told.await.0.as_u16(), 503);
    std::io::copy(
        &mut std::fs::File::open(&aside).unwrap(),
        &mut std::fs::File::options().write(true).open(&model).unwrap(),
    )
    .unwrap();
    std::fs::remove_file(&model).unwrap();
    std::fs::rename(&aside, &model).unwrap();
    let verified = until("the first has been read", async || {
        let (status, body) = verify().await;
        (status.as_u16() != 503).then_some(body)
    });
    assert_eq!(verified.await["ok"], true);
}

#[tokio::test]
async fn a_card_is_tried_out_and_then_changed() {
    let home = tempfile::tempdir().unwrap();
    let node = Owned::start(home.path()).await;
    let prompts = json!(["How tall is the Eiffel tower?", "What is the capital of Chile?"]);
    let mut draft = json!({"description": "Heights of towers and other buildings",
        "exemplars": ["How tall is the Eiffel tower?"], "prompts": prompts});
    let preview = node.call(None, Method::POST, "models/geography/card/preview", Some(draft.clone())).await.1;
    let score = |at: usize| preview["data"][at]["candidates"][0]["score"].as_f64().unwrap();
    assert!(score(0) > 0.9 && score(1) < 0.5, "{preview}");
    assert_eq!(preview["data"][0]["candidates"][0]["edited"], true);
    let now = node.call(None, Method::GET, "models/geography/card", None).await.1;
    assert!(
        now["editable"] == true && now["description"] != draft["description"],
        "nothing has changed: {now}"
    );
    draft["languages"] = json!(["en"]);
    draft["abilities"] = now["abilities"].clone();
    node.own(Method::PUT, "models/geography/card", Some(draft.clone())).await;
    let card = std::fs::read_to_string(home.path().join("geography/card.toml")).unwrap();
    assert!(card.contains("Heights of towers") && card.contains("[training]"), "{card}");
    let known = Client::new().get(format!("{}/v1/swarm/experts", node.address)).send().await.unwrap();
    let known: Value = known.json().await.unwrap();
    assert_eq!(known["data"].as_array().unwrap().len(), 1, "the old card is gone: {known}");
    assert_eq!(known["data"][0]["description"], draft["description"]);
    let long =
        json!({"description": "x".repeat(5_000), "exemplars": [], "languages": [], "abilities": ["chat"]});
    assert_eq!(node.refused(Some(&node.key), Method::PUT, "models/geography/card", Some(long)).await.0, 400);
    assert_eq!(std::fs::read_to_string(home.path().join("geography/card.toml")).unwrap(), card);
    let unknown = node.refused(Some(&node.key), Method::PUT, "models/nobody/card", Some(draft)).await;
    assert_eq!(unknown, (404, "not_found".to_owned()));
}
