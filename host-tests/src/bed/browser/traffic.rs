//! What a page asked for and when, from the events of the DevTools protocol.

use anyhow::{Context, Result};
use serde_json::Value;

/// One request of the page. Times are seconds of the browser's monotonic clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The address that was asked for.
    pub url: String,
    /// When it was sent.
    pub sent: f64,
    /// How it ended; absent while it is under way.
    pub ended: Option<Ending>,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ending {
    /// When.
    pub at: f64,
    /// Bytes over the wire, heads included; absent if it failed.
    pub bytes: Option<f64>,
}

/// Requests in the order in which they were sent; a redirected one is several.
pub(super) fn exchanges(events: &[Value]) -> Result<Vec<Exchange>> {
    let mut exchanges: Vec<(&str, Exchange)> = Vec::new();
    for event in events {
        let ends = match event["method"].as_str() {
            Some("Network.requestWillBeSent") => false,
            Some("Network.loadingFinished" | "Network.loadingFailed") => true,
            _ => continue,
        };
        let parameters = &event["params"];
        let id = parameters["requestId"].as_str().context("an event without a request")?;
        let at = parameters["timestamp"].as_f64().context("an event without a time")?;
        let ending = Ending { at, bytes: parameters["encodedDataLength"].as_f64() };
        // A redirected request goes on under the same id, and its first part has ended with that.
        let before = exchanges.iter_mut().rev().find(|(other, exchange)| *other == id && exchange.ended.is_none());
        if let Some((_, before)) = before {
            before.ended = Some(ending);
        }
        if !ends {
            let url =
                parameters.pointer("/request/url").and_then(Value::as_str).context("a request without an address")?;
            exchanges.push((id, Exchange { url: url.to_owned(), sent: at, ended: None }));
        }
    }
    Ok(exchanges.into_iter().map(|(_, exchange)| exchange).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(id: &str, url: &str, at: f64) -> Value {
        let parameters = json!({"requestId": id, "timestamp": at, "request": {"url": url}});
        json!({"method": "Network.requestWillBeSent", "params": parameters})
    }

    fn ended(id: &str, at: f64, bytes: Option<f64>) -> Value {
        let method = if bytes.is_some() { "Network.loadingFinished" } else { "Network.loadingFailed" };
        json!({"method": method, "params": {"requestId": id, "timestamp": at, "encodedDataLength": bytes}})
    }

    #[test]
    fn beginnings_and_ends_are_put_together() {
        let events = [
            sent("1", "/a", 1.0),
            sent("2", "/b", 2.0),
            ended("2", 3.0, Some(40.0)),
            json!({"method": "Page.loadEventFired", "params": {}}),
            ended("1", 4.0, None),
            sent("3", "/a", 5.0),
        ];
        let seen = exchanges(&events).unwrap();
        let of = |url: &str, sent, ended| Exchange { url: url.into(), sent, ended };
        let first = of("/a", 1.0, Some(Ending { at: 4.0, bytes: None }));
        let second = of("/b", 2.0, Some(Ending { at: 3.0, bytes: Some(40.0) }));
        assert_eq!(seen, [first, second, of("/a", 5.0, None)]);
    }

    #[test]
    fn a_redirected_request_is_two() {
        let events = [sent("1", "/old", 1.0), sent("1", "/new", 2.0), ended("1", 3.0, Some(9.0))];
        let seen = exchanges(&events).unwrap();
        let times: Vec<_> = seen.iter().map(|e| (e.url.as_str(), e.sent, e.ended.map(|end| end.at))).collect();
        assert_eq!(times, [("/old", 1.0, Some(2.0)), ("/new", 2.0, Some(3.0))]);
    }
}
