//! Cards to route by in an evaluation: a JSON file of anyone's making, or a folder of card.toml files.

use std::path::Path;

use anyhow::Context as _;
use polymath_swarm::score::{Fit, Outcomes, Profile, TRUST_NEUTRAL, Terms};
use serde::Deserialize;

use crate::catalog;
use crate::embedding::Encoder;

/// Bytes of a file of cards.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Texts handed to the encoder at once; it takes twice as many.
pub(super) const BATCH: usize = 32;

#[derive(Deserialize)]
struct Cards {
    experts: Vec<Card>,
}

/// What of a card is routed by.
#[derive(Deserialize)]
pub(super) struct Card {
    pub(super) id: String,
    description: String,
    #[serde(default)]
    exemplars: Vec<String>,
}

/// Reads `path`: `{"experts": [{"id", "description", "exemplars"}]}`, or a folder with a card.toml in each of its
/// folders, of which only those that take ordinary questions count.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Card>> {
    let cards = if path.is_dir() { folder(path)? } else { file(path)? };
    anyhow::ensure!(!cards.is_empty(), "{} holds no experts", path.display());
    Ok(cards)
}

fn file(path: &Path) -> anyhow::Result<Vec<Card>> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    let cards: Cards = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(cards.experts)
}

fn folder(path: &Path) -> anyhow::Result<Vec<Card>> {
    let mut cards = Vec::new();
    for card in catalog::bundled(path)? {
        let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
        if entry.abilities.iter().any(|ability| ability == "chat") {
            cards.push(Card { id: entry.id, description: entry.description, exemplars: entry.exemplars });
        }
    }
    Ok(cards)
}

/// The cards as the router sees them: all idle and equally trusted, so that competence alone is measured.
pub(super) async fn profiles(encoder: &Encoder, cards: &[Card]) -> anyhow::Result<Vec<Profile<String>>> {
    let mut profiles = Vec::with_capacity(cards.len());
    for card in cards {
        let texts: Vec<String> = std::iter::once(&card.description).chain(&card.exemplars).cloned().collect();
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            embeddings.extend(encoder.embed(batch.to_vec()).await?);
        }
        let mut embeddings = embeddings.into_iter();
        let description = embeddings.next().context("the encoder gave no embedding")?;
        profiles.push(Profile {
            key: card.id.clone(),
            fit: Fit::Vectors(description, embeddings.collect()),
            terms: Terms::of(texts.iter().map(String::as_str)),
            slots: 1,
            free_slots: 1,
            latency_ms: None,
            trust: TRUST_NEUTRAL,
            outcomes: Outcomes::default(),
        });
    }
    Ok(profiles)
}
