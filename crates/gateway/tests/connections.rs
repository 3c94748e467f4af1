//! Connections that cost something and bring nothing are closed: those that send nothing, and those that read nothing.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::{Health, Limits, serve_health};
use platform::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use support::{
    BIG, answer, asked, eventually, gateway, health, http2, http2_request, in_time, reached, request, sent, sent_from,
    status, with_health,
};
use tokio::net::TcpStream;

/// Longer than any test waits, so that each sees its own limit alone.
const NEVER: u64 = 300_000;

fn limits() -> Limits {
    Limits {
        header_timeout_ms: NEVER,
        body_timeout_ms: NEVER,
        request_timeout_ms: NEVER,
        send_timeout_ms: NEVER,
        idle_timeout_ms: NEVER,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_connection_on_which_no_request_comes_is_closed() {
    let limits = Limits { header_timeout_ms: 100, ..limits() };
    let (address, _) = gateway(limits).await;
    let before = reached("header_timeout_ms").await;
    for begun in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "GET /v1/small HTTP/1.1\r\nHost: florin\r\n"] {
        let said = answer(sent(address, begun).await).await;
        assert_eq!(said, "", "{begun}");
    }
    // This one answers pings.
    let (_client, connection) = http2(address, 65_535).await;
    let _ = in_time(connection).await.unwrap();
    assert_eq!(reached("header_timeout_ms").await, before + 5);
}

#[tokio::test]
async fn a_connection_without_a_request_for_long_is_closed() {
    let limits = Limits { idle_timeout_ms: 100, ..limits() };
    let (address, work) = gateway(limits).await;
    let keep_alive = |path: &str| request("GET", path, 0).replace("Connection: close\r\n", "");
    let said = answer(sent(address, &keep_alive("/v1/small")).await).await;
    assert_eq!(status(&said), 200, "{said}");

    let (mut client, connection) = http2(address, 65_535).await;
    let (small, _) = client.send_request(http2_request("GET", "/v1/small"), true).unwrap();
    assert_eq!(small.await.unwrap().status(), 200);
    in_time(connection).await.unwrap().unwrap();

    // One whose request is at work is not idle.
    let (mut client, _connection) = http2(address, 65_535).await;
    let (slow, _) = client.send_request(http2_request("POST", "/v1/work"), true).unwrap();
    let slow_too = tokio::spawn(answer(sent(address, &keep_alive("/v1/read")).await));
    eventually(async || work.running() == 2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    work.may_end.add_permits(2);
    assert_eq!(slow.await.unwrap().status(), 200);
    assert_eq!(status(&slow_too.await.unwrap()), 200);
}

#[tokio::test]
async fn an_address_has_a_part_of_the_connections() {
    let limits = Limits { connections_max: 8, address_share: 0.25, ..limits() };
    let (address, _) = gateway(limits).await;
    let before = reached("connections_of_address").await;
    let [first, _second] = [sent(address, "").await, sent(address, "").await];
    assert_eq!(answer(TcpStream::connect(address).await.unwrap()).await, "");
    assert_eq!(reached("connections_of_address").await, before + 1);
    drop(first);
    eventually(async || asked(address, "GET", "/v1/small").await == 200).await;
}

/// Whether the system still has something to send for a connection that the server has closed.
#[cfg(target_os = "linux")]
fn half_closed(address: std::net::SocketAddr) -> bool {
    const FIN_WAIT_1: &str = "04";
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", address.port());
    connections.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields.nth(1).is_some_and(|local| local.ends_with(&port)) && fields.nth(1) == Some(FIN_WAIT_1)
    })
}

/// Answers were kept for minutes for clients that did not read them.
#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let limits = Limits { send_timeout_ms: 100, ..limits() };
    let (address, _) = gateway(limits).await;
    let before = reached("send_timeout_ms").await;
    let unread = sent(address, &request("GET", "/v1/big", 0)).await;
    eventually(async || reached("send_timeout_ms").await > before).await;
    #[cfg(target_os = "linux")]
    eventually(async || !half_closed(address)).await;
    let received = answer(unread).await;
    assert!(received.len() < BIG, "{} bytes", received.len());

    for path in ["/v1/big", "/v1/small", "/openapi.json", "/page/x"] {
        let (mut client, connection) = http2(address, 0).await;
        let (head, _) = client.send_request(http2_request("GET", path), true).unwrap();
        let mut body = head.await.unwrap().into_body();
        assert!(!matches!(in_time(body.data()).await, Some(Ok(_))), "{path}");
        let _ = in_time(connection).await.unwrap();
    }
    assert!(reached("send_timeout_ms").await >= before + 5);
    assert_eq!(asked(address, "GET", "/v1/small").await, 200);
}

#[tokio::test]
async fn what_is_at_work_beside_an_answer_that_is_not_read_is_finished() {
    let limits = Limits { send_timeout_ms: 100, ..limits() };
    let (address, work) = gateway(limits).await;
    let (mut client, connection) = http2(address, 2).await;
    let (working, _) = client.send_request(http2_request("POST", "/v1/work"), true).unwrap();
    eventually(async || work.running() == 1).await;
    let before = reached("send_timeout_ms").await;
    let (_unread, _) = client.send_request(http2_request("GET", "/v1/big"), true).unwrap();
    eventually(async || reached("send_timeout_ms").await > before).await;
    work.may_end.add_permits(1);
    let mut answer = working.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "{}");
    let _ = in_time(connection).await.unwrap();
}

#[tokio::test]
async fn while_too_much_is_held_no_more_is_taken() {
    let big = BIG;
    let limits = Limits { held_bytes_max: big + big / 2, address_share: 1.0, ..limits() };
    let (address, _) = gateway(limits).await;
    let unread = [http2(address, 0).await, http2(address, 0).await].map(|(mut client, connection)| {
        let (answer, _) = client.send_request(http2_request("GET", "/v1/big"), true).unwrap();
        (answer, client, connection)
    });
    eventually(async || asked(address, "GET", "/v1/small").await == 429).await;
    assert_eq!(asked(address, "GET", "/page/x").await, 429);
    for path in ["/openapi.json", "/metrics"] {
        assert_eq!(asked(address, "GET", path).await, 429, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(asked(address, "GET", path).await, 200, "{path}");
    }
    for (_, _, connection) in unread {
        connection.abort();
    }
    eventually(async || asked(address, "GET", "/v1/small").await == 200).await;
}

/// The bytes of a body count while it arrives, before anything about it is known.
#[tokio::test]
async fn bodies_that_arrive_are_held_too() {
    let limits = Limits { held_bytes_max: 150_000, address_share: 1.0, ..limits() };
    let (address, _) = gateway(limits).await;
    for (bytes, expected) in [(200_000, 429), (100_000, 400)] {
        let whole = format!("{}{}", request("POST", "/v1/work", bytes), "a".repeat(bytes));
        let mut said = String::new();
        eventually(async || {
            said = answer(sent(address, &whole).await).await;
            // Refused before it was read to its end, the connection may be reset, and the answer with it.
            !said.is_empty()
        })
        .await;
        assert_eq!(status(&said), expected, "{said}");
    }
}

#[tokio::test]
async fn an_http2_connection_has_so_many_streams() {
    let limits = Limits { streams_max: 3, ..limits() };
    let (address, _) = gateway(limits).await;
    let (mut client, _connection) = http2(address, 65_535).await;
    let (small, _) = client.send_request(http2_request("GET", "/v1/small"), true).unwrap();
    assert_eq!(small.await.unwrap().status(), 200);
    assert_eq!(client.current_max_send_streams(), 3);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let limits = Limits { header_bytes_max: 8_192, ..limits() };
    let (address, _) = gateway(limits).await;
    let large = request("GET", "/v1/small", 0).replace("Host:", &format!("X: {}\r\nHost:", "x".repeat(9_000)));
    let said = answer(sent(address, &large).await).await;
    assert_eq!(status(&said), 431, "{said}");
}

/// Strangers may ask the API's listener.
#[tokio::test]
async fn why_it_is_not_ready_is_said_on_the_listener_for_health_checks_alone() {
    let health = Health { ready: Arc::new(|| Err("the moon is full".to_owned())), ..health() };
    let (address, _, _) = with_health(limits(), Some(health.clone())).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let of_health = listener.local_addr().unwrap();
    tokio::spawn(serve_health(health, listener, limits(), Shutdown::new()));
    for (address, says_why) in [(address, false), (of_health, true)] {
        let said = answer(sent(address, &request("GET", "/readyz", 0)).await).await;
        assert_eq!((status(&said), said.contains("the moon is full")), (503, says_why), "{said}");
    }
}

/// Health checks have a listener of their own, which is there when the other is full and until the last request is answered.
#[tokio::test]
async fn health_checks_are_answered_when_no_other_connection_is_accepted() {
    let limits = Limits { connections_max: 2, address_share: 1.0, ..limits() };
    let (address, work, shutdown) = with_health(limits.clone(), None).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let of_health = listener.local_addr().unwrap();
    tokio::spawn(serve_health(health(), listener, limits, Shutdown::new()));

    assert_eq!(asked(address, "GET", "/healthz").await, 404, "it is elsewhere");
    let working = [(), ()]
        .map(|()| tokio::spawn(async move { answer(sent(address, &request("POST", "/v1/work", 0)).await).await }));
    eventually(async || work.running() == 2).await;
    let waits = tokio::spawn(async move { answer(sent_from(2, address, &request("GET", "/v1/small", 0)).await).await });
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(asked(of_health, "GET", path).await, 200, "{path}");
    }
    assert_eq!(asked(of_health, "GET", "/v1/small").await, 404);
    assert!(!waits.is_finished());
    shutdown.request();
    eventually(async || TcpStream::connect(address).await.is_err()).await;
    assert_eq!(asked(of_health, "GET", "/healthz").await, 200);
    work.may_end.add_permits(2);
    for working in working {
        assert_eq!(status(&working.await.unwrap()), 200);
    }
    assert_eq!(waits.await.unwrap(), "");
}
