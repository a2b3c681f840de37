//! A keep-alive client connection that can be cut at any moment, and a pool of them.
//!
//! The pool is last in, first out, as in real clients: it is as small as the load allows, and a connection is
//! never used by two requests at once.

use super::summary::{Failure, Outcome};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// One connection; dropping it closes the socket, also with an answer outstanding.
pub struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects; fails with [`Failure::Connect`].
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(|_| Failure::Connect)?;
        // Small requests must not wait for an acknowledgement; where it cannot be set, they are only slower.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Connect)?;
        let driver = tokio::spawn(async move {
            // An error here reaches the request as its own error.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends the request and reads the whole answer: its outcome, and the upstream's name where it is given.
    pub async fn send(&mut self, request: Request<Empty<Bytes>>) -> (Outcome, Option<String>) {
        let Ok(response) = self.sender.send_request(request).await else {
            return (Outcome::Failed(Failure::Reset), None);
        };
        let upstream = response.headers().get(super::upstream::NAME_HEADER);
        let upstream = upstream.and_then(|name| name.to_str().ok()).map(str::to_owned);
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return (Outcome::Failed(Failure::Truncated), upstream);
            }
        }
        (Outcome::Status(status), upstream)
    }

    /// May take another request.
    pub async fn is_reusable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Idle connections to one address.
pub struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// An empty pool; connections are made as requests need them.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Sends on an idle connection or on a new one. Dropping the future closes the connection in use.
    pub async fn send(&self, request: Request<Empty<Bytes>>) -> (Outcome, Option<String>) {
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => match Connection::open(self.address).await {
                Ok(connection) => connection,
                Err(failure) => return (Outcome::Failed(failure), None),
            },
        };
        let answer = connection.send(request).await;
        if matches!(answer.0, Outcome::Status(_)) && connection.is_reusable().await {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        answer
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|connection| connection.sender.is_ready())
    }
}

/// A GET with the given extra headers.
pub(super) fn get(address: SocketAddr, path: &str, headers: &[(String, String)]) -> Request<Empty<Bytes>> {
    let mut request = Request::builder().uri(path).header(HOST, address.to_string());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Empty::new()).expect("path and headers were checked when the load was set up")
}
