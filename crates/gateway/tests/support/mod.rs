//! A gateway on a real socket, with endpoints that do what a test needs.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it")]

use api::call::Call;
use api::endpoint::Returns;
use api::error::Result;
use api::open::{OpenAnswer, OpenEndpoint, OpenRequest, path_text};
use api::params::NoParams;
use api::reply::Reply;
use api::{Api, Environment, Registry};
use async_trait::async_trait;
use bytes::Bytes;
use contracts::{Caller, Identity, IdentityError, KeyKind, Tenant};
use gateway::{Gateway, Health, Limits};
use http::{Method, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use platform::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{ManualClock, ModelLedger, caller, tenant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use types::TenantId;

/// Bytes of the answer of `/v1/big`: more than sockets hold.
pub const BIG: usize = 32 << 20;
/// Bytes of a page's body at most.
pub const PAGE_BODY_MAX: usize = 100;

/// Any key is the tenant's: `pk` a publishable one, all but `unknown` secret ones. `slow` takes its time to be looked
/// up.
struct AnyKey(Tenant, Work);

#[async_trait]
impl Identity for AnyKey {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        if key == "slow" {
            self.1.work().await;
        }
        let kind = if key == "pk" { KeyKind::Publishable } else { KeyKind::Secret };
        Ok((key != "unknown").then(|| Caller { key: kind, ..caller(&self.0) }))
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
pub struct Work {
    running: Arc<AtomicUsize>,
    pub may_end: Arc<Semaphore>,
}

/// Work that is under way.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work {
    fn new() -> Self {
        Work { running: Arc::default(), may_end: Arc::new(Semaphore::new(0)) }
    }

    async fn work(&self) {
        self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(self.running.clone());
        self.may_end.acquire().await.unwrap().forget();
    }

    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub async fn ended(&self) {
        eventually(async || self.running() == 0).await;
    }
}

/// A gateway, and the work of `POST /v1/work`, `GET /v1/read` and `POST /page/x`.
pub async fn gateway(limits: Limits) -> (SocketAddr, Work) {
    let (address, work, _) = with_health(limits, Some(health())).await;
    (address, work)
}

pub fn health() -> Health {
    let metrics = metrics();
    Health { ready: Arc::new(|| Ok(())), metrics: Arc::new(move || metrics.render()) }
}

pub async fn with_health(limits: Limits, health: Option<Health>) -> (SocketAddr, Work, Shutdown) {
    with_delay(limits, health, Duration::ZERO).await
}

/// As it is when it is to be shut down with such a delay.
pub async fn with_delay(
    limits: Limits,
    health: Option<Health>,
    shutdown_delay: Duration,
) -> (SocketAddr, Work, Shutdown) {
    let work = Work::new();
    let mut registry = Registry::default();
    for method in [Method::POST, Method::GET] {
        let work = work.clone();
        let handler = move |_: Call, _: NoParams| {
            let work = work.clone();
            async move {
                work.work().await;
                Ok(Reply { body: "{}".to_owned(), shows: None })
            }
        };
        if method == Method::GET {
            registry.get("/v1/read", Returns::Schema("work"), handler);
        } else {
            registry.post("/v1/work", Returns::Schema("work"), handler);
        }
    }
    registry.get("/v1/big", Returns::Schema("work"), |_: Call, _: NoParams| async {
        Ok(Reply { body: " ".repeat(BIG), shows: None })
    });
    registry.get("/v1/small", Returns::Schema("work"), |_: Call, _: NoParams| async {
        Ok(Reply { body: "{}".to_owned(), shows: None })
    });
    let of_page = work.clone();
    let page = move |request: OpenRequest| {
        let work = of_page.clone();
        async move {
            if request.method == Method::GET {
                return OpenAnswer::html(StatusCode::OK, "page".to_owned());
            }
            work.work().await;
            OpenAnswer::status(StatusCode::OK)
        }
    };
    registry.open(OpenEndpoint::new(
        "/page/{name}",
        [Method::GET, Method::POST],
        PAGE_BODY_MAX,
        |_, path_params| (path_text(path_params, "name") != "x").then(|| OpenAnswer::status(StatusCode::NOT_FOUND)),
        page,
    ));
    let (clock, identity) = (ManualClock::new(), Arc::new(AnyKey(tenant(), work.clone())));
    let environment = Environment { public_url: "http://localhost".into(), ..Environment::default() };
    let api = Api::new(ModelLedger::new(clock.clone()), identity.clone(), clock, environment, registry);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = Gateway { api, identity, health, limits, trusted_proxies: Vec::new(), shutdown_delay };
    let shutdown = Shutdown::new();
    tokio::spawn(gateway::serve(gateway, listener, shutdown.clone()));
    (address, work, shutdown)
}

/// A connection on which these bytes were sent.
pub async fn sent(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A connection from `127.0.0.{from}`, on which these bytes were sent.
pub async fn sent_from(from: u8, address: SocketAddr, bytes: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
    let mut stream = in_time(socket.connect(address)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A request with a key, whose body is announced to be of so many bytes; its connection is closed after it.
pub fn request(method: &str, path: &str, content_length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: florin\r\nAuthorization: Bearer x\r\nContent-Length: {content_length}\r\n\
         Connection: close\r\n\r\n"
    )
}

/// What the server sends until it closes the connection.
pub async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset ends too.
    let _ = in_time(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

/// The status of an answer; 0 if there is none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The status of the answer to a whole request without a body.
pub async fn asked(address: SocketAddr, method: &str, path: &str) -> u16 {
    status(&answer(sent(address, &request(method, path, 0)).await).await)
}

pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    in_time(holds).await;
}

/// Nothing takes longer, not even on a slow machine.
pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.unwrap()
}

/// An HTTP/2 client whose windows are that large, and its connection, which ends when the server closes it.
pub async fn http2(
    address: SocketAddr,
    window: u32,
) -> (h2::client::SendRequest<Bytes>, tokio::task::JoinHandle<std::result::Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

pub fn http2_request(method: &str, path: &str) -> http::Request<()> {
    let uri = format!("http://florin{path}");
    http::Request::builder().method(method).uri(uri).header("authorization", "Bearer x").body(()).unwrap()
}

/// The metrics of a test, which has a thread of its own: what another one does at the same time is not among them.
pub fn metrics() -> PrometheusHandle {
    thread_local! {
        static METRICS: PrometheusHandle = {
            let recorder: &PrometheusRecorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
            std::mem::forget(metrics::set_default_local_recorder(recorder));
            recorder.handle()
        };
    }
    METRICS.with(PrometheusHandle::clone)
}

/// How often a limit was reached.
pub async fn reached(limit: &str) -> u64 {
    let line = format!("florin_limits_reached_total{{limit=\"{limit}\"}} ");
    let metrics = metrics().render();
    metrics.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}
