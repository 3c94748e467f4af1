//! Clients that send much and read nothing.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::{Health, Limits};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{
    answer, asked, eventually, gateway, health, http2, http2_request, in_time, request, sent, status, with_health,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// More than the sockets hold.
const SENT_MAX: usize = 4 << 20;

/// Sends a request again and again, and reads nothing; the error that ends it.
async fn pipelined(address: SocketAddr, request: &str) -> Option<std::io::Error> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let requests = request.repeat(100);
    for _ in 0..SENT_MAX / requests.len() {
        if let Err(error) = in_time(stream.write_all(requests.as_bytes())).await {
            return Some(error);
        }
    }
    None
}

/// One connection took all memory: what was not read of a body was thrown away, and the answer kept.
#[tokio::test]
async fn a_connection_ends_with_a_request_whose_body_is_not_read() {
    let (address, _) = gateway(Limits::default()).await;
    let head = "Host: florin\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na";
    for line in ["OPTIONS * HTTP/1.1", "GET /healthz HTTP/1.1", "GET /page/nowhere HTTP/1.1", "POST /v1/work HTTP/1.1"]
    {
        assert!(pipelined(address, &format!("{line}\r\n{head}")).await.is_some(), "{line}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_a_request_whose_body_was_read() {
    let (address, _) = gateway(Limits::default()).await;
    let first = format!("{}a=1", request("POST", "/v1/work", 3).replace("Connection: close\r\n", ""));
    let said = answer(sent(address, &format!("{first}{}", request("GET", "/v1/small", 0))).await).await;
    assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{said}");
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// The frame of a GET without a body.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let head = [&[0x82, 0x86, 0x04][..], &text(path), &[0x01], &text("florin"), &[0x0f, 0x08], &text("Bearer x")];
    frame(1, 0x05, stream, &head.concat())
}

/// One that does not answer the ping that follows the announcement of the end may go on beginning requests.
#[tokio::test]
async fn a_connection_that_is_closed_ends_although_requests_go_on_coming() {
    let limits = Limits { send_timeout_ms: 100, request_timeout_ms: 300, streams_max: 100_000, ..Limits::default() };
    let (address, _) = gateway(limits).await;
    let window_of_zero = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut stream = sent(address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    stream.write_all(&[window_of_zero, get(1, "/v1/small")].concat()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let ended = tokio::spawn(async move {
        let mut received = Vec::new();
        let _ = reader.read_to_end(&mut received).await;
    });
    let going_on = async {
        for number in 1.. {
            if ended.is_finished() || writer.write_all(&get(2 * number + 1, "/v1/read")).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    in_time(going_on).await;
}

#[tokio::test]
async fn each_answer_that_is_not_read_takes_more_than_its_body() {
    let limits = Limits { held_bytes_max: 40_000, address_share: 1.0, ..Limits::default() };
    let (address, _) = gateway(limits).await;
    let (client, _connection) = http2(address, 0).await;
    let mut unread = Vec::new();
    for _ in 0..90 {
        let (small, _) = client.clone().send_request(http2_request("GET", "/openapi.json"), true).unwrap();
        unread.push(small);
        if in_time(unread.last_mut().unwrap()).await.unwrap().status() == 429 {
            return;
        }
    }
    assert_eq!(asked(address, "GET", "/v1/small").await, 429);
}

/// The bytes of a request were forgotten when its client hung up, the work went on.
#[tokio::test]
async fn a_request_is_held_as_long_as_its_work_goes_on() {
    let limits = Limits { held_bytes_max: 66_668, address_share: 1.0, ..Limits::default() };
    let (address, work) = gateway(limits).await;
    let large = request("POST", "/v1/work", 0).replace("Host:", &format!("X: {}\r\nHost:", "x".repeat(20_000)));
    for count in 1..=2 {
        let stream = sent(address, &large).await;
        eventually(async || work.running() == count).await;
        drop(stream);
    }
    // Enough to notice that the clients are gone; if it is not, nothing is seen.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(asked(address, "GET", "/v1/small").await, 429);
    work.may_end.add_permits(2);
    eventually(async || asked(address, "GET", "/v1/small").await == 200).await;
}

/// How much is held may change while a key is looked up.
#[tokio::test]
async fn a_request_is_refused_if_too_much_is_held_when_its_turn_comes() {
    let limits = Limits { held_bytes_max: 60_000, address_share: 1.0, ..Limits::default() };
    let (address, work) = gateway(limits).await;
    let slow = request("GET", "/v1/small", 0).replace("Bearer x", "Bearer slow");
    let waiting = tokio::spawn(answer(sent(address, &slow).await));
    eventually(async || work.running() == 1).await;
    let (mut client, _connection) = http2(address, 0).await;
    let (_unread, _) = client.send_request(http2_request("GET", "/v1/big"), true).unwrap();
    eventually(async || asked(address, "GET", "/v1/small").await == 429).await;
    work.may_end.add_permits(1);
    let said = waiting.await.unwrap();
    assert_eq!(status(&said), 429, "{said}");
}

#[tokio::test]
async fn metrics_are_written_down_once_a_second() {
    let written = Arc::new(AtomicU64::new(0));
    let (counted, begun) = (written.clone(), Instant::now());
    let metrics = Arc::new(move || counted.fetch_add(1, Ordering::SeqCst).to_string());
    let (address, _, _) = with_health(Limits::default(), Some(Health { metrics, ..health() })).await;
    for _ in 0..20 {
        assert_eq!(asked(address, "GET", "/metrics").await, 200);
    }
    assert!(written.load(Ordering::SeqCst) <= begun.elapsed().as_secs() + 1);
}
