//! The text of the statement that writes a batch. It is put together from the sets of rows that the batch has.
//!
//! It is one statement because PostgreSQL answers each statement by itself: ten small ones cost more in messages,
//! wake-ups and snapshots than in work.

use crate::store::errors::{GONE, LOCKED, NOT_AS_KNOWN};
use std::fmt::Write;

/// The first number of the advisory locks that order the writers of a tenant; the second is the tenant's number.
pub(super) const LOCKS: i32 = 1_818_584_930;

/// A table, and which of its columns a batch writes. The rows arrive as one array for each column.
pub(crate) struct RowSet {
    table: &'static str,
    /// 0: the rows are new. Otherwise they exist, and so many columns, the first ones, are their key.
    keys: usize,
    columns: &'static [Column],
    /// Further columns, which are written for new rows only.
    only_new: &'static [Column],
    /// A column of rows that exist, and the column that it must be equal to.
    replaces: Option<(&'static str, Column)>,
}

struct Column {
    name: &'static str,
    /// The SQL type of the array's elements.
    sql_type: &'static str,
    /// The expression that is stored, if it is not the element itself.
    expression: Option<&'static str>,
}

const fn column(name: &'static str, sql_type: &'static str) -> Column {
    Column { name, sql_type, expression: None }
}

/// A column that is an array itself. Its values arrive as texts, because PostgreSQL has no arrays of arrays of
/// different lengths.
const fn array(name: &'static str, expression: &'static str) -> Column {
    Column { name, sql_type: "text", expression: Some(expression) }
}

pub(crate) const LOG: RowSet = RowSet {
    table: "log",
    keys: 0,
    columns: &[
        column("tenant", "int"),
        column("position", "bigint"),
        column("size", "smallint"),
        column("created", "timestamptz"),
        array("types", "string_to_array(n.types, ',')"),
        column("request_id", "text"),
        column("idempotency_key", "text"),
        column("entries", "bytea"),
        column("hash", "bytea"),
    ],
    only_new: &[],
    replaces: None,
};

pub(crate) const TRANSFERS: RowSet = RowSet {
    table: "transfers",
    keys: 0,
    columns: &[
        column("tenant", "int"),
        column("id", "uuid"),
        column("position", "bigint"),
        column("ordinal", "smallint"),
        column("action", "smallint"),
        column("hold", "uuid"),
        column("last", "boolean"),
        column("debit", "text"),
        column("credit", "text"),
        column("amount", "bigint"),
        column("reason", "text"),
        column("object_kind", "smallint"),
        column("object", "uuid"),
        column("created", "timestamptz"),
    ],
    only_new: &[],
    replaces: None,
};

const OBJECT_COLUMNS: &[Column] = &[
    column("tenant", "int"),
    column("kind", "smallint"),
    column("id", "uuid"),
    column("version", "int"),
    column("customer", "uuid"),
    column("parent_kind", "smallint"),
    column("parent", "uuid"),
    column("status", "text"),
    column("due", "timestamptz"),
    array("terms", "n.terms::bigint[]"),
    column("state", "text"),
];

pub(crate) const NEW_OBJECTS: RowSet = RowSet {
    table: "objects",
    keys: 0,
    columns: OBJECT_COLUMNS,
    only_new: &[column("position", "bigint"), column("start", "int"), column("length", "int")],
    replaces: None,
};

pub(crate) const CHANGED_OBJECTS: RowSet = RowSet {
    table: "objects",
    keys: 3,
    columns: OBJECT_COLUMNS,
    only_new: &[],
    replaces: Some(("version", column("base", "int"))),
};

pub(crate) const REVISIONS: RowSet = RowSet {
    table: "revisions",
    keys: 0,
    columns: &[
        column("tenant", "int"),
        column("kind", "smallint"),
        column("object", "uuid"),
        column("version", "int"),
        column("position", "bigint"),
    ],
    only_new: &[],
    replaces: None,
};

const ACCOUNT_COLUMNS: &[Column] = &[
    column("tenant", "int"),
    column("code", "text"),
    column("debits_posted", "bigint"),
    column("credits_posted", "bigint"),
    column("debits_pending", "bigint"),
    column("credits_pending", "bigint"),
];

pub(crate) const NEW_ACCOUNTS: RowSet = RowSet {
    table: "accounts",
    keys: 0,
    columns: ACCOUNT_COLUMNS,
    only_new: &[column("currency", "text"), column("rule", "smallint")],
    replaces: None,
};

pub(crate) const CHANGED_ACCOUNTS: RowSet =
    RowSet { table: "accounts", keys: 2, columns: ACCOUNT_COLUMNS, only_new: &[], replaces: None };

const KEY_COLUMNS: &[Column] = &[
    column("id", "uuid"),
    column("fingerprint", "bytea"),
    column("created", "timestamptz"),
    column("status", "smallint"),
    column("object_kind", "smallint"),
    column("object", "uuid"),
    column("version", "int"),
    column("body", "text"),
];

pub(crate) const NEW_KEYS: RowSet = RowSet {
    table: "idempotency_keys",
    keys: 0,
    columns: KEY_COLUMNS,
    only_new: &[column("tenant", "int"), column("key", "text")],
    replaces: None,
};

pub(crate) const CHANGED_KEYS: RowSet =
    RowSet { table: "idempotency_keys", keys: 1, columns: KEY_COLUMNS, only_new: &[], replaces: None };

/// What a batch was checked against, before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// What was read in the same transaction, under the tenants' locks.
    Read,
    /// What was remembered. The statement takes the locks, and compares.
    Remembered,
}

/// What a statement compares beside what it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Compared {
    Nothing,
    /// The logs' last rows.
    Heads,
    /// The versions of objects that the batch relies on too.
    HeadsAndVersions,
}

impl Compared {
    /// How many parameters there are for it, before those of the sets: tenant, position and hash of each last row, of which
    /// an empty log has an empty one; then tenant, kind, id and version of each object.
    const fn parameters(self) -> usize {
        match self {
            Compared::Nothing => 0,
            Compared::Heads => 3,
            Compared::HeadsAndVersions => 7,
        }
    }
}

/// Locks the tenants. Another process's row may be written between the statement's snapshot and its lock, and is not seen here
/// then: the new row of the log, which has the same position, is refused.
fn heads() -> String {
    format!(
        " FROM (SELECT bool_and(pg_try_advisory_xact_lock({LOCKS}, k.tenant) IS TRUE) AS free,
            bool_and((coalesce((SELECT l.hash FROM ledger.log l WHERE l.tenant = k.tenant AND l.position = k.position), '')
                = k.hash) IS TRUE) AS known
        FROM UNNEST($1::int[], $2::bigint[], $3::bytea[]) AS k (tenant, position, hash)) AS l"
    )
}

const SAME_VERSIONS: &str = "NOT EXISTS (
        SELECT FROM UNNEST($4::int[], $5::smallint[], $6::uuid[], $7::int[]) AS k (tenant, kind, id, version)
        LEFT JOIN ledger.objects o ON o.tenant = k.tenant AND o.kind = k.kind AND o.id = k.id
        WHERE o.version IS DISTINCT FROM k.version)";

/// The statement that writes the sets of rows. Its parameters are those of what is compared, and then the columns of the sets, in
/// order. It fails, and writes nothing, if a row that is to be changed is not there.
///
/// PostgreSQL evaluates the conditions of the `SELECT` one after another until one does not hold, and carries a part of the
/// `WITH` out when a condition asks for it, or else at the end.
pub(crate) fn statement(compared: Compared, sets: &[&RowSet]) -> String {
    let mut sql = String::new();
    let mut conditions: Vec<(&str, String)> = Vec::new();
    let mut parameter = compared.parameters();
    if compared != Compared::Nothing {
        conditions.extend([(LOCKED, "l.free".to_owned()), (GONE, "l.known".to_owned())]);
    }
    if compared == Compared::HeadsAndVersions {
        conditions.push((NOT_AS_KNOWN, SAME_VERSIONS.to_owned()));
    }
    for (number, set) in sets.iter().enumerate() {
        let columns: Vec<&Column> = set.columns.iter().chain(set.only_new).collect();
        let base = set.replaces.as_ref().map(|(_, base)| base);
        let names = |of: &dyn Fn(&Column) -> String| columns.iter().copied().map(of).collect::<Vec<_>>().join(", ");
        let stored = |column: &Column| column.expression.map_or_else(|| format!("n.{}", column.name), str::to_owned);
        let listed = names(&|column| column.name.to_owned());
        let first = parameter + 1;
        let numbered = (first..).zip(columns.iter().copied().chain(base));
        let arrays: Vec<String> =
            numbered.map(|(at, column)| format!("unnest(${at}::{}[]) AS {}", column.sql_type, column.name)).collect();
        parameter += arrays.len();
        let (table, arrays) = (set.table, arrays.join(", "));
        let _ = write!(sql, "{} w{number} AS (", if number == 0 { "WITH" } else { "," });
        let _ = if set.keys == 0 {
            let values = names(&stored);
            write!(sql, "INSERT INTO ledger.{table} ({listed}) SELECT {values} FROM (SELECT {arrays}) AS n)")
        } else {
            let (keys, others) = columns.split_at(set.keys);
            let assigned: Vec<_> =
                others.iter().map(|column| format!("{} = {}", column.name, stored(column))).collect();
            let same = keys.iter().map(|key| (key.name, key.name));
            let replaced = set.replaces.iter().map(|(column, base)| (*column, base.name));
            let same: Vec<_> = same.chain(replaced).map(|(one, other)| format!("t.{one} = n.{other}")).collect();
            let (assigned, same) = (assigned.join(", "), same.join(" AND "));
            conditions.push((
                NOT_AS_KNOWN,
                format!("(SELECT count(*) FROM w{number}) = cardinality(${first}::{}[])", keys[0].sql_type),
            ));
            write!(sql, "UPDATE ledger.{table} t SET {assigned} FROM (SELECT {arrays}) AS n WHERE {same} RETURNING 1)")
        };
    }
    let refused =
        |(error, condition): &(&str, String)| format!(" WHEN ({condition}) IS NOT TRUE THEN ledger.refuse('{error}')");
    let refused: String = conditions.iter().map(refused).collect();
    // Without a condition there is nothing to ask.
    sql.push_str(&if refused.is_empty() { " SELECT".to_owned() } else { format!(" SELECT CASE{refused} END") });
    if compared != Compared::Nothing {
        sql.push_str(&heads());
    }
    sql
}
