//! Finds a way to compile for `wasm32-unknown-unknown` and says which one it took.
//!
//! First what is there: the target in the active toolchain, then Debian's compiler with the standard
//! library's source. Then what can be fetched: `rustup target add`, bounded in time because some
//! networks swallow it, then the Debian packages. Compiler and library source must be of one
//! version, so Debian's source is never built with another compiler.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run::{self, clean_cargo, on_path, quiet, succeeds_within};
use crate::{apt, version::Version};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const RUSTUP_LIMIT: Duration = Duration::from_secs(60);
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// A way to compile for wasm.
pub(crate) enum Route {
    /// The active toolchain has the target's standard library.
    Installed,
    /// The same, after `rustup target add`.
    Added,
    /// Debian's compiler builds the standard library from source; it links with a `rust-lld` that
    /// lies in this directory.
    Debian { linker_directory: PathBuf },
}

impl Route {
    /// Finds or installs a compiler for wasm and prints which.
    pub(crate) fn find() -> Result<Self> {
        let route = match Self::present() {
            Some(route) => route,
            None => Self::fetch()?,
        };
        println!("==> wasm compiler: {}", route.describe());
        Ok(route)
    }

    /// What is on this machine now; installs nothing.
    pub(crate) fn present() -> Option<Self> {
        if sysroot_has_target() {
            return Some(Self::Installed);
        }
        let linker_directory = linker_directory()?;
        debian_compiler_ready().then_some(Self::Debian { linker_directory })
    }

    fn fetch() -> Result<Self> {
        if on_path("rustup").is_some() {
            println!("==> rustup target add {TARGET} (at most {} s)", RUSTUP_LIMIT.as_secs());
            let mut add = Command::new("rustup");
            if succeeds_within(RUSTUP_LIMIT, add.args(["target", "add", TARGET])) && sysroot_has_target() {
                return Ok(Self::Added);
            }
            println!("    rustup could not get it");
        }
        if apt::available() {
            if !debian_compiler_ready() {
                apt::install(&DEBIAN_PACKAGES)?;
            }
            if linker_directory().is_none() {
                apt::install(&["rust-web-llvm", "lld-22"])?;
            }
            if let Some(route) = Self::present() {
                return Ok(route);
            }
        }
        bail!(
            "no Rust compiler for {TARGET}: run `rustup target add {TARGET}`, or on Debian 12 \
             `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    }

    /// Gets clippy for this compiler where the two are separate packages.
    pub(crate) fn get_clippy(&self) -> Result<()> {
        if let Self::Debian { .. } = self
            && !Path::new("/usr/bin/cargo-clippy").exists()
            && apt::available()
        {
            apt::install(&["rust-web-clippy"])?;
        }
        Ok(())
    }

    /// Prints clippy's version, if this compiler has a clippy.
    pub(crate) fn clippy_version(&self) -> Command {
        let mut command = self.bare_cargo();
        command.args(["clippy", "--version"]);
        command
    }

    /// What the compiler says of itself.
    pub(crate) fn compiler_version(&self) -> Result<String> {
        quiet("cargo", self.bare_cargo().args(["--version", "--verbose"]))
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Installed => "the active toolchain has the target",
            Self::Added => "the active toolchain, target added by rustup",
            Self::Debian { .. } => "Debian's rustc-web, standard library built from rust-web-src",
        }
    }

    /// `cargo SUBCOMMAND` for the wasm target with its own target directory, so that wasm and
    /// native builds never wait for each other's lock.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = self.bare_cargo();
        command.args([subcommand, "--locked", "--target", TARGET, "--target-dir", "target/wasm"]);
        if let Self::Debian { .. } = self {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }

    fn bare_cargo(&self) -> Command {
        match self {
            Self::Installed | Self::Added => run::cargo(),
            Self::Debian { linker_directory } => debian_cargo(linker_directory),
        }
    }
}

/// Debian's cargo, free of the variables by which rustup and the outer cargo name their toolchain.
fn debian_cargo(linker_directory: &Path) -> Command {
    let mut command = clean_cargo(DEBIAN_CARGO);
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTDOC", "LD_LIBRARY_PATH", "SYSROOT"] {
        command.env_remove(name);
    }
    // /usr/bin first: cargo-clippy and others look up `cargo` and `rustc` by name.
    let mut path: Vec<PathBuf> = vec!["/usr/bin".into(), linker_directory.into()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path).unwrap_or_else(|_| OsString::from("/usr/bin:/bin"));
    // `-Zbuild-std` is unstable; RUSTC_BOOTSTRAP opens it in a stable compiler.
    command.env("PATH", path).env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

fn sysroot_has_target() -> bool {
    let library = rustc_prints(&["--print", "target-libdir", "--target", TARGET]);
    library.is_ok_and(|directory| has_file_like(&directory, "libstd-"))
}

fn debian_compiler_ready() -> bool {
    let source = Path::new("/usr/lib/rustlib/src/rust/library/Cargo.lock").exists();
    let new_enough = quiet("rustc-web", Command::new(DEBIAN_RUSTC).arg("--version"))
        .ok()
        .and_then(|line| Version::find(&line))
        .is_some_and(|found| found >= Version::RUST);
    source && new_enough && Path::new(DEBIAN_CARGO).exists()
}

/// The directory of a `rust-lld`: beside the active compiler's own tools, or from the PATH.
fn linker_directory() -> Option<PathBuf> {
    let beside = rustc_prints(&["--print", "target-libdir"])
        .ok()
        .and_then(|library| Some(library.parent()?.join("bin")))
        .filter(|directory| directory.join("rust-lld").is_file());
    beside.or_else(|| Some(on_path("rust-lld")?.parent()?.to_owned()))
}

/// A path that the active compiler prints.
fn rustc_prints(arguments: &[&str]) -> Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let line = quiet("rustc", Command::new(rustc).args(arguments)).context("no Rust compiler")?;
    Ok(PathBuf::from(line.trim()))
}

fn has_file_like(directory: &Path, prefix: &str) -> bool {
    directory.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(prefix)))
    })
}
