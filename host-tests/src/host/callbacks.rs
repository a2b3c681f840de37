//! The callbacks of the ABI: their names, their signatures, and a guest's exports of them.
//!
//! A callback that the guest does not export is answered with its default, as hosts do. ABI 0.1.0 knows no end of stream
//! in the callbacks of headers, and no foreign function.

use wasmtime::{Instance, Store, TypedFunc};

use super::AbiVersion;
use super::vm::VmState;

/// The shape of a callback's signature: how many words go in, and whether one comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    parameters: usize,
    returns: bool,
}

macro_rules! callbacks {
    ($($variant:ident = $name:literal, $parameters:literal, $returns:literal, $default:literal;)*) => {
        /// A callback of the ABI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(usize)]
        pub enum CallbackKind { $(#[doc = concat!("`", $name, "`")] $variant),* }

        impl CallbackKind {
            /// All, in the ABI's order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The export's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn shape(self) -> Shape {
                match self { $(Self::$variant => Shape { parameters: $parameters, returns: $returns }),* }
            }

            /// What a host takes for the answer of a guest that does not export it.
            pub fn default_answer(self) -> u32 {
                match self { $(Self::$variant => $default),* }
            }
        }
    };
}

callbacks! {
    ContextCreate = "proxy_on_context_create", 2, false, 0;
    ValidateConfiguration = "proxy_validate_configuration", 2, true, 1;
    VmStart = "proxy_on_vm_start", 2, true, 1;
    Configure = "proxy_on_configure", 2, true, 1;
    Tick = "proxy_on_tick", 1, false, 0;
    NewConnection = "proxy_on_new_connection", 1, true, 0;
    DownstreamData = "proxy_on_downstream_data", 3, true, 0;
    UpstreamData = "proxy_on_upstream_data", 3, true, 0;
    DownstreamClose = "proxy_on_downstream_connection_close", 2, false, 0;
    UpstreamClose = "proxy_on_upstream_connection_close", 2, false, 0;
    RequestHeaders = "proxy_on_request_headers", 3, true, 0;
    RequestBody = "proxy_on_request_body", 3, true, 0;
    RequestTrailers = "proxy_on_request_trailers", 2, true, 0;
    RequestMetadata = "proxy_on_request_metadata", 2, true, 0;
    ResponseHeaders = "proxy_on_response_headers", 3, true, 0;
    ResponseBody = "proxy_on_response_body", 3, true, 0;
    ResponseTrailers = "proxy_on_response_trailers", 2, true, 0;
    ResponseMetadata = "proxy_on_response_metadata", 2, true, 0;
    HttpCallResponse = "proxy_on_http_call_response", 5, false, 0;
    GrpcInitialMetadata = "proxy_on_grpc_receive_initial_metadata", 3, false, 0;
    GrpcReceive = "proxy_on_grpc_receive", 3, false, 0;
    GrpcTrailingMetadata = "proxy_on_grpc_receive_trailing_metadata", 3, false, 0;
    GrpcClose = "proxy_on_grpc_close", 3, false, 0;
    QueueReady = "proxy_on_queue_ready", 2, false, 0;
    ForeignFunction = "proxy_on_foreign_function", 3, false, 0;
    Log = "proxy_on_log", 1, false, 0;
    Done = "proxy_on_done", 1, true, 1;
    Delete = "proxy_on_delete", 1, false, 0;
}

impl CallbackKind {
    /// How many words it takes.
    pub fn parameters(self) -> usize {
        self.shape().parameters
    }

    /// Whether it answers with a word.
    pub fn returns(self) -> bool {
        self.shape().returns
    }

    /// Its shape in one version of the ABI; `None` if that version does not have it.
    fn shape_in(self, version: AbiVersion) -> Option<Shape> {
        let shape = self.shape();
        match (version, self) {
            (AbiVersion::V0_1_0, Self::RequestHeaders | Self::ResponseHeaders) => {
                Some(Shape { parameters: 2, ..shape })
            }
            (AbiVersion::V0_1_0, Self::ForeignFunction) => None,
            _ => Some(shape),
        }
    }
}

/// One export, typed by its shape so that calling it costs no dynamic check.
#[derive(Clone)]
enum Export {
    Take1(TypedFunc<u32, ()>),
    Take2(TypedFunc<(u32, u32), ()>),
    Take3(TypedFunc<(u32, u32, u32), ()>),
    Take5(TypedFunc<(u32, u32, u32, u32, u32), ()>),
    Give1(TypedFunc<u32, u32>),
    Give2(TypedFunc<(u32, u32), u32>),
    Give3(TypedFunc<(u32, u32, u32), u32>),
}

/// The callbacks that one instance exports.
#[derive(Clone)]
pub(crate) struct Exports(Vec<Option<Export>>);

impl Exports {
    /// Finds them; an export of a callback's name with another signature is an error.
    pub(crate) fn find(instance: &Instance, store: &mut Store<VmState>, version: AbiVersion) -> wasmtime::Result<Self> {
        let mut exports = Vec::with_capacity(CallbackKind::ALL.len());
        for kind in CallbackKind::ALL {
            let function = instance.get_func(&mut *store, kind.name());
            let (Some(function), Some(shape)) = (function, kind.shape_in(version)) else {
                exports.push(None);
                continue;
            };
            exports.push(Some(match (shape.parameters, shape.returns) {
                (1, false) => Export::Take1(function.typed(&*store)?),
                (2, false) => Export::Take2(function.typed(&*store)?),
                (3, false) => Export::Take3(function.typed(&*store)?),
                (5, false) => Export::Take5(function.typed(&*store)?),
                (1, true) => Export::Give1(function.typed(&*store)?),
                (2, true) => Export::Give2(function.typed(&*store)?),
                (3, true) => Export::Give3(function.typed(&*store)?),
                _ => unreachable!("no callback of the table has this shape"),
            }));
        }
        Ok(Self(exports))
    }

    /// True if the guest wants this callback.
    pub(crate) fn has(&self, kind: CallbackKind) -> bool {
        self.0[kind as usize].is_some()
    }

    /// Calls it; `None` if the guest does not export it.
    pub(crate) fn call(
        &self,
        store: &mut Store<VmState>,
        kind: CallbackKind,
        args: &[u32],
    ) -> Option<wasmtime::Result<u32>> {
        let at = |index: usize| args.get(index).copied().unwrap_or(0);
        let (a, b, c) = (at(0), at(1), at(2));
        Some(match self.0[kind as usize].as_ref()? {
            Export::Take1(function) => function.call(store, a).map(|()| 0),
            Export::Take2(function) => function.call(store, (a, b)).map(|()| 0),
            Export::Take3(function) => function.call(store, (a, b, c)).map(|()| 0),
            Export::Take5(function) => function.call(store, (a, b, c, at(3), at(4))).map(|()| 0),
            Export::Give1(function) => function.call(store, a),
            Export::Give2(function) => function.call(store, (a, b)),
            Export::Give3(function) => function.call(store, (a, b, c)),
        })
    }
}
