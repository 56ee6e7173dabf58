//! What a running node says of itself: what it serves, how it is reached, whom it knows.

use std::collections::BTreeSet;

use super::super::session::{Session, wire};
use super::super::terminal;
use super::{Finding, State, models, not_ok, ok};
use crate::config::{Config, ExpertConfig};
use crate::{catalog, inference};

/// Where it must be asked: it may have been started otherwise than the settings say.
pub(super) async fn findings(session: &Session, config: &Config) -> Vec<Finding> {
    let node = session.node();
    let (health, info, hosted) = match tokio::join!(node.health(), node.network(), node.hosted()) {
        (Ok(health), Ok(info), Ok(hosted)) => (health, info, hosted),
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
            let found = format!("the running node does not answer: {error}");
            return vec![not_ok(
                "node",
                State::Fail,
                found,
                "look at its log; `daemon stop`, then `daemon run`",
            )];
        }
    };
    let mut findings = served(&hosted);
    let ids: BTreeSet<String> = hosted.iter().map(|expert| expert.id.clone()).collect();
    findings.extend(not_served(config.experts.clone(), ids).await);
    findings.push(memory(&hosted));
    let listening = health.listen_addresses.join(", ");
    findings.extend([ok("ports", format!("the running node listens on {listening}")), nat(&info)]);
    findings.push(swarm(&health, !config.network.bootstrap.is_empty()));
    findings
}

/// What the node serves; it has compared the files with their cards when it began.
fn served(hosted: &[wire::Hosted]) -> Vec<Finding> {
    if hosted.is_empty() {
        return vec![ok("models", "the running node serves no experts: it only asks")];
    }
    let one = |expert: &wire::Hosted| {
        let how = match expert {
            expert if expert.service => "by a server".to_owned(),
            expert if expert.loaded => format!("from memory ({})", terminal::bytes(expert.memory_bytes)),
            expert => format!("once it is loaded again ({})", terminal::bytes(expert.memory_bytes)),
        };
        ok("models", format!("{} is served {how}", expert.id))
    };
    hosted.iter().map(one).collect()
}

/// The experts of the settings that the node does not serve: one was left out, or the node was started with others.
async fn not_served(mut experts: Vec<ExpertConfig>, served: BTreeSet<String>) -> Vec<Finding> {
    experts.retain(|expert| !catalog::resolve(&expert.source).is_ok_and(|entry| served.contains(&entry.id)));
    if experts.is_empty() {
        return Vec::new();
    }
    let mut findings = models(experts).await;
    for finding in findings.iter_mut().filter(|finding| finding.state == State::Ok) {
        finding.state = State::Warn;
        finding.found.push_str("; the settings name it, and the running node does not serve it");
        finding.fix = Some("if it is to be served: `daemon stop`, then `daemon run`".to_owned());
    }
    findings
}

/// What is left beside the models that are in memory.
fn memory(hosted: &[wire::Hosted]) -> Finding {
    let Some(available) = inference::memory_available() else {
        return not_ok("memory", State::Unknown, "how much is free is not told here", "see what `free` says");
    };
    let loaded = hosted.iter().filter(|expert| expert.loaded && !expert.service);
    let taken: u64 = loaded.map(|expert| expert.memory_bytes).sum();
    ok(
        "memory",
        format!("{} free, {} in the node's models", terminal::bytes(available), terminal::bytes(taken)),
    )
}

/// Whom the node knows. It does not say whom it was told to start from: `is_named` is whether the settings name somebody, and the command line
/// may have named others.
fn swarm(health: &wire::HealthReply, is_named: bool) -> Finding {
    let known = health.experts_known.saturating_sub(health.experts_local);
    let found = format!("{} peers, {known} experts of others, {} here", health.peers, health.experts_local);
    if health.peers > 0 {
        return ok("swarm", found);
    }
    if is_named {
        let fix = "are the addresses of --bootstrap or node.bootstrap_nodes right, is one of them up, and does a firewall let UDP out?";
        return not_ok("swarm", State::Fail, found, fix);
    }
    let fix = "is the address that --bootstrap names right and up? Started without one, it finds nodes on this network at the most: \
               name one elsewhere (--bootstrap, node.bootstrap_nodes)";
    not_ok("swarm", State::Warn, found, fix)
}

fn nat(info: &wire::GetNetworkReply) -> Finding {
    let holds = info.relays.iter().filter(|relay| relay.holds).count();
    match info.verdict.as_str() {
        "reachable" => ok("nat", "others reach this node"),
        "unreachable" if holds > 0 => ok("nat", format!("behind a router, reached through {holds} relays")),
        "unreachable" => {
            let fix =
                "name relays (network.relays), open the port in the router, or switch UPnP on (network.upnp)";
            not_ok("nat", State::Warn, "others do not reach this node: it is behind a router", fix)
        }
        _ => {
            not_ok("nat", State::Unknown, "nobody has tried yet to reach this node", "ask again in a minute")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_told_by_the_node() {
        let expert = |id: &str, loaded, service| wire::Hosted {
            id: id.to_owned(),
            loaded,
            service,
            memory_bytes: 1 << 20,
            ..wire::Hosted::default()
        };
        let told = |hosted: &[wire::Hosted]| {
            served(hosted).into_iter().map(|finding| finding.found).collect::<Vec<_>>().join("; ")
        };
        assert!(told(&[]).contains("serves no experts"));
        let text =
            told(&[expert("units", true, false), expert("words", false, false), expert("far", true, true)]);
        for part in ["units is served from memory", "words is served once", "far is served by a server"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[tokio::test]
    async fn an_expert_of_the_settings_that_is_not_served_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("units.gguf");
        std::fs::write(&model, b"GGUF").unwrap();
        let mut expert = ExpertConfig::of_card(folder.path().join("card.toml"));
        expert.source = catalog::Config {
            model_path: Some(model),
            description: Some("Converts units".to_owned()),
            ..catalog::Config::default()
        };
        let served = BTreeSet::from(["units".to_owned()]);
        assert!(not_served(vec![expert.clone()], served).await.is_empty());
        let lost = ExpertConfig::of_card(folder.path().join("card.toml"));
        let findings = not_served(vec![expert, lost], BTreeSet::new()).await;
        let states: Vec<State> = findings.iter().map(|finding| finding.state).collect();
        assert_eq!(states, [State::Warn, State::Fail], "{findings:?}");
        assert!(findings[0].found.contains("does not serve it") && findings[0].fix.is_some());
    }

    #[test]
    fn who_knows_nobody_is_asked_about_the_address_that_was_named() {
        let alone = wire::HealthReply::default();
        for (is_named, state) in [(false, State::Warn), (true, State::Fail)] {
            let finding = swarm(&alone, is_named);
            assert_eq!(finding.state, state);
            assert!(finding.fix.is_some_and(|fix| fix.contains("--bootstrap") && fix.contains("right")));
        }
        let known = wire::HealthReply { peers: 1, ..alone };
        assert_eq!(swarm(&known, false).state, State::Ok);
    }
}
