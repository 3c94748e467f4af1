//! Accepting connections, closing those that are over a limit, and letting them finish.

use crate::answer_body::AnswerBody;
use crate::clients::Clients;
use crate::connection::Connection;
use crate::limits::{Limits, millis, reached};
use crate::room::Room;
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// Bytes of a request's body that HTTP/2 clients send before they are read, on a stream and on a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// Connections that the system accepts, at most, before they are accepted here.
const BACKLOG: i32 = 4_096;
/// How often HTTP/2 clients are asked whether they are still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Serves until the shutdown is requested and its delay is over, and then until the requests under way are answered.
pub async fn listen<A, F>(
    listener: std::net::TcpListener,
    clients: Arc<Clients>,
    shutdown_delay: Duration,
    answer: A,
) -> std::io::Result<()>
where
    A: Fn(Arc<Connection>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    // The standard library asks for a hundred or so.
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    let limits = &clients.limits;
    let http = Arc::new(http(limits));
    let room = Room::new(limits.connections_max);
    let (look_every, send_timeout) = (look_every(limits), millis(limits.send_timeout_ms));
    let (stop, stopping) = watch::channel(());
    // Serves a connection as soon as there is room for it.
    let begin = async |(stream, peer): (TcpStream, SocketAddr)| {
        let Some(client) = clients.connected(peer.ip()) else { return };
        let connection = Connection::new(client);
        let place = room.enter(&connection).await;
        prepare(&stream, send_timeout);
        let (http, answer) = (http.clone(), answer.clone());
        let stopping = stopping.clone();
        tokio::spawn(async move {
            let _place = place;
            serve(&http, stream, connection, answer, look_every, stopping).await;
        });
    };
    let mut closing = pin!(async {
        clients.shutdown.requested().await;
        sleep(shutdown_delay).await;
    });
    loop {
        let accepted = tokio::select! {
            () = closing.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => tokio::select! {
                () = closing.as_mut() => break,
                () = begin(accepted) => (),
            },
            Err(error) => {
                // Out of file descriptors, most likely: what is open goes on, and makes room.
                tracing::warn!(%error, "a connection cannot be accepted");
                room.make_room();
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // What the system has accepted already would be reset with the listener.
    for _ in 0..BACKLOG {
        let Some(Ok(accepted)) = listener.accept().now_or_never() else { break };
        if begin(accepted).now_or_never().is_none() {
            break;
        }
    }
    drop((listener, stopping));
    let _ = stop.send(());
    // Until no connection listens any more.
    stop.closed().await;
    Ok(())
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    let header_bytes = usize::try_from(limits.header_bytes_max).unwrap_or(usize::MAX);
    // The first request has less time: `Connection::overdue`.
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(millis(limits.idle_timeout_ms))
        .max_buf_size(header_bytes);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits.header_bytes_max)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

/// How often a connection is looked at: so that none is closed much later than its limit says.
fn look_every(limits: &Limits) -> Duration {
    let shortest = limits.header_timeout_ms.min(limits.send_timeout_ms).min(limits.idle_timeout_ms);
    (millis(shortest) / 4).max(Duration::from_millis(1))
}

/// Sends what there is at once. What the client does not take is given up by the system too, which otherwise keeps megabytes of it
/// for minutes after the connection was closed.
fn prepare(stream: &TcpStream, send_timeout: Duration) {
    // Where the system cannot do either, it is as well.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(send_timeout));
    #[cfg(not(target_os = "linux"))]
    let _ = send_timeout;
}

/// Serves a connection until it ends, is over a limit, or the listener stops; then what is at work is finished.
async fn serve<A, F>(
    http: &Builder<TokioExecutor>,
    stream: TcpStream,
    connection: Arc<Connection>,
    answer: A,
    look_every: Duration,
    mut stopping: watch::Receiver<()>,
) where
    A: Fn(Arc<Connection>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    let of_requests = connection.clone();
    let service = service_fn(move |request| {
        let answer = answer(of_requests.clone(), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut http = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut looks = interval_at(Instant::now() + look_every, look_every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = |result: Result<(), _>| {
        let _ = result.inspect_err(|error| tracing::debug!(%error, "a connection ended"));
    };
    loop {
        tokio::select! {
            biased;
            result = http.as_mut() => return ended(result),
            () = connection.has_to_leave() => {
                tracing::debug!("a connection makes room");
                // A merchant's request may have come since it was chosen.
                if connection.is_merchants() { break } else { return }
            }
            _ = stopping.changed() => break,
            _ = looks.tick() => {}
        }
        if let Some(limit) = connection.overdue() {
            reached(limit);
            tracing::debug!(limit, "a connection is closed");
            break;
        }
    }
    http.as_mut().graceful_shutdown();
    let closing = Instant::now();
    while !connection.has_ended(closing.elapsed()) {
        tokio::select! {
            biased;
            result = http.as_mut() => return ended(result),
            // One that is slow to end is no better than one that does not.
            () = connection.has_to_leave() => return,
            _ = looks.tick() => {}
        }
    }
}
