//! Second opinions: three experts of one domain that learnt it apart, on nodes of their own or on one.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::catalog;
use polymath::config::Config;
use polymath::coordinator::{Error, Opinion, Question, TaskStatus};
use polymath::node::Node;
use polymath_sdk::{Ask, Model, PolymathClient};
use sandbox::{Asked, Running, assets};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const SEEDS: [&str; 3] = ["arithmetic_a", "arithmetic_b", "arithmetic_c"];

fn ensemble() -> Vec<PathBuf> {
    SEEDS.iter().map(|id| assets().ensembles_dir().join(id).join(catalog::CARD_NAME)).collect()
}

async fn hosting(cards: Vec<PathBuf>, bootstrap: &[String]) -> Running {
    hosting_with(cards, bootstrap, |_| {}).await
}

async fn hosting_with(
    cards: Vec<PathBuf>,
    bootstrap: &[String],
    change: impl FnOnce(&mut Config),
) -> Running {
    let state = tempfile::tempdir().unwrap();
    let mut config = Config::embedded(&assets(), cards, state.path());
    config.network.bootstrap = bootstrap.to_vec();
    change(&mut config);
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    (config.api.rest, config.api.grpc, config.api.ws) = (any, any, any);
    Running { node: Node::start(config).await.unwrap(), state }
}

fn asking(experts: u32, prompt: &str) -> Question {
    Question { experts: Some(experts), ..Question::new(prompt) }
}

/// Asks, and twice more at the most where opinions are missing: only so long are they waited for, and a machine that does other things may
/// need longer.
async fn ask_until(node: &Running, question: Question, is_whole: impl Fn(&Asked) -> bool) -> Asked {
    for _ in 0..2 {
        let asked = node.ask_with(question.clone()).await.unwrap();
        if is_whole(&asked) {
            return asked;
        }
    }
    node.ask_with(question).await.unwrap()
}

/// Whether the first task got so many opinions.
fn has(opinions: usize) -> impl Fn(&Asked) -> bool {
    move |asked| asked.results[0].consensus.as_ref().is_some_and(|c| c.opinions.len() == opinions)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_experts_vote_and_who_answered_otherwise_is_said() {
    let node = hosting(ensemble(), &[]).await;
    let mut contested = 0;
    // Products of two digits each are where these experts slip.
    for (a, b) in (37..=93).step_by(8).flat_map(|a| (46..=88).step_by(14).map(move |b| (a, b))) {
        let question = asking(3, &format!("What is {a} times {b}?"));
        let asked = ask_until(&node, question, has(3)).await;
        let [result] = &asked.results[..] else { panic!("one task") };
        let consensus = result.consensus.as_ref().unwrap();
        let ids: std::collections::BTreeSet<&str> =
            consensus.opinions.iter().map(|o| o.expert.advert.card.id.as_str()).collect();
        assert_eq!(ids.len(), 3, "{ids:?}");
        assert!(consensus.opinions.iter().all(|o| o.logprob_mean.is_some_and(|mean| mean <= 0.0)));
        let standing = consensus.opinions.iter().filter(|o| o.agrees).collect::<Vec<_>>();
        assert!(standing.iter().all(|o| o.answer == result.result), "{:?}", asked.answer.text);
        let others = consensus.opinions.iter().filter(|o| !o.agrees).collect::<Vec<_>>();
        assert_eq!(others.is_empty(), !asked.answer.text.contains("answered otherwise"));
        assert!(others.iter().all(|o| asked.answer.text.contains(&o.answer)), "{}", asked.answer.text);
        // Nobody outvotes two who agree.
        let agreed = |answer: &str| consensus.opinions.iter().filter(|o| o.answer == answer).count() > 1;
        let majority = consensus.opinions.iter().find(|o| agreed(&o.answer));
        assert!(majority.is_none_or(|o| o.answer == result.result), "{:?}", consensus.opinions);
        assert!(asked.streamed.ends_with(&result.result) || asked.streamed.contains(&result.result));
        contested += usize::from(!others.is_empty());
    }
    assert!(contested > 0, "three undertrained experts never disagreed");
    // What they say of each other is counted, a little, off the answer's path.
    let seen = async {
        loop {
            let asked = node.ask_with(asking(3, "What is 37 times 46?")).await.unwrap();
            let Some(consensus) = asked.results[0].consensus.as_ref() else { continue };
            let counted = |o: &Opinion| o.expert.factors.outcomes.count() > 0.0;
            if consensus.opinions.len() == 3 && consensus.opinions.iter().all(counted) {
                return;
            }
        }
    };
    tokio::time::timeout(sandbox::PATIENCE, seen).await.expect("cross-checks are counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_names_no_number_pays_for_one_expert() {
    let node = hosting(ensemble(), &[]).await;
    let asked = node.ask("What is 37 plus 48?").await.unwrap();
    assert!(asked.results[0].consensus.is_none() && asked.results[0].logprob_mean.is_none());
    let one = node.ask_with(asking(1, "What is 37 plus 48?")).await.unwrap();
    assert!(one.results[0].consensus.is_none());
    let three = ask_until(&node, asking(3, "What is 37 plus 48?"), has(3)).await;
    let spent = |asked: &Asked| asked.answer.usage.completion_tokens;
    assert!(spent(&three) > 2 * spent(&one), "{} and {}", spent(&three), spent(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opinion_that_comes_too_late_costs_nobody_the_answer() {
    let quick = hosting(ensemble()[..2].to_vec(), &[]).await;
    let limit = |config: &mut Config| config.experts[0].tokens_per_second = 1;
    let _slow = hosting_with(ensemble()[2..].to_vec(), &quick.addresses(), limit).await;
    sandbox::until("all are known", async || quick.node.coordinator().experts().len() == 3).await;
    let mut judged = 0;
    for a in 37..60 {
        // Shorter than second opinions are waited for.
        let question = Question { deadline_ms: Some(1_500), ..asking(3, &format!("What is {a} times 46?")) };
        let asked = match quick.ask_with(question).await {
            // The slow one was drawn to answer first.
            Err(Error::Deadline { .. }) => continue,
            asked => asked.unwrap(),
        };
        // On a machine that does other things the second of the quick ones may be late as well.
        let Some(consensus) = asked.results[0].consensus.as_ref() else { continue };
        let given: Vec<&str> = consensus.opinions.iter().map(|o| o.expert.advert.card.id.as_str()).collect();
        assert!(!given.contains(&SEEDS[2]), "{given:?}");
        judged += usize::from(given.len() == 2);
        if judged == 3 {
            break;
        }
    }
    assert!(judged > 0, "no question was answered, and judged, before its time was over");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_come_first_and_the_least_sure_of_them_gets_the_opinions() {
    let node = hosting(ensemble(), &[]).await;
    let asked_of = |asked: &Asked| -> Vec<usize> {
        asked.results.iter().map(|r| r.consensus.as_ref().map_or(1, |c| c.opinions.len())).collect()
    };
    // Equals are drawn: the two tasks have gone to one expert or to two, and what that leaves of three is spent.
    let expected = |asked: &Asked| {
        let firsts = asked.planned.tasks.iter().map(|t| t.candidates[0].advert.card.id.as_str());
        2 + 3 - firsts.collect::<BTreeSet<&str>>().len()
    };
    let is_whole = |asked: &Asked| asked_of(asked).iter().sum::<usize>() == expected(asked);
    let asked = ask_until(&node, asking(3, "What is 3 plus 4? What is 87 times 68?"), is_whole).await;
    assert_eq!(asked.results.len(), 2);
    assert!(asked.results.iter().all(|r| r.status == TaskStatus::Done));
    assert!(is_whole(&asked), "{:?} where there should be {}", asked_of(&asked), expected(&asked));
    let sure = |at: usize| asked.results[at].consensus.is_none();
    assert!(sure(0) != sure(1), "the opinions went to the less sure task: {:?}", asked_of(&asked));
    assert!(asked.answer.text.starts_with("1. ") && asked.answer.text.contains("\n2. "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependent_task_gets_the_result_that_stands() {
    let node = hosting(ensemble(), &[]).await;
    let asked = node.ask_with(asking(3, "What is 41 plus 58? Multiply it by 3.")).await.unwrap();
    assert_eq!(asked.planned.tasks[1].task.depends_on, [1]);
    let first = asked.results.iter().find(|r| r.id == 1).unwrap();
    let second = asked.results.iter().find(|r| r.id == 2).unwrap();
    assert!(second.text.contains(&first.result), "{} in {}", first.result, second.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matters_much_is_asked_of_two() {
    let node = hosting(ensemble(), &[]).await;
    let asked = Question { high_priority: true, ..Question::new("What is 67 times 58?") };
    let answered = ask_until(&node, asked, has(2)).await;
    let consensus = answered.results[0].consensus.as_ref().unwrap();
    assert_eq!(consensus.opinions.len(), 2);
    let without = node.ask("What is 67 times 58?").await.unwrap();
    assert!(without.results[0].consensus.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_model_on_another_node_is_asked_last_and_has_one_voice() {
    let first = hosting(ensemble(), &[]).await;
    let again = hosting(ensemble()[..1].to_vec(), &first.addresses()).await;
    sandbox::until("both nodes' experts are known", async || first.node.coordinator().experts().len() == 4)
        .await;
    let asked = ask_until(&first, asking(4, "What is 29 times 74?"), has(4)).await;
    let opinions = &asked.results[0].consensus.as_ref().unwrap().opinions;
    assert_eq!(opinions.len(), 4);
    let last = &opinions[3].expert.advert.card.model.sha256;
    assert!(opinions[..3].iter().any(|o| o.expert.advert.card.model.sha256 == *last));
    drop(again);
}

/// A card for a bundled model under another name.
fn writer(folder: &Path, model: &str, id: &str, abilities: &str) -> PathBuf {
    let bundled = assets().experts_dir().join(model);
    let beside = folder.join(id);
    std::fs::create_dir(&beside).unwrap();
    std::fs::copy(bundled.join(format!("{model}.gguf")), beside.join("model.gguf")).unwrap();
    let own = std::fs::read_to_string(bundled.join(catalog::CARD_NAME)).unwrap();
    let hash = own.lines().find(|line| line.starts_with("sha256")).unwrap();
    let card = format!(
        "id = \"{id}\"\ndescription = \"Splits a prompt into its tasks.\"\nlicence = \"MIT\"\n\
         abilities = {abilities}\n[model]\nfile = \"model.gguf\"\n{hash}\nmax_context = 512\ntemperature = 0.0\n"
    );
    std::fs::write(beside.join(catalog::CARD_NAME), card).unwrap();
    beside.join(catalog::CARD_NAME)
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_go_to_an_aggregator_or_to_the_one_nearest_to_all() {
    let folder = tempfile::tempdir().unwrap();
    // The planner's long lines are no values, as other models' texts.
    let two = ["one", "two"].map(|id| writer(folder.path(), "planner", id, "[\"chat\"]"));
    // Whatever it says: it says something, and repeats no quotation.
    let aggregator = writer(folder.path(), "geography", "editor", "[\"aggregator\"]");
    let prompt =
        "Split this prompt into its tasks: what is the capital of France, then what is the sum of 17 and 26";
    let whole = || Question { whole: true, ..asking(2, prompt) };

    let without = hosting(two.to_vec(), &[]).await;
    let asked = ask_until(&without, whole(), has(2)).await;
    let consensus = asked.results[0].consensus.as_ref().unwrap();
    assert_eq!((consensus.method.name(), consensus.opinions.len()), ("centroid", 2), "{}", asked.answer.text);

    let with = hosting([&two[..], &[aggregator]].concat(), &[]).await;
    let is_edited =
        |asked: &Asked| asked.results[0].consensus.as_ref().is_some_and(|c| c.method.name() == "synthesise");
    let asked = ask_until(&with, whole(), is_edited).await;
    let result = &asked.results[0];
    let consensus = result.consensus.as_ref().unwrap();
    assert_eq!(consensus.method.name(), "synthesise", "{}", asked.answer.text);
    assert_eq!(result.expert.as_ref().unwrap().advert.card.id, "editor");
    assert!(consensus.opinions.iter().all(|o| o.expert.advert.card.id != "editor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interface_says_where_the_others_stand() {
    let node = hosting(ensemble(), &[]).await;
    let ways = [
        PolymathClient::builder().unix(node.node.socket()),
        PolymathClient::builder().rest(format!("http://{}/v1", node.rest())),
        PolymathClient::builder().grpc(format!("http://{}", node.grpc())),
        PolymathClient::builder().web_socket(format!("ws://{}", node.ws())),
    ];
    for (way, name) in ways.into_iter().zip(["unix", "rest", "grpc", "ws"]) {
        let ask = Ask { model: Model::Swarm { experts: Some(3) }, ..Ask::new("What is 67 times 58?") };
        let client = way.build().unwrap();
        let mut answer = client.ask_with(ask.clone()).await.unwrap();
        for _ in 0..2 {
            if answer.tasks[0].finished.consensus.as_ref().is_none_or(|c| c.opinions.len() < 3) {
                answer = client.ask_with(ask.clone()).await.unwrap();
            }
        }
        let consensus =
            answer.tasks[0].finished.consensus.as_ref().unwrap_or_else(|| panic!("{name}: {answer:?}"));
        assert_eq!((consensus.method.as_str(), consensus.opinions.len()), ("vote", 3));
        assert!(consensus.agreement > 0.0 && consensus.opinions.iter().all(|o| o.weight > 0.0));
        let standing = consensus.opinions.iter().find(|o| o.agrees).unwrap();
        assert_eq!(standing.answer, answer.tasks[0].result());
        assert_eq!(answer.text.contains("answered otherwise"), consensus.opinions.iter().any(|o| !o.agrees));
    }
}
