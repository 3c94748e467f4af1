//! Views for analysts and accountants: ordinary columns over objects, transfers and balances. `docs/sql.md` shows them.

use domain::object::{Column, ColumnType, HIDDEN_ATTRIBUTES};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use types::Kind;

use super::admin::{ANALYST_ROLE, SERVICE_ROLE};

/// Makes all views and the functions that they use, in the schema that is the search path.
pub(crate) async fn create(
    client: &mut Client,
    schema: &str,
    kinds: &[(Kind, &[Column])],
) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(&functions(schema)).await?;
    let own = kinds.iter().map(|(kind, columns)| (format!("{}s", kind.name()), of_kind(schema, *kind, columns)));
    let fixed = [
        ("ledger_entries".to_owned(), ledger_entries(schema)),
        ("account_balances".to_owned(), account_balances(schema)),
    ];
    for (name, body) in own.chain(fixed) {
        replace(client, &format!("{schema}.{name}"), &body).await?;
    }
    Ok(())
}

/// Keeps a view that others depend on if its columns have only become more.
async fn replace(client: &mut Client, view: &str, body: &str) -> Result<(), tokio_postgres::Error> {
    let grant = format!("GRANT SELECT ON {view} TO {ANALYST_ROLE}, {SERVICE_ROLE}");
    match client.batch_execute(&format!("CREATE OR REPLACE VIEW {view} AS {body}; {grant}")).await {
        Err(error) if error.code() == Some(&SqlState::INVALID_TABLE_DEFINITION) => {
            client.batch_execute(&format!("DROP VIEW {view}; CREATE VIEW {view} AS {body}; {grant}")).await
        }
        created => created,
    }
}

/// `object_id(kind, id)` shows an id with its prefix; `id_value(text)` is the way back; `id_time(id)` reads the time
/// of creation out of an id; `first_id(time)` is the smallest id of a moment.
fn functions(schema: &str) -> String {
    let prefixes: String =
        Kind::ALL.iter().map(|kind| format!(" WHEN {} THEN '{}_'", kind.code(), kind.prefix())).collect();
    format!(
        "CREATE OR REPLACE FUNCTION {schema}.object_id(kind smallint, id uuid) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN CASE kind{prefixes} END || {schema}.base62(id);
        CREATE OR REPLACE FUNCTION {schema}.id_time(id uuid) RETURNS timestamptz
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN timestamptz 'epoch'
            + ('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint * interval '1 millisecond';
        CREATE OR REPLACE FUNCTION {schema}.first_id(moment timestamptz) RETURNS uuid
        LANGUAGE sql STABLE STRICT PARALLEL SAFE
        RETURN (lpad(to_hex(ceil(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;"
    )
}

fn of_kind(schema: &str, kind: Kind, columns: &[Column]) -> String {
    const BASE: [&str; 6] = ["id", "created", "version", "status", "customer", "parent"];
    const TAIL: [&str; 4] = ["state", "uuid", "customer_uuid", "parent_uuid"];
    let facts: String = columns
        .iter()
        .filter(|column| !BASE.contains(&column.name) && !TAIL.contains(&column.name))
        .map(|column| format!("{} AS \"{}\", ", attribute(column), column.name.replace('"', "\"\"")))
        .collect();
    let (kind, customer) = (kind.code(), Kind::Customer.code());
    let hidden = HIDDEN_ATTRIBUTES.join(",");
    let state = format!("(o.state::jsonb - '{{{hidden}}}'::text[]) #- '{{next_action,secret}}'");
    format!(
        "SELECT {schema}.object_id(o.kind, o.id) AS id, {schema}.id_time(o.id) AS created, o.version, o.status,
            {schema}.object_id({customer}::smallint, o.customer) AS customer,
            {schema}.object_id(o.parent_kind, o.parent) AS parent,
            {facts} {state} AS state, o.id AS uuid, o.customer AS customer_uuid, o.parent AS parent_uuid
        FROM {schema}.objects o WHERE o.kind = {kind}"
    )
}

/// An attribute of the state, as a value of its column's type.
fn attribute(column: &Column) -> String {
    let name = column.name.replace('\'', "''");
    match column.sql_type {
        ColumnType::Text => format!("o.state::json ->> '{name}'"),
        ColumnType::Integer => format!("(o.state::json ->> '{name}')::bigint"),
        ColumnType::Boolean => format!("(o.state::json ->> '{name}')::boolean"),
        ColumnType::Time => {
            format!("timestamptz 'epoch' + (o.state::json ->> '{name}')::bigint * interval '1 millisecond'")
        }
        ColumnType::Json => format!("o.state::json -> '{name}'"),
    }
}

/// Two lines for each transfer. What is posted adds up to the balances; holds and their release are told apart.
fn ledger_entries(schema: &str) -> String {
    format!(
        "SELECT t.id AS transfer, t.position, t.ordinal, t.created, e.account, e.side, t.amount, a.currency,
            CASE WHEN t.action IN (1, 3) THEN 'posted' WHEN t.action = 2 THEN 'held' ELSE 'released' END AS entry,
            t.hold, t.reason, {schema}.object_id(t.object_kind, t.object) AS object,
            CASE WHEN e.side = 'debit' THEN t.credit ELSE t.debit END AS contra_account
        FROM {schema}.transfers t
        CROSS JOIN LATERAL (VALUES (t.debit, 'debit'), (t.credit, 'credit')) AS e (account, side)
        JOIN {schema}.accounts a ON a.code = e.account"
    )
}

fn account_balances(schema: &str) -> String {
    format!(
        "SELECT code AS account, split_part(code, '/', 1) AS category, currency,
            CASE rule WHEN 0 THEN 'unlimited' WHEN 1 THEN 'credits cover debits'
                ELSE 'debits cover credits' END AS rule,
            debits_posted, credits_posted, debits_pending, credits_pending,
            CASE WHEN split_part(code, '/', 1) IN ('assets', 'expenses') THEN debits_posted - credits_posted
                ELSE credits_posted - debits_posted END AS balance
        FROM {schema}.accounts"
    )
}
