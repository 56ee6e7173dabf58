//! Peers that do not play by the rules: a [`Liar`] speaks every protocol and says what a test tells it to; a
//! [`Stranger`] has raw streams and writes whatever it likes.

use crate::behaviour::{self, Behaviour, BehaviourEvent, Names};
use crate::fixtures::{config, space};
use crate::{Identity, clock, exchange, streams};
use futures::StreamExt as _;
use libp2p::gossipsub;
use libp2p::kad::{self, RecordKey};
use libp2p::request_response::Message;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, identify};
use polymath_swarm::capability::{Card, Status};
use polymath_swarm::identity::{Domain, Envelope, Sha256Hash};
use polymath_wire::advert::{AdvertResponse, SignedAdvert, encode_card, encode_gossip, encode_status};
use std::collections::HashSet;
use tokio::sync::{mpsc, watch};

/// What a liar has been told and has heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// How often it was asked for its adverts.
    pub(super) asked: usize,
    /// Who subscribed to the topic.
    pub(super) subscribers: usize,
    /// Gossip that reached it.
    pub(super) gossip: Vec<Vec<u8>>,
    /// Providers found by its lookups.
    pub(super) providers: HashSet<PeerId>,
    /// Records that it has published.
    pub(super) provided: usize,
}

pub(super) enum Order {
    Answer(AdvertResponse),
    Gossip(Vec<u8>),
    Provide(RecordKey),
    Lookup(RecordKey),
}

/// A node with all our protocols and none of our manners.
pub(super) struct Liar {
    pub(super) identity: Identity,
    pub(super) heard: watch::Receiver<Heard>,
    orders: mpsc::Sender<Order>,
}

impl Liar {
    /// Connects to `target`; answers with `response` when asked for adverts.
    pub(super) async fn start(target: &str, response: AdvertResponse) -> Self {
        Self::start_as(Identity::ephemeral(), target, response).await
    }

    pub(super) async fn start_as(identity: Identity, target: &str, response: AdvertResponse) -> Self {
        let names = Names::new("test", space()).unwrap();
        let (tasks, _) = streams::Behaviour::new();
        let mut swarm = behaviour::build(&config(&[]), &identity, &names, tasks).unwrap();
        swarm.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()).unwrap();
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                swarm.add_external_address(address);
                break;
            }
        }
        swarm.dial(target.parse::<Multiaddr>().unwrap()).unwrap();
        let (orders, received) = mpsc::channel(4_096);
        let (sender, heard) = watch::channel(Heard::default());
        tokio::spawn(run(swarm, names, response, received, sender));
        Self { identity, heard, orders }
    }

    pub(super) async fn order(&self, order: Order) {
        self.orders.send(order).await.unwrap();
    }

    /// Waits until what it heard satisfies `condition`.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Heard) -> bool) {
        let mut heard = self.heard.clone();
        let met = tokio::time::timeout(std::time::Duration::from_secs(30), heard.wait_for(|h| condition(h)));
        assert!(met.await.is_ok(), "the liar waited in vain for {what}");
    }

    pub(super) fn sealed_card(&self, card: &Card) -> Envelope {
        Envelope::seal(self.identity.signing_key(), Domain::Card, encode_card(card).unwrap())
    }

    pub(super) fn sealed_status(&self, status: &Status) -> Envelope {
        Envelope::seal(self.identity.signing_key(), Domain::Status, encode_status(status))
    }

    /// An advert as an honest node would give it.
    pub(super) fn advert(&self, card: &Card) -> SignedAdvert {
        let card = self.sealed_card(card);
        let status = self.sealed_status(&fresh(card.payload_hash()));
        SignedAdvert { card, status }
    }
}

/// A status that may be believed now.
pub(super) fn fresh(card: Sha256Hash) -> Status {
    let now = clock::unix_ms();
    crate::fixtures::status(card, now, now + 60_000)
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    names: Names,
    mut response: AdvertResponse,
    mut orders: mpsc::Receiver<Order>,
    heard: watch::Sender<Heard>,
) {
    loop {
        let event = tokio::select! {
            event = swarm.select_next_some() => event,
            order = orders.recv() => {
                let all = swarm.behaviour_mut();
                match order {
                    None => return,
                    Some(Order::Answer(answer)) => response = answer,
                    Some(Order::Provide(key)) => { all.kad.start_providing(key).unwrap(); }
                    Some(Order::Lookup(key)) => { all.kad.get_providers(key); }
                    Some(Order::Gossip(bytes)) => { all.gossip.publish(names.topic.hash(), bytes).unwrap(); }
                }
                continue;
            }
        };
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(exchange::Event::Message {
                message: Message::Request { channel, .. },
                ..
            })) => {
                let _ = swarm.behaviour_mut().exchange.send_response(channel, response.clone());
                heard.send_modify(|heard| heard.asked += 1);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message { message, .. })) => {
                heard.send_modify(|heard| heard.gossip.push(message.data));
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Subscribed { topic, .. }))
                if topic == names.topic.hash() =>
            {
                heard.send_modify(|heard| heard.subscribers += 1);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                for address in info.listen_addrs {
                    swarm.behaviour_mut().kad.add_address(&peer_id, address);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                result,
                ..
            })) => {
                heard.send_modify(|heard| match result {
                    kad::QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders {
                        providers,
                        ..
                    })) => heard.providers.extend(providers),
                    kad::QueryResult::StartProviding(Ok(_)) => heard.provided += 1,
                    _ => {}
                });
            }
            _ => {}
        }
    }
}

/// Gossip's bytes of a status.
pub(super) fn gossip(status: &Envelope) -> Vec<u8> {
    encode_gossip(status)
}

#[derive(NetworkBehaviour)]
struct Raw {
    identify: identify::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// A peer with raw streams.
pub(super) struct Stranger {
    pub(super) control: libp2p_stream::Control,
}

impl Stranger {
    /// Connects to `target` as a member of the swarm, by identify's word.
    pub(super) fn start(target: &str) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_quic()
            .with_behaviour(|key| Raw {
                identify: identify::Behaviour::new(identify::Config::new(
                    "/polymath/1/test".to_owned(),
                    key.public(),
                )),
                streams: libp2p_stream::Behaviour::new(),
            })
            .unwrap()
            .build();
        let control = swarm.behaviour().streams.new_control();
        swarm.dial(target.parse::<Multiaddr>().unwrap()).unwrap();
        tokio::spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        Self { control }
    }
}
