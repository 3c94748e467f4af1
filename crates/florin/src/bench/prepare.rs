//! What is there before anything is measured: tenants, stored payments, and what is known of them.

use super::load::{Load, make};
use super::request::Caller;
use super::script::Workload;
use crate::client::{Access, Client, text};
use crate::commands::tenants::with_new_keys;
use crate::exit::Failure;
use crate::services::Services;
use anyhow::{Context, bail};
use platform::database::DatabaseSettings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections that payments are stored over.
const FILLERS: u32 = 256;
/// Payments that a tenant has at least before it is read from, so that lists are full.
pub const READABLE: u64 = 100;
/// Ages up to which payments to read are looked for, in powers of two: 2^27 seconds are four years.
const AGES: u32 = 27;

/// Where the server is.
pub struct Place {
    /// For the header: `127.0.0.1:8420`.
    pub host: String,
    pub address: SocketAddr,
}

impl Place {
    pub async fn of(url: &str) -> anyhow::Result<Place> {
        let host = url.strip_prefix("http://").unwrap_or(url);
        if host.contains(['/', '?', '#', '@']) {
            return Err(Failure::usage(format!("{url}: only a host and a port are understood here")));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if has_port { host.to_owned() } else { format!("{host}:80") };
        let found = tokio::net::lookup_host(&named).await;
        let mut found = found.map_err(|error| Failure::unreachable(format!("{host} cannot be found: {error}")))?;
        let address = found.next().ok_or_else(|| Failure::unreachable(format!("{host} has no address")))?;
        Ok(Place { host: host.to_owned(), address })
    }
}

/// The secret keys of that many tenants, `bench-0001` and so on, created where they are missing.
pub async fn tenants(settings: &DatabaseSettings, count: u32) -> anyhow::Result<Vec<String>> {
    let services = Services::on(settings.clone())?;
    let mut keys = Vec::new();
    let mut told = Instant::now();
    for number in 1..=count {
        let (_, pair) = with_new_keys(&services, settings, &format!("bench-{number:04}"), false).await?;
        keys.push(pair.secret);
        if told.elapsed() > Duration::from_secs(5) {
            eprintln!("{number} of {count} tenants are there");
            told = Instant::now();
        }
    }
    Ok(keys)
}

/// Makes one payment, and checks that it is one.
pub async fn try_payment(access: &Access) -> anyhow::Result<()> {
    let form = [
        ("amount", "1234"),
        ("currency", "usd"),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
        ("confirm", "true"),
    ];
    let form = form.map(|(name, value)| (name, value.to_owned()));
    let intent = Client::of(access.clone())?.post("/v1/payment_intents", &form, None).await?.ok()?;
    match text(&intent, "/status") {
        "succeeded" => Ok(()),
        other => bail!("a payment of the kind to be measured does not succeed, but is {other:?}"),
    }
}

/// Stores payments, spread over the tenants.
pub async fn fill(place: &Place, callers: &Arc<Vec<Caller>>, payments: u64) -> anyhow::Result<()> {
    let load = Load {
        address: place.address,
        workload: Workload::Orders,
        callers: Arc::clone(callers),
        connections: FILLERS,
        rate: None,
        warm_up: Duration::ZERO,
        time: Duration::ZERO,
    };
    let (started, mut told) = (Instant::now(), Instant::now());
    make(&load, payments, |done| {
        if told.elapsed() > Duration::from_secs(5) || done == payments {
            eprintln!("{done} of {payments} payments are stored, after {} s", started.elapsed().as_secs());
            told = Instant::now();
        }
    })
    .await
}

/// Looks for payments of all ages, to be read and searched for.
pub async fn look_around(access: Access, caller: &mut Caller) -> anyhow::Result<()> {
    let client = Client::of(access)?;
    let mut now: Option<i64> = None;
    let (mut intents, mut orders) = (BTreeSet::new(), BTreeSet::new());
    for age in 0..AGES {
        let mut query = vec![("limit", "100".to_owned())];
        if let Some(now) = now {
            query.push(("created[lte]", (now - (1i64 << age)).to_string()));
        }
        let list = client.get("/v1/payment_intents", &query).await?.ok()?;
        let shown = list.get("data").and_then(Value::as_array).context("a list without data")?;
        let Some(newest) = shown.first() else { break };
        now = now.or_else(|| newest.get("created").and_then(Value::as_i64));
        for intent in shown.iter().filter(|intent| !text(intent, "/metadata/order").is_empty()) {
            intents.insert(text(intent, "/id").to_owned());
            orders.insert(text(intent, "/metadata/order").to_owned());
        }
    }
    if intents.is_empty() {
        bail!("no payments were found to be read");
    }
    caller.intents = intents.into_iter().collect();
    caller.orders = orders.into_iter().collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finds_the_server() {
        let place = Place::of("http://127.0.0.1:8420").await.unwrap();
        assert_eq!((place.host.as_str(), place.address.to_string().as_str()), ("127.0.0.1:8420", "127.0.0.1:8420"));
        assert_eq!(Place::of("http://[::1]").await.unwrap().address.to_string(), "[::1]:80");
        for odd in ["http://127.0.0.1:8420/v1", "http://a@127.0.0.1:1", "http://127.0.0.1:99999"] {
            assert!(Place::of(odd).await.is_err(), "{odd}");
        }
    }
}
