//! A connection that costs little processor time: HTTP/1.1, kept open, one request at a time.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEADERS_MAX: usize = 48;
/// Enough for most answers; lists are longer, and make the buffer grow once.
const BUFFER_BYTES: usize = 16 * 1024;

pub struct Connection {
    stream: TcpStream,
    /// The latest answer.
    buffer: Vec<u8>,
}

/// An answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins and ends in the answer.
    body: (usize, usize),
    keeps_alive: bool,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Sends a request and waits for the whole answer. After an error the connection cannot be used any more.
    pub async fn exchange(&mut self, request: &[u8]) -> std::io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut head = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            if head.is_none() {
                head = read_head(&self.buffer)?;
            }
            let Some(Head { status, body: (from, to), keeps_alive }) = head else { continue };
            if self.buffer.len() < to {
                self.buffer.reserve(to - self.buffer.len());
                continue;
            }
            if self.buffer.len() > to {
                return Err(malformed("there is more than content-length says"));
            }
            if !keeps_alive {
                // The next exchange will fail, and the caller opens another connection.
                let _ = self.stream.shutdown().await;
            }
            return Ok(Answer { status, body: self.buffer.get(from..to).unwrap_or_default() });
        }
    }
}

/// `None` while the head is incomplete.
fn read_head(bytes: &[u8]) -> std::io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(malformed(&error.to_string())),
    };
    let find = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    };
    let body = find("content-length").and_then(|text| text.parse::<usize>().ok());
    let body = body.ok_or_else(|| malformed("an answer without content-length"))?;
    let end = length.checked_add(body).ok_or_else(|| malformed("an answer without end"))?;
    let keeps_alive = find("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    Ok(Some(Head { status: response.code.unwrap_or_default(), body: (length, end), keeps_alive }))
}

fn malformed(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the answer cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn reads_heads() {
        let head = |text: &str| read_head(text.as_bytes());
        let whole = "HTTP/1.1 402 Payment Required\r\nContent-Length: 3\r\nrequest-id: req_1\r\n\r\n";
        let expected = Head { status: 402, body: (whole.len(), whole.len() + 3), keeps_alive: true };
        assert_eq!(head(&format!("{whole}abc")).unwrap(), Some(expected));
        for end in 0..whole.len() {
            assert_eq!(head(&whole[..end]).unwrap(), None, "{end}");
        }
        let closing = head("HTTP/1.1 200 OK\r\ncontent-length:  0 \r\nconnection: Close\r\n\r\n").unwrap().unwrap();
        assert!(!closing.keeps_alive && closing.body.0 == closing.body.1);
        for broken in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n",
        ] {
            assert_eq!(head(broken).unwrap_err().kind(), ErrorKind::InvalidData, "{broken}");
        }
    }

    #[tokio::test]
    async fn reads_answers_that_come_in_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.set_nodelay(true).unwrap();
        let serving = tokio::spawn(async move {
            for pieces in [&["HTTP/1.1 200 OK\r\ncont", "ent-length: 5\r\n\r\nab", "cde"][..], &["HTTP/1.1 2"]] {
                let mut request = [0; 4];
                server.read_exact(&mut request).await.unwrap();
                for piece in pieces {
                    server.write_all(piece.as_bytes()).await.unwrap();
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            }
        });
        assert_eq!(connection.exchange(b"ping").await.unwrap(), Answer { status: 200, body: b"abcde" });
        assert_eq!(connection.exchange(b"ping").await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        serving.await.unwrap();
    }
}
