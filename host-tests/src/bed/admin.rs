//! Client of the filter's admin API, `/plimsoll/v1/`, with the types that the filter writes.

use super::http::{self, Answer};
use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use plimsoll_snapshot::{Events, Health, Snapshot};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;

/// Asks the private listener; every call is one short connection.
#[derive(Clone, Copy, Debug)]
pub struct AdminClient {
    address: SocketAddr,
}

impl AdminClient {
    /// The private listener's address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// `GET snapshot`.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        self.json("snapshot").await
    }

    /// `GET events?since=SEQ`: what came after `since`; 0 for all.
    pub async fn events(&self, since: u64) -> Result<Events> {
        self.json(&format!("events?since={since}")).await
    }

    /// `GET config`: the configuration in force.
    pub async fn config(&self) -> Result<serde_json::Value> {
        self.json("config").await
    }

    /// `GET healthz`: its status code (200 or 503) and its body.
    pub async fn health(&self) -> Result<(u16, Health)> {
        let answer = self.get("/plimsoll/v1/healthz").await?;
        let known = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status);
        ensure!(known, "healthz answered {}: {}", answer.status, answer.text());
        Ok((answer.status.as_u16(), parse("healthz", &answer)?))
    }

    /// Any path of the private listener: status, content type and body.
    pub async fn raw(&self, method: Method, path: &str) -> Result<(u16, String, String)> {
        let answer = http::exchange(self.address, method, path).await?;
        let kind = answer.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        Ok((answer.status.as_u16(), kind.to_owned(), answer.text()))
    }

    async fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        let answer = self.get(&format!("/plimsoll/v1/{what}")).await?;
        ensure!(answer.status == StatusCode::OK, "{what} answered {}: {}", answer.status, answer.text());
        parse(what, &answer)
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        http::exchange(self.address, Method::GET, path).await
    }
}

fn parse<T: DeserializeOwned>(what: &str, answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).with_context(|| format!("{what} is not as expected: {}", answer.text()))
}
