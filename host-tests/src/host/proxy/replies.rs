//! Answers that no endpoint made: the router's, a filter's, and those for a filter whose VM is dead.

use std::borrow::Cow;

use super::Core;
use super::chain::{Key, Piece};
use super::flow::status_of;
use super::info::grpc_status;
use super::model::{AttemptEnd, RequestId, Source};
use crate::host::{Body as Side, Headers, LocalResponse};

/// Response flags as Envoy's bits.
pub(super) mod flags {
    pub(in super::super) const NO_HOST: u64 = 0x2;
    pub(in super::super) const TIMEOUT: u64 = 0x4;
    pub(in super::super) const REFUSED: u64 = 0x20;
    pub(in super::super) const RESET: u64 = 0x40;
    pub(in super::super) const CLIENT_GONE: u64 = 0x4000;
    pub(in super::super) const RETRIES_USED_UP: u64 = 0x8000;
    pub(in super::super) const CUT: u64 = 0x80_0000;
    pub(in super::super) const NO_CLUSTER: u64 = 0x100_0000;
    pub(in super::super) const NO_ROUTE: u64 = 0x100;
}

/// What a gRPC request's content type begins with.
pub(super) const GRPC: &str = "application/grpc";
/// Envoy's words for an answer that did not come in time.
pub(super) const LATE: &str = "upstream request timeout";

/// An answer that the router makes itself, in Envoy's words.
pub(super) struct RouterReply {
    pub(super) status: u16,
    pub(super) flags: u64,
    pub(super) details: &'static str,
    pub(super) body: Cow<'static, str>,
}

impl Core {
    /// The router answers by itself.
    pub(super) fn router_reply(&self, id: RequestId, reply: &RouterReply) {
        self.inform(id, |info| {
            info.add_flags(reply.flags);
            info.set_details(reply.details);
        });
        self.reply(id, Headers::response(reply.status), reply.body.as_bytes().to_vec(), Source::Router);
    }

    /// Sends an answer of the proxy's own through the filters.
    fn reply(&self, id: RequestId, mut headers: Headers, body: Vec<u8>, source: Source) {
        complete_headers(&mut headers, &body);
        if body.is_empty() {
            return self.respond(id, headers, true, source);
        }
        self.respond(id, headers, false, source);
        self.pass(Key::Down(id), Side::Response, 0, Piece::Data(body, true));
    }

    /// A filter answers by itself. The attempts under way end first. Once an answer has begun, it is cut off if the
    /// client has its headers, else replaced without passing the filters again.
    pub(super) fn filter_reply(&self, id: RequestId, local: LocalResponse) {
        let details = String::from_utf8_lossy(&local.details).into_owned();
        let Some((begun, sent)) = self.exchange(id, |exchange| (exchange.source.is_some(), exchange.answer.is_some()))
        else {
            return;
        };
        self.end_attempts(id, AttemptEnd::Aborted);
        if sent {
            return self.finish(id, true);
        }
        self.inform(id, |info| info.set_details(&details));
        let is_grpc = self.exchange(id, |exchange| exchange.is_grpc) == Some(true);
        let mut headers = Headers::response(if is_grpc { 200 } else { local.status as u16 });
        let given = local.headers.iter().filter(|(key, _)| *key != b":status" && *key != b"content-length");
        given.for_each(|(key, value)| headers.add(key, value));
        if is_grpc && !begun {
            return self.respond(id, grpc_headers(headers, &local), true, Source::Filter);
        }
        if begun {
            complete_headers(&mut headers, &local.body);
            self.exchange(id, |exchange| {
                exchange.source = Some(Source::Filter);
                (exchange.answer, exchange.answer_body) = (Some((status_of(&headers), headers)), local.body);
            });
            return self.finish(id, false);
        }
        self.reply(id, headers, local.body, Source::Filter);
    }

    /// A filter's VM is dead: the stream fails with it.
    pub(super) fn fail_stream(&self, key: Key) {
        let (Key::Down(id) | Key::Up(id, _)) = key;
        let local = LocalResponse { status: 503, details: b"wasm_fail_stream".to_vec(), ..LocalResponse::default() };
        let begun = self.exchange(id, |exchange| exchange.source.is_some());
        if begun == Some(true) {
            self.finish_failed(id);
        } else {
            self.filter_reply(id, local);
        }
    }

    /// An answer under way fails with a filter's VM.
    fn finish_failed(&self, id: RequestId) {
        let sent = self.exchange(id, |exchange| {
            let sent = exchange.answer.is_some();
            if !sent {
                exchange.source = Some(Source::Filter);
                exchange.answer = Some((Some(503), Headers::response(503)));
            }
            sent
        });
        self.finish(id, sent == Some(true));
    }
}

/// Envoy's words for an exchange that broke off before the answer.
pub(super) fn broken_off(retried: bool, reason: &str) -> String {
    let how = if retried { "retried and the latest reset reason" } else { "reset reason" };
    format!("upstream connect error or disconnect/reset before headers. {how}: {reason}")
}

/// Envoy says of its own answers how long they are and that they are text, unless a type is given.
pub(super) fn complete_headers(headers: &mut Headers, body: &[u8]) {
    if !body.is_empty() {
        headers.add("content-length", body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.add("content-type", "text/plain");
        }
    }
}

/// A local answer to a gRPC request has its status and its text in headers.
fn grpc_headers(mut headers: Headers, local: &LocalResponse) -> Headers {
    let status = local.grpc_status.map_or_else(|| grpc_status(local.status as u16), i64::from);
    headers.replace("content-type", GRPC);
    headers.add("grpc-status", status.to_string());
    if !local.body.is_empty() {
        headers.add("grpc-message", &local.body);
    }
    headers
}
