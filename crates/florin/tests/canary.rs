//! What PostgreSQL says about a value that it refuses stays out of logs and answers: it quotes values, and whole rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use support::{Server, call, directory, run, sql, text};

/// Stands for a name, an address or a card's fingerprint.
const CANARY: &str = "canary5309";

/// Has PostgreSQL raise an error about each row of a customer's new state.
fn raising(code: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'not valid: %', NEW.state
                USING ERRCODE = '{code}', DETAIL = NEW.state, HINT = NEW.state, TABLE = 'objects';
        END $$;
        DROP TRIGGER IF EXISTS refuse ON ledger.objects;
        CREATE TRIGGER refuse BEFORE UPDATE ON ledger.objects FOR EACH ROW EXECUTE FUNCTION ledger.refuse()"
    )
}

#[test]
fn values_that_postgresql_refuses_are_in_no_log_and_no_answer() {
    let place = directory();
    // The most that an operator can ask for, which has the statements' parameters in it.
    std::fs::write(
        place.path().join("log.toml"),
        "[telemetry]\nlog_filter = \"trace\"\n[ledger]\nunreachable_max_ms = 200\n",
    )
    .unwrap();
    let server = Server::dev(place.path(), &["--config", "log.toml"]);
    let send = |path: &str, body: &str| call(server.address(), server.secret_key(), ["POST", path], "", body).unwrap();
    let (_, customer) = send("/v1/customers", "");
    let path = format!("/v1/customers/{}", customer["id"].as_str().unwrap());
    let log = || std::fs::read_to_string(place.path().join("florin.log")).unwrap();
    for (planted, expected, said) in [
        (
            "ALTER TABLE ledger.objects ADD CONSTRAINT no_canary CHECK (state NOT LIKE '%canary%')".to_owned(),
            500,
            &["23514", "constraint no_canary"][..],
        ),
        (raising("22P02"), 500, &["22P02", "table objects"][..]),
        (raising("P0001"), 503, &["P0001", "table objects"][..]),
    ] {
        sql(place.path(), &planted);
        let (status, answer) = send(&path, &format!("name={CANARY}&email={CANARY}@example.com"));
        assert_eq!(status, expected, "{answer}");
        assert!(!answer.to_string().contains(CANARY), "{answer}");
        support::eventually("the log says what it can", || said.iter().all(|part| log().contains(part)));
        sql(place.path(), "ALTER TABLE ledger.objects DROP CONSTRAINT IF EXISTS no_canary");
    }
    sql(place.path(), "DROP TRIGGER refuse ON ledger.objects");
    assert_eq!(send(&path, &format!("name={CANARY}")).0, 200);
    let (_, found) = call(
        server.address(),
        server.secret_key(),
        ["GET", &format!("/v1/customers/search?query=name:%22{CANARY}%22")],
        "",
        "",
    )
    .unwrap();
    assert_eq!(found["data"][0]["name"], CANARY, "{found}");
    let verified = run(place.path(), &["ledger", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified));
    assert_eq!(server.stop(), Some(0));
    let log = log();
    if let Some(line) = log.lines().find(|line| line.contains(CANARY)) {
        panic!("in the log: {line}");
    }
}
