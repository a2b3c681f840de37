//! Removes from the filter's module what no host should see.
//!
//! Every `proxy_on_*` that a module exports is a call from Envoy into the VM per event, 0.2 to 0.3 µs
//! each even if it does nothing. So only the callbacks listed here stay, code that only the others
//! reached goes too, and with it the sections that tell a debugger or a tool about the build.

use anyhow::{Context, Result, bail};
use walrus::Module;

/// The callbacks that the filter implements. One that is missing here is removed from `dist/`.
const CALLBACKS: [&str; 9] = [
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_done",
    "proxy_on_memory_allocate",
    "proxy_on_request_headers",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

/// Exports by which a host recognises and starts the module. `_initialize` or `_start` may be absent.
const FOUNDATION: [&str; 4] = ["memory", "_initialize", "_start", "proxy_abi_version_0_2_1"];

/// Without these no host can run the module.
const REQUIRED: [&str; 3] = ["memory", "proxy_abi_version_0_2_1", "proxy_on_memory_allocate"];

/// The module without what is not needed, and the names of the callbacks that were removed.
pub(crate) fn strip(wasm: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
    let mut module = Module::from_buffer(wasm).context("the compiler's output is no wasm module")?;
    let unwanted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !is_kept(&export.name))
        .map(|export| (export.id(), export.name.clone()))
        .collect();
    for (id, _) in &unwanted {
        module.exports.delete(*id);
    }
    for name in REQUIRED {
        if !module.exports.iter().any(|export| export.name == name) {
            bail!("the filter does not export `{name}`: no proxy-wasm host can run it");
        }
    }
    walrus::passes::gc::run(&mut module);
    remove_descriptions(&mut module);
    let callbacks = unwanted.into_iter().map(|(_, name)| name);
    let callbacks = callbacks.filter(|name| name.starts_with("proxy_on_")).collect();
    Ok((module.emit_wasm(), callbacks))
}

fn is_kept(name: &str) -> bool {
    CALLBACKS.contains(&name) || FOUNDATION.contains(&name)
}

/// Drops the names, producers and other custom sections: no host reads them.
fn remove_descriptions(module: &mut Module) {
    module.name = None;
    module.producers.clear();
    let custom: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for id in custom {
        module.customs.delete(id);
    }
    for function in module.funcs.iter_mut() {
        function.name = None;
    }
}

#[cfg(test)]
mod tests;
