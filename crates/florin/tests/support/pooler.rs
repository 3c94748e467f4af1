//! A pooler that gives its one connection to whichever client has a transaction, as pgbouncer does with `pool_mode = transaction`.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// One message: its type (0 for the first of a connection, which has none), and all of its bytes.
fn message(from: &mut impl Read, typed: bool) -> Option<(u8, Vec<u8>)> {
    let mut head = vec![0; if typed { 5 } else { 4 }];
    from.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[head.len() - 4..].try_into().ok()?);
    let mut bytes = head.clone();
    bytes.resize(head.len() + usize::try_from(length).ok()? - 4, 0);
    from.read_exact(&mut bytes[head.len()..]).ok()?;
    Some((if typed { head[0] } else { 0 }, bytes))
}

/// Connects to the socket's server once; returns the address at which clients are taken.
pub fn start(socket: &Path, user: &str, database: &str) -> String {
    let mut backend = UnixStream::connect(socket).unwrap();
    let parameters = format!("user\0{user}\0database\0{database}\0\0");
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let startup = [&length.to_be_bytes(), &196_608u32.to_be_bytes()[..], parameters.as_bytes()].concat();
    backend.write_all(&startup).unwrap();
    while message(&mut backend, true).unwrap().0 != b'Z' {}
    let backend = Arc::new(Mutex::new(backend));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let backend = backend.clone();
            std::thread::spawn(move || serve(client, &backend));
        }
    });
    address
}

fn serve(mut client: TcpStream, backend: &Mutex<UnixStream>) -> Option<()> {
    message(&mut client, false)?;
    // The client is who it says; ready.
    client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").ok()?;
    loop {
        // A transaction.
        let mut next = message(&mut client, true)?;
        let mut backend = backend.lock().ok()?;
        loop {
            if next.0 == b'X' {
                return None;
            }
            backend.write_all(&next.1).ok()?;
            if matches!(next.0, b'Q' | b'S') {
                let state = loop {
                    let (kind, bytes) = message(&mut *backend, true)?;
                    client.write_all(&bytes).ok()?;
                    if kind == b'Z' {
                        break bytes[5];
                    }
                };
                if state == b'I' {
                    break;
                }
            }
            next = message(&mut client, true)?;
        }
    }
}
