//! An expert that a node hosts: its model loaded, its card announced, and taken back for as long as it answers nobody.

use super::Error;
use crate::catalog::{self, Entry};
use crate::config::{ExpertConfig, ServiceAddress};
use crate::coordinator::{Host, Hosted};
use crate::embedding::Encoder;
use crate::inference::{self, Backend, Budget, Hot, Service, ServiceConfig};
use crate::network::{self, ExpertState, Network};
use polymath_swarm::capability::Card;
use polymath_swarm::identity::Sha256Hash;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often it is tried whether an expert that answers nobody does again.
const REVIVE_EVERY: Duration = Duration::from_secs(10);

/// An expert that is ready.
pub struct Loaded {
    pub(super) config: ExpertConfig,
    pub(super) entry: Entry,
    pub(super) backend: Backend,
    pub(super) card: Card,
    pub(super) is_added: bool,
}

impl Loaded {
    /// The card's id.
    pub fn id(&self) -> &str {
        &self.entry.id
    }
}

/// Loads what can be loaded of what the settings name and of what was added since; an error only if the settings name two experts of one
/// id, before anything is loaded, or name experts of which none came up. What was left out is said with its reason.
///
/// # Errors
/// [`Error::Catalog`] names both, else the first that came up.
pub async fn load(
    wanted: &[ExpertConfig],
    added: &[ExpertConfig],
    encoder: &Encoder,
    budget: &Budget,
) -> Result<(Vec<Loaded>, Vec<String>), Error> {
    one_of_each(wanted)?;
    let (mut loaded, mut left_out, mut first_error) = (Vec::new(), Vec::new(), None);
    let all = wanted.iter().map(|expert| (expert, false)).chain(added.iter().map(|expert| (expert, true)));
    for (expert, is_added) in all {
        match load_one(expert, encoder, budget, is_added).await {
            // It was added, and then the settings took it in.
            Ok(expert) if is_added && loaded.iter().any(|other: &Loaded| other.id() == expert.id()) => {
                left_out.push(format!(
                    "expert {}: it was added, and the settings name one of that id too",
                    expert.id()
                ));
            }
            Ok(expert) => loaded.push(expert),
            Err(error) => {
                let reason = error.chain();
                tracing::error!(%reason, "an expert is left out");
                left_out.push(reason);
                if !is_added {
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    match first_error {
        Some(error) if loaded.is_empty() => Err(error),
        _ => Ok((loaded, left_out)),
    }
}

/// Refuses two experts of one id. A card that cannot be read has none: it is left out later, with its reason.
fn one_of_each(wanted: &[ExpertConfig]) -> Result<(), Error> {
    let entries: Vec<Entry> =
        wanted.iter().filter_map(|expert| catalog::resolve(&expert.source).ok()).collect();
    Ok(catalog::distinct(&entries)?)
}

/// Loads one.
pub(super) async fn load_one(
    wanted: &ExpertConfig,
    encoder: &Encoder,
    budget: &Budget,
    is_added: bool,
) -> Result<Loaded, Error> {
    let given = wanted.source.id.clone().unwrap_or_else(|| "(unnamed)".to_owned());
    let card_fault = |source| Error::Card { id: given.clone(), source };
    let entry = catalog::resolve(&wanted.source).map_err(card_fault)?;
    let model_fault = |source| Error::Model { id: entry.id.clone(), source };
    let backend = match &wanted.service {
        None => Backend::Model(model(wanted, &entry, budget).await.map_err(model_fault)?),
        Some(at) => Backend::Service(service(wanted, at, &entry).await.map_err(model_fault)?),
    };
    entry.check_model(backend.facts().sha256).map_err(card_fault)?;
    let card = card_of(&entry, &backend, encoder).await?;
    Ok(Loaded { config: wanted.clone(), entry, backend, card, is_added })
}

/// The card to announce.
pub(super) async fn card_of(entry: &Entry, backend: &Backend, encoder: &Encoder) -> Result<Card, Error> {
    let texts = std::iter::once(&entry.description).chain(&entry.exemplars).cloned().collect();
    let embeddings = encoder.embed(texts).await?.iter().map(|e| e.quantise()).collect();
    Ok(entry.card(backend.facts().clone(), encoder.space(), embeddings))
}

async fn model(wanted: &ExpertConfig, entry: &Entry, budget: &Budget) -> Result<Hot, inference::Error> {
    let bytes = std::fs::metadata(&entry.model_path).map_or(0, |m| m.len());
    let config = inference::Config {
        model_path: entry.model_path.clone(),
        context_tokens: entry.max_context,
        slots: wanted.slots,
        queue: wanted.queue,
        threads: wanted.threads_for(bytes),
        gpu_layers: wanted.gpu_layers,
        tokens_per_second: wanted.tokens_per_second,
        ..inference::Config::default()
    };
    Hot::load(config, budget.clone()).await
}

async fn service(
    wanted: &ExpertConfig,
    at: &ServiceAddress,
    entry: &Entry,
) -> Result<Service, inference::Error> {
    Service::open(ServiceConfig {
        url: at.url.clone(),
        model: wanted.source.served.clone().unwrap_or_default(),
        api_key_file: at.api_key_file.clone(),
        context_tokens: entry.max_context.max(1),
        slots: wanted.slots,
        queue: wanted.queue,
    })
    .await
}

/// Where an expert is announced, and until when.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) network: Network,
    pub(super) host: Host,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// An expert that is announced, until it is taken back.
pub(super) struct Announced {
    pub(super) card: Card,
    pub(super) backend: Backend,
    hash: Sha256Hash,
    end: CancellationToken,
    tending: JoinHandle<()>,
    stage: Stage,
}

impl Announced {
    /// Announces an expert and keeps its slots' use flowing to the network.
    pub(super) async fn begin(
        (card, backend): (Card, Backend),
        price_micro: u64,
        stage: &Stage,
    ) -> Result<Self, Error> {
        let slots = watch::Sender::new(slot_use(&backend.slots().borrow()));
        let announcement = Announcement {
            card: card.clone(),
            backend: backend.clone(),
            price_micro,
            slots,
            network: stage.network.clone(),
            host: stage.host.clone(),
        };
        let hash = announcement.make().await?;
        let end = stage.stop.child_token();
        let tending = end.clone().run_until_cancelled_owned(announcement.tend(hash));
        let tending = stage.tracker.spawn(async move {
            tending.await;
        });
        Ok(Self { card, backend, hash, end, tending, stage: stage.clone() })
    }

    /// Takes it back: nobody is sent here for it any more, and what runs may end.
    pub(super) async fn end(self) {
        self.end.cancel();
        // It ends at its next await; what it was doing is done over by what follows.
        let _ = self.tending.await;
        self.stage.network.withdraw(self.hash).await;
        self.stage.host.remove(self.hash);
    }
}

/// What is announced, to be made again and taken back as its model comes and goes.
struct Announcement {
    card: Card,
    backend: Backend,
    price_micro: u64,
    slots: watch::Sender<network::SlotUse>,
    network: Network,
    host: Host,
}

impl Announcement {
    /// It is hosted before anybody hears of it.
    async fn make(&self) -> Result<Sha256Hash, network::Error> {
        let hash = network::card_hash(&self.card).map_err(network::Error::Card)?;
        let hosted =
            Hosted { id: self.card.id.clone(), backend: self.backend.clone(), price_micro: self.price_micro };
        self.host.insert(hash, hosted);
        let backend = self.backend.clone();
        let state = move || ExpertState {
            tokens_per_second: backend.tokens_per_second(),
            is_loaded: backend.is_loaded(),
        };
        let announced =
            self.network.announce(self.card.clone(), self.price_micro, self.slots.subscribe(), state).await;
        announced.inspect_err(|_| self.host.remove(hash))
    }

    async fn tend(self, hash: Sha256Hash) {
        let (mut used, mut fault) = (self.backend.slots(), self.backend.fault());
        loop {
            let is_down = fault.borrow_and_update().is_some();
            if is_down {
                self.while_down(hash).await;
                continue;
            }
            tokio::select! {
                changed = used.changed() => match changed {
                    Ok(()) => _ = self.slots.send_replace(slot_use(&used.borrow_and_update())),
                    // This task holds the sender by its backend: it cannot be gone.
                    Err(_) => return,
                },
                changed = fault.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The expert is nobody's until it answers again.
    async fn while_down(&self, hash: Sha256Hash) {
        let id = &self.card.id;
        tracing::error!(expert = id, "an expert answers nobody; it is withdrawn until it does");
        self.network.withdraw(hash).await;
        self.host.remove(hash);
        loop {
            tokio::time::sleep(REVIVE_EVERY).await;
            match self.backend.revive().await {
                Ok(()) => break,
                Err(error) => tracing::debug!(expert = id, %error, "it still does not answer"),
            }
        }
        match self.make().await {
            Ok(_) => tracing::info!(expert = id, "an expert answers again"),
            Err(error) => tracing::error!(expert = id, %error, "an expert cannot be announced again"),
        }
    }
}

fn slot_use(used: &inference::SlotUse) -> network::SlotUse {
    network::SlotUse { slots: used.slots, free: used.free, queued: used.queued }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_id_there_is_one_expert() {
        let expert = |model: &str, id: Option<&str>| {
            let mut expert = ExpertConfig::of_card("/nonexistent/card.toml".into());
            expert.source = catalog::Config {
                model_path: Some(model.into()),
                id: id.map(str::to_owned),
                description: Some("Knows the alphabet".to_owned()),
                ..catalog::Config::default()
            };
            expert
        };
        let lost = ExpertConfig::of_card("/nonexistent/card.toml".into());
        one_of_each(&[]).unwrap();
        one_of_each(&[expert("a.gguf", None), expert("b.gguf", None), lost.clone(), lost]).unwrap();
        let twice = one_of_each(&[expert("a.gguf", None), expert("b.gguf", Some("a"))]).unwrap_err();
        assert!(matches!(&twice, Error::Catalog(catalog::Error::Twice { id, .. }) if id == "a"), "{twice}");
        assert!(twice.to_string().contains("a.gguf and b.gguf"), "{twice}");
    }
}
