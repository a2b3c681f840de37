//! Header and trailer maps. A map outside its phase gives status 2, a key that is not there status 1; all pairs of a map
//! outside its phase are none.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Fault, Outcome, Slice, peek, run};
use super::header_rules as rules;
use super::{HostCall, MODULE};
use crate::host::context::Phase;
use crate::host::vm::VmState;
use crate::host::{AbiVersion, Headers, Map, Status};

type Guest<'a> = Caller<'a, VmState>;

/// The highest number of a map.
const LAST_MAP: u32 = 7;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    link_values(linker)?;
    linker.func_wrap(
        MODULE,
        HostCall::GetHeaderPairs.name(),
        |caller: Guest<'_>, map: u32, data: u32, size: u32| {
            run(caller, HostCall::GetHeaderPairs, |call| {
                check_number(call, map)?;
                let pairs = readable(call.state(), map).filter(|map| !map.is_empty()).map(Headers::encode);
                if pairs.is_none() && call.state().profile.is_ngx() && readable(call.state(), map).is_none() {
                    return Err(Status::BadArgument.into());
                }
                call.give(Answer(data, size), &pairs.unwrap_or_default())
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::SetHeaderPairs.name(),
        |caller: Guest<'_>, map: u32, data: u32, size: u32| {
            run(caller, HostCall::SetHeaderPairs, |call| {
                check_number(call, map)?;
                call.check(Slice(data, size))?;
                let (memory, state) = call.split();
                let pairs = Headers::decode_or_empty(peek(memory, Slice(data, size))?);
                *writable(state, map)? = rules::collect(&pairs, map);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::GetHeaderMapSize.name(), |caller: Guest<'_>, map: u32, at: u32| {
        run(caller, HostCall::GetHeaderMapSize, |call| {
            check_number(call, map)?;
            let size = call.state_mut().write_map(map)?.byte_size() as u32;
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
                change(call, map, Slice(key, key_size), Slice(value, size), rules::add)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::ReplaceHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, size: u32| {
            run(caller, HostCall::ReplaceHeader, |call| {
                change(call, map, Slice(key, key_size), Slice(value, size), rules::replace)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::RemoveHeader.name(),
        |caller: Guest<'_>, map: u32, key: u32, key_size: u32| {
            run(caller, HostCall::RemoveHeader, |call| {
                check_number(call, map)?;
                let key = Slice(key, key_size);
                call.check(key)?;
                let (memory, state) = call.split();
                let key = rules::name(map, peek(memory, key)?);
                writable(state, map)?.remove(key);
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// A number that is no map's is an error before anything else is looked at.
fn check_number(call: &mut Call<'_, '_>, map: u32) -> Outcome {
    call.note(|| map.to_string());
    if map > LAST_MAP { Err(Status::BadArgument.into()) } else { Ok(()) }
}

/// A map as the host lets it be read: in ngx_wasm_module at any time.
fn readable(state: &VmState, map: u32) -> Option<&Headers> {
    let found = state.read_map(map).ok();
    let nginx = [Map::RequestHeaders, Map::ResponseHeaders].into_iter().find(|known| *known as u32 == map);
    match (state.stream(), nginx) {
        (Some(stream), Some(map)) if found.is_none() && state.profile.is_ngx() => Some(stream.map(map)),
        _ => found,
    }
}

/// A map as the host lets it be written. ngx_wasm_module traps on one that is used up.
fn writable(state: &mut VmState, map: u32) -> Result<&mut Headers, Fault> {
    if state.profile.is_ngx()
        && let Some(stream) = state.stream()
    {
        let waits = |map| stream.phase == Phase::Idle && stream.shows(map);
        let request =
            map == Map::RequestHeaders as u32 && (stream.phase == Phase::Request || waits(Map::RequestHeaders));
        let response = map == Map::ResponseHeaders as u32
            && (matches!(stream.phase, Phase::Request | Phase::Response) || waits(Map::ResponseHeaders));
        if !request && !response {
            return Err(Fault::trap("can only set headers before they are sent"));
        }
    }
    Ok(state.write_map(map)?)
}

fn get(call: &mut Call<'_, '_>, map: u32, key: Slice, answer: Answer) -> Outcome {
    check_number(call, map)?;
    call.check(key)?;
    let (memory, state) = call.split();
    let key = rules::name(map, peek(memory, key)?);
    let missing = if state.version == AbiVersion::V0_1_0 { None } else { Some(Status::NotFound) };
    let found = match readable(state, map) {
        None => match state.read_map(map) {
            Err(Status::NotFound) => None,
            _ if state.profile.is_ngx() => None,
            _ => return Err(Status::BadArgument.into()),
        },
        Some(headers) => headers.position(key).and_then(|at| Some((at, headers.value_at(at)?.len()))),
    };
    match (found, missing) {
        (Some((at, len)), _) => call.give_with(answer, len, |state| readable(state, map)?.value_at(at)),
        (None, Some(status)) => Err(status.into()),
        (None, None) => call.give(answer, &[]),
    }
}

fn change(
    call: &mut Call<'_, '_>,
    map: u32,
    key: Slice,
    value: Slice,
    apply: fn(&mut Headers, u32, &[u8], &[u8]),
) -> Outcome {
    check_number(call, map)?;
    call.check(key)?;
    call.check(value)?;
    let (memory, state) = call.split();
    let (key, value) = (peek(memory, key)?, peek(memory, value)?);
    apply(writable(state, map)?, map, key, value);
    Ok(())
}
