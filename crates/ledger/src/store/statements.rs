//! The committer's statements, prepared once for each connection and tenant.
//!
//! Keys of two columns are matched by a join against `UNNEST`, not by `= ANY`: the plan of a statement that was
//! prepared on an empty table must also be the right one when the table has grown.

use tokio_postgres::{Client, Error, Statement};

/// Settings of a committer's connection. Every statement finds its rows by an index; other plans are switched off, so
/// that no plan made on an empty table can scan it when it is full. The time limits are below those of the
/// committer itself, so that a frozen replica gives the tenant's lock back.
pub(crate) const SETTINGS: &str = "\
    SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; \
    SET jit = off; \
    SET statement_timeout = '15s'; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = '5s'; \
    SET application_name = 'florin committer'";

pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Orders the writers of a tenant, whichever replica they run in. A statement that runs after it sees all that was
/// committed before.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:literal;)*) => {
        /// The statements for one tenant on one connection.
        pub(crate) struct Statements { $($(#[$doc])* pub $name: Statement,)* }

        impl Statements {
            /// Prepares all of them in one round trip. `{s}` in the texts is the tenant's schema.
            pub async fn prepare(client: &Client, schema: &str) -> Result<Self, Error> {
                $(let $name = $sql.replace("{s}", schema);)*
                let ($($name,)*) = tokio::try_join!($(client.prepare(&$name),)*)?;
                Ok(Statements { $($name,)* })
            }
        }
    };
}

statements! {
    lock = "SELECT pg_advisory_xact_lock($1)";
    /// The last position, and the transaction's own number to ask for its outcome if the connection is lost.
    head = "SELECT coalesce((SELECT max(position) FROM {s}.events), 0), pg_current_xact_id()::text";
    versions = "SELECT k.kind, k.id, o.version
        FROM UNNEST($1::smallint[], $2::uuid[]) AS k (kind, id)
        JOIN {s}.objects o ON o.kind = k.kind AND o.id = k.id";
    accounts = "SELECT a.code, a.currency, a.rule,
            a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending
        FROM UNNEST($1::text[]) AS k (code)
        JOIN {s}.accounts a ON a.code = k.code";
    keys = "SELECT i.key, i.fingerprint, i.created, i.status, i.object_kind, i.object, i.version, i.body
        FROM UNNEST($1::text[]) AS k (key)
        JOIN {s}.idempotency_keys i ON i.key = k.key";
    /// A hold with what was posted of it, and whether it is closed.
    holds = "SELECT h.id, h.debit, h.credit, h.amount, used.posted, used.closed
        FROM UNNEST($1::uuid[]) AS k (id)
        JOIN {s}.transfers h ON h.id = k.id AND h.action = 2
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(u.amount), 0)::bigint AS posted, coalesce(bool_or(u.last), false) AS closed
            FROM {s}.transfers u WHERE u.hold = h.id
        ) used";
    insert_events = "INSERT INTO {s}.events
            (position, created, kind, object, version, type, change, request_id, idempotency_key)
        SELECT position, created, kind, object, version, type, change, request_id, idempotency_key
        FROM UNNEST($1::bigint[], $2::timestamptz[], $3::smallint[], $4::uuid[], $5::int[], $6::text[], $7::text[],
            $8::text[], $9::text[])
            AS n (position, created, kind, object, version, type, change, request_id, idempotency_key)";
    insert_transfers = "INSERT INTO {s}.transfers (id, position, ordinal, action, hold, last, debit, credit,
            amount, reason, object_kind, object, created)
        SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::smallint[], $4::smallint[], $5::uuid[], $6::boolean[],
            $7::text[], $8::text[], $9::bigint[], $10::text[], $11::smallint[], $12::uuid[], $13::timestamptz[])";
    insert_objects = "INSERT INTO {s}.objects
            (kind, id, version, customer, parent_kind, parent, status, due, state)
        SELECT kind, id, version, customer, parent_kind, parent, status, due, state
        FROM UNNEST($1::smallint[], $2::uuid[], $3::int[], $4::uuid[], $5::smallint[], $6::uuid[], $7::text[],
            $8::timestamptz[], $9::text[])
            AS n (kind, id, version, customer, parent_kind, parent, status, due, state)";
    update_objects = "UPDATE {s}.objects o
        SET version = n.version, customer = n.customer, parent_kind = n.parent_kind, parent = n.parent,
            status = n.status, due = n.due, state = n.state
        FROM UNNEST($1::smallint[], $2::uuid[], $3::int[], $4::uuid[], $5::smallint[], $6::uuid[], $7::text[],
            $8::timestamptz[], $9::text[])
            AS n (kind, id, version, customer, parent_kind, parent, status, due, state)
        WHERE o.kind = n.kind AND o.id = n.id";
    insert_accounts = "INSERT INTO {s}.accounts
            (code, currency, rule, debits_posted, credits_posted, debits_pending, credits_pending)
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[])";
    update_accounts = "UPDATE {s}.accounts a
        SET debits_posted = n.debits_posted, credits_posted = n.credits_posted,
            debits_pending = n.debits_pending, credits_pending = n.credits_pending
        FROM UNNEST($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS n (code, debits_posted, credits_posted, debits_pending, credits_pending)
        WHERE a.code = n.code";
    upsert_keys = "INSERT INTO {s}.idempotency_keys AS i
            (key, fingerprint, created, status, object_kind, object, version, body)
        SELECT * FROM UNNEST($1::text[], $2::bytea[], $3::timestamptz[], $4::smallint[], $5::smallint[], $6::uuid[],
            $7::int[], $8::text[])
        ON CONFLICT (key) DO UPDATE
        SET fingerprint = excluded.fingerprint, created = excluded.created, status = excluded.status,
            object_kind = excluded.object_kind, object = excluded.object, version = excluded.version,
            body = excluded.body";
}

/// Whether a transaction was committed; NULL when it is too old, or of another history, to be known.
pub(crate) const OUTCOME: &str = "SELECT CASE WHEN $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) \
    THEN pg_xact_status($1::text::xid8) END";

/// Which of the given log entries are there, by position.
pub(crate) fn look_up_events(schema: &str) -> String {
    format!(
        "SELECT e.position
        FROM UNNEST($1::bigint[], $2::timestamptz[], $3::smallint[], $4::uuid[], $5::int[], $6::text[])
            AS n (position, created, kind, object, version, change)
        JOIN {schema}.events e ON e.position = n.position AND e.created = n.created AND e.kind = n.kind
            AND e.object = n.object AND e.version = n.version AND e.change = n.change"
    )
}

/// The lock's number of a tenant. Two tenants with the same number only wait for each other.
pub(crate) fn lock_number(tenant: types::TenantId) -> i64 {
    let (high, low) = tenant.0.as_u64_pair();
    (high ^ low).cast_signed()
}

pub(crate) async fn take_lock(client: &Client, tenant: types::TenantId) -> Result<(), Error> {
    client.execute(LOCK, &[&lock_number(tenant)]).await.map(|_| ())
}
