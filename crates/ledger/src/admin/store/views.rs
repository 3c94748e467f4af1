//! The SQL views that analysts query: objects, transfers and balances with ordinary columns. `docs/sql.md` describes
//! them.

use crate::store::rows::STATE;
use domain::commit::term;
use domain::object::{Column, ColumnType, SqlView};
use platform::database::store::{ANALYST_ROLE, SERVICE_ROLE};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Transaction};
use types::{Kind, TenantId};

/// No condition of a query sees a row of another tenant, or what a view leaves out: an error would tell of it.
const BARRIER: &str = "WITH (security_barrier)";

/// The SQL views of one tenant, in a schema of their own.
pub(super) struct Views {
    schema: String,
    /// Name of each, and what comes after it where it is created.
    views: Vec<(String, String)>,
}

impl Views {
    /// `number` is the tenant's number in the tables.
    pub fn of(tenant: TenantId, number: i32, kinds: &[SqlView]) -> Self {
        let own = kinds.iter().map(|view| (view.name.to_owned(), of_kind(number, view)));
        let fixed = [
            ("ledger_entries".to_owned(), ledger_entries(number)),
            ("account_balances".to_owned(), account_balances(number)),
        ];
        let barriers = own.chain(fixed).map(|(name, query)| (name, format!("{BARRIER} AS {query}")));
        Views { schema: tenant.schema(), views: barriers.collect() }
    }

    /// A number that changes when a definition changes.
    pub fn digest(&self) -> i64 {
        term(self.views.iter().flat_map(|(name, definition)| [name.as_str(), definition.as_str()]), &self.schema)
    }

    /// Creates the views, or replaces them.
    pub async fn create(&self, work: &Transaction<'_>) -> Result<(), Error> {
        let schema = &self.schema;
        let grant = format!("GRANT USAGE ON SCHEMA {schema} TO {SERVICE_ROLE}, {ANALYST_ROLE}");
        work.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; {grant}")).await?;
        let create =
            |(name, definition): &(String, String)| format!("CREATE OR REPLACE VIEW {schema}.{name} {definition};");
        if !unless_redefined(work, &self.views.iter().map(create).collect::<String>()).await? {
            for view in &self.views {
                self.replace(work, view).await?;
            }
        }
        let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {ANALYST_ROLE}, {SERVICE_ROLE}");
        work.batch_execute(&grant).await
    }

    /// Replaces a view. It is dropped only if it has lost a column or a column's type has changed: other views that
    /// depend on it would be in the way of that.
    async fn replace(&self, work: &Transaction<'_>, (name, definition): &(String, String)) -> Result<(), Error> {
        let view = format!("{}.{name}", self.schema);
        if !unless_redefined(work, &format!("CREATE OR REPLACE VIEW {view} {definition}")).await? {
            work.batch_execute(&format!("DROP VIEW {view}; CREATE VIEW {view} {definition}")).await?;
        }
        Ok(())
    }
}

/// Runs the statements; `false`, and nothing has happened, if a view has lost a column or has one of another type.
async fn unless_redefined(work: &Transaction<'_>, statements: &str) -> Result<bool, Error> {
    match work.batch_execute(&format!("SAVEPOINT redefined; {statements}")).await {
        Err(error) if error.code() == Some(&SqlState::INVALID_TABLE_DEFINITION) => {
            work.batch_execute("ROLLBACK TO SAVEPOINT redefined").await?;
            Ok(false)
        }
        done => done.map(|()| true),
    }
}

/// The SQL views of tenants that are no barriers, whatever was done to them since they were created.
pub async fn open_views(client: &Client) -> Result<Vec<String>, Error> {
    let sql =
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'v' AND n.nspname ~ '^t_[0-9a-f]{32}$' AND NOT EXISTS (
            SELECT FROM pg_options_to_table(c.reloptions) o
            WHERE o.option_name = 'security_barrier' AND o.option_value::boolean)
        ORDER BY 1";
    client.query(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// The statements that create three functions: `object_id(kind, id)` shows an id with its prefix (the migration's
/// `id_value(text)` is the inverse); `id_time(id)` is the time of creation in an id; `first_id(time)` is the smallest
/// id of a moment.
pub(super) fn functions() -> String {
    let prefixes: String =
        Kind::ALL.iter().map(|kind| format!(" WHEN {} THEN '{}_'", kind.code(), kind.prefix())).collect();
    format!(
        "CREATE OR REPLACE FUNCTION ledger.object_id(kind smallint, id uuid) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN CASE kind{prefixes} END || ledger.base62(id);
        CREATE OR REPLACE FUNCTION ledger.id_time(id uuid) RETURNS timestamptz
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN timestamptz 'epoch'
            + ('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint * interval '1 millisecond';
        CREATE OR REPLACE FUNCTION ledger.first_id(moment timestamptz) RETURNS uuid
        LANGUAGE sql STABLE STRICT PARALLEL SAFE
        RETURN (lpad(to_hex(ceil(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;"
    )
}

fn of_kind(tenant: i32, view: &SqlView) -> String {
    const BASE: [&str; 6] = ["id", "created", "version", "status", "customer", "parent"];
    const TAIL: [&str; 4] = ["state", "uuid", "customer_uuid", "parent_uuid"];
    let attributes: String = view
        .columns
        .iter()
        .filter(|column| !BASE.contains(&column.name) && !TAIL.contains(&column.name))
        .map(|column| format!("{} AS \"{}\", ", attribute(column), column.name.replace('"', "\"\"")))
        .collect();
    let (kind, customer) = (view.kind.code(), Kind::Customer.code());
    let hidden: String = view.hidden.iter().map(|path| format!(" #- '{{{}}}'", path.join(","))).collect();
    // What is hidden is left out before any column is made of the state. OFFSET keeps PostgreSQL from reading and parsing
    // the state again for each column.
    format!(
        "SELECT ledger.object_id(o.kind, o.id) AS id, ledger.id_time(o.id) AS created, o.version, o.status,
            ledger.object_id({customer}::smallint, o.customer) AS customer,
            ledger.object_id(o.parent_kind, o.parent) AS parent,
            {attributes} s.state,
            o.id AS uuid, o.customer AS customer_uuid, o.parent AS parent_uuid
        FROM ledger.objects o CROSS JOIN LATERAL (SELECT {STATE}::jsonb{hidden} AS state OFFSET 0) s
        WHERE o.tenant = {tenant} AND o.kind = {kind}"
    )
}

/// An attribute of the state as a value of its column's SQL type.
fn attribute(column: &Column) -> String {
    let name = column.name.replace('\'', "''");
    match column.sql_type {
        ColumnType::Text => format!("s.state ->> '{name}'"),
        ColumnType::Integer => format!("(s.state ->> '{name}')::bigint"),
        ColumnType::Boolean => format!("(s.state ->> '{name}')::boolean"),
        ColumnType::Time => {
            format!("timestamptz 'epoch' + (s.state ->> '{name}')::bigint * interval '1 millisecond'")
        }
        ColumnType::Json => format!("s.state -> '{name}'"),
    }
}

/// Two lines for each transfer. Posted lines add up to the balances; the column `entry` says whether a line is posted,
/// held or released.
fn ledger_entries(tenant: i32) -> String {
    format!(
        "SELECT t.id AS transfer, t.position, t.ordinal, t.created, e.account, e.side, t.amount, a.currency,
            CASE WHEN t.action IN (1, 3) THEN 'posted' WHEN t.action = 2 THEN 'held' ELSE 'released' END AS entry,
            t.hold, t.reason, ledger.object_id(t.object_kind, t.object) AS object,
            CASE WHEN e.side = 'debit' THEN t.credit ELSE t.debit END AS contra_account
        FROM ledger.transfers t
        CROSS JOIN LATERAL (VALUES (t.debit, 'debit'), (t.credit, 'credit')) AS e (account, side)
        JOIN ledger.accounts a ON a.tenant = t.tenant AND a.code = e.account
        WHERE t.tenant = {tenant}"
    )
}

fn account_balances(tenant: i32) -> String {
    format!(
        "SELECT code AS account, split_part(code, '/', 1) AS category, currency,
            CASE rule WHEN 0 THEN 'unlimited' WHEN 1 THEN 'credits cover debits'
                ELSE 'debits cover credits' END AS rule,
            debits_posted, credits_posted, debits_pending, credits_pending,
            CASE WHEN split_part(code, '/', 1) IN ('assets', 'expenses') THEN debits_posted - credits_posted
                ELSE credits_posted - debits_posted END AS balance
        FROM ledger.accounts WHERE tenant = {tenant}"
    )
}
