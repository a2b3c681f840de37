//! What differs between hosts: Envoy, and nginx with Kong's ngx_wasm_module.
//!
//! A guest that passes under both profiles is portable. What is said here about ngx_wasm_module was read in its source
//! (`src/common/proxy_wasm`, `src/common/shm`) and its page `docs/PROXY_WASM.md`; what is not listed here is served as
//! in Envoy. Not modelled: its way of naming hosts instead of clusters in HTTP calls (any name that the test knows as a
//! cluster is good), its instance per request, and that it has no filters in front of an upstream.

use super::abi::HostCall;
use super::callbacks::CallbackKind;
use super::properties::Value;
use super::store::{Cas, Eviction};

/// Which family of hosts a [`Profile`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Envoy,
    NgxWasm,
}

/// Everything in which the modelled hosts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    family: Family,
    /// How shared data is swapped.
    pub cas: Cas,
    /// What shared data may hold; without it nothing is ever evicted.
    pub eviction: Option<Eviction>,
}

/// Host calls that ngx_wasm_module links, but answers with a trap ("function not yet implemented").
const NGX_TRAPS: &[HostCall] = &[
    HostCall::GetLogLevel,
    HostCall::Done,
    HostCall::CloseStream,
    HostCall::ContinueResponse,
    HostCall::ClearRouteCache,
    HostCall::ResolveQueue,
    HostCall::GrpcCall,
    HostCall::GrpcStream,
    HostCall::GrpcSend,
    HostCall::GrpcCancel,
    HostCall::GrpcClose,
    HostCall::GetStatus,
];

/// Host calls that are not in ngx_wasm_module's table at all: a guest that imports one does not load.
const NGX_UNKNOWN: &[HostCall] = &[HostCall::GetHeaderMapSize, HostCall::GetBufferStatus];

/// Callbacks that ngx_wasm_module makes. Trailers, metadata, gRPC, TCP and queues are "NYI" there.
const NGX_CALLBACKS: &[CallbackKind] = &[
    CallbackKind::ContextCreate,
    CallbackKind::VmStart,
    CallbackKind::Configure,
    CallbackKind::Tick,
    CallbackKind::RequestHeaders,
    CallbackKind::RequestBody,
    CallbackKind::ResponseHeaders,
    CallbackKind::ResponseBody,
    CallbackKind::HttpCallResponse,
    CallbackKind::ForeignFunction,
    CallbackKind::Log,
    CallbackKind::Done,
    CallbackKind::Delete,
];

/// Attributes that ngx_wasm_module can read, first and second part of the path; an empty second part stands for any.
const NGX_PROPERTIES: &[(&str, &[&str])] = &[
    (
        "request",
        &[
            "path",
            "url_path",
            "host",
            "scheme",
            "method",
            "useragent",
            "protocol",
            "query",
            "id",
            "referer",
            "time",
            "duration",
            "size",
            "total_size",
            "headers",
        ],
    ),
    ("response", &["code", "size", "total_size", "headers"]),
    ("upstream", &["address", "port"]),
    ("destination", &["address", "port"]),
    ("source", &["address", "port"]),
    ("connection", &["requested_server_name", "tls_version", "subject_local_certificate", "id", "mtls"]),
    ("plugin_name", &[]),
    ("plugin_root_id", &[]),
    ("wasmx", &[""]),
    ("ngx", &[""]),
];

impl Profile {
    /// Envoy, as measured on 1.40.
    pub fn envoy() -> Self {
        Self { family: Family::Envoy, cas: Cas::Envoy, eviction: None }
    }

    /// nginx with ngx_wasm_module. Its shared data lives in a slab of a fixed size, by default with eviction of what was
    /// used least recently; the size here is generous, set another with [`Profile::evicting`].
    pub fn ngx_wasm() -> Self {
        let eviction = Eviction { bytes: 4 << 20, keys: usize::MAX };
        Self { family: Family::NgxWasm, cas: Cas::Strict, eviction: Some(eviction) }
    }

    /// The same host with another memory for shared data. No real Envoy evicts, but a filter for other hosts has to
    /// live with it.
    #[must_use]
    pub fn evicting(mut self, eviction: Eviction) -> Self {
        self.eviction = Some(eviction);
        self
    }

    /// Its name, for test output.
    pub fn name(&self) -> &'static str {
        match self.family {
            Family::Envoy => "envoy",
            Family::NgxWasm => "ngx_wasm_module",
        }
    }

    /// True if this is nginx.
    pub(crate) fn is_ngx(&self) -> bool {
        self.family == Family::NgxWasm
    }

    /// Whether the host ever makes a callback.
    pub fn makes(&self, kind: CallbackKind) -> bool {
        match self.family {
            Family::Envoy => true,
            Family::NgxWasm => NGX_CALLBACKS.contains(&kind),
        }
    }

    /// Whether a guest that imports this loads.
    pub fn links(&self, call: HostCall) -> bool {
        match self.family {
            Family::Envoy => true,
            Family::NgxWasm => !NGX_UNKNOWN.contains(&call),
        }
    }

    /// Whether a host call is served; one that is not traps.
    pub fn serves(&self, call: HostCall) -> bool {
        match self.family {
            Family::Envoy => true,
            Family::NgxWasm => !NGX_TRAPS.contains(&call),
        }
    }

    /// Whether the host knows an attribute, by its path.
    pub(crate) fn knows(&self, path: &[u8]) -> bool {
        if self.family == Family::Envoy {
            return true;
        }
        let mut parts = path.splitn(3, |byte| *byte == 0);
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        NGX_PROPERTIES.iter().any(|(name, leaves)| {
            name.as_bytes() == first
                && match second {
                    None => leaves.is_empty(),
                    Some(second) => leaves.iter().any(|leaf| leaf.is_empty() || leaf.as_bytes() == second),
                }
        })
    }

    /// A property's bytes as the guest gets them.
    ///
    /// ngx_wasm_module knows text only: it maps attributes to variables of nginx, where times are seconds with three
    /// decimals, and says "true" and "false".
    pub(crate) fn encode<'a>(&self, value: &'a Value) -> std::borrow::Cow<'a, [u8]> {
        match self.family {
            Family::Envoy => value.bytes(),
            Family::NgxWasm => value.text(),
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::envoy()
    }
}

impl From<Cas> for Profile {
    /// The host that swaps so.
    fn from(cas: Cas) -> Self {
        match cas {
            Cas::Envoy => Self::envoy(),
            Cas::Strict => Self { cas, ..Self::envoy() },
        }
    }
}
