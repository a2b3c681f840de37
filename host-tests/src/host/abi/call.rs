//! One host call under way: checked access to the guest's memory, and what all calls have in common.
//!
//! As in the C++ host, an answer is allocated before the places for its pointer and length are written, pointer first;
//! a place outside the memory is a status, and what was written before stays.

use wasmtime::{Caller, Memory};

use super::HostCall;
use crate::host::Status;
use crate::host::state::CALL_COST;
use crate::host::trace::show;
use crate::host::vm::VmState;

/// Bytes that the guest points at.
#[derive(Clone, Copy)]
pub(super) struct Slice(pub(super) u32, pub(super) u32);

/// Where the guest wants pointer and length of an answer.
#[derive(Clone, Copy)]
pub(super) struct Answer(pub(super) u32, pub(super) u32);

/// Why a host call does not end well: a status for the guest, or a trap.
pub(super) enum Fault {
    Status(Status),
    Trap(wasmtime::Error),
}

impl Fault {
    /// A trap with a reason, as ngx_wasm_module answers misuse.
    pub(super) fn trap(reason: impl std::fmt::Display) -> Self {
        Self::Trap(wasmtime::Error::msg(reason.to_string()))
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// How a host call ends.
pub(super) type Outcome = Result<(), Fault>;

/// One host call under way.
pub(super) struct Call<'call, 'guest> {
    caller: &'call mut Caller<'guest, VmState>,
    memory: Memory,
    detail: Option<String>,
}

/// What the guest may call while it is not running a callback. Both lists are the C++ host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Restriction {
    /// A callback runs: everything is allowed.
    #[default]
    None,
    /// The guest is being started.
    Start,
    /// The guest's allocator runs.
    Allocate,
}

impl Restriction {
    fn allows(self, call: HostCall) -> bool {
        match self {
            Self::None => true,
            Self::Start => call == HostCall::Log || call.allowed_at_start(),
            Self::Allocate => {
                matches!(call, HostCall::Log | HostCall::FdWrite | HostCall::ClockTimeGet | HostCall::PollOneoff)
            }
        }
    }
}

/// Runs a host call of the ABI and returns its status to the guest.
pub(super) fn run(
    caller: Caller<'_, VmState>,
    host_call: HostCall,
    body: impl FnOnce(&mut Call<'_, '_>) -> Outcome,
) -> wasmtime::Result<i32> {
    let answer = |outcome: Outcome| match outcome {
        Ok(()) => Ok((Status::Ok.code(), Status::Ok)),
        Err(Fault::Status(status)) => Ok((status.code(), status)),
        Err(Fault::Trap(error)) => Err(error),
    };
    run_as(caller, host_call, (Status::InternalFailure.code(), Status::InternalFailure), |call| answer(body(call)))
}

/// Runs any host call: counts it, keeps the rules of the restricted phases and of the profile, writes the trace.
/// `unborn` is the answer to a guest that is still being instantiated and has no memory yet.
pub(super) fn run_as<S: std::fmt::Display>(
    mut caller: Caller<'_, VmState>,
    host_call: HostCall,
    unborn: (i32, S),
    body: impl FnOnce(&mut Call<'_, '_>) -> wasmtime::Result<(i32, S)>,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    state.calls.count(host_call);
    if !state.restricted.allows(host_call) {
        return Err(wasmtime::Error::msg(format!("{} is not allowed here", host_call.name())));
    }
    if !state.profile.serves(host_call) {
        return Err(wasmtime::Error::msg(format!("{} is not implemented by this host", host_call.name())));
    }
    if !state.spend(CALL_COST) {
        return Err(over_budget());
    }
    // Without a memory the guest is still being instantiated: its start function ran too early to be served.
    let Some(memory) = state.memory else {
        return Ok(unborn.0);
    };
    if host_call.is_shared() {
        let world = state.world.clone();
        world.preempt();
    }
    let state = caller.data();
    let detail = state.world.tracing().then(String::new);
    let mut call = Call { caller: &mut caller, memory, detail };
    let outcome = body(&mut call);
    let detail = call.detail.take();
    let (code, shown) = outcome?;
    if let Some(detail) = detail {
        let state = caller.data();
        state.world.note(&state.name, || format!("  {}({detail}) = {shown}", host_call.name()));
    }
    Ok(code)
}

fn over_budget() -> wasmtime::Error {
    wasmtime::Error::msg("the host calls of one callback cost more than any guest needs")
}

/// Checked access to the guest's memory.
pub(super) fn peek(memory: &[u8], slice: Slice) -> Result<&[u8], Status> {
    let (start, len) = (slice.0 as usize, slice.1 as usize);
    let end = start.checked_add(len).ok_or(Status::InvalidMemoryAccess)?;
    memory.get(start..end).ok_or(Status::InvalidMemoryAccess)
}

fn poke(memory: &mut [u8], at: u32, bytes: &[u8]) -> Result<(), Status> {
    let start = at as usize;
    let end = start.checked_add(bytes.len()).ok_or(Status::InvalidMemoryAccess)?;
    memory.get_mut(start..end).ok_or(Status::InvalidMemoryAccess)?.copy_from_slice(bytes);
    Ok(())
}

impl Call<'_, '_> {
    pub(super) fn state(&self) -> &VmState {
        self.caller.data()
    }

    pub(super) fn state_mut(&mut self) -> &mut VmState {
        self.caller.data_mut()
    }

    /// The guest's memory and the host's state at once, so that nothing needs to be copied to be looked up.
    pub(super) fn split(&mut self) -> (&mut [u8], &mut VmState) {
        self.memory.data_and_store_mut(&mut *self.caller)
    }

    /// Adds to the line of the trace.
    pub(super) fn note(&mut self, detail: impl FnOnce() -> String) {
        if let Some(line) = &mut self.detail {
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(&detail());
        }
    }

    /// Adds bytes that the guest points at to the line of the trace.
    pub(super) fn note_bytes(&mut self, slice: Slice) {
        if self.detail.is_some()
            && let Ok(bytes) = peek(self.memory.data(&*self.caller), slice)
        {
            let shown = show(bytes);
            self.note(|| shown);
        }
    }

    /// Checks what the guest points at, without copying it.
    pub(super) fn check(&mut self, slice: Slice) -> Outcome {
        peek(self.memory.data(&*self.caller), slice)?;
        self.note_bytes(slice);
        self.spend(u64::from(slice.1))
    }

    /// Takes something from what the callback may cost; a guest that has used it up traps.
    pub(super) fn spend(&mut self, cost: u64) -> Outcome {
        if self.state_mut().spend(cost) { Ok(()) } else { Err(Fault::Trap(over_budget())) }
    }

    /// Copies what the guest points at.
    pub(super) fn read(&mut self, slice: Slice) -> Result<Vec<u8>, Fault> {
        self.check(slice)?;
        Ok(peek(self.memory.data(&*self.caller), slice)?.to_vec())
    }

    /// As [`Call::read`], for what has to be text.
    pub(super) fn read_text(&mut self, slice: Slice) -> Result<String, Fault> {
        Ok(String::from_utf8_lossy(&self.read(slice)?).into_owned())
    }

    /// Reads a word.
    pub(super) fn read_u32(&self, at: u32) -> Result<u32, Fault> {
        let bytes = peek(self.memory.data(&*self.caller), Slice(at, 4))?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Writes bytes into the guest's memory.
    pub(super) fn put(&mut self, at: u32, bytes: &[u8]) -> Outcome {
        Ok(poke(self.memory.data_mut(&mut *self.caller), at, bytes)?)
    }

    /// Writes a 32-bit answer.
    pub(super) fn put_u32(&mut self, at: u32, value: u32) -> Outcome {
        self.put(at, &value.to_le_bytes())
    }

    /// Writes a 64-bit answer.
    pub(super) fn put_u64(&mut self, at: u32, value: u64) -> Outcome {
        self.put(at, &value.to_le_bytes())
    }

    /// Gives the guest bytes, in memory from its own allocator. Nothing is allocated for an empty answer.
    pub(super) fn give(&mut self, answer: Answer, bytes: &[u8]) -> Outcome {
        self.give_with(answer, bytes.len(), |_| Some(bytes))
    }

    /// As [`Call::give`], for `len` bytes that lie in the host's state and need not be copied for it.
    pub(super) fn give_with<'a>(
        &'a mut self,
        answer: Answer,
        len: usize,
        find: impl FnOnce(&'a VmState) -> Option<&'a [u8]>,
    ) -> Outcome {
        let size = u32::try_from(len).map_err(|_| Status::InvalidMemoryAccess)?;
        let at = if size == 0 { 0 } else { self.allocate(size)? };
        let tracing = self.detail.is_some();
        let (memory, state) = self.memory.data_and_store_mut(&mut *self.caller);
        if let Some(bytes) = find(state).filter(|bytes| bytes.len() == len) {
            if tracing && let Some(line) = &mut self.detail {
                if !line.is_empty() {
                    line.push_str(", ");
                }
                line.push_str("→ ");
                line.push_str(&show(bytes));
            }
            poke(memory, at, bytes)?;
        }
        poke(memory, answer.0, &at.to_le_bytes())?;
        poke(memory, answer.1, &size.to_le_bytes())?;
        Ok(())
    }

    /// Memory from the guest's own allocator, checked to lie inside. As in Envoy, one that traps costs the guest this
    /// answer at once, and its VM after the callback.
    pub(super) fn allocate(&mut self, size: u32) -> Result<u32, Fault> {
        let Some(allocate) = self.state().allocate.clone() else {
            return Err(Status::InternalFailure.into());
        };
        let restricted = std::mem::replace(&mut self.state_mut().restricted, Restriction::Allocate);
        let at = allocate.call(&mut *self.caller, size);
        self.state_mut().restricted = restricted;
        let at = at.or_else(|trap| {
            let state = self.state_mut();
            if state.profile.is_ngx() {
                return Err(Fault::Trap(trap));
            }
            state.allocator_trap.get_or_insert(trap.root_cause().to_string());
            Ok(0)
        })?;
        match at {
            0 => Err(Status::InvalidMemoryAccess.into()),
            at => {
                peek(self.memory.data(&*self.caller), Slice(at, size))?;
                Ok(at)
            }
        }
    }
}
