//! The text of the statement that writes a batch. It is put together from the sets of rows that the batch has.
//!
//! It is one statement because PostgreSQL answers each statement by itself: ten small ones cost more in messages,
//! wake-ups and snapshots than in work.

use std::fmt::Write;

/// The first number of the advisory locks that order the writers of a tenant; the second is the tenant's number.
const LOCKS: i32 = 1_818_584_930;

/// A table, and which of its columns a batch writes. The rows arrive as one array for each column.
pub(crate) struct RowSet {
    table: &'static str,
    /// 0: the rows are new. Otherwise they exist, and so many columns, the first ones, are their key.
    keys: usize,
    columns: &'static [Column],
    /// Further columns, which are written for new rows only.
    only_new: &'static [Column],
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
};

pub(crate) const CHANGED_OBJECTS: RowSet = RowSet { table: "objects", keys: 3, columns: OBJECT_COLUMNS, only_new: &[] };

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
};

pub(crate) const CHANGED_ACCOUNTS: RowSet =
    RowSet { table: "accounts", keys: 2, columns: ACCOUNT_COLUMNS, only_new: &[] };

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
};

pub(crate) const CHANGED_KEYS: RowSet =
    RowSet { table: "idempotency_keys", keys: 1, columns: KEY_COLUMNS, only_new: &[] };

/// The statement that takes the locks of tenants and then writes the sets of rows. Its first parameter is the tenants'
/// numbers; the others are the columns of the sets, in order. PostgreSQL runs the `SELECT` to its end before it begins
/// with what is in the `WITH`.
pub(crate) fn statement(sets: &[&RowSet]) -> String {
    let mut sql = String::new();
    let mut parameter = 1;
    for (number, set) in sets.iter().enumerate() {
        let columns: Vec<&Column> = set.columns.iter().chain(set.only_new).collect();
        let names = |of: &dyn Fn(&Column) -> String| columns.iter().copied().map(of).collect::<Vec<_>>().join(", ");
        let stored = |column: &Column| column.expression.map_or_else(|| format!("n.{}", column.name), str::to_owned);
        let listed = names(&|column| column.name.to_owned());
        let numbered = (parameter + 1..).zip(&columns);
        let arrays: Vec<String> =
            numbered.map(|(at, column)| format!("unnest(${at}::{}[]) AS {}", column.sql_type, column.name)).collect();
        parameter += columns.len();
        let (table, arrays) = (set.table, arrays.join(", "));
        let _ = write!(sql, "{} w{number} AS (", if number == 0 { "WITH" } else { "," });
        let _ = if set.keys == 0 {
            let values = names(&stored);
            write!(sql, "INSERT INTO ledger.{table} ({listed}) SELECT {values} FROM (SELECT {arrays}) AS n)")
        } else {
            let (keys, others) = columns.split_at(set.keys);
            let assigned: Vec<_> =
                others.iter().map(|column| format!("{} = {}", column.name, stored(column))).collect();
            let same: Vec<_> = keys.iter().map(|key| format!("t.{0} = n.{0}", key.name)).collect();
            let (assigned, same) = (assigned.join(", "), same.join(" AND "));
            write!(sql, "UPDATE ledger.{table} t SET {assigned} FROM (SELECT {arrays}) AS n WHERE {same})")
        };
    }
    let _ = write!(sql, " SELECT pg_advisory_xact_lock({LOCKS}, k.tenant) FROM UNNEST($1::int[]) AS k (tenant)");
    sql
}
