//! Benchmarks. `benches/` holds those that criterion runs: `cargo bench -p plimsoll-benches --bench engine`. Programs
//! that measure whole processes side by side are binaries in `src/bin/`.
