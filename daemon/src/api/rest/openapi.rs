//! The OpenAPI document, made of the handlers and types themselves. What every route may answer beside its own
//! reply is in the table of errors, so that is where it is taken from.

use super::{
    audits, card, chat, completions, embeddings, feedback, health, hosted, ledger, logs, metrics, model,
    network, owner, reputation, responses, swarm,
};
use crate::api::table::ErrorBody;
use crate::api::table::ROWS;
use std::collections::BTreeMap;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, path::Operation};
use utoipa::{Modify, OpenApi};

/// What the document calls an API key.
const KEY: &str = "key";

#[derive(OpenApi)]
#[openapi(
    info(title = "Polymath", description = "A swarm of expert models behind OpenAI's interface."),
    paths(
        chat::chat,
        completions::completions,
        responses::responses,
        embeddings::embeddings,
        model::models,
        model::model,
        feedback::feedback,
        swarm::peers,
        hosted::hosted,
        hosted::load,
        hosted::unload,
        owner::cards::serve,
        owner::cards::remove,
        owner::cards::card,
        owner::cards::edit,
        owner::cards::preview,
        owner::cards::verify,
        owner::settings::settings,
        owner::pulls::catalog,
        owner::pulls::list,
        owner::pulls::begin,
        owner::pulls::end,
        owner::keys::list,
        owner::keys::create,
        owner::keys::revoke,
        owner::swarms::list,
        owner::swarms::create,
        owner::swarms::join,
        owner::swarms::invitation,
        owner::swarms::start,
        owner::swarms::stop,
        owner::swarms::rotate,
        owner::swarms::leave,
        network::probe,
        network::network,
        swarm::experts,
        card::card,
        swarm::plan,
        swarm::events,
        audits::audits,
        reputation::reputation,
        ledger::ledger,
        logs::logs,
        health::health,
        health::ready,
        metrics::metrics,
    ),
    components(schemas(ErrorBody)),
    modifiers(&Errors, &Keys)
)]
struct Document;

pub(super) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Gives every operation the errors of the table.
struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut codes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for row in ROWS {
            codes.entry(row.http.to_string()).or_default().push(row.code);
        }
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                add(operation, &codes);
            }
        }
    }
}

/// Says how a key is shown, where the node wants one.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("`pmk_...`, wanted as soon as the node has keys, but for /health"));
        if let Some(components) = &mut document.components {
            components.add_security_scheme(KEY, SecurityScheme::Http(bearer.build()));
        }
        let none = SecurityRequirement::default();
        document.security = Some(vec![none, SecurityRequirement::new(KEY, [""; 0])]);
    }
}

fn add(operation: &mut Operation, codes: &BTreeMap<String, Vec<&str>>) {
    for (status, codes) in codes {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let response =
            ResponseBuilder::new().description(codes.join(", ")).content("application/json", body).build();
        operation.responses.responses.entry(status.clone()).or_insert(RefOr::T(response));
    }
}
