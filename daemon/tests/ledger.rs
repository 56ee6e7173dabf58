//! Receipts between real nodes: what is owed, who may owe it, and `kill -9` on both sides in the midst of ten thousand.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::coordinator::{KnownAccount, Question, TaskStatus};
use polymath::node::Node;
use polymath_sdk::{Ask, Connection, Model, PolymathClient, wire};
use polymath_swarm::ledger::{Account, State};
use sandbox::Running;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A node whose expert has a price.
async fn priced(expert: &str, price_micro: u64, bootstrap: &[String]) -> Running {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&[expert], bootstrap, state.path());
    config.experts[0].price_micro = price_micro;
    config.ledger.credit_micro = 1_000_000;
    config.ask.audit.rate = 0.0;
    config.ask.filter.price_micro = Some(1_000);
    Running { node: Node::start(config).await.unwrap(), state }
}

fn account_with(node: &Running, other: &Running) -> Account {
    let peer = other.node.coordinator().network().peer();
    node.node.coordinator().ledger().account(peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_have_no_credit_and_both_ledgers_say_the_same() {
    let expert = priced("geography", 100, &[]).await;
    let asker = priced("arithmetic", 1, &expert.addresses()).await;
    asker.knows(&["geography"]).await;
    expert.knows(&["arithmetic"]).await;
    const QUESTION: &str = "What is the capital of Peru?";

    // A fresh identity gets nothing that costs something.
    let refused = asker.ask(QUESTION).await;
    let text = format!("{:?}", refused.err());
    assert!(text.contains("no_credit") || text.contains("may owe 0"), "{text}");
    assert_eq!(account_with(&expert, &asker), Account::default());

    let friend = asker.node.coordinator().network().peer();
    expert.node.coordinator().endorse(friend, true).await.unwrap();
    let answered = asker.ask(QUESTION).await.unwrap();
    assert_eq!(answered.results[0].status, TaskStatus::Done);
    sandbox::until("both have signed", async || account_with(&asker, &expert).receipts == 1).await;
    let (taken, given) = (account_with(&asker, &expert), account_with(&expert, &asker));
    assert_eq!((taken.taken_tokens, taken.taken_micro), (given.given_tokens, given.given_micro));
    let tokens = u64::from(answered.results[0].usage.completion_tokens);
    assert_eq!((given.given_tokens, given.given_micro), (tokens, tokens * 100));
    assert_eq!((taken.owed_micro, given.claimed_micro), (0, 0), "nothing is left open");

    let (_, entry) = asker.node.coordinator().ledger().entries(u64::MAX, 1).await.unwrap()[0];
    assert!(matches!(entry.state, State::Settled { .. }));
    assert_eq!(entry.verify(friend), Ok(()));
    let KnownAccount { limit_micro, .. } = expert.node.coordinator().ledger().accounts()[0];
    assert_eq!(limit_micro, 1_000_000);

    let socket = expert.node.socket().to_owned();
    let client: PolymathClient = Connection::unix(&socket).unwrap().into();
    let ledger = client.ledger(10).await.unwrap();
    assert_eq!(ledger.accounts[0].balance_micro, i64::try_from(tokens * 100).unwrap());
    assert_eq!((ledger.receipts[0].side.as_str(), ledger.receipts[0].state.as_str()), ("given", "settled"));
    let thought_of: Vec<_> = client.reputation().await.unwrap().into_iter().map(|of| of.endorsed).collect();
    assert_eq!(thought_of, [true]);
    assert!(client.audits(10).await.unwrap().is_empty());

    // Who is owed need not be trusted: it takes what it has given.
    let question = Question { max_tokens: Some(200), ..Question::new("What is 20 plus 22?") };
    let paid = expert.ask_with(question).await;
    let paid = paid.unwrap_or_else(|error| panic!("{error}: the expert has given, so it may take"));
    assert_eq!(paid.results[0].status, TaskStatus::Done);
}

/// A node process; killed when dropped.
struct Process {
    child: Child,
    state: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    fn start(state: &Path, expert: Option<&str>, (listen, bootstrap): (&str, &str)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLYMATH_"));
        ours.for_each(|(name, _)| _ = command.env_remove(name));
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        command.arg("--assets").arg(&models).arg("--config").arg(state.join("settings.toml"));
        command.arg("--state-dir").arg(state).args(["run", "--no-mdns", "--namespace", "ledger"]);
        command.args(["--listen", listen, "--bootstrap", bootstrap]);
        command.args(["--rest", "off", "--grpc", "off", "--ws", "off"]);
        if let Some(expert) = expert {
            command.arg("--expert").arg(models.join("experts").join(expert));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), state: state.to_owned() }
    }

    /// SIGKILL. Gone already is as good.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn connection(&self) -> Connection {
        Connection::unix(&self.state.join("api.sock")).unwrap()
    }

    /// Every receipt and the account with the only other node; `None` while the node does not answer.
    async fn ledger(&self) -> Option<(BTreeMap<String, wire::LedgerEntry>, wire::Account)> {
        let connection = self.connection();
        let (mut all, mut before) = (BTreeMap::new(), 0);
        loop {
            let page = connection.ledger(before, 1_000).await.ok()?;
            let account = page.accounts.first().cloned().unwrap_or_default();
            for entry in &page.entries {
                let twice = all.insert(entry.id.clone(), entry.clone());
                assert!(twice.is_none(), "{} is kept twice", entry.id);
            }
            match page.entries.last() {
                Some(last) if last.number > 1 => before = last.number,
                _ => return Some((all, account)),
            }
        }
    }
}

fn settled(ledger: &BTreeMap<String, wire::LedgerEntry>) -> BTreeSet<String> {
    ledger.values().filter(|entry| entry.state == "settled").map(|entry| entry.id.clone()).collect()
}

/// Receipts that both sides sign in the midst of the killing.
const RECEIPTS: usize = 10_000;
/// Questions at once.
const WORKERS: usize = 12;
/// How long a node lives at the least, from its first answer on.
const LIFE: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_receipt_is_lost_and_none_counts_twice() {
    let folder = tempfile::tempdir().unwrap();
    let states = ["asker", "expert"].map(|name| folder.path().join(name));
    for state in &states {
        std::fs::create_dir(state).unwrap();
        std::fs::write(state.join("settings.toml"), "[audit]\nrate = 0.0\n").unwrap();
    }
    let addresses = [(); 2].map(|()| format!("/ip4/127.0.0.1/udp/{}/quic-v1", sandbox::free_port()));
    let start = |which: usize| {
        let expert = (which == 1).then_some("numerals");
        Process::start(&states[which], expert, (&addresses[which], &addresses[1 - which]))
    };
    let mut nodes = [start(0), start(1)];

    let (answered, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let socket = states[0].join("api.sock");
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (answered, over, socket) = (answered.clone(), over.clone(), socket.clone());
            tokio::spawn(async move {
                let client: PolymathClient = Connection::unix(&socket).unwrap().into();
                for number in 0_usize.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let prompt = format!("Write {} in Roman numerals", 1 + (number * 7 + worker) % 3_000);
                    let ask = Ask {
                        model: Model::Expert("numerals".to_owned()),
                        max_tokens: Some(2),
                        ..Ask::new(prompt)
                    };
                    match client.ask_with(ask).await {
                        Ok(_) => _ = answered.fetch_add(1, Ordering::Relaxed),
                        // One of the two is dead at the moment.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            })
        })
        .collect();

    let began = Instant::now();
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let (mut kills, mut before) = (0, 0);
    while acknowledged.len() < RECEIPTS {
        // It works again, for a while; and what it says to be settled by then is settled for ever.
        let count = answered.load(Ordering::Relaxed);
        assert!(began.elapsed() < Duration::from_secs(900), "{} of {RECEIPTS}", acknowledged.len());
        tokio::time::sleep(LIFE / 5).await;
        if count == before {
            continue;
        }
        tokio::time::sleep(LIFE).await;
        for node in &nodes {
            if let Some((ledger, _)) = node.ledger().await {
                acknowledged.extend(settled(&ledger));
            }
        }
        before = answered.load(Ordering::Relaxed);
        let which = kills % 2;
        nodes[which].kill();
        nodes[which] = start(which);
        kills += 1;
    }
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    let mut last = None;
    sandbox::until("everything that is owed is signed by both", async || {
        let (Some(taken), Some(given)) = (nodes[0].ledger().await, nodes[1].ledger().await) else {
            return false;
        };
        let is_over = taken.0.values().all(|entry| entry.state == "settled");
        last = Some((taken, given));
        is_over
    })
    .await;
    let ((taken, debtor), (given, creditor)) = last.unwrap();
    let (askers, experts) = (settled(&taken), settled(&given));
    assert_eq!(askers, experts, "both sides hold the same");
    let lost: Vec<&String> = acknowledged.difference(&experts).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let tokens: u64 = experts.iter().map(|id| u64::from(given[id].tokens)).sum();
    assert_eq!(creditor.given_tokens, tokens, "none counts twice");
    assert_eq!((debtor.taken_tokens, debtor.receipts), (creditor.given_tokens, creditor.receipts));
    assert_eq!(debtor.receipts as usize, askers.len());
    println!(
        "{} receipts settled, {kills} kills, {} answers, {} claims that the asker forgot in a crash, {:.0} s",
        askers.len(),
        answered.load(Ordering::Relaxed),
        given.len() - experts.len(),
        began.elapsed().as_secs_f64(),
    );
}
