//! WASI for guests that are built as wasip1 modules: what a proxy-wasm host serves of it, and deterministically.
//!
//! The clock is the world's, chance comes from the world's seed, what is written to standard output or error becomes a
//! line of the log. There are no files; `wasi_stubs.rs` says so.

use wasmtime::{Caller, Linker};

use super::HostCall;
use super::call::{Call, Fault, Slice, peek, run_as};
use crate::host::vm::VmState;

type Guest<'a> = Caller<'a, VmState>;

/// Both names under which WASI is imported; the older is that of early toolchains.
pub(super) const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];
/// What `random_get` gives at most, as in the C++ host.
const MOST_RANDOM: u32 = 64 << 10;

/// Error numbers of WASI.
pub(super) mod errno {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const BADF: i32 = 8;
    pub(crate) const FAULT: i32 = 21;
    pub(crate) const INVAL: i32 = 28;
    pub(crate) const NOENT: i32 = 44;
    pub(crate) const NOSYS: i32 = 52;
    pub(crate) const NOTDIR: i32 = 20;
    pub(crate) const NOTSUP: i32 = 58;
}

/// An error number, or a trap. A pointer outside the memory is a fault.
pub(super) type Answered = Result<i32, Fault>;

/// Runs a call of WASI.
pub(super) fn serve(
    caller: Guest<'_>,
    call: HostCall,
    body: impl FnOnce(&mut Call<'_, '_>) -> Answered,
) -> wasmtime::Result<i32> {
    run_as(caller, call, (errno::FAULT, errno::FAULT), |call| match body(call) {
        Ok(number) => Ok((number, number)),
        Err(Fault::Status(_)) => Ok((errno::FAULT, errno::FAULT)),
        Err(Fault::Trap(error)) => Err(error),
    })
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for module in MODULES {
        link_environment(linker, module)?;
        link_clock(linker, module)?;
        link_chance_and_waiting(linker, module)?;
        link_output(linker, module)?;
    }
    Ok(())
}

fn link_environment(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, HostCall::ArgsGet.name(), |caller: Guest<'_>, _list: u32, _bytes: u32| {
        serve(caller, HostCall::ArgsGet, |_| Ok(errno::SUCCESS))
    })?;
    linker.func_wrap(module, HostCall::ArgsSizesGet.name(), |caller: Guest<'_>, count: u32, size: u32| {
        serve(caller, HostCall::ArgsSizesGet, |call| {
            call.put_u32(count, 0)?;
            call.put_u32(size, 0)?;
            Ok(errno::SUCCESS)
        })
    })?;
    linker.func_wrap(module, HostCall::EnvironSizesGet.name(), |caller: Guest<'_>, count: u32, size: u32| {
        serve(caller, HostCall::EnvironSizesGet, |call| {
            let variables = call.state().world.environment();
            let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            call.put_u32(count, variables.len() as u32)?;
            call.put_u32(size, bytes as u32)?;
            Ok(errno::SUCCESS)
        })
    })?;
    linker.func_wrap(module, HostCall::EnvironGet.name(), |caller: Guest<'_>, list: u32, bytes: u32| {
        serve(caller, HostCall::EnvironGet, |call| {
            let (mut entry, mut at) = (list, bytes);
            for (name, value) in call.state().world.environment() {
                let text = format!("{name}={value}\0");
                call.put_u32(entry, at)?;
                call.put(at, text.as_bytes())?;
                (entry, at) = (entry.saturating_add(4), at.saturating_add(text.len() as u32));
            }
            Ok(errno::SUCCESS)
        })
    })?;
    Ok(())
}

fn link_clock(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        HostCall::ClockTimeGet.name(),
        |caller: Guest<'_>, clock: u32, _precision: u64, at: u32| {
            serve(caller, HostCall::ClockTimeGet, |call| {
                let world = &call.state().world;
                // The monotonic clock starts with the world.
                let now = match clock {
                    0 => world.now_ns(),
                    1 => world.elapsed().as_nanos() as u64,
                    _ => return Ok(errno::NOTSUP),
                };
                call.put_u64(at, now)?;
                Ok(errno::SUCCESS)
            })
        },
    )?;
    linker.func_wrap(module, HostCall::ClockResGet.name(), |caller: Guest<'_>, clock: u32, at: u32| {
        serve(caller, HostCall::ClockResGet, |call| {
            if clock > 1 {
                return Ok(errno::NOTSUP);
            }
            call.put_u64(at, 1)?;
            Ok(errno::SUCCESS)
        })
    })?;
    Ok(())
}

fn link_chance_and_waiting(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, HostCall::RandomGet.name(), |caller: Guest<'_>, at: u32, size: u32| {
        serve(caller, HostCall::RandomGet, |call| {
            call.note(|| size.to_string());
            if size > MOST_RANDOM {
                return Ok(errno::INVAL);
            }
            if size == 0 {
                return Ok(errno::SUCCESS);
            }
            peek(call.split().0, Slice(at, size))?;
            let mut bytes = vec![0; size as usize];
            call.state().world.random(&mut bytes);
            call.put(at, &bytes)?;
            Ok(errno::SUCCESS)
        })
    })?;
    linker.func_wrap(
        module,
        HostCall::PollOneoff.name(),
        |caller: Guest<'_>, _wanted: u32, _events: u32, _count: u32, at: u32| {
            serve(caller, HostCall::PollOneoff, |call| {
                call.put_u32(at, 0)?;
                Ok(errno::SUCCESS)
            })
        },
    )?;
    linker.func_wrap(module, HostCall::SchedYield.name(), |caller: Guest<'_>| {
        serve(caller, HostCall::SchedYield, |_| Ok(errno::SUCCESS))
    })?;
    // The C++ host notes it and goes on; the code that toolchains put behind the call is unreachable, and traps.
    linker.func_wrap(module, HostCall::ProcExit.name(), |caller: Guest<'_>, code: u32| {
        serve(caller, HostCall::ProcExit, |call| {
            call.note(|| code.to_string());
            Ok(errno::SUCCESS)
        })
        .map(drop)
    })?;
    Ok(())
}

fn link_output(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        HostCall::FdWrite.name(),
        |caller: Guest<'_>, file: u32, parts: u32, count: u32, written: u32| {
            serve(caller, HostCall::FdWrite, |call| write(call, file, parts, count, written))
        },
    )?;
    linker.func_wrap(
        module,
        HostCall::FdPwrite.name(),
        |caller: Guest<'_>, file: u32, parts: u32, count: u32, _offset: u64, written: u32| {
            serve(caller, HostCall::FdPwrite, |call| write(call, file, parts, count, written))
        },
    )?;
    linker.func_wrap(module, HostCall::FdFdstatGet.name(), |caller: Guest<'_>, file: u32, at: u32| {
        serve(caller, HostCall::FdFdstatGet, |call| {
            if !is_output(file) {
                return Ok(errno::BADF);
            }
            // 24 bytes: nothing is known, and writing is all there is a right to. A bad pointer is not complained of.
            let mut stat = [0; 24];
            stat[8] = 64;
            let _ = call.put(at, &stat);
            Ok(errno::SUCCESS)
        })
    })?;
    Ok(())
}

/// True for standard output and error.
pub(super) fn is_output(file: u32) -> bool {
    file == 1 || file == 2
}

/// One line of the log for all parts: standard output informs, standard error reports errors.
fn write(call: &mut Call<'_, '_>, file: u32, parts: u32, count: u32, written: u32) -> Answered {
    call.note(|| file.to_string());
    if !is_output(file) {
        return Ok(errno::BADF);
    }
    let room = call.split().0.len();
    let mut text = Vec::new();
    for part in 0..count {
        let at = part.checked_mul(8).and_then(|offset| parts.checked_add(offset));
        let at = at.ok_or(crate::host::Status::InvalidMemoryAccess)?;
        let (data, size) = (call.read_u32(at)?, call.read_u32(at.saturating_add(4))?);
        let bytes = peek(call.split().0, Slice(data, size))?;
        // A guest can name the same bytes many times; what it writes at once is bounded by its own memory.
        if text.len().saturating_add(bytes.len()) > room {
            return Ok(errno::INVAL);
        }
        text.extend_from_slice(bytes);
    }
    call.spend(text.len() as u64)?;
    let size = text.len() as u32;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    if size > 0 {
        let message = String::from_utf8_lossy(&text).into_owned();
        call.note(|| crate::host::trace::show(message.as_bytes()));
        let state = call.state();
        state.world.push_log(&state.name, if file == 1 { 2 } else { 4 }, message);
    }
    call.put_u32(written, size)?;
    Ok(errno::SUCCESS)
}
