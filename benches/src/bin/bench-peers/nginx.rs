//! nginx: least_conn; whatever fails is tried again elsewhere, and an endpoint that failed once gets nothing for ten
//! seconds (`max_fails` and `fail_timeout`, as they are unless set).

use crate::subjects::{Running, find};
use anyhow::Result;
use plimsoll_host_tests::bed::ports;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

pub(crate) async fn start(endpoints: &[SocketAddr], workers: u32) -> Result<Running> {
    let (program, target) = (find("NGINX", "nginx")?, ports::free()?);
    let folder = tempfile::Builder::new().prefix("plimsoll-nginx-").tempdir()?;
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration(endpoints, target, workers, folder.path())?)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
    Running::spawn(&mut command, target, folder).await
}

pub(crate) fn version() -> Result<String> {
    let output = Command::new(find("NGINX", "nginx")?).arg("-v").output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // "nginx version: nginx/1.22.1"
    Ok(text.trim().rsplit('/').next().unwrap_or("of unknown version").to_owned())
}

fn configuration(endpoints: &[SocketAddr], target: SocketAddr, workers: u32, folder: &Path) -> Result<String> {
    let folder = folder.display();
    let mut servers = String::new();
    for endpoint in endpoints {
        writeln!(servers, "    server {endpoint};")?;
    }
    // A master would survive our own death, and one worker needs none.
    let master = if workers == 1 { "off" } else { "on" };
    Ok(format!(
        "daemon off;
master_process {master};
worker_processes {workers};
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream demo {{
    zone demo 256k;
    least_conn;
{servers}    keepalive 128;
    keepalive_requests 1000000;
  }}
  server {{
    listen {target};
    location / {{
      proxy_pass http://demo;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_connect_timeout 250ms;
      proxy_read_timeout 500ms;
      proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"
    ))
}
