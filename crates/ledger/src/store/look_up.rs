//! Finds out whether a batch was written of whose commit the answer was lost.

use super::codes::key_id;
use super::columns::column;
use super::open::ReadError;
use super::rows;
use super::statements::{OUTCOME, Statements};
use crate::batch::Entering;
use domain::commit::Step;
use tokio_postgres::Client;

/// After a connection was lost in the middle of a commit: whether the commits that were to be written, with the
/// positions of their first entries, are there. They are of one transaction, so if one is there, all are.
///
/// Asked in a transaction that has the tenants' locks: so the lost one is over, or has not begun, and then it cannot come
/// before this one; and what this one writes it cannot write any more.
pub(crate) async fn is_there(
    client: &Client,
    prepared: &Statements,
    transaction: Option<&str>,
    expected: &[(i64, &Entering)],
) -> Result<bool, ReadError> {
    let outcome: Option<String> = match transaction {
        Some(number) => client.query_one(OUTCOME, &[&number]).await?.try_get(0)?,
        None => None,
    };
    let logged = expected.iter().any(|(_, entering)| !entering.commit.entries.is_empty());
    match outcome.as_deref() {
        Some("aborted") => Ok(false),
        // The log decides where it can: after a fail-over the transaction's number may be somebody else's.
        _ if logged => log_there(client, prepared, expected).await,
        Some("committed") => Ok(true),
        _ => keys_there(client, prepared, expected).await,
    }
}

async fn log_there(client: &Client, prepared: &Statements, expected: &[(i64, &Entering)]) -> Result<bool, ReadError> {
    let logged = || expected.iter().filter(|(_, entering)| !entering.commit.entries.is_empty());
    let tenant = column(logged(), |row| row.1.tenant);
    let position = column(logged(), |row| row.0);
    let entries = column(logged(), |row| row.1.encoded.json.as_slice());
    let rows = client.query(&prepared.look_up_log, &[&tenant, &position, &entries]).await?;
    Ok(!rows.is_empty())
}

async fn keys_there(client: &Client, prepared: &Statements, expected: &[(i64, &Entering)]) -> Result<bool, ReadError> {
    let writes: Vec<_> =
        expected.iter().filter_map(|(_, entering)| Some((entering, entering.commit.idempotency.as_ref()?))).collect();
    let tenant = column(&writes, |row| row.0.tenant);
    let key = column(&writes, |row| key_id(row.0.tenant, &row.1.key));
    for row in client.query(&prepared.keys, &[&tenant, &key]).await? {
        let tenant: i32 = row.try_get(0)?;
        let record = rows::idempotency_from(&row, 1)?;
        let is_ours = writes.iter().any(|(entering, write)| {
            entering.tenant == tenant
                && write.key == record.key
                && record.fingerprint == write.fingerprint
                && record.answer == write.answer
                && (write.step == Step::Finish || record.created == entering.commit.at)
        });
        if is_ours {
            return Ok(true);
        }
    }
    Ok(false)
}
