//! Rows of Rust as columns of SQL, and statements that are left out where there are no rows.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Nothing is asked where there is nothing to ask for.
pub(crate) async fn query<const N: usize>(
    client: &Client,
    statement: &Statement,
    parameters: [Parameter<'_>; N],
    keys: usize,
) -> Result<Vec<Row>, Error> {
    if keys == 0 { Ok(Vec::new()) } else { client.query(statement, &parameters).await }
}

/// Takes a column out of rows.
pub(crate) fn column<T, C>(rows: impl IntoIterator<Item = T>, of: impl Fn(T) -> C) -> Vec<C> {
    rows.into_iter().map(of).collect()
}
