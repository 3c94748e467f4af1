//! The committer's statements but the one that writes, prepared once for each connection. Each reads what a whole batch
//! touches of a table.
//!
//! Keys of several columns are matched by a join against `UNNEST`, not by `= ANY`: the plan of a statement that was
//! prepared on an empty table must also be the right one when the table has grown.

use super::tables;
use tokio_postgres::{Client, Error, Statement};

/// Settings of a committer's connection. Every statement finds its rows by an index; other plans are switched off, so
/// that no plan made on an empty table can scan it when it is full. The time limits are below those of the
/// committer itself, so that a frozen replica gives the tenant's lock back.
pub(crate) const SETTINGS: &str = "\
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
    SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; \
    SET jit = off; \
    SET statement_timeout = '15s'; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = '5s'; \
    SET application_name = 'florin committer'";

pub(crate) const BEGIN: &str = "BEGIN";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        /// The committer's statements on one connection.
        pub(crate) struct Statements { $($(#[$doc])* pub $name: Statement,)* }

        impl Statements {
            /// Prepares all of them in one round trip.
            pub async fn prepare(client: &Client) -> Result<Self, Error> {
                let ($($name,)*) = tokio::try_join!($(async { client.prepare($sql.as_ref()).await },)*)?;
                Ok(Statements { $($name,)* })
            }
        }
    };
}

statements! {
    /// Orders the writers of a tenant, whichever replica they run in. A statement that runs after it sees all that was
    /// committed before. In the order of the numbers, so that two batches cannot wait for each other.
    lock = tables::statement(&[]);
    /// The positions that the next entries get, what they follow, and the transaction's own number to ask for its outcome
    /// if the connection is lost.
    heads = "SELECT k.tenant, coalesce(l.position + l.size, 1), l.hash, pg_current_xact_id()::text, l.created
        FROM UNNEST($1::int[]) AS k (tenant)
        LEFT JOIN LATERAL (
            SELECT l.position, l.size, l.hash, l.created FROM ledger.log l WHERE l.tenant = k.tenant
            ORDER BY l.position DESC LIMIT 1
        ) l ON true";
    versions = "SELECT k.tenant, k.kind, k.id, o.version
        FROM UNNEST($1::int[], $2::smallint[], $3::uuid[]) AS k (tenant, kind, id)
        JOIN ledger.objects o ON o.tenant = k.tenant AND o.kind = k.kind AND o.id = k.id";
    accounts = "SELECT k.tenant, a.code, a.currency, a.rule,
            a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending
        FROM UNNEST($1::int[], $2::text[]) AS k (tenant, code)
        JOIN ledger.accounts a ON a.tenant = k.tenant AND a.code = k.code";
    keys = "SELECT k.tenant, i.key, i.fingerprint, i.created, i.status, i.object_kind, i.object, i.version, i.body
        FROM UNNEST($1::int[], $2::uuid[]) AS k (tenant, id)
        JOIN ledger.idempotency_keys i ON i.id = k.id AND i.tenant = k.tenant";
    /// A hold with what was posted of it, and whether it is closed.
    holds = "SELECT k.tenant, h.id, h.debit, h.credit, h.amount, used.posted, used.closed
        FROM UNNEST($1::int[], $2::uuid[]) AS k (tenant, id)
        JOIN ledger.transfers h ON h.tenant = k.tenant AND h.id = k.id AND h.action = 2
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(u.amount), 0)::bigint AS posted, coalesce(bool_or(u.last), false) AS closed
            FROM ledger.transfers u WHERE u.tenant = k.tenant AND u.hold = h.id
        ) used";
    /// Which of the given log rows are there, by position.
    look_up_log = "SELECT l.tenant, l.position
        FROM UNNEST($1::int[], $2::bigint[], $3::bytea[]) AS n (tenant, position, entries)
        JOIN ledger.log l ON l.tenant = n.tenant AND l.position = n.position AND l.entries = n.entries";
}

/// Whether a transaction was committed; NULL when it is too old, or of another history, to be known.
pub(crate) const OUTCOME: &str = "SELECT CASE WHEN $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) \
    THEN pg_xact_status($1::text::xid8) END";
