//! A list reads what its tenant has stored, and as little of that as it can, whatever other tenants have stored and
//! whatever PostgreSQL believes of the tables. What is asserted is the number of pages; times are printed.

#![allow(clippy::unwrap_used)]

mod books;
mod queries;
mod store;
#[path = "../support/mod.rs"]
mod support;

use books::{Books, RARE};
use contracts::Ledger;
use ledger::{CommitterConfig, PgLedger};
use platform::database::{DatabaseConfig, DatabaseUrl, Pool};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Statistics;
use testkit::{ManualClock, ModelLedger, TestDatabase, tenant_id};
use tokio_postgres::Client;

/// The tenants, in the order in which their rows are in the tables.
const OTHERS: u64 = 1;
const LATE: u64 = 2;
const SMALL: u64 = 3;

/// Pages for a list of a tenant with sixty commits. Each lists' row is four or five: the index, the table, and the state
/// in the log, which is found by its own index.
const PAGES_SMALL: i64 = 800;
/// Pages for a list of a tenant with many commits, most of which are not looked at: up to two thousand objects are, if
/// they have the text that is searched for.
const PAGES_LATE: i64 = 2_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_read_a_bounded_number_of_pages() {
    check(1_500, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes two million rows, which takes minutes; `make test-scale` runs it"]
async fn lists_read_a_bounded_number_of_pages_behind_two_million_rows() {
    check(32_000, 150).await;
}

/// Writes the books of three tenants, of which two repeat theirs so often, and asks everything.
async fn check(others: i64, late: i64) {
    let database = TestDatabase::start().await;
    for tenant in [OTHERS, LATE, SMALL] {
        support::prepare(&database, tenant_id(tenant)).await;
    }
    let client = store::connect(&database).await;
    let writer = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let books = books::books(7);
    books.write(writer.as_ref(), tenant_id(OTHERS)).await;
    store::multiply(&client, tenant_id(OTHERS), RARE, others).await;
    store::analyze(&client).await;
    books.write(writer.as_ref(), tenant_id(LATE)).await;
    store::multiply(&client, tenant_id(LATE), RARE, late).await;
    books.write(writer.as_ref(), tenant_id(SMALL)).await;
    println!("{} rows in the log", store::rows(&client).await);
    let model = ModelLedger::new(ManualClock::new());
    model.create_tenant(tenant_id(SMALL));
    books.write(model.as_ref(), tenant_id(SMALL)).await;
    let mut passes = 0;
    for statistics in [Statistics::Stale, Statistics::Fresh] {
        if matches!(statistics, Statistics::Fresh) {
            store::analyze(&client).await;
        }
        for plans in ["force_custom_plan", "force_generic_plan"] {
            let mut asked = Asked::on(&database, &client, plans, passes).await;
            asked.small(&books, model.as_ref()).await;
            asked.late(&books).await;
            asked.report(&format!("{statistics:?} statistics, {plans}"));
            passes += 1;
        }
    }
}

/// Asks, and counts the pages that PostgreSQL reads for each answer.
struct Asked<'a> {
    client: &'a Client,
    /// Of one connection, so that it is known which one has read.
    pool: Pool,
    ledger: Arc<PgLedger>,
    /// Pages that were read before.
    read: i64,
    /// Only every so many queries are asked, from the first on that it says.
    every: (usize, usize),
    /// How many pages were read at most, and for which query, and all times, of each sort.
    most: Vec<(&'static str, i64, String, Vec<Duration>)>,
    excess: Vec<String>,
}

impl<'a> Asked<'a> {
    /// By connections as the server has them, which plan for the values of each call or once for all. The first pass asks
    /// all queries; the others, one each of several.
    async fn on(database: &TestDatabase, client: &'a Client, plans: &str, pass: usize) -> Self {
        let options = format!("-c role={} -c plan_cache_mode={plans}", platform::database::store::SERVICE_ROLE);
        let url = format!("{} options='{options}'", database.url());
        let config = DatabaseConfig { url: DatabaseUrl::from(url.as_str()), pool_size: 1, ..DatabaseConfig::default() };
        let pool = config.pool().unwrap();
        let ledger = support::on(pool.clone());
        let read = store::pages_read(client, &pool).await;
        let every = if pass == 0 { (1, 0) } else { (7, pass) };
        Asked { client, pool, ledger, read, every, most: Vec::new(), excess: Vec::new() }
    }

    async fn small(&mut self, books: &Books, model: &dyn Ledger) {
        let (ledger, tenant) = (self.ledger.clone(), tenant_id(SMALL));
        for query in self.chosen(queries::events(books)) {
            let page = self.counted("events, small", PAGES_SMALL, &query, || ledger.events(tenant, &query)).await;
            assert_eq!(page, model.events(tenant, &query).await, "{query:#?}");
        }
        for query in self.chosen(queries::lists(books)) {
            let page = self.counted("lists, small", PAGES_SMALL, &query, || ledger.list(tenant, &query)).await;
            assert_eq!(page, model.list(tenant, &query).await, "{query:#?}");
        }
    }

    async fn late(&mut self, books: &Books) {
        let (ledger, tenant) = (self.ledger.clone(), tenant_id(LATE));
        for query in self.chosen(queries::events(books)) {
            self.counted("events, late", PAGES_LATE, &query, || ledger.events(tenant, &query)).await.unwrap();
        }
        for query in self.chosen(queries::lists(books)).iter().filter(|query| queries::is_indexed(query)) {
            self.counted("lists, late", PAGES_LATE, query, || ledger.list(tenant, query)).await.unwrap();
        }
    }

    fn chosen<Q>(&self, queries: Vec<Q>) -> Vec<Q> {
        let (every, first) = self.every;
        queries.into_iter().skip(first).step_by(every).collect()
    }

    /// The answer to a query. The ledger has connections besides that of the pool, which say late what they have read: a
    /// query that seems to have read too much is asked again.
    async fn counted<T, A: Future<Output = T>>(
        &mut self,
        sort: &'static str,
        limit: i64,
        query: &impl Debug,
        ask: impl Fn() -> A,
    ) -> T {
        const TRIES: u32 = 3;
        let (mut pages, mut took) = (i64::MAX, Duration::MAX);
        let mut tried = 0;
        let answer = loop {
            let began = Instant::now();
            let answer = ask().await;
            took = took.min(began.elapsed());
            let read = store::pages_read(self.client, &self.pool).await;
            pages = pages.min(read - self.read);
            self.read = read;
            tried += 1;
            if pages <= limit || tried == TRIES {
                break answer;
            }
        };
        if pages > limit {
            self.excess.push(format!("{sort}: {pages} pages for {query:?}"));
        }
        match self.most.iter_mut().find(|(known, ..)| *known == sort) {
            Some(most) => {
                if pages > most.1 {
                    (most.1, most.2) = (pages, format!("{query:?}"));
                }
                most.3.push(took);
            }
            None => self.most.push((sort, pages, format!("{query:?}"), vec![took])),
        }
        answer
    }

    fn report(&mut self, how: &str) {
        for (sort, pages, query, times) in &mut self.most {
            times.sort_unstable();
            let share = |percent: usize| times[(times.len() - 1) * percent / 100];
            println!(
                "{how}: {sort}: at most {pages} pages ({query}); half in {:?}, 99 % in {:?}",
                share(50),
                share(99)
            );
        }
        assert!(
            self.excess.is_empty(),
            "{how}: {} queries read too much: {:#?}",
            self.excess.len(),
            &self.excess[..self.excess.len().min(8)]
        );
    }
}
