//! What ranking needs of each expert that is worth it: how well its card fits, the card's words, and what this node has seen of it.

use super::{CANDIDATES_MAX, Candidate, Router, freeness};
use polymath_swarm::capability::{Advert, Card};
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::score::{self, Filter, Fit, NEAR_CELLS, Outcomes, Profile, Query, Shelf, Terms};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

impl Router {
    /// The experts for `query` if `card` were the card of this node's expert of that id; whether each is that one.
    pub(in super::super) fn ranked_with(&self, query: &Query, card: &Arc<Card>) -> Vec<(Candidate, bool)> {
        self.follow();
        let survey = self.encoder.codebook().survey(&query.embedding);
        let (cells, background) = survey.map_or((Vec::new(), None), |(cells, b)| (cells, Some(b)));
        let cells: Vec<u32> = cells.iter().map(|cell| cell.index).collect();
        let (mut adverts, mut profiles) = self.profiles(query, &Filter::default(), &cells, false);
        let own = self.network.peer();
        let is_old = |advert: &Advert| advert.peer == own && advert.card.id == card.id;
        profiles.retain(|profile| !adverts.get(profile.key).is_some_and(|advert| is_old(advert)));
        let known = self.network.directory().adverts();
        let Some(old) = known.iter().find(|advert| is_old(advert)) else { return Vec::new() };
        let new = Arc::new(Advert { card: card.clone(), ..Advert::clone(old) });
        let edited = adverts.len();
        let similarity = score::similarity_to(&query.embedding, card);
        let terms = terms_of(card);
        profiles.push(self.profile(edited, &new, (similarity, terms), Outcomes::default()));
        adverts.push(new);
        let query = background.map_or_else(|| query.clone(), |background| query.clone().against(background));
        let ranked = score::rank(&query, &profiles).into_iter().filter_map(|ranked| {
            let advert = adverts.get(ranked.key)?.clone();
            Some((Candidate { advert, factors: ranked.factors }, ranked.key == edited))
        });
        ranked.take(CANDIDATES_MAX).collect()
    }

    /// The experts worth ranking for `query`, and what ranking needs of them, keyed by their place.
    pub(super) fn profiles(
        &self,
        query: &Query,
        filter: &Filter,
        cells: &[u32],
        with_outcomes: bool,
    ) -> (Vec<Arc<Advert>>, Vec<Profile<usize>>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let probed = &cells[..cells.len().min(Shelf::<Sha256Hash>::PROBED)];
        let near: Vec<(Sha256Hash, f32)> = known
            .shelf
            .near(&query.embedding, probed, |card| filter.admits(card))
            .into_iter()
            .map(|(card, similarity)| (*card, similarity))
            .collect();
        drop(known);
        let directory = self.network.directory();
        let mut adverts: Vec<Arc<Advert>> = Vec::with_capacity(near.len());
        for (card, _) in &near {
            let mut serving = directory.with_card(*card);
            serving.retain(|advert| self.unmet(advert, filter).is_none());
            // A card that everybody serves would crowd out the others: its freest few will do, of those that can be relied on.
            if serving.len() > CANDIDATES_MAX {
                let worth = |a: &Advert| freeness(&a.status) * self.reputations.trust(a);
                let freest = |a: &Arc<Advert>, b: &Arc<Advert>| {
                    worth(b).total_cmp(&worth(a)).then(a.peer.cmp(&b.peer))
                };
                serving.select_nth_unstable_by(CANDIDATES_MAX, freest);
                serving.truncate(CANDIDATES_MAX);
            }
            adverts.extend(serving);
        }
        // Equal scores go by key: by peer, so that every node with the same directory ranks the same.
        adverts.sort_by_key(|advert| (advert.peer, advert.card_hash));
        let nearest = &cells[..cells.len().min(NEAR_CELLS)];
        let similarities: HashMap<Sha256Hash, f32> = near.into_iter().collect();
        let profiles = adverts.iter().enumerate().filter_map(|(index, advert)| {
            let similarity = *similarities.get(&advert.card_hash)?;
            let outcomes = if with_outcomes {
                self.experience.near((advert.peer, advert.card.model.sha256), nearest)
            } else {
                Outcomes::default()
            };
            Some(self.profile(index, advert, (similarity, self.terms(advert)), outcomes))
        });
        let profiles = profiles.collect();
        (adverts, profiles)
    }

    fn profile(
        &self,
        key: usize,
        advert: &Advert,
        (similarity, terms): (f32, Terms),
        outcomes: Outcomes,
    ) -> Profile<usize> {
        Profile {
            key,
            fit: Fit::Known(similarity),
            terms,
            trust: self.reputations.trust(advert),
            slots: advert.status.slots,
            free_slots: advert.status.free_slots,
            latency_ms: self.expected_ms(advert),
            outcomes,
        }
    }

    fn terms(&self, advert: &Advert) -> Terms {
        let mut cache = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get_or_insert(advert.card_hash, || terms_of(&advert.card)).clone()
    }

    /// Milliseconds to its first token, as far as is known.
    fn expected_ms(&self, advert: &Advert) -> Option<f32> {
        let seen = self.experience.latency_ms(advert.peer, advert.card_hash);
        if advert.status.cold { Some(seen.unwrap_or_default() + score::COLD_MS) } else { seen }
    }
}

/// The words of a card.
fn terms_of(card: &Card) -> Terms {
    Terms::of(std::iter::once(&card.description).chain(&card.exemplars).map(String::as_str))
}
