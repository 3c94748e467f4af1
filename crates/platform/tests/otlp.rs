//! A span reaches an OpenTelemetry collector that speaks OTLP over HTTP.

use platform::telemetry::{LogFormat, TelemetryConfig, init};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

/// Takes one request, answers 200, and passes it on: the head as text, and the body.
fn collector(listener: TcpListener, requests: mpsc::Sender<(String, Vec<u8>)>) {
    let (mut stream, _) = listener.accept().expect("the exporter connects");
    let mut received = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let read = stream.read(&mut chunk).expect("the request can be read");
        received.extend_from_slice(&chunk[..read]);
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse().ok())
            .expect("the request has a length");
        if received.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("the answer can be sent");
            requests.send((head, received[end + 4..].to_vec())).expect("the test waits for it");
            return;
        }
    }
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn a_span_arrives_with_its_fields_and_the_name_of_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || collector(listener, sender));

    let telemetry = init(&TelemetryConfig {
        log_format: LogFormat::Json,
        otlp_endpoint: Some(endpoint.into()),
        service_name: "florin-under-test".to_owned(),
        ..TelemetryConfig::default()
    })
    .unwrap();
    tracing::info_span!("a_request_of_the_test", request_id = "req_0123456789").in_scope(|| {
        tracing::info!("inside");
    });
    telemetry.shutdown();

    let (head, body) = requests.recv_timeout(Duration::from_secs(10)).expect("the collector got a request");
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    for text in ["a_request_of_the_test", "req_0123456789", "florin-under-test"] {
        assert!(contains(&body, text), "{text} is in what the collector got");
    }
}
