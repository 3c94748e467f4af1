//! Finding out whether commits would be written.

use super::connection::Connection;
use super::write_batch::write_nothing;
use tokio_postgres::Error;

const TRY: &str = "INSERT INTO ledger.probes (slot, tried) VALUES ($1, clock_timestamp())
    ON CONFLICT (slot) DO UPDATE SET tried = excluded.tried";

/// A row that is changed finds room on its page however full the disk is. These rows need a page each, and are never committed.
const FILL: &str = "INSERT INTO ledger.probes (slot, tried, filling)
    SELECT n, clock_timestamp(), repeat('x', 5000) FROM generate_series($1::int, $2::int) AS s (n)";
const PAGES: &str = "SELECT pg_relation_size('ledger.probes') / current_setting('block_size')::bigint";
/// Of each slot.
const NUMBERS: i32 = 1_000_000;
/// So many pages there has to be room for.
const FILLED: i32 = 64;

/// Does what writing a batch does, without a batch, and commits a row of its own. `thorough`: also where the disk may be full.
pub(crate) async fn try_to_write(connection: &mut Connection, slot: i32, thorough: bool) -> Result<(), Error> {
    write_nothing(connection).await?;
    if thorough {
        fill(connection, slot).await?;
    }
    connection.client.execute(TRY, &[&slot]).await.map(drop)
}

/// Has the disk give room for more pages. Those that were filled before are empty once they are vacuumed, and say nothing: they are
/// filled first.
async fn fill(connection: &mut Connection, slot: i32) -> Result<(), Error> {
    let filling = connection.client.transaction().await?;
    let pages = async || filling.query_one(PAGES, &[]).await?.try_get::<_, i64>(0);
    let enough = pages().await? + i64::from(FILLED);
    // Each server has numbers of its own.
    let mut last = -slot * NUMBERS - 1;
    while pages().await? < enough {
        filling.execute(FILL, &[&(last - FILLED + 1), &last]).await?;
        last -= FILLED;
    }
    filling.rollback().await
}
