//! What must exist before anything is measured: tenants, stored payments, and ids of them for reads.

use super::load_generator::{Load, make};
use super::progress::Progress;
use super::request_script::RARE_TYPE;
use super::request_writer::{Caller, Known};
use super::workload::Workload;
use crate::administration::Administration;
use crate::arguments::Access;
use crate::exit_code::Failure;
use crate::http_client::{Client, text};
use crate::services::Services;
use anyhow::{Context, bail};
use contracts::Identity;
use futures_util::{StreamExt, TryStreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use platform::database::DatabaseConfig;
use platform::{HttpUrl, Secret};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use types::hex;

/// Connections that payments are stored over.
const FILLERS: u32 = 256;
/// Tenants that are prepared at the same time.
const SIDE_BY_SIDE: usize = 16;
/// Payments of a customer, on average.
const PAYMENTS_OF_CUSTOMER: u64 = 10;
const RARE_EVENTS: usize = 10;
/// Payments that a tenant has at least before it is read from, so that lists are full.
pub const READABLE: u64 = 100;
/// Payments for reads may be up to 2^27 seconds old, which are four years.
const AGES: u32 = 27;

/// Where the server is.
pub struct Place {
    /// The value of the header `host`, for instance `127.0.0.1:8420`.
    pub host: String,
    pub address: SocketAddr,
}

impl Place {
    pub async fn of(url: &HttpUrl) -> anyhow::Result<Place> {
        let host = url.reveal().strip_prefix("http://").unwrap_or(url.reveal());
        if host.contains(['/', '?', '#', '@']) {
            return Err(Failure::usage(format!("{url}: only a host and a port are allowed here")));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if has_port { host.to_owned() } else { format!("{host}:80") };
        let found = tokio::net::lookup_host(&named).await;
        let mut found = found.map_err(|error| Failure::unreachable(format!("{host} cannot be found: {error}")))?;
        let address = found.next().ok_or_else(|| Failure::unreachable(format!("{host} has no address")))?;
        Ok(Place { host: host.to_owned(), address })
    }

    pub fn caller(&self, tenant: &Access, known: Known) -> Caller {
        Caller::new(&self.host, tenant.key.reveal(), known)
    }
}

/// The secret keys of that many tenants, `bench-0001` and so on. Tenants that are missing are created.
pub async fn tenants(database: &DatabaseConfig, access: &Access, count: u32) -> anyhow::Result<Vec<Secret>> {
    let names = (1..=count).map(|number| format!("bench-{number:04}"));
    named(database, access, names.collect()).await
}

/// The secret key of the tenant that disturbs others, `bench-neighbour`.
pub async fn neighbour(database: &DatabaseConfig, access: &Access) -> anyhow::Result<Access> {
    let keys = named(database, access, vec!["bench-neighbour".to_owned()]).await?;
    let key = keys.into_iter().next().context("a tenant without a key")?;
    Ok(Access { key, ..access.clone() })
}

async fn named(database: &DatabaseConfig, access: &Access, names: Vec<String>) -> anyhow::Result<Vec<Secret>> {
    let (services, count) = (&Services::on(database.clone()).await?, names.len());
    let mut administration = Administration::connect(database).await?;
    let each = names.into_iter().map(|name| async move {
        let key = key_of(access.key.reveal(), &name)?;
        let known = services.identity.authenticate(key.reveal()).await?.is_some();
        anyhow::Ok((name, key, known))
    });
    let mut each = stream::iter(each).buffered(SIDE_BY_SIDE);
    let (mut keys, mut progress) = (Vec::new(), Progress::start());
    while let Some((name, key, known)) = each.try_next().await? {
        if !known {
            administration.ensure_tenant(&name, &[key.reveal()]).await?;
        }
        keys.push(key);
        progress.print(false, |_| format!("{} of {count} tenants exist", keys.len()));
    }
    Ok(keys)
}

/// The secret key of a tenant, made from the server's key. So the next measurement finds the tenant although its key is
/// not stored, and only those who have the server's key can know it.
fn key_of(secret: &str, tenant: &str) -> anyhow::Result<Secret> {
    let code = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?.chain_update(tenant).finalize().into_bytes();
    Ok(format!("sk_test_{}", hex(&code)).into())
}

/// Makes one payment, and checks that it succeeds.
pub async fn try_payment(access: &Access) -> anyhow::Result<()> {
    let form = [
        ("amount", "1234"),
        ("currency", "usd"),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
        ("confirm", "true"),
        ("description", "florin bench"),
    ];
    let form = form.map(|(name, value)| (name, value.to_owned()));
    let intent = Client::of(access.clone())?.post("/v1/payment_intents", &form, None).await?.ok()?;
    match text(&intent, "/status") {
        "succeeded" => Ok(()),
        other => bail!("a payment of the kind to be measured does not succeed, but is {other:?}"),
    }
}

/// Stores payments with metadata of new customers, spread over the tenants; before them a few events of a rare type.
pub async fn fill(place: &Place, tenants: &[Access], payments: u64) -> anyhow::Result<()> {
    side_by_side(tenants, rare_events).await?;
    let each = (payments / PAYMENTS_OF_CUSTOMER).div_ceil(u64::try_from(tenants.len())?).max(1);
    let callers: Vec<Caller> = tenants.iter().map(|access| place.caller(access, Known::default())).collect();
    let customers = each * u64::try_from(tenants.len())?;
    store(place, Workload::Customers, &Arc::new(callers), customers).await?;
    let callers = side_by_side(tenants, async |client| {
        let customers = newest(&client, "/v1/customers", each).await?;
        Ok(customers.iter().map(|customer| text(customer, "/id").to_owned()).collect())
    });
    let callers = tenants.iter().zip(callers.await?);
    let callers = callers.map(|(access, customers)| place.caller(access, Known { customers, ..Known::default() }));
    store(place, Workload::Orders, &Arc::new(callers.collect()), payments).await
}

async fn store(place: &Place, workload: Workload, callers: &Arc<Vec<Caller>>, wanted: u64) -> anyhow::Result<()> {
    let load = Load {
        addresses: vec![place.address],
        workload,
        callers: Arc::clone(callers),
        journal: None,
        connections: FILLERS,
        rate: None,
        neighbour: None,
        warm_up: Duration::ZERO,
        time: Duration::ZERO,
    };
    let mut progress = Progress::start();
    make(&load, wanted, |done| {
        progress.print(done == wanted, |elapsed| {
            format!("{done} of {wanted} {} are stored, after {} s", workload.name(), elapsed.as_secs())
        });
    })
    .await
}

/// As many events of the rare type as a list of it shows.
async fn rare_events(client: Client) -> anyhow::Result<()> {
    let query = [("type", RARE_TYPE.to_owned()), ("limit", RARE_EVENTS.to_string())];
    let there = data(client.get("/v1/events", &query).await?.ok()?)?.len();
    for _ in there..RARE_EVENTS {
        client.post("/v1/setup_intents", &[("payment_method_types[]", "card".to_owned())], None).await?.ok()?;
    }
    Ok(())
}

/// Finds ids of each tenant's payments and events, old and new ones, for reads, lists and searches.
pub async fn look_around(place: &Place, tenants: &[Access]) -> anyhow::Result<Vec<Caller>> {
    let found = side_by_side(tenants, async |client| {
        let payments = of_all_ages(&client, "/v1/payment_intents").await?;
        let events = of_all_ages(&client, "/v1/events").await?;
        Ok((payments, events))
    });
    let mut callers = Vec::new();
    for (access, (payments, events)) in tenants.iter().zip(found.await?) {
        let payments = || payments.iter().filter(|intent| !text(intent, "/metadata/order").is_empty());
        if payments().next().is_none() {
            bail!("no payments were found to be read");
        }
        let known = Known {
            customers: distinct(payments(), "/customer"),
            intents: distinct(payments(), "/id"),
            orders: distinct(payments(), "/metadata/order"),
            events: distinct(events.iter(), "/id"),
        };
        callers.push(place.caller(access, known));
    }
    Ok(callers)
}

fn distinct<'a>(objects: impl Iterator<Item = &'a Value>, pointer: &str) -> Vec<String> {
    let found: BTreeSet<&str> = objects.map(|object| text(object, pointer)).filter(|text| !text.is_empty()).collect();
    found.into_iter().map(str::to_owned).collect()
}

/// The newest objects of a list, and those that were the newest 1, 2, 4, 8 … seconds earlier.
async fn of_all_ages(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let mut now: Option<i64> = None;
    let mut found = Vec::new();
    for age in 0..AGES {
        let mut query = vec![("limit", "100".to_owned())];
        if let Some(now) = now {
            query.push(("created[lte]", (now - (1i64 << age)).to_string()));
        }
        let shown = data(client.get(path, &query).await?.ok()?)?;
        let Some(newest) = shown.first() else { break };
        now = now.or_else(|| newest.get("created").and_then(Value::as_i64));
        found.extend(shown);
    }
    Ok(found)
}

/// At least that many objects of a list, if it has so many, the newest first.
async fn newest(client: &Client, path: &str, count: u64) -> anyhow::Result<Vec<Value>> {
    let mut found: Vec<Value> = Vec::new();
    while u64::try_from(found.len())? < count {
        let mut query = vec![("limit", "100".to_owned())];
        query.extend(found.last().map(|last| ("starting_after", text(last, "/id").to_owned())));
        let shown = data(client.get(path, &query).await?.ok()?)?;
        if shown.is_empty() {
            break;
        }
        found.extend(shown);
    }
    Ok(found)
}

fn data(mut list: Value) -> anyhow::Result<Vec<Value>> {
    let data = list.get_mut("data").and_then(Value::as_array_mut).context("a list without data")?;
    Ok(std::mem::take(data))
}

/// Does the same for each tenant, for several at a time. The results are in the order of the tenants.
async fn side_by_side<T>(
    tenants: &[Access],
    work: impl AsyncFn(Client) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let work = &work;
    let each = tenants.iter().map(|access| async move { work(Client::of(access.clone())?).await });
    stream::iter(each).buffered(SIDE_BY_SIDE).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finds_the_server() {
        let place = Place::of(&"http://127.0.0.1:8420".into()).await.unwrap();
        assert_eq!((place.host.as_str(), place.address.to_string().as_str()), ("127.0.0.1:8420", "127.0.0.1:8420"));
        assert_eq!(Place::of(&"http://[::1]".into()).await.unwrap().address.to_string(), "[::1]:80");
        for odd in ["http://127.0.0.1:8420/v1", "http://a@127.0.0.1:1", "http://127.0.0.1:99999"] {
            assert!(Place::of(&odd.into()).await.is_err(), "{odd}");
        }
    }

    #[test]
    fn keys_of_tenants_stay_the_same_and_differ() {
        let key = |secret, tenant| key_of(secret, tenant).unwrap();
        assert_eq!(key("sk_test_a", "bench-0001"), key("sk_test_a", "bench-0001"));
        assert_ne!(key("sk_test_a", "bench-0001"), key("sk_test_a", "bench-0002"));
        assert_ne!(key("sk_test_a", "bench-0001"), key("sk_test_b", "bench-0001"));
    }
}
