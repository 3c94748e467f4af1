//! When there are as many connections as there may be, those that bring nothing make room for those that do.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::Limits;
use h2::client::SendRequest;
use support::{answer, eventually, gateway, http2, http2_request, in_time, request, sent_from, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any test waits: no connection is closed because of its age.
const NEVER: u64 = 300_000;

fn limits() -> Limits {
    Limits {
        header_timeout_ms: NEVER,
        body_timeout_ms: NEVER,
        request_timeout_ms: NEVER,
        send_timeout_ms: NEVER,
        idle_timeout_ms: NEVER,
        connections_max: 64,
        ..Limits::default()
    }
}

fn keep_alive(method: &str, path: &str, content_length: usize) -> String {
    request(method, path, content_length).replace("Connection: close\r\n", "")
}

/// Until its client has seen all of an answer.
async fn answered(stream: &mut TcpStream) {
    let mut seen = String::new();
    let is_whole = |seen: &str| {
        let (head, body) = seen.split_once("\r\n\r\n")?;
        let length = head.to_ascii_lowercase().split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
        (body.len() >= length).then_some(())
    };
    while is_whole(&seen).is_none() {
        let mut bytes = [0; 1 << 10];
        let count = in_time(stream.read(&mut bytes)).await.unwrap();
        assert!(count > 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
}

/// Whether the server has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    in_time(stream.read(&mut [0; 1 << 16])).await.map_or(true, |bytes| bytes == 0)
}

/// Four addresses filled all places with connections on which nothing came, for as long as the limits of time allow.
#[tokio::test]
async fn a_client_with_a_key_is_served_when_others_have_filled_all_places() {
    let (address, work) = gateway(limits()).await;
    let working =
        tokio::spawn(async move { answer(sent_from(2, address, &request("POST", "/v1/work", 0)).await).await });
    eventually(async || work.running() == 1).await;
    let mut kept = sent_from(2, address, &keep_alive("GET", "/v1/small", 0)).await;
    answered(&mut kept).await;

    let mut flood = Vec::new();
    for round in 0..5 {
        let asks = |path: &str| keep_alive("GET", path, 0).replace("Authorization: Bearer x\r\n", "");
        for begun in ["", "GET /v1/small HTTP/1.1\r\nHost: florin\r\n", &asks("/page/x"), &asks("/v1/small")] {
            for from in 10..15 {
                flood.push(sent_from(from, address, begun).await);
            }
        }
        // A body that does not come; and a client that answers pings.
        let slow = keep_alive("POST", "/page/x", 100).replace("Authorization: Bearer x\r\n", "");
        flood.push(sent_from(10 + round, address, &slow).await);
        let said = answer(sent_from(2, address, &request("GET", "/v1/small", 0)).await).await;
        assert_eq!(status(&said), 200, "{said}");
    }
    assert!(flood.len() > 64);
    // The oldest had to go; the newest are there, and what the merchant had is.
    assert!(is_closed(&mut flood[0]).await);
    kept.write_all(keep_alive("GET", "/v1/small", 0).as_bytes()).await.unwrap();
    answered(&mut kept).await;
    work.may_end.add_permits(1);
    assert_eq!(status(&working.await.unwrap()), 200);
}

/// What is not a stranger's goes last: a merchant's connection with nothing at work is closed, one with work is not.
#[tokio::test]
async fn a_merchants_connection_makes_room_only_while_nothing_is_at_work_on_it() {
    let (address, work) = gateway(Limits { connections_max: 2, address_share: 1.0, ..limits() }).await;
    let mut kept = sent_from(2, address, &keep_alive("GET", "/v1/small", 0)).await;
    answered(&mut kept).await;
    let working =
        tokio::spawn(async move { answer(sent_from(2, address, &request("POST", "/v1/work", 0)).await).await });
    eventually(async || work.running() == 1).await;
    let said = answer(sent_from(3, address, &request("GET", "/v1/small", 0)).await).await;
    assert_eq!(status(&said), 200, "{said}");
    while !is_closed(&mut kept).await {}
    work.may_end.add_permits(1);
    assert_eq!(status(&working.await.unwrap()), 200);
}

/// By asking for something again and again, strangers' connections would never have seemed to be in vain.
#[tokio::test]
async fn strangers_who_are_busy_make_room_too() {
    let (address, _) = gateway(Limits { connections_max: 4, address_share: 1.0, ..limits() }).await;
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut stream = sent_from(3, address, "").await;
        let ask = keep_alive("GET", "/healthz", 0);
        stream.write_all(ask.as_bytes()).await.unwrap();
        answered(&mut stream).await;
        busy.push(tokio::spawn(async move {
            while stream.write_all(ask.as_bytes()).await.is_ok() && !is_closed(&mut stream).await {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }));
    }
    let said = answer(sent_from(2, address, &request("GET", "/v1/small", 0)).await).await;
    assert_eq!(status(&said), 200, "{said}");
}

/// What a client with a key sends at once is read before its connection is closed for those that come after it, however many they are.
#[tokio::test]
async fn a_connection_has_a_moment_to_show_a_key() {
    let (address, _) = gateway(Limits { connections_max: 32, address_share: 1.0, ..limits() }).await;
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(sent_from(3, address, "").await);
    }
    let mut merchant = sent_from(2, address, "").await;
    for _ in 0..40 {
        silent.push(sent_from(3, address, "").await);
    }
    merchant.write_all(keep_alive("GET", "/v1/small", 0).as_bytes()).await.unwrap();
    answered(&mut merchant).await;
}

type Client = SendRequest<bytes::Bytes>;

/// A request without a key whose head takes about so many bytes.
fn large(path: &str, bytes: usize) -> http::Request<()> {
    let mut large = http2_request("POST", path);
    large.headers_mut().remove("authorization");
    large.headers_mut().insert("x", "x".repeat(bytes).parse().unwrap());
    large
}

/// Strangers have a quarter of the bytes that are held. They could have all of them, and then merchants were refused.
#[tokio::test]
async fn strangers_have_bytes_of_their_own() {
    let held_bytes_max = 400_000;
    let (address, work) = gateway(Limits { held_bytes_max, address_share: 1.0, ..limits() }).await;
    let (client, _connection): (Client, _) = http2(address, 65_535).await;
    let mut held = Vec::new();
    let refused = loop {
        let (answer, body) = client.clone().ready().await.unwrap().send_request(large("/page/x", 8_000), true).unwrap();
        let before = held.len();
        let mut answer = Box::pin(answer);
        let outcome = tokio::select! {
            answer = &mut answer => Some(answer.unwrap().status()),
            () = eventually(async || work.running() > before) => None,
        };
        if let Some(status) = outcome {
            break status;
        }
        held.push((answer, body));
        assert!(held.len() * 8_000 < held_bytes_max, "nothing is refused");
    };
    assert_eq!(refused, 429);
    assert!(held.len() * 8_000 < held_bytes_max / 4);
    // A merchant's first request is not counted among them.
    let whole = format!("{}{}", request("POST", "/v1/work", 150_000), "a".repeat(150_000));
    let said = answer(sent_from(2, address, &whole).await).await;
    assert_eq!(status(&said), 400, "{said}");
    work.may_end.add_permits(held.len());
    for (answer, _) in held {
        assert_eq!(in_time(answer).await.unwrap().status(), 200);
    }
}

/// One that is over a limit of time, and is ended, but slowly, kept its place for the length of a request.
#[tokio::test]
async fn a_connection_that_is_slow_to_end_makes_room() {
    let limits = Limits { connections_max: 2, address_share: 1.0, send_timeout_ms: 100, ..limits() };
    let (address, _) = gateway(limits).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let (mut client, connection) = http2(address, 0).await;
        let mut stranger = http2_request("POST", "/page/x");
        stranger.headers_mut().clear();
        // A body that does not come, and an answer that is not read.
        let (_, body) = client.send_request(stranger, false).unwrap();
        let mut unread = http2_request("GET", "/healthz");
        unread.headers_mut().clear();
        let (answer, _) = client.send_request(unread, true).unwrap();
        let unread = in_time(answer).await.unwrap();
        assert_eq!(unread.status(), 200);
        slow.push((client, connection, body, unread));
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let said = answer(sent_from(2, address, &request("GET", "/v1/small", 0)).await).await;
    assert_eq!(status(&said), 200, "{said}");
}
