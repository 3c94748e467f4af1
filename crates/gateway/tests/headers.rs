//! Headers that requests must have, and those that answers have.

#![allow(clippy::unwrap_used)]

mod support;

use gateway::Limits;
use support::{answer, gateway, request, sent, status};

#[tokio::test]
async fn a_request_names_one_host() {
    let (address, _) = gateway(Limits::default()).await;
    let none = |request: String| request.replace("Host: florin\r\n", "");
    let two = |request: String| request.replace("Host: florin\r\n", "Host: florin\r\nHost: other\r\n");
    for path in ["/v1/small", "/page/x", "/healthz", "/openapi.json"] {
        for (request, expected) in [
            (request("GET", path, 0), 200),
            (none(request("GET", path, 0)), 400),
            (two(request("GET", path, 0)), 400),
            (two(request("GET", path, 0)).replace("HTTP/1.1", "HTTP/1.0"), 400),
            (none(request("GET", path, 0)).replace("HTTP/1.1", "HTTP/1.0"), 200),
        ] {
            let said = answer(sent(address, &request).await).await;
            assert_eq!(status(&said), expected, "{request}: {said}");
        }
    }
}

#[tokio::test]
async fn no_answer_is_taken_for_what_it_is_not() {
    let (address, _) = gateway(Limits::default()).await;
    for (method, path, expected) in [
        ("GET", "/v1/small", 200),
        ("GET", "/v1/nowhere", 404),
        ("OPTIONS", "/v1/small", 204),
        ("GET", "/page/x", 200),
        ("GET", "/page/nowhere", 404),
        ("GET", "/openapi.json", 200),
        ("GET", "/healthz", 200),
        ("POST", "/healthz", 405),
    ] {
        let said = answer(sent(address, &request(method, path, 0)).await).await;
        assert_eq!(status(&said), expected, "{said}");
        assert!(said.contains("\r\nx-content-type-options: nosniff\r\n"), "{said}");
    }
}

#[tokio::test]
async fn a_page_says_which_methods_it_has_and_that_its_forms_lead_nowhere_else() {
    let (address, _) = gateway(Limits::default()).await;
    for method in ["PUT", "DELETE", "OPTIONS", "HEAD", "ANY"] {
        let said = answer(sent(address, &request(method, "/page/x", 0)).await).await;
        assert_eq!(status(&said), 405, "{said}");
        assert!(said.contains("\r\nallow: GET, POST\r\n"), "{said}");
    }
    let page = answer(sent(address, &request("GET", "/page/x", 0)).await).await;
    let policy = page.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap();
    assert!(policy.ends_with("; form-action 'self'"), "{policy}");
}

/// Client libraries repeat it then, with the same idempotency key.
#[tokio::test]
async fn what_takes_too_long_says_when_to_ask_again() {
    let (address, _) = gateway(Limits { request_timeout_ms: 50, ..Limits::default() }).await;
    for (method, path) in [("GET", "/v1/read"), ("POST", "/v1/work")] {
        let said = answer(sent(address, &request(method, path, 0)).await).await;
        assert_eq!(status(&said), 504, "{said}");
        assert!(
            said.contains("\r\nretry-after: 1\r\n") && said.contains("\r\nstripe-should-retry: true\r\n"),
            "{said}"
        );
    }
}
