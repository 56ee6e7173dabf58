//! Questions that are one task, over all bundled domains: with second opinions as right as without.

use polymath_swarm::evaluation::Paired;
use serde_json::{Value, json};

use super::super::super::session::Session;
use super::super::cases::{self, AnswerCase};
use super::super::percent;
use super::{share_of, voted};
use crate::catalog;
use crate::config::{Assets, Loaded};

/// Both ways on the same cases.
pub(super) struct Atomic {
    plain: voted::Voted,
    opined: voted::Voted,
    paired: Paired,
}

/// Asks the first `most` unseen cases of each bundled expert that takes questions, both ways.
pub(super) async fn measure(
    loaded: &Loaded,
    assets: &Assets,
    most: usize,
    experts: u32,
) -> anyhow::Result<Atomic> {
    let cards = catalog::bundled(&assets.experts_dir())?;
    let mut asked: Vec<AnswerCase> = Vec::new();
    for card in &cards {
        let config = catalog::Config { card: Some(card.clone()), ..catalog::Config::default() };
        let is_chat = catalog::resolve(&config)?.abilities.iter().any(|ability| ability == "chat");
        let beside = card.with_file_name("cases_unseen.jsonl");
        if is_chat && beside.exists() {
            asked.extend(cases::read(&beside)?.into_iter().take(most));
        }
    }
    let session = Session::hosting(loaded, assets, cards).await?;
    let both = both(&session, &asked, experts).await;
    session.close().await;
    let (plain, opined) = both?;
    let paired = Paired::of(&opined.right, &plain.right);
    Ok(Atomic { plain, opined, paired })
}

async fn both(
    session: &Session,
    cases: &[AnswerCase],
    experts: u32,
) -> anyhow::Result<(voted::Voted, voted::Voted)> {
    let plain = voted::ask_all(session, cases, None, "all domains").await?;
    let opined = voted::ask_all(session, cases, Some(experts), "all domains, opinions").await?;
    Ok((plain, opined))
}

impl Atomic {
    pub(super) fn object(&self) -> Value {
        json!({
            "cases": self.paired.cases,
            "exact_match": share_of(&self.plain.right),
            "exact_match_with_opinions": share_of(&self.opined.right),
            "with_opinions": self.opined.opined,
            "only_with": self.paired.only_first,
            "only_without": self.paired.only_second,
            "mean_ms": self.plain.mean_ms,
            "mean_ms_with_opinions": self.opined.mean_ms,
        })
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{} questions of one task over all bundled domains: {} without second opinions, {} with (asked for on {}; \
             {} won, {} lost)\n",
            self.paired.cases,
            percent(share_of(&self.plain.right)),
            percent(share_of(&self.opined.right)),
            self.opined.opined,
            self.paired.only_first,
            self.paired.only_second,
        )
    }
}
