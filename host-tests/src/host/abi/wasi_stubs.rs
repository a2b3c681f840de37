//! The rest of WASI: there are no files, directories or sockets, and every call says so as the C++ host says it.

use wasmtime::{FuncType, Linker, Val, ValType};

use super::HostCall;
use super::call::Call;
use super::wasi::{Answered, MODULES, errno, is_output, serve};
use crate::host::vm::VmState;

/// What a stub does.
#[derive(Clone, Copy)]
enum Stub {
    /// Always the same.
    Says(i32),
    /// Good for standard output and error, which are named first; there is nothing to do for them.
    Output,
    /// As [`Stub::Output`], and writes eight bytes of 0 at the address in this place.
    OutputWithZero(usize),
    /// As [`Stub::Output`] for the first two, and then the same error always.
    TwoOutputs(i32),
    /// Writes a word of 0 at the address in one place and as many bytes in another, then the same error always.
    Zero(&'static [(usize, usize)], i32),
}

/// Each call with its parameters (`i` for 32 bits, `l` for 64) and what it does.
const STUBS: &[(HostCall, &str, Stub)] = &[
    (HostCall::FdRead, "iiii", Stub::Says(errno::NOSYS)),
    (HostCall::FdPread, "iiili", Stub::Says(errno::NOSYS)),
    (HostCall::FdSeek, "ilii", Stub::Says(errno::SUCCESS)),
    (HostCall::FdTell, "ii", Stub::OutputWithZero(1)),
    (HostCall::FdClose, "i", Stub::Says(errno::SUCCESS)),
    (HostCall::FdSync, "i", Stub::Output),
    (HostCall::FdDatasync, "i", Stub::Output),
    (HostCall::FdAdvise, "illi", Stub::Says(errno::SUCCESS)),
    (HostCall::FdAllocate, "ill", Stub::Output),
    (HostCall::FdRenumber, "ii", Stub::TwoOutputs(errno::NOTSUP)),
    (HostCall::FdReaddir, "iiili", Stub::Zero(&[(4, 4)], errno::NOTDIR)),
    (HostCall::FdFdstatSetFlags, "ii", Stub::Says(errno::NOSYS)),
    (HostCall::FdFdstatSetRights, "ill", Stub::Output),
    (HostCall::FdFilestatGet, "ii", Stub::Says(errno::BADF)),
    (HostCall::FdFilestatSetSize, "il", Stub::Output),
    (HostCall::FdFilestatSetTimes, "illi", Stub::Output),
    (HostCall::FdPrestatGet, "ii", Stub::Says(errno::BADF)),
    (HostCall::FdPrestatDirName, "iii", Stub::Says(errno::NOSYS)),
    (HostCall::PathOpen, "iiiiillii", Stub::Says(errno::NOENT)),
    (HostCall::PathCreateDirectory, "iii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathFilestatGet, "iiiii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathFilestatSetTimes, "iiiilli", Stub::Says(errno::NOTSUP)),
    (HostCall::PathLink, "iiiiii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathReadlink, "iiiiii", Stub::Zero(&[(5, 4)], errno::NOTSUP)),
    (HostCall::PathRemoveDirectory, "iii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathRename, "iiiiii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathSymlink, "iiii", Stub::Says(errno::NOTSUP)),
    (HostCall::PathUnlinkFile, "iii", Stub::Says(errno::NOTSUP)),
    (HostCall::SockAccept, "iii", Stub::Zero(&[(2, 8)], errno::NOTSUP)),
    (HostCall::SockRecv, "iiiiii", Stub::Zero(&[(4, 4), (5, 2)], errno::NOTSUP)),
    (HostCall::SockSend, "iiiii", Stub::Zero(&[(4, 4)], errno::NOTSUP)),
    (HostCall::SockShutdown, "ii", Stub::Says(errno::NOTSUP)),
];

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for (host_call, parameters, stub) in STUBS {
        let parameters = parameters.chars().map(|kind| if kind == 'l' { ValType::I64 } else { ValType::I32 });
        let ty = FuncType::new(linker.engine(), parameters, [ValType::I32]);
        for module in MODULES {
            linker.func_new(module, host_call.name(), ty.clone(), |caller, parameters, results| {
                let number = serve(caller, *host_call, |call| answer(call, *stub, parameters))?;
                if let Some(result) = results.first_mut() {
                    *result = Val::I32(number);
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn answer(call: &mut Call<'_, '_>, stub: Stub, parameters: &[Val]) -> Answered {
    let word = |at: usize| parameters.get(at).and_then(Val::i32).unwrap_or(0) as u32;
    match stub {
        Stub::Says(number) => Ok(number),
        Stub::Output | Stub::OutputWithZero(_) | Stub::TwoOutputs(_) if !is_output(word(0)) => Ok(errno::BADF),
        Stub::Output => Ok(errno::SUCCESS),
        Stub::OutputWithZero(at) => {
            call.put_u64(word(at), 0)?;
            Ok(errno::SUCCESS)
        }
        Stub::TwoOutputs(_) if !is_output(word(1)) => Ok(errno::BADF),
        Stub::TwoOutputs(number) => Ok(number),
        Stub::Zero(places, number) => {
            for (at, size) in places {
                call.put(word(*at), &[0; 8][..*size])?;
            }
            Ok(number)
        }
    }
}
