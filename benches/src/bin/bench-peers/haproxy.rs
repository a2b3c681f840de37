//! HAProxy: leastconn; an endpoint is taken out by failed health checks and by ten failed answers in a row (`observe
//! layer7`), whatever fails is tried again elsewhere.

use crate::subjects::{Running, find};
use crate::upstreams::CHECK_PATH;
use anyhow::Result;
use plimsoll_host_tests::bed::ports;
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) async fn start(endpoints: &[SocketAddr], workers: u32) -> Result<Running> {
    let (program, target) = (find("HAPROXY", "haproxy")?, ports::free()?);
    let folder = tempfile::Builder::new().prefix("plimsoll-haproxy-").tempdir()?;
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(&file, configuration(endpoints, target, workers)?)?;
    // -db: in the foreground.
    Running::spawn(Command::new(program).arg("-db").arg("-f").arg(&file), target, folder).await
}

pub(crate) fn version() -> Result<String> {
    let output = Command::new(find("HAPROXY", "haproxy")?).arg("-v").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/"
    Ok(text.split_whitespace().nth(2).unwrap_or("of unknown version").to_owned())
}

fn configuration(endpoints: &[SocketAddr], target: SocketAddr, workers: u32) -> Result<String> {
    let mut text = format!(
        "global
  nbthread {workers}
  maxconn 4096
defaults
  mode http
  timeout connect 250ms
  timeout client 30s
  timeout server 500ms
  timeout http-keep-alive 30s
  retries 2
  option redispatch 1
  retry-on all-retryable-errors
frontend public
  bind {target}
  default_backend demo
backend demo
  balance leastconn
  option httpchk GET {CHECK_PATH}
  default-server check inter 1s fall 3 rise 2 observe layer7 error-limit 10 on-error mark-down
"
    );
    for (endpoint, number) in endpoints.iter().zip(1..) {
        writeln!(text, "  server order-{number} {endpoint}")?;
    }
    Ok(text)
}
