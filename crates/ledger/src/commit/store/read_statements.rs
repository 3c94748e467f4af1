//! The committer's statements that lock and read, prepared once for each connection. Each reads from one table what a
//! whole batch relies on.
//!
//! Keys of several columns are matched by a join with `UNNEST`, not by `= ANY`: a plan that was made for an empty table
//! must still be right when the table has grown.

use super::write_statement::LOCKS;
use contracts::ledger::FIRST_POSITION;
use tokio_postgres::{Client, Error, Statement};

/// Settings of a committer's connection. Every statement finds its rows by an index; other plans are switched off, so
/// that no plan that was made for an empty table can scan it when it is full. The time limits are below the committer's
/// own, so that PostgreSQL releases the locks of tenants if a server process stops working. A lock that is not free soon
/// is waited for in the queue, where it holds up one tenant only.
pub(crate) const SETTINGS: &str = "\
    SET default_transaction_isolation = 'read committed'; \
    SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; \
    SET jit = off; \
    SET statement_timeout = '5s'; SET lock_timeout = '100ms'; SET idle_in_transaction_session_timeout = '5s'; \
    SET application_name = 'florin committer'; \
    SELECT set_config('transaction_timeout', '10s', false) WHERE current_setting('server_version_num')::int >= 170000";

/// Has commits wait for the disk even where that is turned off by default, and tells what the default is. What it is set to
/// stays so for the connection, also when the default is changed; more than `on` asks for is left as it is.
pub(crate) const DURABLE: &str = "SELECT d.value, set_config('synchronous_commit', \
    CASE d.value WHEN 'off' THEN 'on' ELSE d.value END, false) \
    FROM (SELECT current_setting('synchronous_commit') AS value OFFSET 0) d";

pub(crate) const BEGIN: &str = "BEGIN";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        /// The prepared statements of one connection.
        pub(crate) struct ReadStatements { $($(#[$doc])* pub $name: Statement,)* }

        impl ReadStatements {
            /// Prepares all of them in one round trip.
            pub async fn prepare(client: &Client) -> Result<Self, Error> {
                let ($($name,)*) = tokio::try_join!($(async { client.prepare($sql.as_ref()).await },)*)?;
                Ok(ReadStatements { $($name,)* })
            }
        }
    };
}

statements! {
    /// Takes the locks of tenants, one writer at a time for each, in whichever process, and says which it got. It waits
    /// for that of `$2`, which comes first, so that nothing is held while it waits; the others must be free. Statements
    /// after it see all that was committed before.
    lock = format!(
        "SELECT k.tenant FROM UNNEST($1::int[]) AS k (tenant)
        WHERE CASE WHEN k.tenant = $2 THEN pg_advisory_xact_lock({LOCKS}, k.tenant)::text IS NOT NULL
            ELSE pg_try_advisory_xact_lock({LOCKS}, k.tenant) END"
    );
    /// The position that each tenant's next log entry gets, and position, hash and time of the last log row.
    heads = format!(
        "SELECT k.tenant, coalesce(l.position + l.size, {FIRST_POSITION}),
            l.position, l.hash, l.created
        FROM UNNEST($1::int[]) AS k (tenant)
        LEFT JOIN LATERAL (
            SELECT l.position, l.size, l.hash, l.created FROM ledger.log l WHERE l.tenant = k.tenant
            ORDER BY l.position DESC LIMIT 1
        ) l ON true"
    );
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
    /// Each hold with what was posted of it, and whether it is closed.
    holds = "SELECT k.tenant, h.id, h.debit, h.credit, h.amount, used.posted, used.closed
        FROM UNNEST($1::int[], $2::uuid[]) AS k (tenant, id)
        JOIN ledger.transfers h ON h.tenant = k.tenant AND h.id = k.id AND h.action = 2
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(u.amount), 0)::bigint AS posted, coalesce(bool_or(u.last), false) AS closed
            FROM ledger.transfers u WHERE u.tenant = k.tenant AND u.hold = h.id
        ) used";
    /// The hashes of the given log rows that exist.
    log_rows = "SELECT l.hash
        FROM UNNEST($1::int[], $2::bigint[], $3::bytea[]) AS n (tenant, position, hash)
        JOIN ledger.log l ON l.tenant = n.tenant AND l.position = n.position AND l.hash = n.hash";
}
