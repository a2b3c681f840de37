//! Clients and endpoints for measuring a proxy between them: HTTP/1.1 over keep-alive connections with the least work
//! that is correct for what they send each other. All of it lives on the caller's thread, so that on a machine with
//! two processors the proxy has one to itself; a client library would cost more than the proxy.
//!
//! On purpose they understand nothing else: any answer but 200 with the expected body is an error.

use anyhow::{Context, Result, bail, ensure};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const HEAD_END: &[u8] = b"\r\n\r\n";
/// End of a whole answer, as the proxy passes it on.
const ANSWER_END: &[u8] = b"\r\n\r\nok";
/// Largest head in either direction.
const BUFFER: usize = 8 * 1024;

/// Endpoints that answer at once; dropping them closes all listening sockets.
pub struct Endpoints {
    addresses: Vec<SocketAddr>,
    servers: Vec<JoinHandle<()>>,
}

impl Endpoints {
    /// Starts so many, each with its own port. Needs a runtime with one thread.
    ///
    /// # Errors
    /// When the machine has not so many ports or file descriptors.
    pub async fn start(count: usize) -> Result<Self> {
        let mut endpoints = Self { addresses: Vec::new(), servers: Vec::new() };
        for _ in 0..count {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.with_context(|| format!("cannot open {count} endpoints (see `ulimit -n`)"))?;
            endpoints.addresses.push(listener.local_addr()?);
            endpoints.servers.push(tokio::spawn(accept(listener)));
        }
        Ok(endpoints)
    }

    /// Where they listen.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

async fn accept(listener: TcpListener) {
    while let Ok((connection, _)) = listener.accept().await {
        // It ends when the proxy closes the connection.
        tokio::spawn(answer(connection));
    }
}

/// Answers every request of a connection; requests without a body end with their head.
async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        match connection.read(&mut buffer[filled..]).await? {
            0 => return Ok(()),
            more => filled += more,
        }
        // One request at a time: the proxy does not pipeline.
        if buffer[..filled].ends_with(HEAD_END) {
            connection.write_all(ANSWER).await?;
            filled = 0;
        }
    }
}

/// Clients that each send the next request as soon as they have the answer. They keep their connections.
pub struct Clients {
    target: SocketAddr,
    connections: Vec<Client>,
}

struct Client {
    connection: TcpStream,
    request: Rc<[u8]>,
    buffer: Vec<u8>,
}

impl Clients {
    /// Connects so many clients.
    ///
    /// # Errors
    /// When nobody listens at `target`.
    pub async fn connect(target: SocketAddr, count: usize) -> Result<Self> {
        let request: Rc<[u8]> = format!("GET / HTTP/1.1\r\nhost: {target}\r\n\r\n").into_bytes().into();
        let mut connections = Vec::new();
        for _ in 0..count {
            let connection = TcpStream::connect(target).await.with_context(|| format!("cannot connect to {target}"))?;
            connection.set_nodelay(true)?;
            connections.push(Client { connection, request: Rc::clone(&request), buffer: vec![0; BUFFER] });
        }
        Ok(Self { target, connections })
    }

    /// Sends `requests` in all and waits for the last answer. Runs inside a [`tokio::task::LocalSet`].
    ///
    /// # Errors
    /// At the first request that does not succeed, and when they take longer than `limit`.
    pub async fn send(&mut self, requests: u64, limit: Duration) -> Result<()> {
        let left = Rc::new(Cell::new(requests));
        let mut busy = JoinSet::new();
        for mut client in self.connections.drain(..) {
            let left = Rc::clone(&left);
            busy.spawn_local(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    client.exchange().await?;
                }
                anyhow::Ok(client)
            });
        }
        let all = async {
            while let Some(client) = busy.join_next().await {
                self.connections.push(client??);
            }
            anyhow::Ok(())
        };
        let within = tokio::time::timeout(limit, all).await;
        within.with_context(|| format!("{requests} requests to {} took more than {limit:?}", self.target))?
    }
}

impl Client {
    async fn exchange(&mut self) -> Result<()> {
        self.connection.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            ensure!(filled < self.buffer.len(), "an answer is longer than {BUFFER} bytes");
            match self.connection.read(&mut self.buffer[filled..]).await? {
                0 => bail!("the proxy closed a connection before its answer"),
                more => filled += more,
            }
            let answer = &self.buffer[..filled];
            if answer.ends_with(ANSWER_END) && answer.starts_with(b"HTTP/1.1 200 ") {
                return Ok(());
            }
            let has_head = answer.windows(HEAD_END.len()).any(|window| window == HEAD_END);
            if has_head && !answer.starts_with(b"HTTP/1.1 200 ") {
                bail!("a request failed: {}", String::from_utf8_lossy(answer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn clients_keep_their_connections_from_one_run_to_the_next() {
        let work = async {
            let endpoints = Endpoints::start(2).await.unwrap();
            let mut clients = Clients::connect(endpoints.addresses()[1], 4).await.unwrap();
            for _ in 0..3 {
                clients.send(100, LIMIT).await.unwrap();
                assert_eq!(clients.connections.len(), 4);
            }
        };
        LocalSet::new().run_until(work).await;
    }

    #[tokio::test]
    async fn an_answer_other_than_200_is_an_error_that_shows_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let work = async {
            let serve = tokio::task::spawn_local(async move {
                let (mut connection, _) = listener.accept().await.unwrap();
                connection.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                connection
            });
            let mut clients = Clients::connect(address, 1).await.unwrap();
            let error = clients.send(1, LIMIT).await.unwrap_err().to_string();
            assert!(error.contains("503"), "{error}");
            drop(serve.await);
        };
        LocalSet::new().run_until(work).await;
    }
}
