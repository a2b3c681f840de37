//! The upstream's sockets: one task accepts, switches behaviour and owns every connection's task.

use super::{Behaviour, State, Switch, respond};
use anyhow::{Context, Result};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// A port that was just closed can be busy for a moment; then it is given up.
const REBIND_TRIES: u32 = 40;
const REBIND_PAUSE: Duration = Duration::from_millis(50);

/// Runs until its handle is gone.
pub(super) async fn run(
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
    mut switches: mpsc::Receiver<Switch>,
) {
    let mut listener = Some(listener);
    // Dropping the set, with this task, closes every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            switch = switches.recv() => {
                let Some(Switch { behaviour, done }) = switch else { return };
                let switched = apply(behaviour, address, &mut listener, &mut connections).await;
                if switched.is_ok() {
                    state.behaviour.send_replace(behaviour);
                }
                // Nobody waits if the caller was dropped; the switch holds all the same.
                let _ = done.send(switched);
            }
            accepted = accept(listener.as_ref()) => {
                if let Ok(stream) = accepted {
                    state.connections.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The next connection; never, while there is no listening socket.
async fn accept(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn apply(
    behaviour: Behaviour,
    address: SocketAddr,
    listener: &mut Option<TcpListener>,
    connections: &mut JoinSet<()>,
) -> Result<()> {
    if behaviour == Behaviour::Refusing {
        *listener = None;
        connections.shutdown().await;
    } else if listener.is_none() {
        *listener = Some(rebind(address).await?);
    }
    Ok(())
}

async fn rebind(address: SocketAddr) -> Result<TcpListener> {
    let mut tries = 0;
    loop {
        // tokio sets SO_REUSEADDR, so connections in TIME_WAIT do not hold the port.
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if tries == REBIND_TRIES => {
                return Err(error).with_context(|| format!("cannot listen on {address} again"));
            }
            Err(_) => tries += 1,
        }
        tokio::time::sleep(REBIND_PAUSE).await;
    }
}

/// Whether the client's first bytes are those of HTTP/2. No method of HTTP/1 begins like them.
async fn speaks_http2(stream: &TcpStream) -> bool {
    let mut first = [0; 3];
    matches!(stream.peek(&mut first).await, Ok(3)) && &first == b"PRI"
}

/// Serves one connection until either side closes it or a request asks for a reset.
async fn connection(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(Notify::new());
    let service = service_fn({
        let reset = Arc::clone(&reset);
        move |request| respond::answer(request, Arc::clone(&state), Arc::clone(&reset))
    });
    if speaks_http2(&stream).await {
        let builder = http2::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            _ = connection => {}
            () = reset.notified() => {}
        }
        return;
    }
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that goes away in mid-request is no concern of ours.
        _ = &mut connection => {}
        () = reset.notified() => {
            let stream = connection.into_parts().io.into_inner();
            // Closing with zero linger sends RST instead of FIN.
            let _ = stream.set_zero_linger();
        }
    }
}
