//! Gives the functions of a module another order. Everything that names a function follows.

use std::convert::Infallible;

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionBody, FunctionSectionReader, Parser, Payload, TypeRef};

/// The module with its functions in the order that `order` gives their code: positions, each once.
pub(super) fn reorder(wasm: &[u8], order: impl Fn(&[&[u8]]) -> Vec<usize>) -> Result<Vec<u8>> {
    let functions = Functions::of(wasm)?;
    let order = order(&functions.bodies);
    let mut places = vec![None; order.len()];
    for (place, function) in order.iter().enumerate() {
        *places.get_mut(*function).context("a position that no function has")? = u32::try_from(place).ok();
    }
    let places: Option<Vec<u32>> = places.into_iter().collect();
    let places = places.context("an order without one of the functions")?;
    ensure!(places.len() == functions.bodies.len(), "an order of {} for {}", places.len(), functions.bodies.len());
    let mut moved = Moved { imported: functions.imported, places, order };
    let mut module = Module::new();
    match moved.parse_core_module(&mut module, Parser::new(0), wasm) {
        Ok(()) => Ok(module.finish()),
        Err(error) => bail!("the module cannot be written anew: {error}"),
    }
}

struct Functions<'a> {
    /// Their numbers come first.
    imported: u32,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Functions<'a> {
    fn of(wasm: &'a [u8]) -> Result<Self> {
        let mut functions = Functions { imported: 0, bodies: Vec::new() };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        functions.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionEntry(body) => functions.bodies.push(body.as_bytes()),
                _ => {}
            }
        }
        Ok(functions)
    }
}

struct Moved {
    imported: u32,
    /// The new place of each function, from 0.
    places: Vec<u32>,
    /// The function at each new place.
    order: Vec<usize>,
}

impl Reencode for Moved {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let Some(defined) = function.checked_sub(self.imported) else { return Ok(function) };
        // A number that no function has is left to whoever loads the module to refuse.
        Ok(self.places.get(defined as usize).map_or(function, |place| self.imported + place))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for function in &self.order {
            functions.function(types[*function]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<FunctionBody<'_>>, _>>()?;
        for function in self.order.clone() {
            self.parse_function_body(code, bodies[function].clone())?;
        }
        Ok(())
    }
}
