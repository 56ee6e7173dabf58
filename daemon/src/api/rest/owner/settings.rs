//! `/v1/node/settings`: what the node was started with.

use super::super::Api;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The settings in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct NodeSettings {
    /// `settings`.
    object: &'static str,
    /// The file that was read, on the node's machine.
    file: Option<String>,
    /// Its sections and keys, as `daemon config show --json` prints them.
    #[schema(value_type = Object)]
    settings: serde_json::Value,
}

/// The settings in force. They change with the file or the flags, when the node is started again.
#[utoipa::path(get, path = "/v1/node/settings", tag = "owner", responses((status = 200, body = NodeSettings)))]
pub(in super::super) async fn settings(State(api): State<Api>) -> Json<NodeSettings> {
    let settings = &api.app.owner.settings;
    Json(NodeSettings {
        object: "settings",
        file: settings.file.as_ref().map(|path| path.display().to_string()),
        settings: settings.values.clone(),
    })
}
