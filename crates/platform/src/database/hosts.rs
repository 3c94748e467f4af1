//! The servers that a URL names, and opening a connection to one of them.

use super::{DatabaseError, DatabaseUrl};
use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, Error, NoTls, Socket};

/// What is sent must be acknowledged within this time, and a connection on which nothing happens is tried out as often: so a
/// connection whose packets are lost is known to be dead. The system's own limits are a quarter of an hour and two hours.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(5);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_RETRIES: u32 = 3;

/// What a URL says where it says nothing of it.
const IDLE_BY_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) type Opened = (Client, Connection<Socket, NoTlsStream>);

/// The servers of a URL, each with all that is needed to connect to it.
pub(super) struct Hosts {
    configs: Vec<Config>,
    /// The one that was connected to last is tried first: after a fail-over the one that is gone keeps no connection waiting.
    last: AtomicUsize,
    timeout: Duration,
}

impl Hosts {
    /// Each server has so long to answer.
    pub fn of(url: &DatabaseUrl, timeout: Duration) -> Result<Self, DatabaseError> {
        let mut config = url.config()?;
        // A name may have more than one address.
        config.connect_timeout(timeout / 2);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED_MAX);
        }
        if config.get_keepalives_idle() == IDLE_BY_DEFAULT {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(KEEPALIVE_INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        if config.get_application_name().is_none() {
            config.application_name("florin");
        }
        Ok(Hosts { configs: each(&config)?, last: AtomicUsize::new(0), timeout })
    }

    /// The options of the URL, as PostgreSQL gets them when a connection begins.
    pub fn options(&self) -> &str {
        self.configs.first().and_then(Config::get_options).unwrap_or_default()
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection to the first server that takes one, beginning with the one that did last. The error is one server's: that it
    /// [takes no writes](takes_no_writes) only if that is so of all.
    pub async fn open(&self) -> Result<Opened, Error> {
        let first = self.last.load(Ordering::Relaxed);
        let mut failure = None;
        for at in (first..self.configs.len()).chain(0..first) {
            let error = match timeout(self.timeout, self.configs[at].connect(NoTls)).await {
                Ok(Ok(opened)) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(opened);
                }
                Ok(Err(error)) => error,
                Err(_) => Error::__private_api_timeout(),
            };
            if failure.as_ref().is_none_or(takes_no_writes) {
                failure = Some(error);
            }
        }
        Err(failure.unwrap_or_else(Error::__private_api_timeout))
    }
}

/// Whether a server refused a connection because it takes no writes, which `target_session_attrs=read-write` asks for.
pub fn takes_no_writes(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    // The system's own errors, such as that a socket's file may not be opened, have a number.
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none())
}

/// The same for each server by itself: tokio-postgres limits the time until a server takes a connection, but not the time until
/// it answers on it, so a frozen one would keep the next from being tried.
fn each(config: &Config) -> Result<Vec<Config>, DatabaseError> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let differ = |listed: usize| listed > 1 && listed != count;
    if count == 0 || differ(hosts.len()) || differ(addresses.len()) || differ(ports.len()) {
        return Err(DatabaseError::Url("it names no host, or not as many ports and addresses as hosts".to_owned()));
    }
    Ok((0..count)
        .map(|at| {
            let mut one = without_hosts(config);
            match hosts.get(at) {
                Some(Host::Tcp(host)) => _ = one.host(host),
                Some(Host::Unix(path)) => _ = one.host_path(path),
                None => (),
            }
            if let Some(address) = addresses.get(at) {
                one.hostaddr(*address);
            }
            if let Some(port) = ports.get(at).or_else(|| ports.first()) {
                one.port(*port);
            }
            one
        })
        .collect())
}

fn without_hosts(config: &Config) -> Config {
    let mut one = Config::new();
    macro_rules! copied {
        ($($option:ident: $value:expr;)*) => { $(if let Some(value) = $value { one.$option(value); })* };
    }
    copied! {
        user: config.get_user();
        password: config.get_password();
        dbname: config.get_dbname();
        options: config.get_options();
        application_name: config.get_application_name();
        connect_timeout: config.get_connect_timeout().copied();
        tcp_user_timeout: config.get_tcp_user_timeout().copied();
        keepalives_interval: config.get_keepalives_interval();
        keepalives_retries: config.get_keepalives_retries();
    }
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn hosts(url: &str) -> Hosts {
        Hosts::of(&url.into(), Duration::from_secs(1)).unwrap()
    }

    /// What differs is the place alone.
    #[test]
    fn each_server_of_a_url_has_its_port_and_all_else() {
        let url = "postgresql://u:p@one:1,two:2/x?target_session_attrs=read-write&options=-c%20a%3Db&tcp_user_timeout=9\
             &application_name=a&keepalives=0&keepalives_idle=8&keepalives_interval=7&keepalives_retries=6\
             &sslmode=disable&channel_binding=disable&load_balance_hosts=random";
        let found = hosts(url);
        for (at, one) in ["one:1", "two:2"].into_iter().enumerate() {
            let mut alone = DatabaseUrl::from(url.replace("one:1,two:2", one).as_str()).config().unwrap();
            alone.connect_timeout(Duration::from_millis(500));
            assert_eq!(found.configs[at], alone, "{one}");
        }
        assert_eq!(found.configs[0].get_tcp_user_timeout(), Some(&Duration::from_secs(9)), "what the URL says stays");
        let shared = hosts("host=one,two port=7 user=u");
        assert_eq!(shared.configs[0].get_keepalives_idle(), KEEPALIVE_IDLE);
        assert_eq!(shared.configs.iter().map(|one| one.get_ports().to_vec()).collect::<Vec<_>>(), [[7], [7]]);
        let wrong = Hosts::of(&"host=one,two,three port=1,2".into(), Duration::from_secs(1));
        assert!(matches!(wrong, Err(DatabaseError::Url(_))));
    }

    #[tokio::test]
    async fn a_server_that_takes_connections_and_says_nothing_does_not_keep_the_next_from_being_tried() {
        // Neither is PostgreSQL, and neither says anything.
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [one, two] = [&first, &second].map(|server| server.local_addr().unwrap().port());
        let found = hosts(&format!("host=127.0.0.1,127.0.0.1 port={one},{two} user=x"));
        let opened = tokio::spawn(async move { found.open().await.is_ok() });
        let _silent = first.accept().await.unwrap();
        let tried = timeout(Duration::from_secs(120), second.accept()).await;
        assert!(tried.is_ok(), "the second was not tried");
        assert!(!opened.await.unwrap());
    }
}
