//! A guest: one `.wasm`, compiled once, from which any number of VMs are made.
//!
//! Loading says by name what the module wants and this host does not have, instead of failing at the first call.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use wasmtime::{Config, Engine, ExternType, InstancePre, Linker, Module};

use super::abi;
use super::vm::VmState;

/// Why a `.wasm` cannot be a guest of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file cannot be read.
    File {
        /// Which.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Not a WebAssembly module, or one that uses what the compiler does not support.
    Module(String),
    /// It imports what this host does not have.
    UnknownImports(Vec<String>),
    /// A host call is imported with another signature than the ABI's, or an export has a wrong one.
    Signature(String),
    /// It does not export `proxy_abi_version_0_2_0` or `_0_2_1`.
    AbiVersion(Vec<String>),
    /// It has no memory, or no allocator that the host could call.
    Export(&'static str),
    /// It trapped before its first callback.
    Start(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(f, "cannot read {path}: {reason}"),
            Self::Module(reason) => write!(f, "not a module this host can run: {reason}"),
            Self::UnknownImports(names) => write!(f, "imports unknown to this host: {}", names.join(", ")),
            Self::Signature(reason) => write!(f, "wrong signature: {reason}"),
            Self::AbiVersion(found) if found.is_empty() => {
                write!(f, "exports no ABI version; this host runs proxy_abi_version_0_2_0 and _0_2_1")
            }
            Self::AbiVersion(found) => {
                write!(f, "exports {}; this host runs proxy_abi_version_0_2_0 and _0_2_1", found.join(", "))
            }
            Self::Export(name) => write!(f, "does not export {name}"),
            Self::Start(reason) => write!(f, "trapped while it was instantiated: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// A compiled guest. Cloning shares the code; it can go to other threads.
#[derive(Clone)]
pub struct Guest {
    engine: Engine,
    template: InstancePre<VmState>,
}

const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Guest>();
};

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl Guest {
    /// Compiles the bytes of a `.wasm` file and checks what it imports.
    pub fn compile(wasm: &[u8]) -> Result<Self, LoadError> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(|error| LoadError::Module(format!("{error:#}")))?;
        let module = Module::from_binary(&engine, wasm).map_err(|error| LoadError::Module(format!("{error:#}")))?;
        check_version(&module)?;
        let mut linker = Linker::new(&engine);
        abi::link(&mut linker).map_err(|error| LoadError::Signature(format!("{error:#}")))?;
        check_imports(&module)?;
        let template = linker.instantiate_pre(&module).map_err(|error| LoadError::Signature(format!("{error:#}")))?;
        Ok(Self { engine, template })
    }

    /// Compiles a file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let wasm = std::fs::read(path)
            .map_err(|error| LoadError::File { path: path.display().to_string(), reason: error.to_string() })?;
        Self::compile(&wasm)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn template(&self) -> &InstancePre<VmState> {
        &self.template
    }
}

fn check_version(module: &Module) -> Result<(), LoadError> {
    let versions = module.exports().map(|export| export.name().to_owned());
    let versions: Vec<String> = versions.filter(|name| name.starts_with("proxy_abi_version_")).collect();
    let known = |name: &String| matches!(name.as_str(), "proxy_abi_version_0_2_0" | "proxy_abi_version_0_2_1");
    if versions.iter().any(known) { Ok(()) } else { Err(LoadError::AbiVersion(versions)) }
}

fn check_imports(module: &Module) -> Result<(), LoadError> {
    let known: BTreeSet<&str> = abi::HostCall::ALL.iter().map(|call| call.name()).collect();
    let is_known = |module: &str, name: &str, ty: &ExternType| {
        module == "env" && known.contains(name) && matches!(ty, ExternType::Func(_))
    };
    let unknown: Vec<String> = module
        .imports()
        .filter(|import| !is_known(import.module(), import.name(), &import.ty()))
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(LoadError::UnknownImports(unknown)) }
}
