//! The commands that take and refund payments, and look at the books.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use serde_json::Value;
use support::{Server, directory, json, run, text};

#[test]
fn pays_refunds_and_balances() {
    let place = directory();
    let server = Server::dev(place.path(), &[]);
    let intent = json(place.path(), &["pay", "42.00", "usd"]);
    assert_eq!((intent["status"].as_str(), intent["amount"].as_i64()), (Some("succeeded"), Some(4200)));
    let id = intent["id"].as_str().unwrap();

    for (card, code) in [("declined", 3), ("insufficient_funds", 3), ("3ds", 6), ("no_such_card", 2)] {
        let output = run(place.path(), &["pay", "1", "usd", "--card", card, "--json"]);
        assert_eq!(output.status.code(), Some(code), "{card}: {}", text(&output));
        assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{card}: {}", text(&output));
    }

    let refund = json(place.path(), &["refund", id, "--amount", "10.00"]);
    assert_eq!((refund["status"].as_str(), refund["amount"].as_i64()), (Some("succeeded"), Some(1000)));
    let rest = json(place.path(), &["refund", intent["latest_charge"].as_str().unwrap()]);
    assert_eq!(rest["amount"], 3200);
    assert_eq!(run(place.path(), &["refund", id]).status.code(), Some(1));

    let events = json(place.path(), &["events", "list", "--type", "payment_intent.succeeded"]);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1));
    let balances = json(place.path(), &["ledger", "balances"]);
    let accounts = balances[0]["accounts"].as_array().unwrap();
    let owed: i64 = accounts.iter().filter_map(|account| account["credit_balance"].as_i64()).sum();
    assert!(!accounts.is_empty() && owed == 0, "debits equal credits: {balances}");
    let reports = json(place.path(), &["ledger", "verify"]);
    assert_eq!(reports[0]["findings_total"], 0, "{reports}");
    let doctor = run(place.path(), &["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{}", text(&doctor));
    assert_eq!(server.stop(), Some(0));

    assert_eq!(run(place.path(), &["ledger", "verify", "--data", ".florin"]).status.code(), Some(4));
}

#[test]
fn completions_know_the_commands() {
    let place = directory();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(place.path(), &["completions", shell]);
        assert!(output.status.success() && text(&output).contains("completions"), "{shell}");
    }
}
