//! The experts that a node serves: those of its settings, and those that its owner adds while it runs, which come back after a restart.
//!
//! One change at a time, each as a task of its own, so that who asks for it may go away: a card is announced before the
//! one that it replaces is taken back, and what is to hold after a restart is on disk before it is acknowledged.

mod added;

pub use added::Added;
use added::is_card_of;

use super::hosting::{self, Announced, Loaded, Stage};
use super::{Error, chain};
use crate::catalog::{self, CardEdit, Entry, Verified};
use crate::config::ExpertConfig;
use crate::coordinator::Host;
use crate::embedding::Encoder;
use crate::inference::Budget;
use crate::network::Network;
use polymath_swarm::capability::Card;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The experts of a node; cheap to clone.
#[derive(Clone)]
pub struct Experts {
    inner: Arc<Inner>,
}

struct Inner {
    encoder: Encoder,
    budget: Budget,
    stage: Stage,
    added: Added,
    served: Mutex<BTreeMap<String, Serving>>,
    /// Held by the change that is under way.
    changing: tokio::sync::Mutex<()>,
    /// Held by the comparison that is under way: it reads a whole model.
    verifying: Arc<tokio::sync::Mutex<()>>,
}

struct Serving {
    config: ExpertConfig,
    entry: Entry,
    is_added: bool,
    announced: Announced,
}

/// An expert that is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// As its files and the settings describe it.
    pub entry: Entry,
    /// Whether it was added while a node ran, and not by the settings.
    pub is_added: bool,
    /// Why its card cannot be edited, if it cannot.
    pub why_fixed: Option<String>,
    /// The card's file.
    pub card: Option<PathBuf>,
}

impl Experts {
    /// None yet.
    pub fn new(
        (encoder, budget, added): (Encoder, Budget, Added),
        (network, host): (Network, Host),
        (tracker, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let stage = Stage { network, host, tracker, stop };
        let (served, changing, verifying) = Default::default();
        Self { inner: Arc::new(Inner { encoder, budget, stage, added, served, changing, verifying }) }
    }

    /// Announces one that is loaded.
    ///
    /// # Errors
    /// [`Error::Network`].
    pub async fn announce(&self, loaded: Loaded) -> Result<(), Error> {
        let Loaded { config, entry, backend, card, is_added } = loaded;
        let announced = Announced::begin((card, backend), config.price_micro, &self.inner.stage).await?;
        let id = entry.id.clone();
        self.served().insert(id, Serving { config, entry, is_added, announced });
        Ok(())
    }

    /// All of them, by id.
    pub fn all(&self) -> Vec<Served> {
        self.served().values().map(Serving::told).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn of(&self, id: &str) -> Result<Served, Error> {
        self.served().get(id).map(Serving::told).ok_or_else(|| unknown(id))
    }

    /// Loads and serves the expert of a card, now and after a restart; says its id.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one of its id is served; [`Error::Card`], [`Error::Model`] if it cannot be.
    pub async fn add(&self, card: PathBuf) -> Result<String, Error> {
        let this = self.clone();
        self.apart(async move {
            let config = ExpertConfig::of_card(card.clone());
            let id = catalog::resolve(&config.source)?.id;
            if this.served().contains_key(&id) {
                return Err(Error::Conflict(format!(
                    "an expert `{id}` is served already; give one another id"
                )));
            }
            let loaded = hosting::load_one(&config, &this.inner.encoder, &this.inner.budget, true).await?;
            // What is listed and did not load stays listed, but for one of this id: there is one of each.
            let before = this.inner.added.cards()?;
            let others = before.iter().filter(|other| **other != card && !is_card_of(other, &id));
            // First: what is acknowledged comes back after a crash.
            this.inner.added.keep(&others.chain([&card]).cloned().collect::<Vec<_>>())?;
            if let Err(error) = this.announce(loaded).await {
                this.inner.added.keep(&before)?;
                return Err(error);
            }
            Ok(id)
        })
        .await
    }

    /// Serves an expert no more, now and after a restart; one that is listed and did not load is taken off the list.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the settings name it; [`Error::Unknown`].
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let (this, id) = (self.clone(), id.to_owned());
        self.apart(async move {
            let served = this.of(&id).ok();
            if served.as_ref().is_some_and(|served| !served.is_added) {
                let how = format!("the settings or the command line name `{id}`: take it out there");
                return Err(Error::Conflict(how));
            }
            let mut cards = this.inner.added.cards()?;
            let listed = cards.len();
            // By its path where it is served: what is in the card may have changed since.
            cards.retain(|card| match &served {
                Some(served) => served.card.as_ref() != Some(card),
                None => !is_card_of(card, &id),
            });
            if served.is_none() && cards.len() == listed {
                return Err(unknown(&id));
            }
            this.inner.added.keep(&cards)?;
            let serving = this.served().remove(&id);
            if let Some(serving) = serving {
                serving.announced.end().await;
            }
            Ok(())
        })
        .await
    }

    /// The card as it would be with this change. Nothing is written.
    ///
    /// # Errors
    /// [`Error::Catalog`] if a field breaks its bounds; [`Error::Unknown`], [`Error::Embedding`].
    pub async fn draft(&self, id: &str, edit: &CardEdit) -> Result<Card, Error> {
        let (entry, backend) = {
            let served = self.served();
            let serving = served.get(id).ok_or_else(|| unknown(id))?;
            (serving.entry.clone().with(edit)?, serving.announced.backend.clone())
        };
        hosting::card_of(&entry, &backend, &self.inner.encoder).await
    }

    /// Changes the card: in its file, and then in the swarm.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it cannot be edited, [`Error::Catalog`], [`Error::Unknown`], [`Error::Network`].
    pub async fn edit(&self, id: &str, edit: CardEdit) -> Result<Served, Error> {
        let (this, id) = (self.clone(), id.to_owned());
        self.apart(async move {
            let served = this.of(&id)?;
            if let Some(why) = served.why_fixed {
                return Err(Error::Conflict(why));
            }
            let card = this.draft(&id, &edit).await?;
            let Some(path) = served.card else { return Err(unknown(&id)) };
            edit.write(&path)?;
            this.replace(&id, card, served.entry.with(&edit)?).await?;
            this.of(&id)
        })
        .await
    }

    /// Whether the model's file is the one that the card speaks of.
    ///
    /// # Errors
    /// [`Error::Catalog`] if it is not, or cannot be read; [`Error::Busy`] while another is compared; [`Error::Unknown`].
    pub async fn verify(&self, id: &str) -> Result<Verified, Error> {
        let busy = |_| Error::Busy("another model is being compared; wait for that".to_owned());
        let one = self.inner.verifying.clone().try_lock_owned().map_err(busy)?;
        let entry = self.of(id)?.entry;
        // It goes on when whoever asked has left, and is the only one until its end.
        let reading = tokio::task::spawn_blocking(move || {
            let verified = catalog::verify(&entry);
            drop(one);
            verified
        });
        Ok(reading.await.map_err(|_| Error::Broken)??)
    }

    /// The new card is announced before the old one is taken back.
    async fn replace(&self, id: &str, card: Card, entry: Entry) -> Result<(), Error> {
        let (backend, price, is_same) = {
            let served = self.served();
            let serving = served.get(id).ok_or_else(|| unknown(id))?;
            (serving.announced.backend.clone(), serving.config.price_micro, serving.announced.card == card)
        };
        if is_same {
            return Ok(());
        }
        let announced = Announced::begin((card, backend), price, &self.inner.stage).await?;
        let old = {
            let mut served = self.served();
            let serving = served.get_mut(id).ok_or_else(|| unknown(id))?;
            serving.entry = entry;
            std::mem::replace(&mut serving.announced, announced)
        };
        old.end().await;
        Ok(())
    }

    /// Does one change to its end, whoever waits for it.
    async fn apart<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = self.inner.clone();
        let changing = self.inner.stage.tracker.spawn(async move {
            let _one = inner.changing.lock().await;
            let stop = inner.stage.stop.clone();
            stop.run_until_cancelled_owned(change).await.unwrap_or(Err(Error::Broken))
        });
        changing.await.unwrap_or(Err(Error::Broken))
    }

    fn served(&self) -> MutexGuard<'_, BTreeMap<String, Serving>> {
        self.inner.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serving {
    fn told(&self) -> Served {
        Served {
            entry: self.entry.clone(),
            is_added: self.is_added,
            why_fixed: self.why_fixed(),
            card: self.config.source.card.clone(),
        }
    }

    fn why_fixed(&self) -> Option<String> {
        let source = &self.config.source;
        let Some(card) = &source.card else {
            return Some("it has no card: its settings describe it".to_owned());
        };
        let is_overridden = source.description.is_some()
            || source.exemplars.is_some()
            || source.abilities.is_some()
            || source.languages.is_some();
        if is_overridden {
            return Some("the settings say otherwise than its card: change them there".to_owned());
        }
        let folder = if card.is_dir() { card.as_path() } else { card.parent().unwrap_or(Path::new(".")) };
        let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK);
        writable
            .err()
            .map(|errno| format!("its folder cannot be written: {}", chain(&std::io::Error::from(errno))))
    }
}

fn unknown(id: &str) -> Error {
    Error::Unknown(format!("this node serves no expert `{id}`"))
}
