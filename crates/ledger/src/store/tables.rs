//! What a batch writes into each table, as SQL: one statement is made of those parts that a batch has.
//!
//! One statement, because PostgreSQL answers each by itself: ten small ones cost more in messages, wake-ups and
//! snapshots than what they do.

use std::fmt::Write;

/// Numbers the advisory locks of this program.
pub(crate) const LOCKS: i32 = 1_818_584_930;

/// The rows of one kind that a batch writes. They arrive as an array for each column.
pub(crate) struct Rows {
    table: &'static str,
    /// The rows are there already, and are told apart by the first so many columns; 0: they are new.
    keys: usize,
    columns: &'static [Column],
    /// Further columns that only new rows have.
    more: &'static [Column],
}

struct Column {
    name: &'static str,
    /// The type of which an array arrives.
    of: &'static str,
    /// What is stored, if it is not what arrives.
    stored: Option<&'static str>,
}

const fn column(name: &'static str, of: &'static str) -> Column {
    Column { name, of, stored: None }
}

/// There are no arrays of arrays of different lengths: an array for each row arrives as a text.
const fn array(name: &'static str, stored: &'static str) -> Column {
    Column { name, of: "text", stored: Some(stored) }
}

pub(crate) const LOG: Rows = Rows {
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
    more: &[],
};

pub(crate) const TRANSFERS: Rows = Rows {
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
    more: &[],
};

const OBJECT: &[Column] = &[
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

pub(crate) const NEW_OBJECTS: Rows = Rows {
    table: "objects",
    keys: 0,
    columns: OBJECT,
    more: &[column("position", "bigint"), column("start", "int"), column("length", "int")],
};

pub(crate) const CHANGED_OBJECTS: Rows = Rows { table: "objects", keys: 3, columns: OBJECT, more: &[] };

pub(crate) const REVISIONS: Rows = Rows {
    table: "revisions",
    keys: 0,
    columns: &[
        column("tenant", "int"),
        column("kind", "smallint"),
        column("object", "uuid"),
        column("version", "int"),
        column("position", "bigint"),
    ],
    more: &[],
};

const ACCOUNT: &[Column] = &[
    column("tenant", "int"),
    column("code", "text"),
    column("debits_posted", "bigint"),
    column("credits_posted", "bigint"),
    column("debits_pending", "bigint"),
    column("credits_pending", "bigint"),
];

pub(crate) const NEW_ACCOUNTS: Rows = Rows {
    table: "accounts",
    keys: 0,
    columns: ACCOUNT,
    more: &[column("currency", "text"), column("rule", "smallint")],
};

pub(crate) const CHANGED_ACCOUNTS: Rows = Rows { table: "accounts", keys: 2, columns: ACCOUNT, more: &[] };

const KEY: &[Column] = &[
    column("id", "uuid"),
    column("fingerprint", "bytea"),
    column("created", "timestamptz"),
    column("status", "smallint"),
    column("object_kind", "smallint"),
    column("object", "uuid"),
    column("version", "int"),
    column("body", "text"),
];

pub(crate) const NEW_KEYS: Rows =
    Rows { table: "idempotency_keys", keys: 0, columns: KEY, more: &[column("tenant", "int"), column("key", "text")] };

pub(crate) const CHANGED_KEYS: Rows = Rows { table: "idempotency_keys", keys: 1, columns: KEY, more: &[] };

/// One statement that takes the locks of the tenants, which are its first parameter, and then writes the rows, whose
/// columns are the others, in their order. PostgreSQL runs the `SELECT` to its end before it begins with what is in the
/// `WITH`.
pub(crate) fn statement(parts: &[&Rows]) -> String {
    let mut sql = String::new();
    let mut parameter = 1;
    for (number, rows) in parts.iter().enumerate() {
        let columns: Vec<&Column> = rows.columns.iter().chain(rows.more).collect();
        let names = |of: &dyn Fn(&Column) -> String| columns.iter().copied().map(of).collect::<Vec<_>>().join(", ");
        let stored = |column: &Column| column.stored.map_or_else(|| format!("n.{}", column.name), str::to_owned);
        let listed = names(&|column| column.name.to_owned());
        let numbered = (parameter + 1..).zip(&columns);
        let arrays: Vec<String> =
            numbered.map(|(at, column)| format!("unnest(${at}::{}[]) AS {}", column.of, column.name)).collect();
        parameter += columns.len();
        let (table, arrays) = (rows.table, arrays.join(", "));
        let _ = write!(sql, "{} w{number} AS (", if number == 0 { "WITH" } else { "," });
        let _ = if rows.keys == 0 {
            let values = names(&stored);
            write!(sql, "INSERT INTO ledger.{table} ({listed}) SELECT {values} FROM (SELECT {arrays}) AS n)")
        } else {
            let (keys, others) = columns.split_at(rows.keys);
            let set: Vec<_> = others.iter().map(|column| format!("{} = {}", column.name, stored(column))).collect();
            let same: Vec<_> = keys.iter().map(|key| format!("t.{0} = n.{0}", key.name)).collect();
            let (set, same) = (set.join(", "), same.join(" AND "));
            write!(sql, "UPDATE ledger.{table} t SET {set} FROM (SELECT {arrays}) AS n WHERE {same})")
        };
    }
    let _ = write!(sql, " SELECT pg_advisory_xact_lock({LOCKS}, k.tenant) FROM UNNEST($1::int[]) AS k (tenant)");
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_through() {
        let sql = statement(&[&REVISIONS, &CHANGED_ACCOUNTS]);
        assert_eq!(
            sql,
            "WITH w0 AS (INSERT INTO ledger.revisions (tenant, kind, object, version, position) \
             SELECT n.tenant, n.kind, n.object, n.version, n.position \
             FROM (SELECT unnest($2::int[]) AS tenant, unnest($3::smallint[]) AS kind, unnest($4::uuid[]) AS object, \
             unnest($5::int[]) AS version, unnest($6::bigint[]) AS position) AS n), \
             w1 AS (UPDATE ledger.accounts t SET debits_posted = n.debits_posted, credits_posted = n.credits_posted, \
             debits_pending = n.debits_pending, credits_pending = n.credits_pending \
             FROM (SELECT unnest($7::int[]) AS tenant, unnest($8::text[]) AS code, \
             unnest($9::bigint[]) AS debits_posted, unnest($10::bigint[]) AS credits_posted, \
             unnest($11::bigint[]) AS debits_pending, unnest($12::bigint[]) AS credits_pending) AS n \
             WHERE t.tenant = n.tenant AND t.code = n.code) \
             SELECT pg_advisory_xact_lock(1818584930, k.tenant) FROM UNNEST($1::int[]) AS k (tenant)"
        );
    }
}
