//! Finds out whether a batch was written, after the connection was lost before PostgreSQL's answer arrived.

use super::arrays::array;
use super::read_statements::{ReadStatements, TRANSACTION_STATUS};
use crate::commit::prepared::PreparedCommit;
use crate::store::column_values::key_id;
use crate::store::errors::ReadError;
use crate::store::rows;
use domain::commit::Step;
use tokio_postgres::Client;

/// Whether the commits of a lost try, with the positions of their first log entries, are written. `transaction` is the
/// number of its transaction, if it is known. All commits are of one transaction, so if one is written, all are.
///
/// To be called in a transaction that has the tenants' locks. Then the lost transaction either has ended, or has not
/// begun; in the second case it can no longer be committed once this one has written the same rows.
pub(crate) async fn was_written(
    client: &Client,
    prepared: &ReadStatements,
    transaction: Option<&str>,
    expected: &[(i64, &PreparedCommit)],
) -> Result<bool, ReadError> {
    let status: Option<String> = match transaction {
        Some(number) => client.query_one(TRANSACTION_STATUS, &[&number]).await?.try_get(0)?,
        None => None,
    };
    let logged = expected.iter().any(|(_, prepared)| !prepared.commit.entries.is_empty());
    match status.as_deref() {
        Some("aborted") => Ok(false),
        // The log decides if it can: after a fail-over the transaction's number may be that of another one.
        _ if logged => log_rows_written(client, prepared, expected).await,
        Some("committed") => Ok(true),
        _ => keys_written(client, prepared, expected).await,
    }
}

async fn log_rows_written(
    client: &Client,
    prepared: &ReadStatements,
    expected: &[(i64, &PreparedCommit)],
) -> Result<bool, ReadError> {
    let logged = || expected.iter().filter(|(_, prepared)| !prepared.commit.entries.is_empty());
    let tenant = array(logged(), |row| row.1.tenant);
    let position = array(logged(), |row| row.0);
    let entries = array(logged(), |row| row.1.encoded.json.as_slice());
    let rows = client.query(&prepared.log_rows, &[&tenant, &position, &entries]).await?;
    Ok(!rows.is_empty())
}

async fn keys_written(
    client: &Client,
    prepared: &ReadStatements,
    expected: &[(i64, &PreparedCommit)],
) -> Result<bool, ReadError> {
    let writes: Vec<_> =
        expected.iter().filter_map(|(_, prepared)| Some((prepared, prepared.commit.idempotency.as_ref()?))).collect();
    let tenant = array(&writes, |row| row.0.tenant);
    let key = array(&writes, |row| key_id(row.0.tenant, &row.1.key));
    for row in client.query(&prepared.keys, &[&tenant, &key]).await? {
        let tenant: i32 = row.try_get(0)?;
        let record = rows::idempotency_record_from(&row, 1)?;
        let is_same = writes.iter().any(|(commit, write)| {
            commit.tenant == tenant
                && write.key == record.key
                && record.fingerprint == write.fingerprint
                && record.answer == write.answer
                && (write.step == Step::Finish || record.created == commit.commit.at)
        });
        if is_same {
            return Ok(true);
        }
    }
    Ok(false)
}
