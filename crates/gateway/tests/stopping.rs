//! A listener that stops finishes what has arrived.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::Limits;
use support::{eventually, health, http2, http2_request, in_time, with_health};

/// The stream of a request was begun, and not polled yet, when the listener stopped: the connection seemed to be idle, and was
/// closed.
#[test]
fn a_request_that_arrives_with_the_request_to_stop_is_answered() {
    // Sockets are looked at after each task, so the connection learns of both at the same time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build().unwrap();
    runtime.block_on(async {
        for _ in 0..20 {
            let (address, work, shutdown) = with_health(Limits::default(), Some(health())).await;
            let (mut client, _connection) = http2(address, 65_535).await;
            let (first, _) = client.send_request(http2_request("GET", "/v1/small"), true).unwrap();
            assert_eq!(in_time(first).await.unwrap().status(), 200);
            let mut client = client.ready().await.unwrap();
            let (working, _) = client.send_request(http2_request("POST", "/v1/work"), true).unwrap();
            shutdown.request();
            eventually(async || work.running() == 1).await;
            work.may_end.add_permits(1);
            assert_eq!(in_time(working).await.unwrap().status(), 200);
        }
    });
}
