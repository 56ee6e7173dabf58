//! One task to one expert: over the network, or straight to the host of this node.

use super::{Candidate, Inner};
use crate::network::task::Service as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use polymath_swarm::task::{Offer, TaskError, TaskEvent};

/// Offers the task and returns what the expert reports.
pub(super) async fn open(
    inner: &Inner,
    candidate: &Candidate,
    offer: Offer,
) -> Result<BoxStream<'static, Result<TaskEvent, TaskError>>, TaskError> {
    let peer = candidate.advert.peer;
    if peer == inner.network.peer() {
        return Ok(inner.host.accept(peer, offer).await?.events);
    }
    let remote = inner.network.open_task(peer, offer).await?;
    Ok(futures::stream::unfold(remote, |mut remote| async move {
        let event = remote.next().await?;
        Some((event, remote))
    })
    .boxed())
}
