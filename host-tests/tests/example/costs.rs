//! What a request may cost, in host calls and in fuel.

use plimsoll_host_tests::host::proxy::Request;
use plimsoll_host_tests::host::{HostCall, StreamCosts};

use crate::support::*;

/// The costs of one request with a body of `size` bytes each way.
fn costs(size: usize, secret: bool) -> StreamCosts {
    let (mut proxy, _) = start(setup());
    let body = if secret { format!("sk_live_{}", "x".repeat(size - 8)) } else { "x".repeat(size) };
    proxy.set_answer(SERVICE, answer(200, &[&body]));
    proxy.fetch(Request::get("/"));
    proxy.reset_costs();
    assert!(proxy.fetch(Request::post("/", &body)).is_ok());
    let costs = proxy.costs().streams("guard");
    assert_eq!(costs.streams, 1);
    costs
}

#[test]
fn a_request_without_secrets_rewrites_no_body() {
    let costs = costs(1_000, false);
    assert_eq!(costs.host_calls.get(HostCall::SetBuffer), 0, "{costs:?}");
    assert_eq!(costs.host_calls.get(HostCall::HttpCall), 1);
    assert!(costs.max_host_calls <= 16, "{} host calls: {:?}", costs.max_host_calls, costs.host_calls);
}

#[test]
fn a_secret_costs_one_write_each_way_and_a_metric() {
    let (plain, secret) = (costs(1_000, false), costs(1_000, true));
    assert_eq!(secret.host_calls.get(HostCall::SetBuffer), 2);
    assert_eq!(secret.max_host_calls, plain.max_host_calls + 3);
}

#[test]
fn masking_takes_the_same_work_for_each_byte() {
    let [small, medium, large] = [1_000, 10_000, 100_000].map(|size| costs(size, false).fuel);
    let (per_byte, later) = ((medium - small) / 18_000, (large - medium) / 180_000);
    assert!(per_byte.abs_diff(later) <= 1, "fuel per byte: {per_byte}, then {later}");
    assert!(later <= 150, "fuel per byte: {later}");
}
