//! More requests at the same time than the server accepts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use support::{Server, answer, call, directory, eventually, get, json, sql, try_sql};

const PAYMENT: &str = "amount=4200&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&confirm=true";

/// A connection on which a payment was sent.
fn sent(server: &Server, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "POST /v1/payment_intents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
        Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{PAYMENT}",
        server.address(),
        server.secret_key(),
        PAYMENT.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// A connection on which charges were asked for.
fn listing(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "GET /v1/charges HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        server.address(),
        server.secret_key()
    )
    .unwrap();
    stream
}

#[test]
fn too_many_requests_are_refused_at_once_and_nothing_is_lost() {
    let place = directory();
    std::fs::write(place.path().join("limits.toml"), "[limits]\nrequests_max = 2\n").unwrap();
    let server = Server::dev(place.path(), &["--config", "limits.toml"]);

    // No list is read before this lets go of it.
    let lock = sql(place.path(), "BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE");
    let mut listings = Vec::new();
    let balance = || call(server.address(), server.secret_key(), ["GET", "/v1/balance"], "", "").unwrap().0;
    // This one may have the place that a list came for, which then is refused.
    eventually("both places are taken", || {
        listings.push(listing(&server));
        balance() == 429
    });
    assert_eq!(get(server.address(), "/v1/balance").unwrap().0, 401, "without a key none is looked for");
    for _ in 0..50 {
        let mut refusal = String::new();
        sent(&server, "third").read_to_string(&mut refusal).unwrap();
        assert!(refusal.starts_with("HTTP/1.1 429 "), "{refusal}");
        for part in ["\r\nretry-after: 1\r\n", "\r\nstripe-should-retry: true\r\n", "\"code\": \"rate_limit\""] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }
    assert_eq!(get(server.address(), "/healthz").unwrap().0, 200, "health checks are not refused");

    drop(lock);
    let answers = listings.iter_mut().map(|stream| answer(stream).unwrap());
    let statuses: Vec<u16> = answers.map(|(status, _)| status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    eventually("the places are free", || balance() == 200);
    let third = answer(&mut sent(&server, "third")).unwrap();
    assert_eq!(third.0, 200, "a refusal stores nothing under the key: {}", third.1);

    let events = json(place.path(), &["events", "list", "--type", "payment_intent.succeeded"]);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "{events}");
    let reports = json(place.path(), &["ledger", "verify"]);
    assert_eq!(reports[0]["findings_total"], 0, "{reports}");
    assert_eq!(server.stop(), Some(0));
}

/// The question whether the server is ready waited for a connection of the pool.
#[test]
fn readiness_does_not_wait_behind_the_load() {
    let place = directory();
    std::fs::write(place.path().join("small.toml"), "[database]\npool_size = 1\n").unwrap();
    let server = Server::dev(place.path(), &["--config", "small.toml"]);
    let _lock = sql(place.path(), "BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE");
    let _listing = listing(&server);
    let waits = "SELECT 1 / count(*) FROM pg_locks WHERE NOT granted";
    eventually("the only connection of the pool is in use", || try_sql(place.path(), waits).is_some());
    assert_eq!(get(server.address(), "/readyz").map(|(status, _)| status), Some(200));
}
