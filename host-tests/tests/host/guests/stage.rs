//! One VM of the puppet guest, and short ways to make it call the host.

use plimsoll_host_tests::host::{AbiVersion, CallbackKind, Headers, HostCall, Plugin, Profile, Status, Vm, World};

use super::puppet::{self, Allocator};

/// Where arguments go by convention of the tests.
pub(crate) const IN: u32 = puppet::FREE;
/// Where answers go.
pub(crate) const OUT: u32 = puppet::FREE + 0x8000;

/// A status as a script's result.
pub(crate) const fn word(status: Status) -> u32 {
    status as i32 as u32
}

/// One VM with a root that has started.
pub(crate) struct Stage {
    pub(crate) vm: Vm,
    pub(crate) world: World,
    pub(crate) root: u32,
    version: AbiVersion,
}

impl Stage {
    /// Under a profile, with the newest ABI.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::with(profile, AbiVersion::V0_2_1)
    }

    /// As Envoy.
    pub(crate) fn envoy() -> Self {
        Self::new(Profile::envoy())
    }

    /// As nginx with ngx_wasm_module, which does not know all imports.
    pub(crate) fn ngx() -> Self {
        let lacking = [HostCall::GetHeaderMapSize, HostCall::GetBufferStatus];
        Self::of(&puppet::compile(AbiVersion::V0_2_1, &lacking), Profile::ngx_wasm())
    }

    /// Any profile, any version.
    pub(crate) fn with(profile: Profile, version: AbiVersion) -> Self {
        Self::of(&puppet::guest(version), profile)
    }

    fn of(guest: &plimsoll_host_tests::host::Guest, profile: Profile) -> Self {
        let world = World::new(profile);
        let vm = Vm::new(guest, "worker-0", "test", &world).expect("instantiates");
        let mut stage = Self { vm, world, root: 0, version: guest.version() };
        stage.answer(1);
        stage.root = stage.vm.start_root(&Plugin::new("r", "config")).expect("starts");
        stage.answer(0);
        stage
    }

    /// What callbacks return from now on.
    pub(crate) fn answer(&mut self, word: u32) {
        puppet::put_word(&mut self.vm, puppet::ANSWER, word);
    }

    /// What the allocator does from now on.
    pub(crate) fn allocator(&mut self, allocator: Allocator, address: u32) {
        puppet::put_word(&mut self.vm, puppet::ALLOCATOR, allocator as u32);
        puppet::put_word(&mut self.vm, puppet::ADDRESS, address);
    }

    /// Puts bytes into the guest's memory.
    pub(crate) fn put(&mut self, at: u32, bytes: impl AsRef<[u8]>) {
        puppet::put(&mut self.vm, at, bytes.as_ref());
    }

    /// Reads a word of the guest's memory.
    pub(crate) fn word(&self, at: u32) -> u32 {
        puppet::word(&self.vm, at)
    }

    /// The bytes that pointer and length at an address tell.
    pub(crate) fn told(&self, at: u32) -> Vec<u8> {
        self.vm.memory(self.word(at), self.word(at + 4) as usize).expect("inside").to_vec()
    }

    /// What the next callbacks call.
    pub(crate) fn plan(&mut self, calls: &[(HostCall, &[u32])]) {
        let number = |call| puppet::number(self.version, call).expect("this version has it");
        let calls: Vec<_> = calls.iter().map(|(call, arguments)| (number(*call), arguments.to_vec())).collect();
        puppet::write_script(&mut self.vm, &calls);
    }

    /// Makes one call in a callback of a context, and nothing in later ones.
    pub(crate) fn call_in(&mut self, kind: CallbackKind, context: u32, call: HostCall, arguments: &[u32]) -> u32 {
        self.plan(&[(call, arguments)]);
        self.vm.raw(kind, &[context]).expect("no trap");
        let result = self.result();
        self.plan(&[]);
        result
    }

    /// Makes one call on the root's tick.
    pub(crate) fn call(&mut self, call: HostCall, arguments: &[u32]) -> u32 {
        self.call_in(CallbackKind::Tick, self.root, call, arguments)
    }

    /// As [`Stage::call`], for a call that traps: the reason.
    pub(crate) fn trap(&mut self, kind: CallbackKind, context: u32, call: HostCall, arguments: &[u32]) -> String {
        self.plan(&[(call, arguments)]);
        self.vm.raw(kind, &[context]).expect_err("traps").to_string()
    }

    /// The status of the first call of the last plan.
    pub(crate) fn result(&self) -> u32 {
        self.word(puppet::RESULTS)
    }

    /// The statuses of the last plan.
    pub(crate) fn results(&self, count: usize) -> Vec<u32> {
        puppet::results(&self.vm, count)
    }

    /// A stream whose request headers the guest holds back, so that calls can be made on it.
    pub(crate) fn paused_request(&mut self) -> u32 {
        self.plan(&[]);
        let stream = self.vm.open_stream(self.root).expect("opens");
        self.answer(1);
        self.vm.request_headers(stream, Headers::get_request("/a?b=c#d"), false).expect("pauses");
        self.answer(0);
        stream
    }
}
