//! The places for requests: `limits.requests_max` bounds the work, not the connections that wait for it, nor the requests
//! that are still on their way.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use gateway::Limits;
use std::net::SocketAddr;
use std::time::Duration;
use support::{
    PAGE_BODY_MAX, Work, answer, asked, eventually, gateway, http2, http2_request, in_time, metrics, reached, request,
    sent, status,
};

const PLACES: usize = 4;
/// Those of them that strangers may have.
const OF_STRANGERS: usize = 1;

fn limits() -> Limits {
    Limits { requests_max: PLACES, request_timeout_ms: 300_000, body_timeout_ms: 300_000, ..Limits::default() }
}

/// Sends a request and hangs up, either when it is at work or when it was refused.
async fn send_and_hang_up(address: SocketAddr, method: &str, path: &str, work: &Work) {
    let before = work.running();
    let stream = sent(address, &request(method, path, 0)).await;
    let refused = tokio::spawn(answer(stream));
    while work.running() == before && !refused.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    refused.abort();
}

/// The place of a request stayed with its connection, while the work went on without it.
#[tokio::test]
async fn clients_that_hang_up_leave_no_place_before_their_work_has_ended() {
    for (path, places) in [("/v1/work", PLACES), ("/page/x", OF_STRANGERS)] {
        let (address, work) = gateway(limits()).await;
        for _ in 0..50 {
            send_and_hang_up(address, "POST", path, &work).await;
        }
        assert_eq!(work.running(), places, "{path}");
        assert_eq!(asked(address, "POST", path).await, 429, "{path}");

        // The work ends, although no client waits for it, and leaves its places.
        work.may_end.add_permits(places);
        work.ended().await;
        work.may_end.add_permits(1);
        let mut answered = 429;
        while answered == 429 {
            answered = asked(address, "POST", path).await;
        }
        assert_eq!(answered, 200, "{path}");
    }
}

#[tokio::test]
async fn a_read_ends_when_its_client_hangs_up() {
    let (address, work) = gateway(limits()).await;
    for _ in 0..3 * PLACES {
        let reading = tokio::spawn(answer(sent(address, &request("GET", "/v1/read", 0)).await));
        eventually(async || work.running() == 1).await;
        reading.abort();
        work.ended().await;
    }
    work.may_end.add_permits(1);
    assert_eq!(asked(address, "GET", "/v1/read").await, 200);
}

/// Six connections with slow bodies, without any key, kept every call of the API from being answered.
#[tokio::test]
async fn a_body_that_does_not_come_takes_no_place() {
    let (address, work) = gateway(limits()).await;
    let (mut streams, mut bodies, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    for path in ["/v1/work", "/page/x"] {
        let (mut client, connection) = http2(address, 65_535).await;
        for _ in 0..4 * PLACES {
            streams.push(sent(address, &format!("{}a=", request("POST", path, 5))).await);
            client = client.ready().await.unwrap();
            let (answer, mut body) = client.send_request(http2_request("POST", path), false).unwrap();
            body.send_data(Bytes::from_static(b"a="), false).unwrap();
            bodies.push((answer, body));
        }
        // All were received before the answer to this one.
        let (last, _) = client.ready().await.unwrap().send_request(http2_request("GET", "/v1/small"), true).unwrap();
        assert_eq!(in_time(last).await.unwrap().status(), 200, "{path}");
        clients.push(connection);
    }
    work.may_end.add_permits(2);
    for path in ["/v1/work", "/page/x"] {
        assert_eq!(asked(address, "POST", path).await, 200, "{path}");
    }
    // One that comes in the end is answered.
    let (answer, mut body) = bodies.remove(0);
    work.may_end.add_permits(1);
    body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 400, "a= is no parameter of this operation");
}

#[tokio::test]
async fn strangers_leave_places_for_those_who_are_known() {
    let (address, work) = gateway(limits()).await;
    let mut strangers = Vec::new();
    let slow = request("GET", "/v1/small", 0).replace("Bearer x", "Bearer slow");
    for _ in 0..2 * PLACES {
        strangers.push(sent(address, &request("POST", "/page/x", 0)).await);
        strangers.push(sent(address, &slow).await);
    }
    for _ in 0..10 {
        assert_eq!(asked(address, "GET", "/v1/small").await, 200);
    }
    // A key that is being looked up keeps no payer's page from being shown.
    eventually(async || work.running() == OF_STRANGERS + 2 * PLACES).await;
    work.may_end.add_permits(OF_STRANGERS + 2 * PLACES);
    work.ended().await;
    assert_eq!(asked(address, "GET", "/page/x").await, 200);
}

#[tokio::test]
async fn a_body_has_a_time_in_which_it_must_come() {
    let limits = Limits { body_timeout_ms: 100, ..limits() };
    let (address, _) = gateway(limits).await;
    let before = reached("body_timeout_ms").await;
    for path in ["/v1/work", "/page/x"] {
        let late = answer(sent(address, &format!("{}a=", request("POST", path, 5))).await).await;
        assert_eq!(status(&late), 408, "{path}: {late}");
    }
    assert_eq!(reached("body_timeout_ms").await, before + 2);
}

/// What is wrong with a request's head is said at once: its body does not come here.
#[tokio::test]
async fn path_method_and_key_are_checked_before_the_body_is_awaited() {
    let (address, _) = gateway(limits()).await;
    let with_key = |key: &str, request: String| request.replace("Bearer x", &format!("Bearer {key}"));
    for (request, expected) in [
        (request("POST", "/page/nowhere", 5), 404),
        (request("DELETE", "/page/x", 5), 405),
        (request("POST", "/page/x", PAGE_BODY_MAX + 1), 413),
        (request("POST", "/v1/work", (1 << 20) + 1), 413),
        (request("POST", "/v1/nowhere", 5), 404),
        (with_key("unknown", request("POST", "/v1/work", 5)), 401),
        (with_key("pk", request("POST", "/v1/work", 5)), 403),
        (request("POST", "/v1/work", 5).replace("Connection:", "Stripe-Version: x\r\nConnection:"), 400),
    ] {
        let said = answer(sent(address, &request).await).await;
        assert_eq!(status(&said), expected, "{request}: {said}");
    }
}

#[tokio::test]
async fn pages_are_counted_as_calls_are_and_have_a_request_id() {
    let (address, _) = gateway(limits()).await;
    let metrics = metrics();
    for (method, label, expected) in [("GET", "GET", 200), ("DELETE", "unknown", 405)] {
        let page = answer(sent(address, &request(method, "/page/x", 0)).await).await;
        assert_eq!(status(&page), expected, "{page}");
        assert!(page.contains("\r\nrequest-id: req_"), "{page}");
        let counted = format!(
            "florin_http_requests_total{{method=\"{label}\",operation=\"/page/{{name}}\",status=\"{expected}\"}} "
        );
        let rendered = metrics.render();
        assert!(rendered.lines().any(|line| line.starts_with(&counted)), "{counted}");
    }
}
