//! The places for requests: `limits.requests_max` bounds the work, not the connections that wait for it.

#![allow(clippy::unwrap_used, clippy::panic)]

use api::call::Call;
use api::endpoint::Returns;
use api::error::Result;
use api::open::{OpenAnswer, OpenRequest};
use api::params::NoParams;
use api::reply::Reply;
use api::{Api, Environment, Registry};
use async_trait::async_trait;
use contracts::{Caller, Identity, IdentityError, Tenant};
use gateway::{Gateway, Limits};
use http::StatusCode;
use platform::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{ManualClock, ModelLedger, caller, tenant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use types::TenantId;

const PLACES: usize = 2;

/// Any key is the tenant's.
struct AnyKey(Tenant);

#[async_trait]
impl Identity for AnyKey {
    async fn authenticate(&self, _: &str) -> Result<Option<Caller>, IdentityError> {
        Ok(Some(caller(&self.0)))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        Ok(vec![self.0.clone()])
    }

    async fn tenant(&self, _: TenantId) -> Result<Option<Tenant>, IdentityError> {
        Ok(Some(self.0.clone()))
    }
}

/// Work that does not end before it is allowed to.
#[derive(Clone)]
struct Work {
    running: Arc<AtomicUsize>,
    may_end: Arc<Semaphore>,
}

impl Work {
    async fn work(&self) {
        self.running.fetch_add(1, Ordering::SeqCst);
        self.may_end.acquire().await.unwrap().forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

/// A gateway with an endpoint and an open path that do the work.
async fn gateway() -> (SocketAddr, Work) {
    let work = Work { running: Arc::default(), may_end: Arc::new(Semaphore::new(0)) };
    let mut registry = Registry::default();
    let (of_endpoint, of_page) = (work.clone(), work.clone());
    registry.post("/v1/work", Returns::Schema("work"), move |_: Call, _: NoParams| {
        let work = of_endpoint.clone();
        async move {
            work.work().await;
            Ok(Reply { body: "{}".to_owned(), shows: None })
        }
    });
    registry.open("/page", move |_: OpenRequest| {
        let work = of_page.clone();
        async move {
            work.work().await;
            OpenAnswer::status(StatusCode::OK)
        }
    });
    let (clock, identity) = (ManualClock::new(), Arc::new(AnyKey(tenant())));
    let environment = Environment { public_url: "http://localhost".into(), ..Environment::default() };
    let api = Api::new(ModelLedger::new(clock.clone()), identity.clone(), clock, environment, registry);
    let limits = Limits { requests_max: PLACES, request_timeout_ms: 300_000, ..Limits::default() };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ready = Arc::new(|| Box::pin(async { Ok(()) }) as _);
    let gateway = Gateway { api, identity, ready, metrics: Arc::new(String::new), limits, trusted_proxies: Vec::new() };
    tokio::spawn(gateway::serve(gateway, listener, Shutdown::new()));
    (address, work)
}

/// A connection on which a whole request was sent.
async fn sent(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The status of the answer.
async fn status(mut stream: TcpStream) -> u16 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sends a request and hangs up, either when it is at work or when it was refused.
async fn send_and_hang_up(address: SocketAddr, path: &str, work: &Work) {
    let before = work.running();
    let stream = sent(address, path).await;
    let refused = tokio::spawn(status(stream));
    while work.running() == before && !refused.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    refused.abort();
}

/// The place of a request stayed with its connection, while the work went on without it.
#[tokio::test]
async fn clients_that_hang_up_leave_no_place_before_their_work_has_ended() {
    for path in ["/v1/work", "/page"] {
        let (address, work) = gateway().await;
        for _ in 0..50 {
            send_and_hang_up(address, path, &work).await;
        }
        assert_eq!(work.running(), PLACES, "{path}");
        assert_eq!(status(sent(address, path).await).await, 429, "{path}");

        // The work ends, although no client waits for it, and leaves its places.
        work.may_end.add_permits(PLACES);
        while work.running() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        work.may_end.add_permits(1);
        let mut answered = 429;
        while answered == 429 {
            answered = status(sent(address, path).await).await;
        }
        assert_eq!(answered, 200, "{path}");
    }
}
