//! What signals do to `florin serve`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use support::{Server, call, directory, eventually, florin, get, serve_command};

fn ready(address: &str) -> Option<u16> {
    get(address, "/readyz").map(|(status, _)| status)
}

fn log(place: &Path) -> String {
    std::fs::read_to_string(place.join("serve.log")).unwrap()
}

#[test]
fn sighup_reads_the_log_filter_again_and_sigterm_tells_balancers_first() {
    let place = directory();
    let dev = Server::dev(place.path(), &[]);
    let (mut command, address) = serve_command(place.path(), "gateway");
    command.env("FLORIN_SERVER_SHUTDOWN_DELAY_MS", "600000");
    let mut server = Server::other(command, &address);
    eventually("it is ready", || ready(&address) == Some(200));

    let file = place.path().join("florin.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(!log(place.path()).contains("\"level\":\"DEBUG\""));
    std::fs::write(&file, format!("{config}[telemetry]\nlog_filter = \"debug\"\n[worker]\npoll_ms = 7\n")).unwrap();
    server.signal(Signal::SIGHUP);
    eventually("it was read", || log(place.path()).contains("the configuration was read again"));
    eventually("it says what it cannot change", || log(place.path()).contains("\"keys\":\"worker.poll_ms\""));
    eventually("lines at debug are written", || {
        call(&address, dev.secret_key(), ["GET", "/v1/charges"], "", "").unwrap();
        log(place.path()).contains("\"level\":\"DEBUG\"")
    });
    for (refused, wrong) in [(1, "[telemetry]\nlog_filter = \"florin=loud\"\n"), (2, "[")] {
        std::fs::write(&file, format!("{config}{wrong}")).unwrap();
        server.signal(Signal::SIGHUP);
        // Two signals at once may be taken for one.
        eventually(wrong, || log(place.path()).matches("the configuration stays as it was").count() == refused);
    }

    assert_eq!(ready(&address), Some(200));
    server.signal(Signal::SIGTERM);
    eventually("it says that it stops", || ready(&address) == Some(503));
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(130), "a second signal ends it at once");
    assert_eq!(dev.stop(), Some(0));
}

#[test]
fn sigterm_works_while_the_database_is_waited_for() {
    let place = directory();
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut command = florin(place.path());
        command.args(["serve", "--migrate", "--role", "worker"]).stderr(Stdio::null());
        let port = silent.local_addr().unwrap().port();
        command.env("FLORIN_DATABASE_URL", format!("host=127.0.0.1 port={port} user=x dbname=x"));
        command.env("FLORIN_DATABASE_CONNECT_TIMEOUT_MS", "600000");
        command.env("FLORIN_SERVER_LISTEN", "127.0.0.1:0");
        let mut server = Server::begun(command);
        let _waiting = silent.accept().unwrap();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_florin_dev_whose_terminal_is_closed_stops() {
    let place = directory();
    let mut dev = Server::dev(place.path(), &[]);
    dev.signal(Signal::SIGHUP);
    assert_eq!(dev.wait().code(), Some(0));
}
