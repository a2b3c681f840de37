//! One host call under way: checked access to the guest's memory, and what all calls have in common.

use wasmtime::{Caller, Memory};

use super::HostCall;
use crate::host::Status;
use crate::host::trace::show;
use crate::host::vm::VmState;

/// Bytes that the guest points at.
#[derive(Clone, Copy)]
pub(super) struct Slice(pub(super) u32, pub(super) u32);

/// Where the guest wants pointer and length of an answer.
#[derive(Clone, Copy)]
pub(super) struct Answer(pub(super) u32, pub(super) u32);

/// Why a host call does not end well: a status for the guest, or a trap inside the guest's own allocator.
pub(super) enum Fault {
    Status(Status),
    Trap(wasmtime::Error),
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

/// Runs a host call and returns its status to the guest.
pub(super) fn run(
    mut caller: Caller<'_, VmState>,
    host_call: HostCall,
    body: impl FnOnce(&mut Call<'_, '_>) -> Outcome,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    state.counts.count(host_call);
    if state.restricted && host_call != HostCall::Log {
        return Err(wasmtime::Error::msg(format!("{} is not allowed here", host_call.name())));
    }
    // Without a memory the guest is still being instantiated: its start function ran too early to be served.
    let Some(memory) = state.memory else {
        return Ok(Status::InternalFailure.code());
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
    let status = match outcome {
        Ok(()) => Status::Ok,
        Err(Fault::Status(status)) => status,
        Err(Fault::Trap(error)) => return Err(error),
    };
    if let Some(detail) = detail {
        let state = caller.data();
        state.world.note(&state.name, || format!("  {}({detail}) = {status}", host_call.name()));
    }
    Ok(status.code())
}

impl Call<'_, '_> {
    pub(super) fn state(&self) -> &VmState {
        self.caller.data()
    }

    pub(super) fn state_mut(&mut self) -> &mut VmState {
        self.caller.data_mut()
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

    /// Copies what the guest points at.
    pub(super) fn read(&mut self, slice: Slice) -> Result<Vec<u8>, Fault> {
        let bytes = self.peek(slice)?.to_vec();
        self.note(|| show(&bytes));
        Ok(bytes)
    }

    /// As [`Call::read`], for what has to be text.
    pub(super) fn read_text(&mut self, slice: Slice) -> Result<String, Fault> {
        Ok(String::from_utf8_lossy(&self.read(slice)?).into_owned())
    }

    fn peek(&self, slice: Slice) -> Result<&[u8], Fault> {
        let (start, len) = (slice.0 as usize, slice.1 as usize);
        let end = start.checked_add(len).ok_or(Status::InvalidMemoryAccess)?;
        Ok(self.memory.data(&*self.caller).get(start..end).ok_or(Status::InvalidMemoryAccess)?)
    }

    /// Writes bytes into the guest's memory.
    fn poke(&mut self, at: u32, bytes: &[u8]) -> Outcome {
        let start = at as usize;
        let end = start.checked_add(bytes.len()).ok_or(Status::InvalidMemoryAccess)?;
        let target = self.memory.data_mut(&mut *self.caller).get_mut(start..end);
        target.ok_or(Status::InvalidMemoryAccess)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a 32-bit answer.
    pub(super) fn put_u32(&mut self, at: u32, value: u32) -> Outcome {
        self.poke(at, &value.to_le_bytes())
    }

    /// Writes a 64-bit answer.
    pub(super) fn put_u64(&mut self, at: u32, value: u64) -> Outcome {
        self.poke(at, &value.to_le_bytes())
    }

    /// Gives the guest bytes, in memory from its own allocator. Nothing is allocated for an empty answer.
    ///
    /// The places for pointer and length are checked first, so that a guest with bad ones does not lose the memory.
    pub(super) fn give(&mut self, answer: Answer, bytes: &[u8]) -> Outcome {
        self.note(|| format!("→ {}", show(bytes)));
        self.peek(Slice(answer.0, 4))?;
        self.peek(Slice(answer.1, 4))?;
        let at = if bytes.is_empty() { 0 } else { self.allocate(bytes.len() as u32)? };
        self.poke(at, bytes)?;
        self.put_u32(answer.0, at)?;
        self.put_u32(answer.1, bytes.len() as u32)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Fault> {
        let Some(allocate) = self.state().allocate.clone() else {
            return Err(Status::InternalFailure.into());
        };
        let restricted = std::mem::replace(&mut self.state_mut().restricted, true);
        let at = allocate.call(&mut *self.caller, size);
        self.state_mut().restricted = restricted;
        match at.map_err(Fault::Trap)? {
            0 => Err(Status::InvalidMemoryAccess.into()),
            at => Ok(at),
        }
    }
}
