//! How experts have behaved, and whom this node's owner vouches for.

use super::{Error, ExpertKey, Store};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::trust::{Conduct, Tally};
use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use std::collections::BTreeSet;

/// Node and model of an expert to what was seen of its reliability and of its speed.
pub(super) const CONDUCTS: TableDefinition<'_, Expert<'_>, (Parts, Parts)> = TableDefinition::new("conducts");
/// Nodes that the owner vouches for.
pub(super) const ENDORSED: Nodes = TableDefinition::new("endorsed");
/// Nodes that the owner will have nothing to do with.
pub(super) const BLOCKED: Nodes = TableDefinition::new("blocked");
/// Node, model file.
type Expert<'a> = (&'a [u8; 32], &'a [u8; 32]);
/// A set of nodes.
type Nodes = TableDefinition<'static, &'static [u8; 32], ()>;
/// Of a tally.
type Parts = (f64, f64, u64);
/// Experts whose conduct is kept; those seen longest ago go first.
const CONDUCTS_MAX: usize = 10_000;

impl Store {
    /// Everybody's conduct.
    pub fn conducts(&self) -> Result<Vec<(ExpertKey, Conduct)>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(CONDUCTS)?;
            let mut all = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                let ((peer, model), (reliability, speed)) = (key.value(), value.value());
                let tally = Tally::from_parts;
                let conduct = Conduct { reliability: tally(reliability), speed: tally(speed) };
                all.push(((PeerKey(*peer), Sha256Hash(*model)), conduct));
            }
            Ok(all)
        })
    }

    /// Sets the conduct of these experts.
    pub fn set_conducts(&self, conducts: &[(ExpertKey, Conduct)]) -> Result<(), Error> {
        self.write(|change| {
            let mut table = change.open_table(CONDUCTS)?;
            for ((peer, model), conduct) in conducts {
                table.insert((&peer.0, &model.0), (conduct.reliability.parts(), conduct.speed.parts()))?;
            }
            if table.len()? <= CONDUCTS_MAX as u64 {
                return Ok(());
            }
            let mut seen = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                let (peer, model) = key.value();
                seen.push((value.value().0.2, *peer, *model));
            }
            seen.sort_unstable();
            for (_, peer, model) in &seen[..seen.len() - CONDUCTS_MAX] {
                table.remove((peer, model))?;
            }
            Ok(())
        })
    }

    /// Whom the owner vouches for.
    pub fn endorsed(&self) -> Result<BTreeSet<PeerKey>, Error> {
        self.nodes(ENDORSED)
    }

    /// Vouches for a node, or no more; says whether that changed anything.
    pub fn endorse(&self, peer: PeerKey, vouched: bool) -> Result<bool, Error> {
        self.set_node(ENDORSED, peer, vouched)
    }

    /// With whom the owner will have nothing to do.
    pub fn blocked(&self) -> Result<BTreeSet<PeerKey>, Error> {
        self.nodes(BLOCKED)
    }

    /// Blocks a node, or no more; says whether that changed anything.
    pub fn block(&self, peer: PeerKey, blocked: bool) -> Result<bool, Error> {
        self.set_node(BLOCKED, peer, blocked)
    }

    fn nodes(&self, table: Nodes) -> Result<BTreeSet<PeerKey>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(table)?;
            let keys = table.iter()?.map(|row| row.map(|(key, _)| PeerKey(*key.value())));
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    fn set_node(&self, table: Nodes, peer: PeerKey, is_in: bool) -> Result<bool, Error> {
        self.write(|change| {
            let mut table = change.open_table(table)?;
            Ok(match is_in {
                true => table.insert(&peer.0, ())?.is_none(),
                false => table.remove(&peer.0)?.is_some(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conduct_and_endorsements_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let expert = (PeerKey([1; 32]), Sha256Hash([2; 32]));
        let mut conduct = Conduct::default();
        conduct.finished(40, 1.0, 40.0, 1_000);
        conduct.failed(2_000);
        {
            let store = Store::open(folder.path(), Sha256Hash::default()).unwrap();
            store.set_conducts(&[(expert, conduct)]).unwrap();
            assert!(store.endorse(expert.0, true).unwrap());
            assert!(!store.endorse(expert.0, true).unwrap());
        }
        let store = Store::open(folder.path(), Sha256Hash::default()).unwrap();
        assert_eq!(store.conducts().unwrap(), [(expert, conduct)]);
        assert_eq!(store.endorsed().unwrap(), BTreeSet::from([expert.0]));
        assert!(store.endorse(expert.0, false).unwrap());
        assert!(store.endorsed().unwrap().is_empty());
        assert!(store.block(expert.0, true).unwrap() && !store.block(expert.0, true).unwrap());
        assert_eq!(store.blocked().unwrap(), BTreeSet::from([expert.0]));
        assert!(store.block(expert.0, false).unwrap() && store.blocked().unwrap().is_empty());
    }
}
