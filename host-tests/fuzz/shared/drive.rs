//! Arbitrary bytes as a run of the host: VMs, roots, callbacks in any order, host calls with any words.
//!
//! Whatever the bytes say, the host must neither panic nor hang nor allocate without bound; a guest may trap. Shared by
//! the fuzz target and by the test that replays its corpus, which compares the traces of two runs, too.

use std::time::Duration;

use plimsoll_host_tests::host::{
    AbiVersion, Body, CallbackKind, CloseType, Eviction, Guest, Headers, HostCall, HttpReply, Map, Plugin, Profile,
    Value, Vm, World,
};

use super::puppet;

/// Operations of one run.
const MOST_OPERATIONS: usize = 96;
/// Calls of one script.
const MOST_CALLS: u8 = 8;
/// The guest's memory grows so far.
const MEMORY_LIMIT: usize = 512 << 10;

/// The bytes, taken from the front; at their end everything is 0.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn below(&mut self, bound: usize) -> usize {
        self.byte() as usize % bound.max(1)
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    fn word(&mut self) -> u32 {
        let bytes = self.take(4);
        bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
    }

    /// A word that is more often near something than not: small, an address, an edge.
    fn argument(&mut self, contexts: u32) -> u32 {
        match self.byte() % 10 {
            0 => self.word(),
            1 => u32::MAX - u32::from(self.byte()),
            2 => puppet::MEMORY.wrapping_sub(u32::from(self.byte())),
            3 => puppet::FREE + u32::from(self.byte()) * 64,
            4 | 5 => puppet::FREE + u32::from(self.byte()),
            6 => u32::from(self.byte()) % (contexts + 2),
            7 => 1 << (self.byte() % 32),
            _ => u32::from(self.byte()) % 24,
        }
    }

    fn headers(&mut self) -> Headers {
        let names: [&[u8]; 8] = [b":path", b":method", b":authority", b":status", b"x-a", b"host", b"via", b""];
        let mut headers = Headers::new();
        for _ in 0..self.below(6) {
            let len = self.below(12);
            let name = names[self.below(names.len())];
            headers.add(name, self.take(len));
        }
        headers
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = self.byte() as usize;
        if len < 240 { self.take(len) } else { vec![self.byte(); (len - 239) * 4_096] }
    }
}

/// One run under way.
struct Run {
    world: World,
    guest: Guest,
    version: AbiVersion,
    vms: Vec<Vm>,
    /// The highest context that may exist, in any VM.
    contexts: u32,
}

/// Drives the host with the bytes; what it traced.
pub(crate) fn drive(data: &[u8]) -> String {
    let mut input = Input(data);
    let version = [AbiVersion::V0_2_1, AbiVersion::V0_2_0, AbiVersion::V0_1_0][input.below(3)];
    let first = input.byte();
    let (profile, guest) = match first % 4 {
        0 | 1 => (Profile::envoy(), puppet::guest(version)),
        2 => (Profile::envoy().evicting(Eviction { bytes: 4_096, keys: 8 }), puppet::guest(version)),
        _ => (Profile::ngx_wasm(), nginx_guest()),
    };
    let world = World::new(profile);
    world.trace().record(first & 16 != 0);
    world.set_environment([("NAME", "value")]);
    world.define_foreign("echo", |bytes| Ok(bytes.to_vec()));
    let version = guest.version();
    let mut run = Run { world, guest, version, vms: Vec::new(), contexts: 0 };
    for at in 0..=input.below(2) {
        run.add_vm(at);
    }
    for _ in 0..MOST_OPERATIONS {
        if input.0.is_empty() {
            break;
        }
        let at = input.below(run.vms.len());
        run.step(&mut input, at);
        if run.vms[at].is_dead() {
            run.replace_vm(at);
        }
    }
    for vm in &run.vms {
        assert!(!vm.costs().to_string().is_empty());
    }

    run.world.trace().text()
}

/// nginx does not load a guest that imports what it does not know.
fn nginx_guest() -> Guest {
    static GUEST: std::sync::OnceLock<Guest> = std::sync::OnceLock::new();
    let lacking = [HostCall::GetHeaderMapSize, HostCall::GetBufferStatus];
    GUEST.get_or_init(|| puppet::compile(AbiVersion::V0_2_1, &lacking)).clone()
}

impl Run {
    fn new_vm(&self, at: usize) -> Vm {
        let name = format!("worker-{at}");
        let mut vm = Vm::new(&self.guest, &name, ["one", "two"][at % 2], &self.world).expect("instantiates");
        vm.set_memory_limit(MEMORY_LIMIT);
        vm.set_clusters(["demo"]);
        vm.set_vm_configuration(b"configuration");
        puppet::put_word(&mut vm, puppet::ANSWER, 1);
        puppet::put(&mut vm, puppet::FREE, b":path\0demo\0name\0request\0path\0value\0compress\0uncompress\0echo\0");
        let pairs = Headers::get_request("/").encode();
        puppet::put(&mut vm, puppet::FREE + 0x80, &pairs);
        vm
    }

    fn add_vm(&mut self, at: usize) {
        let mut vm = self.new_vm(at);
        vm.start_root(&Plugin::new("root", "plugin")).expect("the script is empty");
        self.contexts = self.contexts.max(1);
        self.vms.push(vm);
    }

    fn replace_vm(&mut self, at: usize) {
        let vm = self.new_vm(at);
        self.vms[at] = vm;
    }

    /// One operation. Results are not looked at: a guest may refuse, trap, or be dead.
    fn step(&mut self, input: &mut Input<'_>, at: usize) {
        let operation = input.byte() % 48;
        let context = u32::from(input.byte()) % (self.contexts + 2);
        let vm = &mut self.vms[at];
        match operation {
            0..=9 => self.script(input, at),
            10 | 11 => {
                let to = input.argument(self.contexts);
                let len = input.byte() as usize;
                let bytes = input.take(len);
                puppet::put(vm, to, &bytes);
            }
            12 => puppet::put_word(vm, puppet::ANSWER, u32::from(input.byte() % 5)),
            13 => {
                let address = input.argument(self.contexts);
                puppet::put_word(vm, puppet::ADDRESS, address);
                puppet::put_word(vm, puppet::ALLOCATOR, u32::from(input.byte() % 4));
            }
            14 => puppet::put_word(vm, puppet::TRAP, u32::from(input.byte().is_multiple_of(8))),
            15..=19 => {
                let kind = CallbackKind::ALL[input.below(CallbackKind::ALL.len())];
                let mut words = vec![context];
                words.extend((1..kind.parameters()).map(|_| input.argument(self.contexts)));
                drop(vm.raw(kind, &words));
            }
            20..=34 => self.stream(operation, input, at, context),
            _ => self.root(operation, input, at, context),
        }
    }

    fn script(&mut self, input: &mut Input<'_>, at: usize) {
        let calls = (0..input.byte() % MOST_CALLS).map(|_| {
            let number = input.byte() as u32 % puppet::count(self.version);
            let words = puppet::words(self.version, number);
            (number, (0..words).map(|_| input.argument(self.contexts)).collect())
        });
        let calls: Vec<(u32, Vec<u32>)> = calls.collect();
        puppet::write_script(&mut self.vms[at], &calls);
    }

    fn stream(&mut self, operation: u8, input: &mut Input<'_>, at: usize, context: u32) {
        let vm = &mut self.vms[at];
        let end = input.byte() & 1 == 1;
        match operation {
            20 | 21 => {
                if let Ok(stream) = vm.open_stream(context) {
                    self.contexts = self.contexts.max(stream);
                }
            }
            22 => drop(vm.request_headers(context, input.headers(), end)),
            23 => drop(vm.request_body(context, input.bytes(), end)),
            24 => drop(vm.request_trailers(context, input.headers())),
            25 => drop(vm.response_headers(context, input.headers(), end)),
            26 => drop(vm.response_body(context, input.bytes(), end)),
            27 => drop(vm.response_trailers(context, input.headers())),
            28 => drop(vm.end_stream(context)),
            29 => drop(vm.delete_stream(context)),
            30 => vm.resume(context, if end { Body::Request } else { Body::Response }),
            31 => {
                if let Ok((connection, _)) = vm.open_connection(context) {
                    self.contexts = self.contexts.max(connection);
                }
            }
            32 => drop(vm.downstream_data(context, input.bytes(), end)),
            33 => drop(vm.upstream_data(context, input.bytes(), end)),
            _ if end => drop(vm.downstream_close(context, CloseType::Remote)),
            _ => drop(vm.upstream_close(context, CloseType::Unknown)),
        }
    }

    fn root(&mut self, operation: u8, input: &mut Input<'_>, at: usize, context: u32) {
        let vm = &mut self.vms[at];
        let token = input.argument(self.contexts);
        match operation {
            35 => drop(vm.run_due_ticks()),
            36 => {
                if let Ok(root) = vm.start_root(&Plugin::new("other", input.bytes())) {
                    self.contexts = self.contexts.max(root);
                }
            }
            37 => drop(vm.stop_root(context)),
            38 => drop(vm.delete_root(context)),
            39 => drop(vm.queue_ready(context, token)),
            40 => {
                let (headers, trailers) = (input.headers(), input.headers());
                drop(vm.answer_http_call(context, token, HttpReply { headers, body: input.bytes(), trailers }));
            }
            41 => drop(vm.grpc_initial_metadata(context, token, input.headers())),
            42 => drop(vm.grpc_message(context, token, input.bytes())),
            43 => drop(vm.grpc_trailing_metadata(context, token, input.headers())),
            44 => drop(vm.grpc_close(context, token, u32::from(input.byte()), "closed")),
            45 => drop(vm.foreign_function(context, token, input.bytes())),
            46 => self.world.advance(Duration::from_millis(u64::from(input.byte()) << (token % 16))),
            _ => look(vm, context, input),
        }
    }
}

/// What a proxy or a test looks at between callbacks.
fn look(vm: &mut Vm, context: u32, input: &mut Input<'_>) {
    drop(vm.take_actions());
    drop(vm.take_local_response(context));
    drop(vm.validate_configuration(context));
    let path = ["response.code", "request.path", "wasmx.x", ""][input.below(4)];
    if let Some(stream) = vm.stream_mut(context) {
        stream.properties.set(path, Value::Uint(u64::from(input.byte())));
        assert!(stream.map(Map::RequestHeaders).encoded_len() >= 4);
    }
    if let Some(properties) = vm.root_properties(context) {
        properties.set(path, Value::Duration(Duration::from_nanos(u64::MAX)));
    }
    assert!(vm.memory_bytes() <= MEMORY_LIMIT);
}
