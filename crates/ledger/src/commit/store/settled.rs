//! Finds out which commits of lost tries are written: tries whose connection was lost before PostgreSQL's answer arrived.

use super::arrays::{array, query};
use super::read_statements::{ReadStatements, TRANSACTION_STATUS};
use crate::commit::lost::LostPlace;
use crate::commit::prepared::PreparedCommit;
use crate::store::column_values::key_id;
use crate::store::errors::ReadError;
use crate::store::rows;
use domain::commit::Step;
use std::collections::{HashMap, HashSet};
use tokio_postgres::Client;

/// Which of these commits are written at the places that lost tries gave them.
///
/// A commit with log entries is found by its row's hash, which says all that was written up to that row: no other row can
/// be taken for it. One without is written if the others of its try are, or if the try's transaction was committed; where
/// neither is known, its idempotency key tells.
///
/// To be called in a transaction that has the tenants' locks. Then a lost transaction either has ended, or has not begun.
/// In the second case it can no longer be committed once the tenant's log has gone on, because it would write rows at the
/// same positions; and as long as the log has not gone on, its commits are accepted as they were by the lost try.
pub(crate) async fn settled(
    client: &Client,
    prepared: &ReadStatements,
    lost: &[(&LostPlace, &PreparedCommit)],
) -> Result<Vec<bool>, ReadError> {
    let mut tries: HashMap<u64, bool> = HashMap::new();
    let rows: Vec<_> = lost.iter().filter_map(|(place, commit)| Some((commit.tenant, *place, place.row?))).collect();
    let (tenants, positions) = (array(&rows, |row| row.0), array(&rows, |row| row.1.position));
    let hashes = array(&rows, |row| row.2.as_slice());
    let found = query(client, &prepared.log_rows, [&tenants, &positions, &hashes], rows.len()).await?;
    let written: HashSet<Vec<u8>> = found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    for (_, place, hash) in &rows {
        *tries.entry(place.of_try).or_default() |= written.contains(hash.as_slice());
    }
    for (place, _) in lost {
        if let (None, Some(transaction)) = (tries.get(&place.of_try), place.transaction.as_deref()) {
            let end: Option<String> = client.query_one(TRANSACTION_STATUS, &[&transaction]).await?.try_get(0)?;
            if let Some(end) = end {
                tries.insert(place.of_try, end == "committed");
            }
        }
    }
    let mut settled = Vec::with_capacity(lost.len());
    for (place, commit) in lost {
        settled.push(match (place.row, tries.get(&place.of_try)) {
            (Some(hash), _) => written.contains(hash.as_slice()),
            (None, Some(written)) => *written,
            (None, None) => key_is_written(client, prepared, commit).await?,
        });
    }
    Ok(settled)
}

/// Whether the commit's idempotency key is stored as the commit writes it.
async fn key_is_written(
    client: &Client,
    prepared: &ReadStatements,
    commit: &PreparedCommit,
) -> Result<bool, ReadError> {
    let Some(write) = &commit.commit.idempotency else { return Ok(false) };
    let (tenants, ids) = (vec![commit.tenant], vec![key_id(commit.tenant, &write.key)]);
    let found = client.query(&prepared.keys, &[&tenants, &ids]).await?;
    let Some(row) = found.first() else { return Ok(false) };
    let record = rows::idempotency_record_from(row, 1)?;
    Ok(record.key == write.key
        && record.fingerprint == write.fingerprint
        && record.answer == write.answer
        && (write.step == Step::Finish || record.created == commit.commit.at))
}
