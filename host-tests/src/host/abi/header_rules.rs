//! How Envoy's header maps treat the headers that it knows.
//!
//! Envoy keeps well-known headers once only: adding one that is there appends to its value, with a comma between, where
//! an unknown one becomes a second pair. In the request's map `host` is another name of `:authority`. Replacing removes
//! all pairs and adds one at the end; pseudo-headers stand before all others.

use crate::host::Headers;

/// Known in requests and responses.
const BOTH: &[&[u8]] = &[
    b"content-length",
    b"x-envoy-attempt-count",
    b"connection",
    b"content-type",
    b"x-envoy-decorator-operation",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-status",
    b"x-request-id",
    b"transfer-encoding",
    b"upgrade",
    b"via",
];
/// Known in requests.
const REQUEST: &[&[u8]] = &[
    b":authority",
    b":method",
    b":path",
    b":protocol",
    b":scheme",
    b"expect",
    b"grpc-timeout",
    b"te",
    b"user-agent",
    b"x-client-trace-id",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-expected-rq-timeout-ms",
    b"x-envoy-external-address",
    b"x-envoy-force-trace",
    b"x-envoy-hedge-on-per-try-timeout",
    b"x-envoy-internal",
    b"x-envoy-ip-tags",
    b"x-envoy-max-retries",
    b"x-envoy-original-path",
    b"x-envoy-original-url",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name",
    b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response",
    b"x-envoy-upstream-rq-timeout-ms",
    b"x-envoy-upstream-stream-duration-ms",
    b"x-forwarded-client-cert",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];
/// Known in responses.
const RESPONSE: &[&[u8]] = &[
    b":status",
    b"date",
    b"grpc-message",
    b"grpc-status",
    b"location",
    b"server",
    b"x-envoy-degraded",
    b"x-envoy-immediate-health-check-fail",
    b"x-envoy-ratelimited",
    b"x-envoy-upstream-canary",
    b"x-envoy-upstream-healthchecked-cluster",
    b"x-envoy-upstream-service-time",
];
/// Known in a response's trailers.
const RESPONSE_TRAILERS: &[&[u8]] = &[b"grpc-message", b"grpc-status"];

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILER_MAP: u32 = 3;

/// The name under which a map keeps a key.
pub(super) fn name(map: u32, key: &[u8]) -> &[u8] {
    if map == REQUEST_HEADERS && key.eq_ignore_ascii_case(b"host") { b":authority" } else { key }
}

fn is_known(map: u32, key: &[u8]) -> bool {
    let lists: &[&[&[u8]]] = match map {
        REQUEST_HEADERS => &[BOTH, REQUEST],
        RESPONSE_HEADERS => &[BOTH, RESPONSE],
        RESPONSE_TRAILER_MAP => &[RESPONSE_TRAILERS],
        _ => &[],
    };
    lists.iter().any(|list| list.iter().any(|known| known.eq_ignore_ascii_case(key)))
}

/// Adds a pair.
pub(super) fn add(headers: &mut Headers, map: u32, key: &[u8], value: &[u8]) {
    let key = name(map, key);
    match headers.position(key) {
        Some(at) if is_known(map, key) => headers.append_at(at, b",", value),
        _ => headers.insert(key, value),
    }
}

/// Leaves one pair of a key.
pub(super) fn replace(headers: &mut Headers, map: u32, key: &[u8], value: &[u8]) {
    let key = name(map, key);
    headers.remove(key);
    headers.insert(key, value);
}

/// A map as it is when pairs are added one by one.
pub(super) fn collect(pairs: &Headers, map: u32) -> Headers {
    let mut headers = Headers::new();
    for (key, value) in pairs.iter() {
        add(&mut headers, map, key, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_headers_are_joined_and_others_repeated() {
        let mut headers = Headers::get_request("/");
        add(&mut headers, REQUEST_HEADERS, b"X-Forwarded-For", b"1");
        add(&mut headers, REQUEST_HEADERS, b"x-forwarded-for", b"2");
        add(&mut headers, REQUEST_HEADERS, b"x-forwarded-for", b"");
        add(&mut headers, REQUEST_HEADERS, b"x-own", b"1");
        add(&mut headers, REQUEST_HEADERS, b"x-own", b"2");
        assert_eq!(headers.text("x-forwarded-for").as_deref(), Some("1,2"));
        assert_eq!(headers.len(), 4 + 1 + 2);
        add(&mut headers, RESPONSE_HEADERS, b"x-forwarded-for", b"3");
        assert_eq!(headers.len(), 8, "unknown in a response");
    }

    #[test]
    fn replacing_moves_to_the_end_but_pseudo_headers_stay_in_front() {
        let mut headers = Headers::from_pairs([(":path", "/"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3")]);
        replace(&mut headers, REQUEST_HEADERS, b"x-a", b"9");
        assert_eq!(headers, Headers::from_pairs([(":path", "/"), ("x-b", "2"), ("x-a", "9")]));
        replace(&mut headers, REQUEST_HEADERS, b"Host", b"h");
        assert_eq!(headers, Headers::from_pairs([(":path", "/"), (":authority", "h"), ("x-b", "2"), ("x-a", "9")]));
    }
}
