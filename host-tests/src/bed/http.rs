//! One HTTP exchange on a fresh connection: for admin interfaces, where clarity matters more than speed.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Admin interfaces on loopback answer in milliseconds; `/config_dump` under load may take longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request without a body and reads the whole answer.
pub(super) async fn exchange(address: SocketAddr, method: Method, path: &str) -> Result<Answer> {
    let what = format!("{method} http://{address}{path}");
    tokio::time::timeout(TIMEOUT, send(address, method, path))
        .await
        .with_context(|| format!("{what}: no answer within {TIMEOUT:?}"))?
        .with_context(|| what)
}

async fn send(address: SocketAddr, method: Method, path: &str) -> Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    let exchange = async {
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    // The connection makes the exchange go on; it may end first where the peer closes after its answer.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        end = connection => { end?; exchange.await }
    }
}
