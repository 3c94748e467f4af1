//! Rows by the hundred thousand, written straight into the tables; PostgreSQL's statistics; pages read.

use platform::database::Pool;
use testkit::TestDatabase;
use tokio_postgres::Client;
use types::TenantId;

/// What PostgreSQL knows of the tables when it plans.
#[derive(Clone, Copy, Debug)]
pub enum Statistics {
    /// The tables were analyzed before the last two tenants had any rows.
    Stale,
    Fresh,
}

/// As the superuser, with whom statistics come only when they are asked for.
pub async fn connect(database: &TestDatabase) -> Client {
    let client = database.connect().await;
    let tables = ["log", "objects", "revisions", "transfers"];
    let off: String =
        tables.iter().map(|table| format!("ALTER TABLE ledger.{table} SET (autovacuum_enabled = off);")).collect();
    client.batch_execute(&off).await.unwrap();
    client
}

/// Repeats a tenant's commits after the first `except` ones, each time later by the time that they took.
pub async fn multiply(client: &Client, tenant: TenantId, except: i64, times: i64) {
    let row = client
        .query_one(
            "SELECT b.number, max(l.position) + 10, ceil(extract(epoch FROM max(l.created) - min(l.created)))::bigint + 1,
                (SELECT p.position FROM ledger.log p WHERE p.tenant = b.number ORDER BY p.position OFFSET $2 LIMIT 1)
            FROM ledger.books b JOIN ledger.log l ON l.tenant = b.number WHERE b.tenant = $1 GROUP BY b.number",
            &[&tenant.0, &except],
        )
        .await
        .unwrap();
    let (tenant, positions, seconds, first): (i32, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    let later = "n * $3::bigint * interval '1 second'";
    let log = format!(
        "INSERT INTO ledger.log (tenant, size, position, created, types, request_id, entries, hash)
        SELECT l.tenant, l.size, l.position + n * $2::bigint, l.created + {later}, l.types, l.request_id, l.entries, l.hash
        FROM generate_series(1, $5::bigint) n JOIN ledger.log l ON l.tenant = $1 AND l.position >= $4::bigint ORDER BY n, l.position"
    );
    // An id begins with its time in 48 bits.
    let id = "overlay(o.id::text PLACING regexp_replace(lpad(to_hex(
            ('x' || substr(o.id::text, 1, 8) || substr(o.id::text, 10, 4))::bit(48)::bigint + n * $3::bigint * 1000), 12, '0'),
            '^(.{8})', '\\1-') FROM 1 FOR 13)::uuid";
    let objects = format!(
        "INSERT INTO ledger.objects (tenant, kind, version, start, length, position, id, customer, parent_kind, parent, status,
            terms, state)
        SELECT o.tenant, o.kind, o.version, o.start, o.length, o.position + n * $2::bigint, {id}, o.customer, o.parent_kind,
            o.parent, o.status, o.terms, o.state
        FROM generate_series(1, $5::bigint) n JOIN ledger.objects o ON o.tenant = $1 AND o.position >= $4::bigint
        ORDER BY n, o.position"
    );
    for sql in [log, objects] {
        client.execute(&sql, &[&tenant, &positions, &seconds, &first, &times]).await.unwrap();
    }
}

pub async fn analyze(client: &Client) {
    client.batch_execute("ANALYZE ledger.log; ANALYZE ledger.objects; ANALYZE ledger.revisions").await.unwrap();
}

/// Pages of the ledger's tables and indexes that were ever read, from memory or from disk. The pool's connection first
/// says what it has read.
pub async fn pages_read(client: &Client, pool: &Pool) -> i64 {
    pool.get().await.unwrap().batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    let sql = "SELECT sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
            + coalesce(toast_blks_read + toast_blks_hit, 0))::bigint
        FROM pg_statio_user_tables WHERE schemaname = 'ledger'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// How many rows the log of all tenants has.
pub async fn rows(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM ledger.log", &[]).await.unwrap().get(0)
}
