//! An endpoint that answers each request with the next script in its queue, and keeps what it got.

use super::{Message, Step, read_message};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// An endpoint; dropping it closes everything.
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

/// What it does with a request.
pub struct Script {
    /// The path of the request that it is for; any, where there is none.
    pub path: Option<&'static str>,
    /// What it does.
    pub steps: Vec<Step>,
}

#[derive(Default)]
struct Shared {
    scripts: VecDeque<Script>,
    received: Vec<Message>,
}

impl Shared {
    /// Takes the first script that is not for another path.
    fn steps_for(&mut self, request: &Message) -> Option<Vec<Step>> {
        let path = request.start.split(' ').nth(1);
        let place = self.scripts.iter().position(|script| script.path.is_none() || script.path == path)?;
        self.scripts.remove(place).map(|script| script.steps)
    }
}

impl Endpoint {
    /// Listens on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let address = crate::bed::ports::free()?;
        let listener = TcpListener::bind(address).await?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the queue of answers.
    pub fn answer_with(&self, scripts: impl IntoIterator<Item = Script>) {
        lock(&self.shared).scripts = scripts.into_iter().collect();
    }

    /// Takes the requests that arrived.
    pub fn take_received(&self) -> Vec<Message> {
        std::mem::take(&mut lock(&self.shared).received)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection; an error ends it, and the other side notices.
async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read_message(&mut stream, &mut buffer).await? {
        let whole = request.complete;
        let steps = {
            let mut shared = lock(&shared);
            let steps = shared.steps_for(&request);
            shared.received.push(request);
            steps
        };
        if !whole {
            return Ok(());
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        for step in steps.unwrap_or_else(|| vec![Step::Send(answer.to_vec())]) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::Close => return stream.shutdown().await,
                Step::Reset => {
                    stream.set_zero_linger()?;
                    return Ok(());
                }
                Step::Hang => std::future::pending().await,
            }
        }
    }
    Ok(())
}
