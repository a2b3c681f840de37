//! A message of HTTP/1.1 as it comes off the wire.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest message that a test sends.
const LONGEST: usize = 1 << 24;

/// A request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// First line.
    pub start: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// Without the framing.
    pub body: Vec<u8>,
    /// As the headers.
    pub trailers: Vec<(String, String)>,
    /// It ended as its framing promised.
    pub complete: bool,
}

impl Message {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }

    /// Text of the body.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads one message; `None` if the connection ended before its head was complete.
pub async fn read_message(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Option<Message>> {
    let head = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break take(buffer, end + 4);
        }
        if !more(from, buffer).await? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut message = Message { start: lines.next().unwrap_or_default().to_owned(), ..Message::default() };
    message.headers = fields(lines);
    let chunked = message.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
    let length = message.header("content-length").and_then(|value| value.parse::<usize>().ok());
    message.complete = if chunked {
        read_chunks(from, buffer, &mut message).await
    } else if let Some(length) = length {
        read_length(from, buffer, &mut message, length).await
    } else {
        true
    };
    Ok(Some(message))
}

async fn read_length(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    message: &mut Message,
    length: usize,
) -> bool {
    while buffer.len() < length {
        if !more(from, buffer).await.unwrap_or(false) {
            message.body = std::mem::take(buffer);
            return false;
        }
    }
    message.body = take(buffer, length);
    true
}

async fn read_chunks(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, message: &mut Message) -> bool {
    loop {
        let Some(line) = read_line(from, buffer).await else { return false };
        let Ok(size) = usize::from_str_radix(line.trim(), 16) else { return false };
        if size == 0 {
            break;
        }
        while buffer.len() < size + 2 {
            if !more(from, buffer).await.unwrap_or(false) {
                message.body.extend(buffer.drain(..).take(size));
                return false;
            }
        }
        message.body.extend(buffer.drain(..size + 2).take(size));
    }
    let mut lines = Vec::new();
    loop {
        match read_line(from, buffer).await {
            Some(line) if line.is_empty() => break,
            Some(line) => lines.push(line),
            None => return false,
        }
    }
    message.trailers = fields(lines.iter().map(String::as_str));
    true
}

async fn read_line(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = find(buffer, b"\r\n") {
            let line = take(buffer, end + 2);
            return Some(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        if !more(from, buffer).await.unwrap_or(false) {
            return None;
        }
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
}

/// Reads some bytes; false at the end of the connection.
async fn more(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<bool> {
    if buffer.len() > LONGEST {
        return Err(io::Error::other("a message that is longer than any test sends"));
    }
    Ok(from.read_buf(buffer).await? > 0)
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|window| window == what)
}

fn take(buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
    let rest = buffer.split_off(length);
    std::mem::replace(buffer, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Option<Message> {
        read_message(&mut &bytes[..], &mut Vec::new()).await.unwrap()
    }

    #[tokio::test]
    async fn chunks_and_trailers_are_read() {
        let wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n";
        let message = read(wire).await.unwrap();
        assert_eq!((message.status(), message.text().as_str(), message.complete), (Some(200), "abc", true));
        assert_eq!(message.trailers, [("t".to_owned(), "1".to_owned())]);
    }

    #[tokio::test]
    async fn a_body_cut_off_is_not_complete() {
        let message = read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").await.unwrap();
        assert_eq!((message.text().as_str(), message.complete), ("ab", false));
        assert_eq!(read(b"HTTP/1.1 200").await, None);
    }
}
