use walrus::{FunctionBuilder, Module, ModuleConfig, ValType};

use super::strip;

/// A module that exports a memory, an internal global and one function per name.
fn module_exporting(names: &[&str]) -> Vec<u8> {
    let mut module = Module::with_config(ModuleConfig::new());
    let memory = module.memories.add_local(false, false, 1, None, None);
    module.exports.add("memory", memory);
    let zero = walrus::ConstExpr::Value(walrus::ir::Value::I32(0));
    let base = module.globals.add_local(ValType::I32, false, false, zero);
    module.exports.add("__heap_base", base);
    for (number, name) in (0..).zip(names) {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        builder.name((*name).to_owned()).func_body().i32_const(number);
        let function = builder.finish(vec![], &mut module.funcs);
        module.exports.add(name, function);
    }
    module.producers.add_processed_by("test", "1");
    module.emit_wasm()
}

fn exports(wasm: &[u8]) -> Vec<String> {
    let module = Module::from_buffer(wasm).expect("a valid module");
    let mut names: Vec<_> = module.exports.iter().map(|export| export.name.clone()).collect();
    names.sort();
    names
}

const NEEDED: [&str; 3] = ["proxy_abi_version_0_2_1", "proxy_on_memory_allocate", "proxy_on_request_headers"];

#[test]
fn unused_callbacks_and_linker_symbols_go_and_the_rest_stays() {
    let names = [&NEEDED[..], &["proxy_on_log", "proxy_on_request_body"]].concat();
    let (wasm, removed) = strip(&module_exporting(&names)).expect("a filter");
    assert_eq!(exports(&wasm), [&["memory"][..], &NEEDED].concat());
    assert_eq!(removed, ["proxy_on_log", "proxy_on_request_body"]);
}

#[test]
fn code_that_only_removed_callbacks_reach_goes_too() {
    let names = [&NEEDED[..], &["proxy_on_log"]].concat();
    let (wasm, _) = strip(&module_exporting(&names)).expect("a filter");
    let module = Module::from_buffer(&wasm).expect("a valid module");
    assert_eq!(module.funcs.iter().count(), NEEDED.len());
}

#[test]
fn names_and_producers_are_not_shipped() {
    let (wasm, _) = strip(&module_exporting(&NEEDED)).expect("a filter");
    let contains = |text: &str| wasm.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(!contains("producers"));
    assert!(!contains("name"), "the section `name` is still there");
}

#[test]
fn a_module_that_no_host_can_run_is_refused() {
    let error = strip(&module_exporting(&["proxy_on_memory_allocate"])).expect_err("no ABI version");
    assert!(error.to_string().contains("proxy_abi_version_0_2_1"));
}

#[test]
fn something_else_than_wasm_is_refused() {
    assert!(strip(b"<html>").is_err());
}
