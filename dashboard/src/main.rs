//! Mounts the page. Natively there is nothing to mount, and saying so keeps `cargo run` from puzzling anyone.

#[cfg(target_arch = "wasm32")]
fn main() {
    plimsoll_dashboard::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    println!("plimsoll-dashboard runs in a browser: `cargo xtask build` makes dist/dashboard/, which Envoy serves.");
}
