//! `florin dev`: starting, stopping, and starting after a run that was killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use nix::sys::signal::{Signal, kill};
use support::{Server, directory, eventually, get, json, postmasters, run, text};

#[test]
fn keeps_key_and_data_and_leaves_no_process_behind() {
    let place = directory();
    let first = Server::dev(place.path(), &[]);
    let key = first.secret_key().to_owned();
    assert_eq!(first.banner["publishable_key"], key.replace("sk_test_", "pk_test_"));
    assert_eq!(get(first.address(), "/healthz").map(|(status, _)| status), Some(200));
    assert_eq!(get(first.address(), "/readyz").map(|(status, _)| status), Some(200));
    let created = json(place.path(), &["tenants", "create", "Acme"]);
    assert_eq!(postmasters(place.path()).len(), 1);
    assert_eq!(first.stop(), Some(0));
    assert!(postmasters(place.path()).is_empty());

    let second = Server::dev(place.path(), &[]);
    assert_eq!(second.secret_key(), key);
    let ready_ms = second.banner["ready_ms"].as_u64().unwrap();
    assert!(ready_ms < 3_000, "a second start took {ready_ms} ms");
    let tenants = json(place.path(), &["tenants", "list"]);
    let names: Vec<&str> = tenants.as_array().unwrap().iter().filter_map(|tenant| tenant["name"].as_str()).collect();
    assert_eq!(names, ["Demo", "Acme"]);
    assert_eq!(tenants[1]["id"], created["id"]);
    assert_eq!(second.stop(), Some(0));

    let third = Server::dev(place.path(), &["--reset"]);
    assert_ne!(third.secret_key(), key);
    assert_eq!(json(place.path(), &["tenants", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(third.stop(), Some(0));
    assert!(postmasters(place.path()).is_empty());
}

/// A key in the arguments can be read by every user of the machine; one in the environment of PostgreSQL by its user.
#[test]
fn takes_its_key_from_a_file_or_the_environment_and_no_process_shows_it() {
    let place = directory();
    let key = "sk_test_0123456789abcdefABCDEF01";
    std::fs::write(place.path().join("key"), format!("{key}\n")).unwrap();
    let of_file = Server::dev(place.path(), &["--secret-key-file", "key"]);
    assert_eq!(of_file.secret_key(), key);
    assert_eq!(of_file.stop(), Some(0));

    let other = "sk_test_0123456789abcdefABCDEF02";
    let of_environment = Server::dev_with(place.path(), &[], &[("FLORIN_DEV_SECRET_KEY", other)]);
    assert_eq!(of_environment.secret_key(), other);
    if std::path::Path::new("/proc/self/environ").exists() {
        let postgres = postmasters(place.path());
        assert_eq!(postgres.len(), 1);
        let environment = std::fs::read(format!("/proc/{}/environ", postgres[0])).unwrap();
        assert!(!environment.is_empty() && !String::from_utf8_lossy(&environment).contains(other));
    }
    assert_eq!(of_environment.stop(), Some(0));
}

/// `kill -9` of florin leaves PostgreSQL running, with its lock: the next start stops it.
#[test]
fn starts_after_a_killed_run() {
    let place = directory();
    let mut killed = Server::dev(place.path(), &[]);
    let refused = run(place.path(), &["dev", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains(&format!("(process {})", killed.pid())), "{}", text(&refused));

    let orphans = postmasters(place.path());
    killed.signal(Signal::SIGKILL);
    killed.wait();
    assert_eq!(postmasters(place.path()), orphans);

    let next = Server::dev(place.path(), &[]);
    let running = postmasters(place.path());
    assert!(running.len() == 1 && running != orphans);
    assert_eq!(get(next.address(), "/readyz").map(|(status, _)| status), Some(200));
    assert_eq!(next.stop(), Some(0));
    assert!(postmasters(place.path()).is_empty());
}

#[test]
fn continues_after_postgresql_was_killed() {
    let place = directory();
    let server = Server::dev(place.path(), &[]);
    let killed = postmasters(place.path());
    for pid in &killed {
        kill(*pid, Signal::SIGKILL).unwrap();
    }
    eventually("another PostgreSQL runs", || {
        let running = postmasters(place.path());
        running.len() == 1 && running != killed
    });
    eventually("the server is ready again", || {
        get(server.address(), "/readyz").is_some_and(|(status, _)| status == 200)
    });
    assert_eq!(server.stop(), Some(0));
    assert!(postmasters(place.path()).is_empty());
}

#[test]
fn refuses_addresses_of_other_machines_live_keys_and_a_port_that_is_taken() {
    let place = directory();
    let live = "sk_live_0123456789abcdefABCDEF01";
    std::fs::write(place.path().join("live"), live).unwrap();
    for (arguments, code, message) in [
        (&["dev", "--listen", "0.0.0.0:0"][..], 2, "loopback only"),
        (&["dev", "--secret-key", live][..], 2, "live key"),
        (&["dev", "--secret-key", "sk_test_short"][..], 2, "24 or more"),
        (&["dev", "--secret-key-file", "nowhere"][..], 2, "nowhere cannot be read"),
        (&["dev", "--secret-key-file", "live"][..], 2, "live key"),
        (&["dev", "--secret-key-file", "live", "--secret-key", "x"][..], 2, "cannot be used with"),
        (&["dev", "--lisen", "x"][..], 2, "--listen"),
        (&["ledger", "balances"][..], 2, "florin dev"),
        (&["ledger", "balances", "--data", "."][..], 4, "no florin dev runs"),
        (&["pay", "42.001", "usd"][..], 2, "up to 2 decimals"),
        (&["pay", "42", "usd", "--url", "http://127.0.0.1:1", "--key", "sk_test_x"][..], 4, "cannot be reached"),
    ] {
        let refused = run(place.path(), arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {}", text(&refused));
        assert!(text(&refused).contains(message), "{arguments:?}: {}", text(&refused));
        assert!(!text(&refused).contains(live));
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = run(place.path(), &["dev", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("choose another port"), "{}", text(&refused));
}

#[test]
fn scripts_setup_does_nothing_where_everything_is_installed() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/setup");
    let output = std::process::Command::new(script).output().unwrap();
    assert!(output.status.success() && text(&output).is_empty(), "{}", text(&output));
}
