//! `florin serve`: its configuration, and stopping it without cutting off a request.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use support::{Server, answer, call, directory, eventually, florin, free_address, get, run, serve_command, sql, text};

#[test]
fn a_request_in_flight_is_answered_before_the_server_ends() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let health = free_address();
    let (mut command, address) = serve_command(place.path(), "gateway");
    command.env("FLORIN_SERVER_HEALTH_LISTEN", &health);
    let mut server = Server::other(command, &address);
    eventually("it is ready", || get(&health, "/readyz").is_some_and(|(status, _)| status == 200));
    assert_eq!(get(&address, "/readyz").map(|(status, _)| status), Some(401), "it is an unknown path there");

    let body = "amount=4200&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&confirm=true";
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /v1/payment_intents HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
        Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        dev.secret_key(),
        body.len()
    );
    let (begun, rest) = body.split_at(20);
    stream.write_all(format!("{head}{begun}").as_bytes()).unwrap();
    // Until the server has read the head it may close the connection.
    std::thread::sleep(Duration::from_millis(300));
    server.signal(Signal::SIGTERM);
    eventually("no other connection is accepted", || TcpStream::connect(&address).is_err());
    let (status, reason) = get(&health, "/readyz").unwrap();
    assert!(status == 503 && reason.contains("stopping"), "{reason}");
    stream.write_all(rest.as_bytes()).unwrap();
    let (status, intent) = answer(&mut stream).unwrap();
    assert_eq!(status, 200, "{intent}");
    assert!(intent.contains("\"status\": \"succeeded\""), "{intent}");
    assert_eq!(server.wait().code(), Some(0));

    let log = std::fs::read_to_string(place.path().join("serve.log")).unwrap();
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "a log line is JSON: {line}");
    }
    assert!(log.contains("\"request_id\":\"req_"), "{log}");
    assert!(log.contains("neither server.trusted_proxies nor server.public_url is set"), "{log}");
    assert!(!log.contains(dev.secret_key()));
    assert_eq!(dev.stop(), Some(0));
}

#[test]
fn a_worker_without_the_api_says_how_it_is() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let health = free_address();
    for own in [true, false] {
        let (mut command, listen) = serve_command(place.path(), "worker");
        if own {
            command.env("FLORIN_SERVER_HEALTH_LISTEN", &health);
        }
        let address = if own { &health } else { &listen };
        let worker = Server::other(command, address);
        eventually("it is ready", || get(address, "/readyz").is_some_and(|(status, _)| status == 200));
        assert_eq!(get(address, "/v1/charges").map(|(status, _)| status), Some(404));
        let leads = || get(address, "/metrics").is_some_and(|(_, all)| all.contains("\nflorin_worker_leads 0\n"));
        eventually("it says that the other one leads", leads);
        assert_eq!(worker.stop(), Some(0));
    }
    assert_eq!(dev.stop(), Some(0));
}

#[test]
fn searches_have_the_limit_of_time_that_is_configured() {
    let place = directory();
    let dev = Server::dev_with(place.path(), &[], &[("FLORIN_SCANS_STATEMENT_TIMEOUT_MS", "100")]);
    let ask = |request, form| call(dev.address(), dev.secret_key(), request, "", form).unwrap();
    let created = ask(["POST", "/v1/customers"], "name=Ada");
    assert_eq!(created.0, 200, "{}", created.1);
    let slow = "ALTER TABLE ledger.objects ENABLE ROW LEVEL SECURITY;
        CREATE POLICY slow ON ledger.objects USING (pg_sleep(2) IS NOT NULL)";
    sql(place.path(), slow);
    let refused = ask(["GET", "/v1/customers/search?query=name~%27Ada%27"], "");
    assert_eq!(refused.0, 400, "{}", refused.1);
    assert!(refused.1["error"]["message"].as_str().unwrap().contains("took too long"), "{}", refused.1);
    // What is no scan has more time.
    assert_eq!(ask(["GET", "/v1/customers"], "").0, 200);
    assert_eq!(dev.stop(), Some(0));
}

#[test]
fn refuses_a_configuration_that_cannot_work() {
    let place = directory();
    let file = place.path().join("florin.toml");
    for (config, code, messages) in [
        ("[server]\nlistn = \"127.0.0.1:1\"\n", 2, &["florin.toml", "server.listn", "server.listen"][..]),
        ("[limits]\nconnections_max = 9223372036854775807\n", 2, &["limits.connections_max"][..]),
        ("", 2, &["database.url"][..]),
        (
            "[server]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"host=127.0.0.1 port=1 user=x\"\n",
            4,
            &["cannot be reached", "127.0.0.1:1"][..],
        ),
    ] {
        std::fs::write(&file, config).unwrap();
        let refused = run(place.path(), &["serve", "--role", "worker"]);
        assert_eq!(refused.status.code(), Some(code), "{}", text(&refused));
        for message in messages {
            assert!(text(&refused).contains(message), "{message}: {}", text(&refused));
        }
    }
    // The file is still the last one's: each command says that the database is away, and where it should be.
    for arguments in [
        &["migrate"][..],
        &["tenants", "list"],
        &["tenants", "create", "Acme"],
        &["keys", "list", "Acme"],
        &["ledger", "verify"],
        &["ledger", "balances", "--json"],
    ] {
        let away = run(place.path(), arguments);
        assert_eq!(away.status.code(), Some(4), "{arguments:?}: {}", text(&away));
        assert!(text(&away).contains("127.0.0.1:1"), "{arguments:?}: {}", text(&away));
    }
    // A command line that cannot be read, too, is one JSON document.
    let wrong = run(place.path(), &["serve", "--json", "--rolle", "worker"]);
    let document: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!((wrong.status.code(), &document["error"]["exit_code"]), (Some(2), &Value::from(2)));
    assert!(document["error"]["message"].as_str().unwrap().contains("--rolle"), "{document}");
    assert_eq!(run(place.path(), &["--help"]).status.code(), Some(0));
    let of_kubernetes =
        florin(place.path()).args(["config", "check"]).env("FLORIN_PORT", "tcp://10.0.0.1:80").output().unwrap();
    assert!(
        of_kubernetes.status.success() && text(&of_kubernetes).contains("ignored: FLORIN_PORT"),
        "{}",
        text(&of_kubernetes)
    );
    let unknown = florin(place.path()).arg("serve").env("FLORIN_DATABSE_URL", "x").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("FLORIN_DATABSE_URL, did you mean FLORIN_DATABASE_URL?"), "{}", text(&unknown));
}

#[test]
fn config_show_masks_passwords() {
    let place = directory();
    std::fs::write(
        place.path().join("florin.toml"),
        "[database]\nurl = \"postgresql://a:hunter2@db/florin\"\nowner_url = \"host=db password=hunter2\"\n",
    )
    .unwrap();
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"], &["doctor"]] {
        assert!(!text(&run(place.path(), arguments)).contains("hunter2"), "{arguments:?}");
    }
    let shown = text(&run(place.path(), &["config", "show"]));
    for line in [
        "database.url = \"postgresql://a:********@db/florin\"  # florin.toml",
        "database.owner_url = \"host=db password=********\"  # florin.toml",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn refuses_a_database_that_acknowledges_what_is_not_on_its_disk() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    for set in [
        "ALTER ROLE florin_service SET synchronous_commit = off",
        "ALTER ROLE florin_service RESET synchronous_commit; ALTER DATABASE florin SET synchronous_commit = off",
    ] {
        sql(place.path(), set);
        let (mut command, _) = serve_command(place.path(), "worker");
        let refused = command.stderr(std::process::Stdio::piped()).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        let said = text(&refused);
        assert!(said.contains("synchronous_commit is off for the role florin_service"), "{said}");
        let doctor = run(place.path(), &["doctor"]);
        assert!(text(&doctor).contains("turn on what is off: synchronous_commit"), "{}", text(&doctor));
    }
    sql(place.path(), "ALTER DATABASE florin RESET synchronous_commit");
    assert_eq!(dev.stop(), Some(0));
}
