//! Checks the log itself: positions have no gap, hashes follow from all that comes before, entries can be read, and the
//! log is found by the public types that are in it.

use super::report::Report;
use super::store::{CommitRow, Snapshot, TransferRow};
use crate::log::entries::decode;
use crate::log::hash::{self, Hash, HashedAccount, HashedTransfer, Head};
use crate::store::errors::ReadError;
use contracts::ledger::FIRST_POSITION;
use domain::account::Account;
use domain::commit::Request;
use std::collections::HashMap;

/// The stored accounts, by code: their currency and rule are in the hash of each transfer that touches them.
type Accounts = HashMap<String, Account>;

pub(super) async fn check(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), ReadError> {
    let accounts: Accounts =
        snapshot.accounts().await?.into_iter().map(|balance| (balance.account.code.clone(), balance.account)).collect();
    let (mut log, mut transfers) = (snapshot.log().await?, snapshot.transfers().await?);
    let mut transfer = snapshot.next_transfer(&mut transfers).await?;
    let (mut expected, mut hash) = (FIRST_POSITION, Head::of_empty_log(report.tenant).hash);
    while let Some(row) = snapshot.next_commit(&mut log).await? {
        let position = row.log.position;
        if position != expected {
            report.find("positions", expected, format!("the log goes on at {position}"));
        }
        expected = position + i64::from(row.log.size);
        let mut of_row = Vec::new();
        // `references` finds the transfers that are of no row at all.
        while let Some(next) = transfer.take_if(|next| next.position <= position) {
            of_row.extend(Some(next).filter(|next| next.position == position));
            transfer = snapshot.next_transfer(&mut transfers).await?;
        }
        hash = check_hash(&hash, &row, &of_row, &accounts, report);
        check_entries(snapshot, &row, report);
    }
    report.hash = (expected > FIRST_POSITION).then(|| hash.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(())
}

/// Compares the row's hash with the one that it should have. Returns the hash that is stored, so that a row that was
/// changed is one finding, not one with each row after it.
fn check_hash(
    last: &Hash,
    row: &CommitRow,
    transfers: &[TransferRow],
    accounts: &Accounts,
    report: &mut Report,
) -> Hash {
    let request_id = row.log.request_id.clone();
    let request = request_id.map(|id| Request { id, idempotency_key: row.log.idempotency_key.clone() });
    let hashed: Option<Vec<_>> = transfers.iter().map(|transfer| hashed(transfer, accounts)).collect();
    let expected = hashed.map(|transfers| {
        let digest = hash::digest(request.as_ref(), &row.log.entries, transfers.into_iter());
        hash::next(last, row.log.created, &digest)
    });
    if expected.is_none_or(|expected| row.hash != expected) {
        report.find("hashes", row.log.position, "its hash is not that of its commit and of all rows before it");
    }
    row.hash.as_slice().try_into().ok().or(expected).unwrap_or_default()
}

/// `None` if the transfer's action is one that nothing could have written, or an account is not stored.
fn hashed<'a>(row: &'a TransferRow, accounts: &'a Accounts) -> Option<HashedTransfer<'a>> {
    let account = |code: &str| accounts.get(code).map(HashedAccount::from);
    Some(HashedTransfer {
        id: row.id,
        action: *row.action.as_ref().ok()?,
        debit: account(&row.debit)?,
        credit: account(&row.credit)?,
        amount: row.amount,
        reason: &row.reason,
        object: row.object,
    })
}

fn check_entries(snapshot: &Snapshot<'_>, row: &CommitRow, report: &mut Report) {
    let position = row.log.position;
    let entries = match decode(&row.log.entries) {
        Ok(entries) => entries,
        Err(error) => return report.find("versions", position, format!("its entries are not JSON: {error}")),
    };
    report.events += u64::try_from(entries.len()).unwrap_or(u64::MAX);
    if usize::try_from(row.log.size).ok() != Some(entries.len()) {
        report.find("positions", position, format!("it has {} entries, not {}", entries.len(), row.log.size));
    }
    let expected = snapshot.indexed_types(entries.iter().filter_map(|entry| entry.event_type.as_deref()));
    if expected != row.types {
        report.find("index", position, format!("its types are indexed as {:?}, not as {expected:?}", row.types));
    }
}
