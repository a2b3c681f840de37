//! Header and trailer maps. A map outside its phase gives status 2, a key that is not there status 1.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::vm::VmState;
use crate::host::{Headers, Status};

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    link_values(linker)?;
    linker.func_wrap(
        MODULE,
        HostCall::GetHeaderPairs.name(),
        |caller: Guest<'_>, map: u32, data: u32, size: u32| {
            run(caller, HostCall::GetHeaderPairs, |call| {
                call.note(|| map.to_string());
                let headers = call.state().read_map(map)?;
                let pairs = if headers.is_empty() { Vec::new() } else { headers.encode() };
                call.give(Answer(data, size), &pairs)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::SetHeaderPairs.name(),
        |caller: Guest<'_>, map: u32, data: u32, size: u32| {
            run(caller, HostCall::SetHeaderPairs, |call| {
                let headers = Headers::decode(&call.read(Slice(data, size))?)?;
                *call.state_mut().write_map(map)? = headers;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::GetHeaderMapSize.name(), |caller: Guest<'_>, map: u32, at: u32| {
        run(caller, HostCall::GetHeaderMapSize, |call| {
            let size = call.state().read_map(map)?.byte_size() as u32;
            call.put_u32(at, size)
        })
    })?;
    Ok(())
}

fn link_values(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::GetHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32, data: u32, size: u32| {
            run(caller, HostCall::GetHeader, |call| get(call, map, Slice(key, key_size), Answer(data, size)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::AddHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, size: u32| {
            run(caller, HostCall::AddHeader, |call| {
                let (key, value) = read_pair(call, map, Slice(key, key_size), Slice(value, size))?;
                call.state_mut().write_map(map)?.add(key, value);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::ReplaceHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, size: u32| {
            run(caller, HostCall::ReplaceHeader, |call| {
                let (key, value) = read_pair(call, map, Slice(key, key_size), Slice(value, size))?;
                call.state_mut().write_map(map)?.replace(key, value);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::RemoveHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32| {
            run(caller, HostCall::RemoveHeader, |call| {
                call.note(|| map.to_string());
                let key = call.read(Slice(key, key_size))?;
                call.state_mut().write_map(map)?.remove(key);
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn get(call: &mut Call<'_, '_>, map: u32, key: Slice, answer: Answer) -> Outcome {
    call.note(|| map.to_string());
    let key = call.read(key)?;
    let value = call.state().read_map(map)?.get(&key).ok_or(Status::NotFound)?.to_vec();
    call.give(answer, &value)
}

fn read_pair(
    call: &mut Call<'_, '_>,
    map: u32,
    key: Slice,
    value: Slice,
) -> Result<(Vec<u8>, Vec<u8>), super::call::Fault> {
    call.note(|| map.to_string());
    Ok((call.read(key)?, call.read(value)?))
}
