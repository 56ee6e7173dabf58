//! From a task's answers to the one that stands.

use super::Draft;
use crate::coordinator::run::{Run, Show};
use crate::coordinator::{Candidate, Consensus, Event, Opinion, TaskResult, TaskStatus, Usage};
use polymath_swarm::aggregate::synthesis::{self, AGGREGATOR, Part};
use polymath_swarm::aggregate::{self, Method, Verdict};

impl Run<'_> {
    /// Decides what stands, and tells its text.
    pub(super) async fn decide(&self, mut draft: Draft) -> Draft {
        let first = draft.result;
        let mut answers: Vec<TaskResult> = Vec::with_capacity(1 + draft.opinions.len());
        let mut spent = first.clone();
        if first.status == TaskStatus::Done {
            answers.push(first);
        }
        for opinion in draft.opinions.drain(..) {
            spent.usage = spent.usage.plus(opinion.usage);
            // Where the first expert failed, its stand-in may have been asked for an opinion as well.
            if !answers.iter().any(|held| same_expert(held, &opinion)) {
                answers.push(opinion);
            }
        }
        let mut result = match answers.len() {
            0 => spent.clone(),
            1 => answers.swap_remove(0),
            _ => {
                let (standing, more) = self.consensus(answers).await;
                spent.usage = spent.usage.plus(more);
                standing
            }
        };
        result.usage = spent.usage;
        result.first_token = spent.first_token.or(result.first_token);
        result.total = draft.started.elapsed();
        if result.status == TaskStatus::Done {
            let text = Event::Text { id: result.id, text: result.answer.clone(), logprobs: Vec::new() };
            // A reader that left is noticed by `ask`.
            let _ = self.events.send(Ok(text)).await;
        }
        Draft { result, decided: true, ..draft }
    }

    /// The one answer of several, with everybody's, and the tokens that took.
    async fn consensus(&self, mut answers: Vec<TaskResult>) -> (TaskResult, Usage) {
        let weighed: Vec<aggregate::Opinion> = answers.iter().filter_map(weighed).collect();
        let aggregators = self.inner.router.with_ability(AGGREGATOR, &self.limits.filter);
        let mut method = Method::for_answers(&weighed, !aggregators.is_empty());
        let verdict = match method {
            Method::Vote => None,
            Method::Centroid | Method::Synthesise => self.nearest(&weighed).await,
        };
        let verdict = verdict.or_else(|| aggregate::vote(&weighed)).unwrap_or_default();
        let opinions = opinions(&answers, &weighed, &verdict);
        let written = match method {
            Method::Synthesise => {
                let writing = self.synthesis(&answers, &aggregators);
                tokio::time::timeout(self.time_to_improve(), writing).await.ok().flatten()
            }
            _ => None,
        };
        if method == Method::Synthesise && written.is_none() {
            method = Method::Centroid;
        }
        let consensus = Consensus { method, agreement: verdict.agreement, opinions };
        let mut standing = answers.swap_remove(verdict.chosen.min(answers.len() - 1));
        let more = written.as_ref().map_or_else(Usage::default, |w| w.usage);
        if let Some(written) = written {
            standing = TaskResult { id: standing.id, text: standing.text, ..written };
        }
        standing.consensus = Some(consensus);
        (standing, more)
    }

    async fn nearest(&self, opinions: &[aggregate::Opinion<'_>]) -> Option<Verdict> {
        let texts = opinions.iter().map(|opinion| opinion.answer.to_owned()).collect();
        match self.inner.encoder.embed(texts).await {
            Ok(embeddings) => aggregate::centroid(opinions, &embeddings),
            Err(error) => {
                tracing::info!(%error, "opinions could not be compared by meaning");
                None
            }
        }
    }

    /// An aggregator's text of the answers, if one writes a text to be believed.
    async fn synthesis(&self, answers: &[TaskResult], aggregators: &[Candidate]) -> Option<TaskResult> {
        let task = answers.first()?.text.as_str();
        let parts: Vec<Part> = answers
            .iter()
            .filter_map(|a| {
                Some(Part { task, expert: &a.expert.as_ref()?.advert.card.id, answer: &a.result })
            })
            .collect();
        for aggregator in aggregators.iter().take(AGGREGATORS_ASKED_MAX) {
            let mut written = TaskResult::unasked(0, synthesis::prompt(task, &parts));
            match self.with_history(&mut written, aggregator, (Show::Nothing, None)).await {
                Ok(()) if synthesis::is_faithful(&written.result, &parts) => return Some(written),
                Ok(()) => tracing::info!(expert = %aggregator.advert.card.id, "its synthesis loses a part"),
                Err(error) => tracing::info!(%error, expert = %aggregator.advert.card.id, "no synthesis"),
            }
        }
        None
    }
}

/// Aggregators tried for one task: a second where the first fails, and no more waiting than that.
const AGGREGATORS_ASKED_MAX: usize = 2;

fn same_expert(a: &TaskResult, b: &TaskResult) -> bool {
    let id = |r: &TaskResult| r.expert.as_ref().map(|e| (e.advert.peer, e.advert.card_hash));
    id(a) == id(b)
}

fn weighed(result: &TaskResult) -> Option<aggregate::Opinion<'_>> {
    let expert = result.expert.as_ref()?;
    Some(aggregate::Opinion {
        answer: &result.result,
        voice: expert.advert.card.model.sha256,
        trust: expert.factors.trust,
        competence: expert.factors.competence,
        logprob_mean: result.logprob_mean,
    })
}

fn opinions(answers: &[TaskResult], weighed: &[aggregate::Opinion], verdict: &Verdict) -> Vec<Opinion> {
    let places = answers.iter().zip(weighed).zip(&verdict.agrees);
    places
        .filter_map(|((answer, weighed), agrees)| {
            Some(Opinion {
                expert: answer.expert.clone()?,
                answer: answer.result.clone(),
                agrees: *agrees,
                logprob_mean: answer.logprob_mean,
                weight: weighed.weight(),
            })
        })
        .collect()
}
