//! Objects as they are now.

use super::query::{Query, QueryPool};
use super::together::{Arrays, Found, LARGE, LookUp, Together};
use crate::store::errors::RowError;
use crate::store::rows::{self, OBJECT_COLUMNS, STATE};
use contracts::ledger::{LedgerError, Stored};
use platform::database::Pool;
use tokio_postgres::Row;
use types::ObjectId;
use uuid::Uuid;

/// Reads objects: a single one together with those that others ask for at the same time, several with a query of their
/// own.
pub(crate) struct Objects {
    queries: QueryPool,
    single: Together<SingleObject>,
}

impl Objects {
    pub fn new(pool: Pool) -> Self {
        Objects { single: Together::start(pool.clone()), queries: QueryPool::new(pool) }
    }

    /// The newest states of the objects that exist, in any order; `TooLarge` if they have more than so many bytes.
    pub async fn newest(&self, tenant: i32, ids: &[ObjectId], bytes_max: usize) -> Result<Vec<Stored>, LedgerError> {
        match ids {
            [] => return Ok(Vec::new()),
            [id] => match self.single.find((tenant, *id)).await? {
                Found::Nothing => return Ok(Vec::new()),
                Found::Small(stored) if stored.state.len() > bytes_max => return Err(LedgerError::TooLarge),
                Found::Small(stored) => return Ok(vec![stored]),
                Found::Large => (),
            },
            _ => (),
        }
        let (kinds, values) = kinds_and_values(ids.iter());
        // LATERAL with a limit keeps the plan at one index look-up for each id, however large the table is.
        let sql = format!(
            "SELECT o.* FROM UNNEST($2::smallint[], $3::uuid[]) AS k (kind, id)
            CROSS JOIN LATERAL (
                SELECT {OBJECT_COLUMNS}, {STATE} FROM ledger.objects o
                WHERE o.tenant = $1 AND o.kind = k.kind AND o.id = k.id LIMIT 1
            ) o"
        );
        let query = Query::of(tenant, sql).with(kinds).with(values).within(bytes_max);
        self.queries.read(query, |row| rows::object(row, tenant)).await
    }
}

/// One object as it is now.
struct SingleObject;

impl LookUp for SingleObject {
    type Key = (i32, ObjectId);
    type Found = Stored;

    const NAME: &'static str = "single objects";
    const CONNECTIONS: usize = 2;
    const ORDINALITY: usize = 10;

    /// LATERAL with a limit keeps the plan at one index look-up for each object, however large the table is. How large a state
    /// is, PostgreSQL knows without reading it.
    fn sql() -> String {
        format!(
            "SELECT o.*, k.at, o.text IS NULL
            FROM UNNEST($1::int[], $2::smallint[], $3::uuid[]) WITH ORDINALITY AS k (tenant, kind, id, at)
            CROSS JOIN LATERAL (
                SELECT {OBJECT_COLUMNS},
                    CASE WHEN coalesce(octet_length(o.state), o.length) <= {LARGE} THEN {STATE} END AS text
                FROM ledger.objects o
                WHERE o.tenant = k.tenant AND o.kind = k.kind AND o.id = k.id LIMIT 1
            ) o"
        )
    }

    fn arrays(keys: &[Self::Key]) -> Arrays {
        let tenants: Vec<i32> = keys.iter().map(|key| key.0).collect();
        let (kinds, values) = kinds_and_values(keys.iter().map(|key| &key.1));
        vec![Box::new(tenants), Box::new(kinds), Box::new(values)]
    }

    fn found(row: &Row, key: &Self::Key) -> Result<Stored, RowError> {
        rows::object(row, key.0)
    }
}

/// Ids as two columns.
pub(super) fn kinds_and_values<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> (Vec<i16>, Vec<Uuid>) {
    ids.map(|id| (id.kind.code(), id.value)).unzip()
}
