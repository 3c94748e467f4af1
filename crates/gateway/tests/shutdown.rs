//! A server that is to stop lets balancers go elsewhere before it closes anything.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::Limits;
use std::time::Duration;
use support::{answer, eventually, health, http2, http2_request, in_time, request, sent, status, with_delay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than the test.
const LONG: Duration = Duration::from_secs(300);

/// What comes next on a connection that stays open.
async fn next(stream: &mut TcpStream) -> String {
    let mut received = vec![0; 64 << 10];
    let length = in_time(stream.read(&mut received)).await.unwrap();
    String::from_utf8(received[..length].to_vec()).unwrap()
}

fn kept_alive(path: &str) -> String {
    request("GET", path, 0).replace("Connection: close\r\n", "")
}

#[tokio::test]
async fn while_the_delay_runs_requests_are_answered_and_connections_end_with_their_answer() {
    let (address, _, shutdown) = with_delay(Limits::default(), Some(health()), LONG).await;
    let mut before = sent(address, &kept_alive("/v1/small")).await;
    let said = next(&mut before).await;
    assert!(status(&said) == 200 && !said.contains("connection: close"), "{said}");
    let (mut client, connection) = http2(address, 65_535).await;
    shutdown.request();

    for path in ["/v1/small", "/page/x", "/healthz", "/openapi.json"] {
        let said = answer(sent(address, &kept_alive(path)).await).await;
        assert!(status(&said) == 200 && said.contains("connection: close"), "{said}");
    }
    before.write_all(kept_alive("/v1/small").as_bytes()).await.unwrap();
    let said = answer(before).await;
    assert!(status(&said) == 200 && said.contains("connection: close"), "{said}");
    for _ in 0..2 {
        let (small, _) = client.send_request(http2_request("GET", "/v1/small"), true).unwrap();
        let said = small.await.unwrap();
        assert!(said.status() == 200 && !said.headers().contains_key("connection"), "{said:?}");
    }
    assert!(!connection.is_finished());
}

#[tokio::test]
async fn after_the_delay_the_listener_closes_and_what_is_at_work_ends() {
    let (address, work, shutdown) = with_delay(Limits::default(), None, Duration::from_millis(50)).await;
    let working = tokio::spawn(answer(sent(address, &kept_alive("/v1/read")).await));
    let (mut client, connection) = http2(address, 65_535).await;
    let (slow, _) = client.send_request(http2_request("POST", "/v1/work"), true).unwrap();
    let idle = sent(address, &kept_alive("/v1/small")).await;
    eventually(async || work.running() == 2).await;
    shutdown.request();
    eventually(async || TcpStream::connect(address).await.is_err()).await;
    assert_eq!(status(&answer(idle).await), 200, "it is closed after what it was answered");
    // GOAWAY
    eventually(async || client.clone().ready().await.is_err()).await;
    work.may_end.add_permits(2);
    assert_eq!(slow.await.unwrap().status(), 200);
    assert_eq!(status(&working.await.unwrap()), 200);
    in_time(connection).await.unwrap().unwrap();
}
