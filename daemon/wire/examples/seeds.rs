//! Writes what the fuzzers start from: a few real messages, files and texts for each target of `daemon/fuzz`.
//!
//! `cargo run -p polymath-wire --example seeds -- daemon/fuzz/corpus` after a change of the wire format. Files of other names
//! stay: they are inputs that once broke something.

#![expect(clippy::unwrap_used, reason = "the fixtures are the tests', which fail by panicking")]

#[path = "../src/fixtures.rs"]
mod fixtures;

use ed25519_dalek::SigningKey;
use polymath_proto::v1;
use polymath_swarm::audit::{Computed, Evidence, Misfits, Position, Replay, Reported};
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::{Domain, Envelope, PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Receipt, Settlement, Version};
use polymath_swarm::private::{Invitation, SwarmSecret};
use polymath_swarm::sampling::{Sampler, Settings};
use polymath_swarm::task::{Commitment, FinishReason, Message, Offer, TaskError, TokenLogprobs};
use polymath_swarm::trust::{Attestation, Contradiction, Endorsement};
use polymath_wire::advert::{
    AdvertRequest, AdvertResponse, SignedAdvert, encode_card, encode_gossip, encode_status,
};
use polymath_wire::task::{Finish, Packet, Report, Request};
use polymath_wire::{attestation, audit, frame, receipt, task};
use prost::Message as _;
use std::path::{Path, PathBuf};

type Seeds = Vec<(&'static str, Vec<Vec<u8>>)>;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("daemon/fuzz/corpus"), PathBuf::from);
    let all = [adverts(), tasks(), audits(), words(), files(), texts()];
    for (target, seeds) in all.into_iter().flatten() {
        write(&folder.join(target), &seeds)?;
    }
    Ok(())
}

fn write(folder: &Path, seeds: &[Vec<u8>]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (index, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index}")), seed)?;
    }
    Ok(())
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn adverts() -> Seeds {
    let card = encode_card(&fixtures::card("tiny", 1)).unwrap_or_default();
    let mut status = fixtures::status(Sha256Hash::of(&card), 5, 10);
    let bare = encode_status(&status);
    let dns = "/dns4/node.example.org/tcp/4001";
    let circuit = "/ip6/2001:db8::1/udp/4001/quic-v1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit";
    status.addresses = vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned(), dns.to_owned(), circuit.to_owned()];
    let status = encode_status(&status);
    let advert = SignedAdvert {
        card: Envelope::seal(&key(), Domain::Card, card.clone()),
        status: Envelope::seal(&key(), Domain::Status, status.clone()),
    };
    let gossip = encode_gossip(&advert.status);
    let request =
        AdvertRequest { cards: vec![Sha256Hash::of(b"a")], keys: vec![Sha256Hash::of(b"b")] }.encode();
    let response = AdvertResponse { adverts: vec![advert.clone(), advert] }.encode();
    vec![
        ("card", vec![card]),
        ("status", vec![bare, status.clone()]),
        ("gossip", vec![gossip, status]),
        ("adverts", vec![request, response]),
    ]
}

fn messages() -> Vec<Message> {
    let message = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    vec![message("system", "Be brief."), message("user", "What is 2 + 2?")]
}

fn offer() -> Offer {
    Offer {
        task_id: [9; 16],
        card: Sha256Hash([1; 32]),
        messages: messages(),
        sampling: Settings { temperature: 0.7, ..Settings::default() },
        seed: 7,
        max_tokens: 64,
        deadline_ms: 10_000,
        price_micro_max: 5,
        stop: vec!["\n".to_owned()],
        top_logprobs: 2,
        grammar: Some("start: /[0-9]+/".to_owned()),
        private: false,
        continues: vec![1, 2],
    }
}

fn tasks() -> Seeds {
    let offers = [offer(), Offer { private: true, grammar: None, ..offer() }];
    let mut asked: Vec<v1::TaskFrame> =
        offers.into_iter().map(|offer| task::encode_request(Request::Offer(Box::new(offer)))).collect();
    asked.push(task::encode_request(Request::Cancel));
    let logprobs = TokenLogprobs {
        logprob: -0.5,
        top: vec![(5, -0.5), (6, -1.5)],
        pieces: vec![b"4".to_vec(), b"4".to_vec(), b"5".to_vec()],
    };
    let packet = Packet {
        sequence: 0,
        ids: vec![5],
        text: "4".to_owned(),
        logprobs: vec![logprobs],
        running: Sha256Hash([2; 32]),
    };
    let finish = Finish {
        finish_reason: FinishReason::Stop,
        prompt_tokens: 12,
        completion_tokens: 1,
        transcript: Sha256Hash([3; 32]),
        evidence: Some(Sha256Hash([4; 32])),
        run_id: [5; 16],
        signature: [6; 64],
    };
    let failed = TaskError::Failed { code: "deadline".to_owned(), message: "too slow".to_owned() };
    let reports = [
        Report::Accepted { queue_position: 1, price_micro: 3 },
        Report::Tokens(packet),
        Report::Heartbeat { loading: None },
        Report::Heartbeat { loading: Some(43) },
        Report::Done(finish),
        Report::Ended(TaskError::Busy { retry_after_ms: 70 }),
        Report::Ended(failed),
    ];
    let told: Vec<v1::TaskFrame> = reports.into_iter().map(task::encode_report).collect();
    let bytes = |frames: &[v1::TaskFrame]| frames.iter().map(prost::Message::encode_to_vec).collect();
    let stream = |frames: &[v1::TaskFrame]| frames.iter().flat_map(frame::encode).collect();
    let padded = task::padded(told[1].clone(), frame::FRAME_BYTES_MAX);
    vec![
        ("offer", bytes(&asked)),
        ("report", bytes(&[&told[..], &[padded]].concat())),
        ("frames", vec![stream(&asked), stream(&told)]),
    ]
}

fn audits() -> Seeds {
    let replay = Replay::of(&offer(), Sha256Hash([1; 32]), &[5, 6], Some(2));
    let replay = Replay { sampler: Sampler { seed: 7, ..replay.sampler }, ..replay };
    let asked = [audit::Request::Challenge { task_id: [9; 16] }, audit::Request::Replay(Box::new(replay))];
    let reported = |id| Reported { id, steps: 900, top: vec![(id, 900), (id + 1, 1_000)] };
    let position = |place| Position { place, reported: reported(place) };
    let evidence = Evidence {
        prompt: vec![position(3)],
        answer: vec![position(0), position(1)],
        end: Some(reported(2)),
    };
    let computed = Computed {
        evidence: evidence.clone(),
        prompt_tokens: 12,
        misfits: Misfits { out_of_place: 2, beyond_doubt: 1 },
        ends_turn: true,
        text: Sha256Hash([3; 32]),
        stopped: true,
    };
    let refused = TaskError::Refused { code: "unknown_task".to_owned(), message: "no".to_owned() };
    let told = [
        audit::Reply::Opening { evidence, signature: [8; 64] },
        audit::Reply::Replayed(Some(computed)),
        audit::Reply::Replayed(None),
        audit::Reply::Declined(refused),
    ];
    vec![
        ("audit_request", asked.into_iter().map(|a| audit::encode_request(a).encode_to_vec()).collect()),
        ("audit_response", told.into_iter().map(|t| audit::encode_reply(t).encode_to_vec()).collect()),
    ]
}

fn words() -> Seeds {
    let receipt = Receipt {
        task_id: [9; 16],
        asker: PeerKey([1; 32]),
        expert: PeerKey([2; 32]),
        card: Sha256Hash([3; 32]),
        tokens: 7,
        price_micro: 1,
        price_micro_max: 2,
        at_ms: 9,
    };
    let version = Version { receipt, signature: receipt.sign(&key()) };
    let request = receipt::encode_request(&[version, version]).encode_to_vec();
    let refused = Settlement::Refused("not mine".to_owned());
    let settled = vec![Settlement::Countersigned([4; 64]), Settlement::Disputed(version), refused];
    let response = receipt::encode_response(Ok(settled)).encode_to_vec();
    let busy = receipt::encode_response(Err(TaskError::Busy { retry_after_ms: 5 })).encode_to_vec();
    let word = Attestation::Endorsement(Endorsement::sign(&key(), PeerKey([2; 32]), 77, true));
    let commitment = Commitment::sign(&key(), [[3; 16], [9; 16]], Sha256Hash([4; 32]), Sha256Hash([5; 32]));
    let expert = PeerKey(key().verifying_key().to_bytes());
    let proof = Contradiction { expert, commitment, opened: Sha256Hash([6; 32]), opened_signature: [7; 64] };
    let attested = [word, Attestation::Contradiction(proof)].iter().map(attestation::encode).collect();
    vec![
        ("receipts", vec![request, response, busy]),
        ("attestation", attested),
        ("invitation", invitations()),
    ]
}

/// One as it is told, and the content of one, whose checksum the target adds.
fn invitations() -> Vec<Vec<u8>> {
    let address = "/ip4/192.0.2.1/udp/4820/quic-v1";
    let invitation = Invitation {
        name: "family".to_owned(),
        secret: SwarmSecret::new([7; 32]),
        addresses: vec![address.to_owned()],
    };
    let content = [
        &[1, 6][..],
        b"family",
        &[7; 32],
        &u16::try_from(address.len()).unwrap_or_default().to_be_bytes(),
        address.as_bytes(),
    ];
    vec![invitation.encode().as_bytes().to_vec(), content.concat()]
}

fn files() -> Seeds {
    let axis = |axis: usize| {
        Embedding::new(&(0..4).map(|i| if i == axis { 1.0 } else { 0.1 }).collect::<Vec<f32>>())
    };
    let centres: Vec<Embedding> = (0..4).filter_map(axis).collect();
    let codebook = Codebook::from_centres(&centres).map(|codebook| codebook.to_bytes()).unwrap_or_default();
    vec![("codebook", vec![codebook]), ("gguf", vec![gguf()])]
}

/// A header with each kind of thing, and the tensors it speaks of.
fn gguf() -> Vec<u8> {
    let small = |n: u32| n.to_le_bytes().to_vec();
    let number = |n: u64| n.to_le_bytes().to_vec();
    let text = |text: &str| [&number(text.len() as u64)[..], text.as_bytes()].concat();
    let mut file = [b"GGUF".to_vec(), small(3), number(2), number(4)].concat();
    file.extend([text("general.architecture"), small(8), text("llama")].concat());
    file.extend([text("llama.block_count"), small(4), small(2)].concat());
    let tokens = [number(3), text("a"), text("b"), text("")].concat();
    file.extend([text("tokenizer.ggml.tokens"), small(9), small(8), tokens].concat());
    file.extend([text("tokenizer.ggml.scores"), small(9), small(6), number(2), small(0), small(0)].concat());
    file.extend([text("x"), small(2), number(32), number(2), small(1), number(0)].concat());
    file.extend([text("y"), small(1), number(256), small(12), number(128)].concat());
    file.resize(file.len().next_multiple_of(32) + 128 + 144, 7);
    file
}

/// U+0001 divides a question from the one before it and its answer, and a task from what a planner says of it.
fn texts() -> Seeds {
    let prompts = [
        "What is the capital of Peru, and how many letters does it have?",
        "1. Add 3 and 4.\n2. Multiply the result by 2\n3) Translate \"good day\" into French; then spell it backwards.",
        "Name three rivers. Sort them by length, please!\n```\nfn main() {}\n```\nWhat does the code above do?",
        "And how many letters does it have?\u{1}What is the capital of Peru?\u{1}Lima",
    ];
    let proposals = [
        "Peru, capital city? and then Spell it backwards. Thanks!\u{1}1. peru, capital city?\n2. spell it backwards.",
        "Is blorvak a palindrome? And how many letters has quorvimpel\u{1}1. Is blorvka a palindrome\n2. how many letters has quorvimpl",
        "What is the capital of Peru?\u{1}whole",
    ];
    let outputs = [
        "\u{1b}[31mred\u{1b}[0m a\u{1b}]0;title\u{7}b user\u{202e}gpj.exe 👩\u{200d}👧 e\u{301}\u{301}\r\nx\nx\n",
        "a\u{9d}52;c;AAAA\u{9c}b\u{1b}Pq#0\u{1b}\\c\u{1b}(Bd",
    ];
    let veiled = [
        "Write to Ada Byron (ada@example.com, +49 30 123456, 203.0.113.9) about the invoice 4711-00815 of $1,200. Byron pays.",
        "My boss Priya Hale has the key sk-abcdefghijklmnop and the account DE89 3704 0044 0532 0130 00.",
    ];
    let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    vec![
        ("structural", bytes(&prompts)),
        ("proposal", bytes(&proposals)),
        ("output", bytes(&outputs)),
        ("veil", bytes(&veiled)),
    ]
}
