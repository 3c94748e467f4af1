//! `florin bench` on a server: that it measures each kind of load; the figures do not matter.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use support::{Server, directory, eventually, florin, get, json, run, serve_command, text};

fn measured(place: &std::path::Path, arguments: &[&str]) -> Value {
    let common = ["bench", "--seconds", "1", "--rounds", "1", "--connections", "4"];
    json(place, &[&common, arguments].concat())
}

fn loads(report: &Value) -> &[Value] {
    report["loads"].as_array().unwrap()
}

#[test]
fn measures_every_kind_of_load() {
    let place = directory();
    let server = Server::dev(place.path(), &[]);

    let report = measured(place.path(), &["--scale", "1"]);
    let [payments] = loads(&report) else { panic!("{report}") };
    let median = &payments["median"];
    assert_eq!((&report["durable"], &median["errors"]), (&Value::Bool(true), &Value::from(0)), "{report}");
    for figure in ["payments_per_second", "p50_ms", "p999_ms", "wal_bytes"] {
        assert!(median[figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
    }
    if cfg!(target_os = "linux") {
        for figure in ["florin_us", "postgres_us", "generator_us"] {
            assert!(median[figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
        }
    }
    assert!(payments["ratio"].as_f64().unwrap() > 0.0 && report["yardstick"]["rounds"].as_array().unwrap().len() == 1);

    for arguments in [&["--reads"][..], &["--mix", "--no-yardstick"], &["--rate", "20"]] {
        let report = measured(place.path(), arguments);
        for load in loads(&report) {
            let median = &load["median"];
            assert!(median["requests_per_second"].as_f64().unwrap() > 0.0, "{report}");
            assert_eq!(median["errors"], 0, "{report}");
            assert!(median["answer_bytes"].as_f64().unwrap() > 500.0, "something is found: {report}");
        }
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn compares_with_repeats_a_neighbour_and_a_second_server() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let (command, address) = serve_command(place.path(), "gateway");
    let second = Server::other(command, &address);
    let also = format!("http://{address}");
    let report = measured(
        place.path(),
        &["--repeats", "50", "--neighbour", "4", "--fill", "20", "--also", &also, "--no-yardstick"],
    );
    let [alone, repeated, disturbed, shared] = loads(&report) else { panic!("{report}") };
    assert_eq!((&alone["compared"], &alone["median"]["repeats"]), (&Value::Null, &Value::from(0)), "{report}");
    let repeats = repeated["median"]["repeats"].as_u64().unwrap();
    let others = repeated["rounds"][0]["requests"].as_u64().unwrap();
    assert!(0 < repeats && repeats < 3 * others && others < 3 * repeats, "half of them: {report}");
    assert_eq!((&disturbed["searches"], &shared["servers"]), (&4.into(), &2.into()));
    for load in [repeated, disturbed, shared] {
        assert_eq!(load["median"]["errors"], 0, "{report}");
        for figure in ["payments_per_second", "p50_ms", "p99_ms"] {
            assert!(load["compared"][figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
        }
    }
    let (_, metrics) = get(&address, "/metrics").unwrap();
    let paid = "florin_http_requests_total{method=\"POST\",operation=\"/v1/payment_intents\",status=\"200\"}";
    assert!(metrics.contains(paid), "the second server has its share: {metrics}");
    let (_, metrics) = get(dev.address(), "/metrics").unwrap();
    let searched = "florin_http_requests_total{method=\"GET\",operation=\"/v1/payment_intents/search\",status=\"200\"}";
    assert!(metrics.contains(searched), "the neighbour searches: {metrics}");
    assert_eq!((second.stop(), dev.stop()), (Some(0), Some(0)));
}

/// What a test reads that pulls a plug meanwhile.
#[test]
fn writes_a_journal_of_one_load_until_it_is_stopped() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let (command, address) = serve_command(place.path(), "gateway");
    let second = Server::other(command, &address);
    let also = format!("http://{address}");
    let mut bench = florin(place.path());
    bench.args(["bench", "--seconds", "3600", "--connections", "4", "--no-yardstick", "--json"]);
    bench.args(["--repeats", "50", "--also", &also, "--journal", "journal"]);
    let bench = bench.stdout(Stdio::piped()).spawn().unwrap();
    let journal = || std::fs::read_to_string(place.path().join("journal")).unwrap_or_default();
    eventually("some of it is written", || journal().matches("repeated").count() > 100);
    kill(Pid::from_raw(i32::try_from(bench.id()).unwrap()), Signal::SIGTERM).unwrap();
    let output = bench.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [load] = loads(&report) else { panic!("{report}") };
    assert_eq!((&load["servers"], &load["median"]["errors"]), (&Value::from(2), &Value::from(0)), "{report}");

    let (mut sent, mut acknowledged, mut repeats) = (BTreeSet::new(), BTreeMap::new(), 0);
    for line in journal().lines() {
        let [event, key, rest] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        match event {
            "sent" => assert!(sent.insert(key.to_owned()) && rest.starts_with("amount="), "{line}"),
            "acknowledged" => assert_eq!(acknowledged.insert(key.to_owned(), rest.to_owned()), None, "{line}"),
            _ => {
                assert_eq!((event, acknowledged.get(key).map(String::as_str)), ("repeated", Some(rest)), "{line}");
                repeats += 1;
            }
        }
    }
    assert!(acknowledged.keys().eq(&sent), "each was sent before, and all that was under way was waited for");
    assert!(repeats > 100, "{repeats}");
    for server in [dev.address(), &address] {
        let (_, metrics) = get(server, "/metrics").unwrap();
        assert!(metrics.contains("operation=\"/v1/payment_intents\",status=\"200\""), "it has its share: {metrics}");
    }
    assert_eq!((output.status.code(), second.stop(), dev.stop()), (Some(0), Some(0), Some(0)));
}

#[test]
fn spreads_over_tenants() {
    let place = directory();
    let server = Server::dev(place.path(), &[]);
    let report = measured(place.path(), &["--tenants", "1,3", "--fill", "30", "--no-yardstick"]);
    let tenants: Vec<&Value> = loads(&report).iter().map(|load| &load["tenants"]).collect();
    assert_eq!(tenants, [1, 3], "{report}");
    let balances = json(place.path(), &["ledger", "balances"]);
    let paid = |name: &str| {
        balances.as_array().unwrap().iter().any(|of| of["name"] == name && of["accounts"] != Value::Array(Vec::new()))
    };
    for name in ["bench-0001", "bench-0002", "bench-0003"] {
        assert!(paid(name), "{name}: {balances}");
    }
    assert_eq!(server.stop(), Some(0));
    let output = run(place.path(), &["bench", "--url", "http://127.0.0.1:1", "--key", "sk_test_x"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
}
