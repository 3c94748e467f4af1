//! A server whose machine has the wrong time. The time is changed by libfaketime, which `scripts/setup test` installs.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Server, call, directory, eventually, florin, get, json, run, serve_command, text};

const PAYMENT: &str = "amount=4200&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&confirm=true";
/// Later than funds become available, an authorization ends, and an idempotency key is forgotten.
const AHEAD: &str = "+40d";

/// Makes a command see the wall clock that the file says (`+40d`), also when the file changes; the monotonic clock stays
/// as it is.
fn with_clock(command: &mut Command, offset: &Path) {
    command
        .env("LD_PRELOAD", libfaketime())
        .env("FAKETIME_TIMESTAMP_FILE", offset)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

fn libfaketime() -> PathBuf {
    let places = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut found = places.map(|place| place.join("faketime/libfaketime.so.1")).filter(|library| library.is_file());
    found.next().expect("libfaketime is installed (Debian: apt-get install faketime)")
}

fn status(address: &str, path: &str) -> u16 {
    get(address, path).unwrap().0
}

/// A metric of the server, by its name.
fn metric(address: &str, name: &str) -> f64 {
    let (_, all) = get(address, "/metrics").unwrap();
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(f64::NAN, |value| value.parse().unwrap())
}

#[test]
fn a_server_whose_clock_runs_ahead_writes_nothing_until_it_is_right_again() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let key = dev.secret_key();
    let pay = |address: &str, name: &str, more: &str| {
        call(address, key, ["POST", "/v1/payment_intents"], name, &format!("{PAYMENT}{more}")).unwrap()
    };
    let first = pay(dev.address(), "first", "");
    let authorized = pay(dev.address(), "authorized", "&capture_method=manual");
    assert_eq!((first.0, authorized.0), (200, 200), "{} {}", first.1, authorized.1);

    let offset = place.path().join("offset");
    let set_clock = |text: &str| std::fs::write(&offset, text).unwrap();
    set_clock(AHEAD);
    let (mut command, address) = serve_command(place.path(), "all");
    with_clock(command.env("FLORIN_WORKER_POLL_MS", "50"), &offset);
    let server = Server::other(command, &address);

    let log = || std::fs::read_to_string(place.path().join("serve.log")).unwrap();
    let said = |message: &str| log().lines().filter(|line| line.contains(message)).count();
    // From the start, and when it jumps later.
    for round in 1..=2 {
        set_clock(AHEAD);
        eventually("it is not ready", || status(&address, "/readyz") == 503);
        // Why is in the log, and not for strangers.
        assert_eq!(get(&address, "/readyz").unwrap().1, r#"{"status":"unavailable"}"#);
        let skew = || metric(&address, "florin_clock_skew_seconds");
        eventually("the metric shows it", || skew() > 39.0 * 86_400.0);
        let refused = pay(&address, "refused", "");
        assert_eq!(refused.0, 503, "{}", refused.1);
        let message = refused.1["error"]["message"].as_str().unwrap();
        assert!(message.contains("clock"), "{message}");
        // Time for some rounds of a worker that would believe it.
        std::thread::sleep(Duration::from_secs(1));
        let mut doctor = florin(place.path());
        with_clock(doctor.arg("doctor"), &offset);
        let doctor = doctor.output().unwrap();
        assert!(text(&doctor).contains("BROKEN   clock"), "{}", text(&doctor));

        set_clock("+0d");
        eventually("it is ready", || status(&address, "/readyz") == 200);
        // No funds are released, no authorization is ended, and no key is forgotten.
        let balances = json(place.path(), &["ledger", "balances", "--prefix", "liabilities/"]);
        let accounts = balances[0]["accounts"].as_array().unwrap();
        let sum = |prefix: &str| {
            let of = accounts.iter().filter(|account| account["account"].as_str().unwrap().starts_with(prefix));
            of.map(|account| account["balance"].as_i64().unwrap()).sum::<i64>()
        };
        assert!(sum("liabilities/pending/") > 0 && sum("liabilities/available/") == 0, "{balances}");
        let path = format!("/v1/payment_intents/{}", authorized.1["id"].as_str().unwrap());
        let (_, shown) = call(&address, key, ["GET", &path], "", "").unwrap();
        assert_eq!(shown["status"], "requires_capture", "{shown}");
        for (name, more, before) in [("first", "", &first), ("authorized", "&capture_method=manual", &authorized)] {
            assert_eq!(pay(&address, name, more).1["id"], before.1["id"], "the key {name} is remembered");
        }
        let done = pay(&address, &format!("afterwards {round}"), "");
        assert_eq!(done.0, 200, "{}", done.1);
        eventually("it says so", || said("the clock can be trusted again") == round);
        assert_eq!(said("the clock cannot be trusted: nothing is written"), round, "once, not each second: {}", log());
    }
    assert_eq!(server.stop(), Some(0));
    assert!(run(place.path(), &["ledger", "verify"]).status.success());
    assert_eq!(dev.stop(), Some(0));
}
