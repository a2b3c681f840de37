//! Clients, or the proxy in their name.

use super::values::{above_zero, positive, time};
use crate::scenario::{Client, RetryBudget, RetryOn, Throttle};
use plimsoll_config::Node;
use std::time::Duration;

/// As many as a request's list of endpoints has entries after the first.
const MAX_RETRIES: u32 = 15;

pub(super) const KEYS: [&str; 7] = ["try_timeout", "timeout", "retries", "retry_on", "back_off", "budget", "throttle"];

pub(super) fn client(node: &Node<'_>) -> Result<Client, String> {
    let object = node.object(&KEYS)?;
    Ok(Client {
        try_timeout: object.or("try_timeout", None, |node| above_zero(node).map(Some))?,
        timeout: object.or("timeout", None, |node| above_zero(node).map(Some))?,
        retries: object.or("retries", 0, |node| node.whole(0..=MAX_RETRIES))?,
        retry_on: object.or("retry_on", RetryOn::default(), retry_on)?,
        back_off: time(&object, "back_off", Duration::ZERO)?,
        budget: object.or("budget", None, |node| budget(node).map(Some))?,
        throttle: object.or("throttle", None, |node| throttle(node).map(Some))?,
    })
}

fn retry_on(node: &Node<'_>) -> Result<RetryOn, String> {
    #[derive(Clone, Copy)]
    enum Reason {
        Status,
        Connect,
        Timeout,
    }
    let names = [("status", Reason::Status), ("connect", Reason::Connect), ("timeout", Reason::Timeout)];
    let mut on = RetryOn { status: false, connect: false, timeout: false };
    for node in node.list()? {
        match node.choice(&names)? {
            Reason::Status => on.status = true,
            Reason::Connect => on.connect = true,
            Reason::Timeout => on.timeout = true,
        }
    }
    Ok(on)
}

fn budget(node: &Node<'_>) -> Result<RetryBudget, String> {
    let object = node.object(&["share", "per_second", "window"])?;
    let defaults = RetryBudget::default();
    Ok(RetryBudget {
        share: object.or("share", defaults.share, |node| node.number(0.0..=1.0))?,
        per_second: object.or("per_second", defaults.per_second, |node| node.number(0.0..=1e6))?,
        window: object.or("window", defaults.window, above_zero)?,
    })
}

fn throttle(node: &Node<'_>) -> Result<Throttle, String> {
    let object = node.object(&["k", "window", "cap"])?;
    let defaults = Throttle::default();
    Ok(Throttle {
        k: object.or("k", defaults.k, |node| node.number(1.0..=100.0))?,
        window: object.or("window", defaults.window, above_zero)?,
        cap: object.or("cap", defaults.cap, |node| positive(node, 1.0))?,
    })
}
