//! More requests at the same time than the server accepts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use support::{Server, answer, directory, eventually, get, json};

const PAYMENT: &str = "amount=4200&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&confirm=true";

/// A connection on which that much of a payment's body was sent.
fn sent(server: &Server, key: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "POST /v1/payment_intents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
        Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        server.address(),
        server.secret_key(),
        PAYMENT.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn too_many_requests_are_refused_at_once_and_nothing_is_lost() {
    let place = directory();
    std::fs::write(place.path().join("limits.toml"), "[limits]\nrequests_max = 2\n").unwrap();
    let server = Server::dev(place.path(), &["--config", "limits.toml"]);

    // Each holds a place until its body is there.
    let (begun, rest) = PAYMENT.split_at(20);
    let under_way = ["first", "second"].map(|key| sent(&server, key, begun));
    // 401 as long as there is a place.
    eventually("both places are taken", || get(server.address(), "/v1/balance").unwrap().0 == 429);
    for _ in 0..50 {
        let mut refusal = String::new();
        sent(&server, "third", PAYMENT).read_to_string(&mut refusal).unwrap();
        assert!(refusal.starts_with("HTTP/1.1 429 "), "{refusal}");
        for part in ["\r\nretry-after: 1\r\n", "\r\nstripe-should-retry: true\r\n", "\"code\": \"rate_limit\""] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }
    assert_eq!(get(server.address(), "/healthz").unwrap().0, 200, "health checks are not refused");

    for mut stream in under_way {
        stream.write_all(rest.as_bytes()).unwrap();
        let (status, intent) = answer(&mut stream).unwrap();
        assert_eq!(status, 200, "{intent}");
    }
    eventually("the places are free", || get(server.address(), "/v1/balance").unwrap().0 == 401);
    let third = answer(&mut sent(&server, "third", PAYMENT)).unwrap();
    assert_eq!(third.0, 200, "a refusal stores nothing under the key: {}", third.1);

    let events = json(place.path(), &["events", "list", "--type", "payment_intent.succeeded"]);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(3), "{events}");
    let reports = json(place.path(), &["ledger", "verify"]);
    assert_eq!(reports[0]["findings_total"], 0, "{reports}");
    assert_eq!(server.stop(), Some(0));
}
