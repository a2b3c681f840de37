//! One request: ask, let pass or refuse, mask, hide, record.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};
use serde::Serialize;

use crate::config::OnError;
use crate::mask::Masker;
use crate::{Shared, call_status, count, log};

const USER: &str = "x-guard-user";
const COVER: &[u8] = b"{\"error\":\"the service failed\"}\n";

/// What was decided about a request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// The authority has not answered.
    #[default]
    Open,
    Allowed,
    /// Nobody could be asked, and the configuration lets such requests pass.
    Unchecked,
    Refused,
}

/// What the audit gets to know.
#[derive(Default, Serialize)]
struct Record {
    path: String,
    user: String,
    verdict: Verdict,
    status: String,
    masked: usize,
}

/// The context of one request.
pub(crate) struct Stream {
    shared: Rc<Shared>,
    record: Record,
    asked_at: SystemTime,
    request: Masker,
    response: Masker,
    /// The upstream failed: what its next piece of body is replaced by.
    cover: Option<&'static [u8]>,
}

impl Stream {
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        let (record, request, response) = Default::default();
        Self { shared, record, asked_at: SystemTime::UNIX_EPOCH, request, response, cover: None }
    }

    /// Asks the authority about the request whose headers are open now.
    fn ask(&self) -> Result<(), String> {
        let authority = &self.shared.config.authority;
        let credentials = self.request_header("authorization");
        let mut headers = vec![
            (":method", "GET"),
            (":path", "/check"),
            (":authority", authority.cluster.as_str()),
            ("x-guard-path", &self.record.path),
        ];
        if !credentials.is_empty() {
            headers.push(("authorization", &credentials));
        }
        let timeout = Duration::from_millis(authority.timeout_ms);
        let call = self.dispatch_http_call(&authority.cluster, headers, None, vec![], timeout);
        call.map(drop).map_err(|status| format!("no call to the cluster {}: {status:?}", authority.cluster))
    }

    /// Nobody could tell. True if the request may pass.
    fn fail(&mut self, why: &str) -> bool {
        log(LogLevel::Warn, &format!("guard: {why}"));
        count(self.shared.metrics.authority_errors, 1);
        let passes = self.shared.config.authority.on_error == OnError::Allow;
        if passes {
            self.record.verdict = Verdict::Unchecked;
        } else {
            self.refuse(503, b"permission cannot be checked\n");
        }
        passes
    }

    fn refuse(&mut self, status: u32, body: &[u8]) {
        self.record.verdict = Verdict::Refused;
        count(self.shared.metrics.denied, 1);
        self.send_http_response(status, vec![("content-type", "text/plain")], Some(body));
    }

    /// As text that is safe to hand on: clients may send any bytes, and the SDK's own way to text panics on them.
    fn request_header(&self, name: &str) -> String {
        let bytes = self.get_http_request_header_bytes(name).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_request_header(USER, None);
        self.record.path = self.request_header(":path");
        self.asked_at = self.get_current_time();
        match self.ask() {
            Ok(()) => Action::Pause,
            Err(why) if self.fail(&why) => Action::Continue,
            Err(_) => Action::Pause,
        }
    }

    fn on_http_request_body(&mut self, size: usize, _: bool) -> Action {
        let Some(mut chunk) = self.get_http_request_body(0, size) else { return Action::Continue };
        if let Some(begun) = self.request.mask(&self.shared.config.markers, &mut chunk) {
            self.record.masked += begun;
            self.set_http_request_body(0, size, &chunk);
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let status = self.get_http_response_header_bytes(":status").unwrap_or_default();
        self.record.status = String::from_utf8_lossy(&status).into_owned();
        // Our own answers come by here too.
        if self.record.status.starts_with('5') && self.record.verdict != Verdict::Refused && !end_of_stream {
            self.cover = Some(COVER);
            count(self.shared.metrics.hidden, 1);
            self.set_http_response_header("content-length", None);
            self.set_http_response_header("content-type", Some("application/json"));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _: bool) -> Action {
        if let Some(cover) = &mut self.cover {
            // The first piece becomes the whole answer, later ones nothing. Pausing and replacing all at the end would
            // let slip the last piece: in Envoy it is not yet in the buffer when its callback runs.
            let text = std::mem::take(cover);
            self.set_http_response_body(0, size, text);
            return Action::Continue;
        }
        let Some(mut chunk) = self.get_http_response_body(0, size) else { return Action::Continue };
        if let Some(begun) = self.response.mask(&self.shared.config.markers, &mut chunk) {
            self.record.masked += begun;
            self.set_http_response_body(0, size, &chunk);
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        count(self.shared.metrics.masked, self.record.masked);
        let record = serde_json::to_vec(&self.record).unwrap_or_default();
        if self.enqueue_shared_queue(self.shared.queue, Some(&record)).is_err() {
            count(self.shared.metrics.audit_dropped, 1);
        }
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _: u32, headers: usize, _: usize, _: usize) {
        let waited = self.get_current_time().duration_since(self.asked_at).unwrap_or_default();
        let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        // A lost sample is no reason to fail a request.
        let _ = proxy_wasm::hostcalls::record_metric(self.shared.metrics.authority_ms, milliseconds);
        match call_status(self, headers).as_slice() {
            b"200" => {
                let user = self.get_http_call_response_header_bytes("x-user").unwrap_or_default();
                self.record.user = String::from_utf8_lossy(&user).into_owned();
                self.record.verdict = Verdict::Allowed;
                count(self.shared.metrics.allowed, 1);
                self.set_http_request_header(USER, Some(&self.record.user));
                self.resume_http_request();
            }
            b"401" | b"403" => self.refuse(403, b"not permitted\n"),
            other => {
                let why = format!("the authority answered {:?}", String::from_utf8_lossy(other));
                if self.fail(&why) {
                    self.resume_http_request();
                }
            }
        }
    }
}
