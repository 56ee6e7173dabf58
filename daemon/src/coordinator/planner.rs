//! From a question to its plan: by form, by who could do the parts, and where that leaves it open by an expert with
//! the ability `planner`.
//!
//! The planner is asked about one task's text at a time, in its own words or not at all: it gets no conversation, its
//! answer is bound by a grammar, and what it says counts only as far as the text bears it out
//! (`swarm::plan::proposal`) and some expert fits each part. On any fault, one retry later, the plan stands as it was.

use super::{Candidate, Error, Inner, dispatch, route};
use crate::network::task::Loading;
use futures::StreamExt as _;
use polymath_swarm::plan::{Demands, Doubts, Fit, Plan, TASKS_MAX, proposal};
use polymath_swarm::sampling::Settings;
use polymath_swarm::score::{self, Filter, Query};
use polymath_swarm::task::{Message, Offer, TaskError, TaskEvent};
use std::time::{Duration, Instant};

/// The ability of experts that cut prompts.
pub(super) const PLANNER: &str = "planner";
/// Tasks of one prompt that a planner is asked about.
const ASKED_MAX: usize = 2;
/// Attempts: the second is drawn with another seed, and by another planner if there is one.
const ATTEMPTS: usize = 2;
/// How long one attempt may take: longer than a small planner needs, shorter than people wait for a plan.
const ATTEMPT_MS_MAX: u32 = 1_500;
/// How long all attempts for one question may take together: a slow planner costs no more, however many doubts.
const PROPOSALS_TIME_MAX: Duration = Duration::from_secs(3);
/// Tokens of a proposal: the task again, and its numbering.
const TOKENS_MAX: u32 = 512;
/// Bytes of a proposal that are kept: the task once, with a number before each of its parts.
const ANSWER_BYTES_MAX: usize = proposal::PROPOSED_BYTES_MAX + TASKS_MAX * 8;
/// Temperature of the second attempt; the first takes the likeliest token each time.
const RETRY_TEMPERATURE: f32 = 0.5;

impl Inner {
    /// The plan by all means there are, starting from the one by form.
    pub(super) async fn settled(&self, plan: Plan, filter: &Filter) -> Result<Plan, Error> {
        let doubts = Doubts::of(&plan);
        if doubts.is_empty() {
            return Ok(plan);
        }
        // A single expert fits all parts alike: nothing to embed them for.
        let mut plan = if self.router.has_choice() {
            let fits = self.fits(doubts.spans(), filter).await?;
            doubts.settle(&plan, &fits, Demands::default())
        } else {
            plan
        };
        // From the last to the first: a cut moves the ids behind it.
        let open = Doubts::of(&plan).open();
        let until = Instant::now() + PROPOSALS_TIME_MAX;
        for id in open.into_iter().rev().take(ASKED_MAX) {
            match tokio::time::timeout_at(until.into(), self.proposed(&plan, id, filter)).await {
                Ok(proposed) => plan = proposed?.unwrap_or(plan),
                Err(_) => break,
            }
        }
        Ok(plan)
    }

    /// The plan with the task cut as a planner proposes; None where there is none or nobody believes it.
    async fn proposed(&self, plan: &Plan, id: u32, filter: &Filter) -> Result<Option<Plan>, Error> {
        let Some(text) = plan.task(id).map(|task| &task.text) else { return Ok(None) };
        if text.len() > proposal::PROPOSED_BYTES_MAX {
            return Ok(None);
        }
        let planners = self.router.with_ability(PLANNER, filter);
        for attempt in 0..ATTEMPTS.min(planners.len() * ATTEMPTS) {
            let planner = &planners[attempt % planners.len()];
            let answer = match self.propose(planner, text, attempt).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(%error, expert = %planner.advert.card.id, "no proposal");
                    continue;
                }
            };
            let Some(parts) = proposal::parts(text, &answer) else { return Ok(None) };
            let cut = proposal::apply(plan, id, &parts);
            return Ok(if self.have_experts(&parts, filter).await? { cut } else { None });
        }
        Ok(None)
    }

    /// Whether some expert fits each part: what nobody can do alone is not cut out of what somebody can. Where all
    /// parts are one expert's, as the whole was, nothing but the planner speaks for the cut; then the parts' form
    /// must bear it out too.
    async fn have_experts(&self, parts: &[&str], filter: &Filter) -> Result<bool, Error> {
        let fits = self.fits(parts.to_vec(), filter).await?;
        let best: Vec<_> = fits.into_iter().filter_map(|fits| fits.into_iter().next()).collect();
        let fit = best.len() == parts.len() && best.iter().all(|(_, competence)| score::fits(*competence));
        let different = best.windows(2).any(|pair| pair[0].0 != pair[1].0);
        Ok(fit && (different || proposal::is_evident(parts)))
    }

    /// How well the known experts fit each text, by meaning alone.
    async fn fits(&self, texts: Vec<&str>, filter: &Filter) -> Result<Vec<Vec<Fit<String>>>, Error> {
        let texts = texts.into_iter().map(route::without_placeholders).collect();
        let queries: Vec<Query> =
            self.encoder.embed(texts).await?.into_iter().map(Query::by_meaning).collect();
        Ok(self.router.fits(&queries, filter))
    }

    async fn propose(&self, planner: &Candidate, text: &str, attempt: usize) -> Result<String, TaskError> {
        let temperature = if attempt == 0 { 0.0 } else { RETRY_TEMPERATURE };
        let offer = Offer {
            task_id: rand::random(),
            card: planner.advert.card_hash,
            messages: vec![Message { role: "user".to_owned(), content: text.to_owned() }],
            sampling: Settings { temperature, ..Settings::default() },
            seed: attempt as u64,
            max_tokens: TOKENS_MAX,
            deadline_ms: ATTEMPT_MS_MAX,
            price_micro_max: planner.advert.status.price_micro,
            stop: Vec::new(),
            top_logprobs: 0,
            grammar: Some(proposal::PROPOSAL_GRAMMAR.to_owned()),
            private: false,
            continues: Vec::new(),
        };
        let answering = async {
            let mut events = dispatch::open(self, planner, offer, Loading::default()).await?;
            let mut answer = String::new();
            while let Some(event) = events.next().await {
                // Its pieces are the text's own, so a longer answer is none.
                if answer.len() > ANSWER_BYTES_MAX {
                    return Ok(String::new());
                }
                match event? {
                    TaskEvent::Tokens { text, .. } => answer.push_str(&text),
                    TaskEvent::Done { .. } => return Ok(answer),
                    TaskEvent::Accepted { .. } => {}
                }
            }
            Err(TaskError::Unreachable("the stream ended before the proposal did".to_owned()))
        };
        let late = Duration::from_millis(u64::from(ATTEMPT_MS_MAX));
        let silent = |_| TaskError::Unreachable("no proposal in time".to_owned());
        tokio::time::timeout(late, answering).await.map_err(silent)?
    }
}
