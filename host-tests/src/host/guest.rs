//! A guest: one `.wasm`, compiled once, from which any number of VMs are made.
//!
//! Loading says by name what the module wants and this host does not have, instead of failing at the first call.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use wasmtime::{Config, Engine, ExternType, InstancePre, Linker, Module};

use super::abi::{self, HostCall};
use super::vm::VmState;

/// A version of the proxy-wasm ABI, as a guest exports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AbiVersion {
    /// `proxy_abi_version_0_1_0`: callbacks of headers without the end of stream, a missing header is an empty one, and
    /// host calls of its own for the configuration and for going on.
    V0_1_0,
    /// `proxy_abi_version_0_2_0`.
    V0_2_0,
    /// `proxy_abi_version_0_2_1`: the log level can be asked for.
    V0_2_1,
}

impl AbiVersion {
    const ALL: [Self; 3] = [Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// Name of the export that declares it.
    pub fn export(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }

    fn known() -> String {
        Self::ALL.map(Self::export).join(", ")
    }
}

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
    /// It exports none of the ABI versions that this host runs.
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
                write!(f, "exports no ABI version; this host runs {}", AbiVersion::known())
            }
            Self::AbiVersion(found) => {
                write!(f, "exports {}; this host runs {}", found.join(", "), AbiVersion::known())
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
    version: AbiVersion,
    imports: Arc<[HostCall]>,
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
        let version = find_version(&module)?;
        let mut linker = Linker::new(&engine);
        abi::link(&mut linker).map_err(|error| LoadError::Signature(format!("{error:#}")))?;
        let imports = check_imports(&module, version)?.into();
        let template = linker.instantiate_pre(&module).map_err(|error| LoadError::Signature(format!("{error:#}")))?;
        Ok(Self { engine, template, version, imports })
    }

    /// The ABI that it was built for.
    pub fn version(&self) -> AbiVersion {
        self.version
    }

    /// The host calls that it imports.
    pub fn imports(&self) -> &[HostCall] {
        &self.imports
    }

    /// Compiles a file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let wasm = std::fs::read(path)
            .map_err(|error| LoadError::File { path: path.display().to_string(), reason: error.to_string() })?;
        Self::compile(&wasm)
    }

    /// True if this is the same compiled guest.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Engine::same(&self.engine, &other.engine)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn template(&self) -> &InstancePre<VmState> {
        &self.template
    }
}

/// The first version that is exported counts, as in the C++ host.
fn find_version(module: &Module) -> Result<AbiVersion, LoadError> {
    let functions = module.exports().filter(|export| matches!(export.ty(), ExternType::Func(_)));
    let versions = functions.map(|export| export.name().to_owned());
    let versions: Vec<String> = versions.filter(|name| name.starts_with("proxy_abi_version_")).collect();
    let known = |name: &String| AbiVersion::ALL.into_iter().find(|version| version.export() == name);
    versions.iter().find_map(known).ok_or(LoadError::AbiVersion(versions))
}

fn check_imports(module: &Module, version: AbiVersion) -> Result<Vec<HostCall>, LoadError> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for import in module.imports() {
        let is_function = matches!(import.ty(), ExternType::Func(_));
        match HostCall::import(import.module(), import.name(), version) {
            Some(call) if is_function => known.push(call),
            _ => unknown.push(format!("{}.{}", import.module(), import.name())),
        }
    }
    if unknown.is_empty() { Ok(known) } else { Err(LoadError::UnknownImports(unknown)) }
}
