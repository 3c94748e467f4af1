//! What the edge knows of payers, who show a publishable key: where they are, and how much they may say.

#![allow(clippy::unwrap_used, clippy::panic)]

use api::call::Call;
use api::endpoint::Returns;
use api::error::{ApiError, Result};
use api::params::{List, Param};
use api::reply::Reply;
use api::{Api, CardTestingLimits, Environment, Registry};
use async_trait::async_trait;
use contracts::{Caller, Identity, IdentityError, KeyKind, Tenant};
use gateway::{Gateway, Limits, Network};
use platform::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::{ManualClock, ModelLedger, caller, tenant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use types::TenantId;

api::params! {
    pub struct TryParams { pub card: Option<String>, pub note: Option<List<String, 200>>, }
}

/// Keys that begin with `pk` are publishable.
struct TwoKinds(Tenant);

#[async_trait]
impl Identity for TwoKinds {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        let livemode = key.contains("_live_");
        let key = if key.starts_with("pk") { KeyKind::Publishable } else { KeyKind::Secret };
        Ok(Some(Caller { key, livemode, ..caller(&self.0) }))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        Ok(vec![self.0.clone()])
    }

    async fn tenant(&self, _: TenantId) -> Result<Option<Tenant>, IdentityError> {
        Ok(Some(self.0.clone()))
    }
}

/// A gateway on which a card that is not `good` is declined, and one failure is allowed.
fn gateway(trusted_proxies: &[&str]) -> SocketAddr {
    let mut registry = Registry::default();
    let work = |_: Call, params: TryParams| async move {
        match params.card.as_deref() {
            Some("good") => Ok(Reply { body: "{}".to_owned(), shows: None }),
            _ => Err(ApiError::card("card_declined", "Your card was declined.").into()),
        }
    };
    assert_eq!(TryParams::schema()["properties"]["card"]["maxLength"], 5_000);
    registry.post("/v1/try", Returns::Schema("try"), work).publishable(&["card", "note"]);
    let (clock, identity) = (ManualClock::new(), Arc::new(TwoKinds(tenant())));
    let card_testing = CardTestingLimits { address_failures_max: 1, ..CardTestingLimits::default() };
    let environment = Environment { public_url: "http://localhost".into(), card_testing };
    let api = Api::new(ModelLedger::new(clock.clone()), identity.clone(), clock, environment, registry);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let trusted_proxies = trusted_proxies.iter().map(|network| network.parse::<Network>().unwrap()).collect();
    let (limits, shutdown_delay) = (Limits::default(), Duration::ZERO);
    let gateway = Gateway { api, identity, health: None, limits, trusted_proxies, shutdown_delay };
    tokio::spawn(gateway::serve(gateway, listener, Shutdown::new()));
    address
}

/// Sends a request; returns the status and the whole answer, its names in small letters.
async fn send(address: SocketAddr, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may have answered, and closed, before it has read all.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer.to_lowercase())
}

/// Of all payers behind a proxy the address was the proxy's, or nothing was known.
#[tokio::test]
async fn failures_count_for_the_address_that_the_proxy_says() {
    let address = gateway(&["127.0.0.1"]);
    let from = |client: &str| format!("Authorization: Bearer pk_live_1\r\nX-Forwarded-For: 192.0.2.1, {client}\r\n");
    assert_eq!(send(address, "/v1/try", &from("203.0.113.1"), "card=bad").await.0, 402);
    let (status, answer) = send(address, "/v1/try", &from("203.0.113.1"), "card=good").await;
    assert_eq!(status, 429, "{answer}");
    assert!(answer.contains("stripe-should-retry: false") && answer.contains("retry-after: 3601"), "{answer}");
    assert_eq!(send(address, "/v1/try", &from("203.0.113.2"), "card=good").await.0, 200);
    let merchant = from("203.0.113.1").replace("pk_", "sk_");
    assert_eq!(send(address, "/v1/try", &merchant, "card=good").await.0, 200);
}

/// Any client said where it was, as often as it liked from somewhere else, if it had a private address.
#[tokio::test]
async fn a_client_that_is_no_trusted_proxy_is_not_believed() {
    let address = gateway(&["192.0.2.1"]);
    let from = |client: &str| format!("Authorization: Bearer pk_live_1\r\nX-Forwarded-For: {client}\r\n");
    assert_eq!(send(address, "/v1/try", &from("203.0.113.1"), "card=bad").await.0, 402);
    assert_eq!(send(address, "/v1/try", &from("203.0.113.2"), "card=good").await.0, 429);
}

/// One request of a payer was as long as the merchant's may be, and what it said was stored.
#[tokio::test]
async fn a_payer_has_not_so_much_to_say() {
    let address = gateway(&[]);
    let (payer, merchant) = ("Authorization: Bearer pk_test_1\r\n", "Authorization: Bearer sk_test_1\r\n");
    let said = |bytes: usize| {
        let notes = format!("note[]={}&", "a".repeat(4_000));
        let mut body = format!("card=good&{}", notes.repeat(bytes / notes.len()));
        body.truncate(bytes);
        body
    };
    assert_eq!(send(address, "/v1/try", payer, &said(32_768)).await.0, 200);
    assert_eq!(send(address, "/v1/try", payer, &said(32_769 + 4_100)).await.0, 413);
    assert_eq!(send(address, &format!("/v1/try?{}", said(30_000)), payer, &said(8_200)).await.0, 413);
    assert_eq!(
        send(address, &format!("/v1/try?{}", said(40_000)), payer, "").await.0,
        431,
        "no request has such a line"
    );
    assert_eq!(send(address, "/v1/try", merchant, &said(100_000)).await.0, 200);
}
