use super::*;
use wasmparser::{Parser, Payload};

const GLUE: &str = r"export class Kept {
    /**
     * What it is for.
     */
    go() {
        wasm.kept_go(this.__wbg_ptr);
    }
}
if (Symbol.dispose) Kept.prototype[Symbol.dispose] = Kept.prototype.free;

export class Gone {
    pull(a) {
        if (a) {
            wasm.gone_pull(this.__wbg_ptr);
        }
        wasm.__wbindgen_malloc(1);
    }
}
if (Symbol.dispose) Gone.prototype[Symbol.dispose] = Gone.prototype.free;
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_log_0123456789abcdef: function(arg0) {
            console.log(arg0, wasm.__wbindgen_malloc(2));
        },
        __wbg_enqueue_0123456789abcdef: function() { return handleError(function (arg0) {
            arg0.enqueue();
        }, arguments); },
    };
}
const GoneFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_gone_free(ptr, 1));
let w0 = 0; // a word that is taken
";

const MODULE: &str = r#"(module
  (import "x" "__wbg_log_0123456789abcdef" (func $log (param i32)))
  (import "x" "__wbg_enqueue_0123456789abcdef" (func $enqueue))
  (memory (export "memory") 1)
  (table 2 funcref)
  (elem (i32.const 0) func $malloc $first)
  (func $first (export "first") (result i32) i32.const 1 call $log i32.const 11)
  (func $malloc (export "__wbindgen_malloc") (param i32) (result i32) call $first i32.const 22 i32.add i32.const 7 i32.mul)
  (func (export "kept_go") (param i32) i32.const 33 call $log)
  (func (export "gone_pull") (param i32) call $enqueue)
  (func (export "__wbg_gone_free") (param i32 i32))
  (start $begin)
  (func $begin i32.const 44 call $log i32.const 45 call $log i32.const 46 call $log))"#;

fn module() -> Vec<u8> {
    wat::parse_str(MODULE).expect("a module")
}

fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let module = Module::from_buffer(wasm).expect("a module");
    let imports = module.imports.iter().map(|import| import.name.clone()).collect();
    (imports, module.exports.iter().map(|export| export.name.clone()).collect())
}

/// Every function that has a name by which it can be told, and its body with what it calls told likewise.
fn meaning(wasm: &[u8]) -> Vec<String> {
    let module = Module::from_buffer(wasm).expect("a module");
    let exported: Vec<_> = module.exports.iter().map(|export| (export.name.clone(), export.item)).collect();
    let mut meaning = Vec::new();
    for (name, item) in exported {
        let walrus::ExportItem::Function(id) = item else { continue };
        let function = module.funcs.get(id).kind.unwrap_local();
        let block = function.block(function.entry_block());
        let told = |instruction: &walrus::ir::Instr| match instruction {
            walrus::ir::Instr::Const(constant) => format!("{:?}", constant.value),
            walrus::ir::Instr::Call(call) => match &module.funcs.get(call.func).kind {
                walrus::FunctionKind::Import(import) => format!("call {}", module.imports.get(import.import).name),
                _ => format!("call of {} instructions", module.funcs.get(call.func).kind.unwrap_local().size()),
            },
            _ => "other".into(),
        };
        let body: Vec<String> = block.instrs.iter().map(|(instruction, _)| told(instruction)).collect();
        meaning.push(format!("{name}: {}", body.join(", ")));
    }
    let size = |function| module.funcs.get(function).kind.unwrap_local().size();
    meaning.push(format!("start of {} instructions", size(module.start.expect("a start"))));
    for element in module.elements.iter() {
        let walrus::ElementItems::Functions(functions) = &element.items else { panic!("other elements") };
        let sizes: Vec<u64> = functions.iter().map(|function| size(*function)).collect();
        meaning.push(format!("in the table {sizes:?}"));
    }
    meaning.sort();
    meaning
}

#[test]
fn what_nobody_reaches_goes_and_the_rest_gets_short_names_on_both_sides() {
    let (wasm, glue) = packed(&module(), GLUE, &["Kept"]).expect("packed");
    let (imports, exports) = names(&wasm);
    assert_eq!(imports.len(), 1, "{imports:?}");
    assert_eq!(exports.len(), 4, "{exports:?}");
    for name in ["memory", "first", "kept_go"] {
        assert!(exports.iter().any(|export| export == name), "{exports:?}");
    }
    let malloc = exports.iter().find(|export| export.len() == 2).expect("a short name");
    assert!(glue.contains(&format!("console.log(arg0, wasm.{malloc}(2));")), "{glue}");
    assert!(glue.contains(&format!("{}: function(arg0) {{", imports[0])), "{glue}");
    assert!(*malloc != "w0" && imports[0] != "w0" && imports[0] != *malloc, "taken: {malloc} {imports:?}");
    for gone in ["Gone", "enqueue", "What it is for", "    ", "__wbg_log"] {
        assert!(!glue.contains(gone), "{gone}: {glue}");
    }
    assert!(glue.contains("export class Kept {\ngo() {\nwasm.kept_go(this.__wbg_ptr);\n}\n}\n"), "{glue}");
    assert!(glue.contains("function __wbg_get_imports() {\nconst import0 = {\n__proto__: null,\n"), "{glue}");
    assert_eq!(glue.matches('{').count(), glue.matches('}').count());
}

#[test]
fn glue_that_calls_what_is_not_there_is_refused() {
    let glue = GLUE.replace("wasm.gone_pull", "wasm.gone_push");
    let error = packed(&module(), &glue, &["Kept"]).expect_err("no such export");
    assert!(error.to_string().contains("gone_push"), "{error}");
}

#[test]
fn functions_in_another_order_do_what_they_did() {
    let before = module();
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]] {
        let after = reorder::reorder(&before, |bodies| {
            assert_eq!(bodies.len(), order.len());
            order.to_vec()
        });
        assert_eq!(meaning(&after.expect("reordered")), meaning(&before), "{order:?}");
    }
    for wrong in [vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4, 4], vec![0, 1, 2, 3, 4, 6], vec![0, 1, 2, 3, 4, 5, 5]] {
        assert!(reorder::reorder(&before, |_| wrong.clone()).is_err(), "{wrong:?}");
    }
}

#[test]
fn code_that_is_alike_comes_to_stand_together_and_nothing_is_lost() {
    let letters = |seed: u8| (0..200_u8).map(|at| at.wrapping_mul(seed) ^ seed.rotate_left(3)).collect::<Vec<u8>>();
    let families = [letters(3), letters(5), letters(77)];
    // Two of each, far apart.
    let pieces: Vec<&[u8]> = families.iter().chain(&families).map(Vec::as_slice).collect();
    let order = order::by_likeness(&pieces);
    let family: Vec<usize> = order.iter().map(|piece| piece % 3).collect();
    assert!(family.chunks(2).all(|pair| pair[0] == pair[1]), "{order:?}");
    let mut sorted = order;
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
    assert!(order::by_likeness(&[]).is_empty());
}

#[test]
fn a_packed_module_has_the_functions_it_had() {
    let (wasm, _) = packed(&module(), GLUE, &["Kept", "Gone"]).expect("packed");
    let code = |wasm: &[u8]| {
        let payloads = Parser::new(0).parse_all(wasm).map(|payload| payload.expect("valid"));
        payloads.filter(|payload| matches!(payload, Payload::CodeSectionEntry(_))).count()
    };
    assert_eq!(code(&wasm), 6);
}
