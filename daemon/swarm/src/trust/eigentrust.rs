//! Trust that others' endorsements carry: EigenTrust (Kamvar, Schlosser and Garcia-Molina 2003), from one's own trusted peers.

use crate::identity::PeerKey;
use std::collections::{BTreeMap, BTreeSet};

/// Share of the trust that starts anew from the own trusted peers at each step: who is far from them gets little, and what a
/// clique keeps to itself runs dry.
const RESTART: f64 = 0.2;
/// Steps: what is left to change after them is 0.8^40, one in ten thousand.
const STEPS: usize = 40;
/// Endorsements of one issuer that count, the strongest: who vouches for everybody vouches for nobody.
const ENDORSED_MAX: usize = 256;

/// One peer's word for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Endorsed {
    /// Who says so.
    pub issuer: PeerKey,
    /// Of whom.
    pub subject: PeerKey,
    /// How strongly, in (0, 1].
    pub weight: f64,
}

/// Each peer's share of the trust that starts from `trusted`; all shares add up to 1 or, with nobody trusted, there are none. Trust
/// flows along endorsements in proportion to their weight; that of a peer without any goes back to the start. Words of peers that
/// nobody trusted vouches for carry nothing, however many they are.
pub fn eigentrust(trusted: &BTreeSet<PeerKey>, endorsements: &[Endorsed]) -> BTreeMap<PeerKey, f64> {
    let mut by_issuer: BTreeMap<PeerKey, Vec<(PeerKey, f64)>> = BTreeMap::new();
    for Endorsed { issuer, subject, weight } in endorsements {
        if issuer != subject && *weight > 0.0 && weight.is_finite() {
            by_issuer.entry(*issuer).or_default().push((*subject, weight.min(1.0)));
        }
    }
    for all in by_issuer.values_mut() {
        // One word a subject, the strongest.
        all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        all.dedup_by_key(|(subject, _)| *subject);
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(ENDORSED_MAX);
        let sum: f64 = all.iter().map(|(_, weight)| weight).sum();
        all.iter_mut().for_each(|(_, weight)| *weight /= sum);
    }
    let start = 1.0 / trusted.len().max(1) as f64;
    let mut shares: BTreeMap<PeerKey, f64> = trusted.iter().map(|peer| (*peer, start)).collect();
    for _ in 0..STEPS {
        let mut next: BTreeMap<PeerKey, f64> = BTreeMap::new();
        let mut anew = 0.0;
        for (peer, share) in &shares {
            anew += RESTART * share;
            match by_issuer.get(peer) {
                Some(all) => {
                    for (subject, weight) in all {
                        *next.entry(*subject).or_default() += (1.0 - RESTART) * share * weight;
                    }
                }
                None => anew += (1.0 - RESTART) * share,
            }
        }
        for peer in trusted {
            *next.entry(*peer).or_default() += anew * start;
        }
        shares = next;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::splitmix64;
    use proptest::prelude::*;

    fn peer(n: u32) -> PeerKey {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        PeerKey(key)
    }

    fn word(issuer: u32, subject: u32, weight: f64) -> Endorsed {
        Endorsed { issuer: peer(issuer), subject: peer(subject), weight }
    }

    #[test]
    fn trust_follows_words_from_the_trusted() {
        let trusted = BTreeSet::from([peer(1)]);
        let shares =
            eigentrust(&trusted, &[word(1, 2, 1.0), word(1, 3, 0.5), word(3, 4, 1.0), word(9, 8, 1.0)]);
        assert!(shares[&peer(2)] > shares[&peer(3)] && shares[&peer(4)] > 0.0);
        assert_eq!(shares.get(&peer(8)), None, "nobody trusted knows 9");
        assert!(eigentrust(&BTreeSet::new(), &[word(1, 2, 1.0)]).is_empty());
    }

    /// Twenty honest peers that endorse each other at random, and a thousand that endorse each other and themselves.
    #[test]
    fn a_thousand_sybils_move_nothing() {
        let trusted = BTreeSet::from([peer(0), peer(1), peer(2)]);
        let honest: Vec<Endorsed> = (0..120u64)
            .map(|i| {
                let drawn = |turn: u64| (splitmix64(2 * i + turn) % 20) as u32;
                word(drawn(0), drawn(1), 1.0)
            })
            .collect();
        let before = eigentrust(&trusted, &honest);
        let sybils = (0..1_000u32)
            .flat_map(|i| (1..20u32).map(move |j| word(1_000 + i, 1_000 + (i + j) % 1_000, 1.0)));
        // They also flatter the honest.
        let flattery = (0..1_000u32).map(|i| word(1_000 + i, i % 20, 1.0));
        let all: Vec<Endorsed> = honest.into_iter().chain(sybils).chain(flattery).collect();
        let after = eigentrust(&trusted, &all);
        let moved = after.iter().map(|(p, share)| (share - before.get(p).unwrap_or(&0.0)).abs());
        assert!(moved.fold(0.0, f64::max) < 0.01);
        // Even where one of the honest was talked into vouching for one of them.
        let fooled: Vec<Endorsed> = all.into_iter().chain([word(15, 1_000, 1.0)]).collect();
        let gained: f64 =
            eigentrust(&trusted, &fooled).iter().filter(|(p, _)| **p >= peer(1_000)).map(|(_, s)| s).sum();
        assert!(gained < 0.1, "{gained}");
    }

    proptest! {
        #[test]
        fn shares_add_up_and_order_does_not_matter(
            words in prop::collection::vec((0u32..12, 0u32..12, 0.0f64..2.0), 0..60)
        ) {
            let trusted = BTreeSet::from([peer(0), peer(5)]);
            let mut all: Vec<Endorsed> = words.iter().map(|(i, s, w)| word(*i, *s, *w)).collect();
            let shares = eigentrust(&trusted, &all);
            prop_assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
            all.reverse();
            for (peer, share) in eigentrust(&trusted, &all) {
                prop_assert!((share - shares[&peer]).abs() < 1e-9);
            }
        }
    }
}
