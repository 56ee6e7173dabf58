//! HTTP over TCP: binds, serves the REST router until the node stops, and lets what is in flight end.

use super::{App, Error, rest};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The REST port, bound but not yet served: a fault shows before the node says that it is ready.
pub struct Rest {
    listener: TcpListener,
    address: SocketAddr,
}

impl Rest {
    /// Binds `address`; port 0 lets the system choose.
    pub async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Bind { interface: "rest", address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `app.stop`.
    pub async fn serve(self, app: App) {
        let stop = app.stop.clone();
        let served =
            axum::serve(self.listener, rest::router(app)).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "REST stopped");
        }
    }
}
