//! One request on a connection of its own, sent step by step while the answer is read.

use super::{Message, Step, read_message};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What comes back to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// An answer, whole or cut off.
    Answer(Message),
    /// The connection ended without one.
    Nothing,
}

/// A client that is connected.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads its answer; [`Step::Close`] and [`Step::Reset`] end the client.
    pub async fn exchange(&mut self, steps: &[Step], limit: Duration) -> Received {
        let (mut reader, mut writer) = self.stream.split();
        let sending = async {
            for step in steps {
                match step {
                    Step::Send(bytes) => {
                        // The other side may have answered and closed already; the answer tells.
                        if writer.write_all(bytes).await.is_err() {
                            break;
                        }
                    }
                    Step::Wait(pause) => tokio::time::sleep(*pause).await,
                    Step::Hang => break,
                    Step::Close | Step::Reset => return true,
                }
            }
            std::future::pending().await
        };
        let reading = read_message(&mut reader, &mut self.buffer);
        tokio::select! {
            _ = sending => Received::Nothing,
            answer = tokio::time::timeout(limit, reading) => match answer {
                Ok(Ok(Some(answer))) => Received::Answer(answer),
                _ => Received::Nothing,
            },
        }
    }
}

/// Connects, exchanges, closes.
pub async fn send(to: SocketAddr, steps: &[Step], limit: Duration) -> Received {
    match Client::connect(to).await {
        Ok(mut client) => client.exchange(steps, limit).await,
        Err(_) => Received::Nothing,
    }
}
