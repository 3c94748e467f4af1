//! Finds out which commits of lost tries are written: tries whose connection was lost before PostgreSQL's answer arrived.

use super::arrays::{array, query};
use super::read_statements::ReadStatements;
use crate::commit::lost::LostPlace;
use crate::commit::prepared::PreparedCommit;
use crate::store::column_values::key_id;
use crate::store::errors::ReadError;
use crate::store::rows;
use domain::commit::Step;
use std::collections::HashSet;
use tokio_postgres::Client;

/// Which of these commits are written at the places that lost tries gave them.
///
/// A commit with log entries is found by its row's hash, which says all that was written up to that row: no other row can
/// be taken for it. One without has an idempotency key, which is stored as the commit writes it. (The number of the try's
/// transaction would not tell: after a crash it is given to another one.)
///
/// To be called in a transaction that has the tenants' locks.
pub(crate) async fn settled(
    client: &Client,
    prepared: &ReadStatements,
    lost: &[(&LostPlace, &PreparedCommit)],
) -> Result<Vec<bool>, ReadError> {
    let rows: Vec<_> =
        lost.iter().filter_map(|(place, commit)| Some((commit.tenant, place.position, place.row?))).collect();
    let (tenants, positions) = (array(&rows, |row| row.0), array(&rows, |row| row.1));
    let hashes = array(&rows, |row| row.2.as_slice());
    let found = query(client, &prepared.log_rows, [&tenants, &positions, &hashes], rows.len()).await?;
    let written: HashSet<Vec<u8>> = found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let mut settled = Vec::with_capacity(lost.len());
    for (place, commit) in lost {
        settled.push(match place.row {
            Some(hash) => written.contains(hash.as_slice()),
            None => key_is_written(client, prepared, commit).await?,
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
    Ok(record.key == *write.key
        && record.fingerprint == write.fingerprint
        && record.answer == write.answer
        && (write.step == Step::Finish || record.created == commit.commit.at))
}
