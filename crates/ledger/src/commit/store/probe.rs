//! Finding out whether commits would be written.

use super::connection::Connection;
use super::write_batch::write_nothing;
use tokio_postgres::Error;

const TRY: &str = "INSERT INTO ledger.probes (slot, tried) VALUES ($1, clock_timestamp())
    ON CONFLICT (slot) DO UPDATE SET tried = excluded.tried";

/// A row that is changed finds room on its page however full the disk is. These rows need a page each, and are never committed.
const FILL: &str = "INSERT INTO ledger.probes (slot, tried, filling)
    SELECT -64 * $1 - n, clock_timestamp(), repeat('x', 5000) FROM generate_series(1, 64) AS s (n)";

/// Does what writing a batch does, without a batch, and commits a row of its own. `thorough`: also where the disk may be full.
pub(crate) async fn try_to_write(connection: &mut Connection, slot: i32, thorough: bool) -> Result<(), Error> {
    write_nothing(connection).await?;
    if thorough {
        let filling = connection.client.transaction().await?;
        filling.execute(FILL, &[&slot]).await?;
        filling.rollback().await?;
    }
    connection.client.execute(TRY, &[&slot]).await.map(drop)
}
