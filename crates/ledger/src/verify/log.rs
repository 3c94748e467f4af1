//! Checks the log itself: positions have no gap, time does not run backwards, hashes follow from all that comes before,
//! entries can be read, the log is found by the public types that are in it, and every transfer is of a row.

use super::kept_head::KeptHead;
use super::report::Report;
use super::store::{Books, CommitRow, Head, TransferRow};
use super::transfers::Replay;
use crate::log::entries::decode;
use crate::log::hash::{self, Hash, HashedAccount, HashedTransfer};
use crate::store::errors::ReadError;
use contracts::ledger::FIRST_POSITION;
use domain::account::Account;
use domain::commit::Request;
use std::collections::HashMap;
use types::Timestamp;
use uuid::Uuid;

/// The stored accounts, by code: their currency and rule are in the hash of each transfer that touches them.
type Accounts = HashMap<String, Account>;

/// Goes through the rows up to the head, with their transfers. Neither ever changes, so what is read later is as it was
/// when the head was read.
pub(super) async fn check(
    books: &Books,
    head: &Head,
    since: Option<&KeptHead>,
    report: &mut Report,
) -> Result<(), ReadError> {
    let accounts: Accounts =
        head.accounts.iter().map(|balance| (balance.account.code.clone(), balance.account.clone())).collect();
    let mut replay = Replay::new(&head.accounts, report);
    let (mut expected, mut hash) = (FIRST_POSITION, hash::Head::of_empty_log(report.tenant).hash);
    let mut time = Timestamp::default();
    let (mut read, mut at_kept) = (0, None);
    loop {
        let rows = books.log(read, head.position).await?;
        let Some(last) = rows.last().map(|row| row.log.position) else { break };
        let mut transfers = books.transfers(read, last).await?.into_iter().peekable();
        for row in rows {
            let position = row.log.position;
            if position != expected {
                report.find("positions", expected, format!("the log goes on at {position}"));
            }
            expected = position + i64::from(row.log.size);
            if row.log.created < time {
                let detail = format!(
                    "its time is {} ms before that of the row before",
                    time.millis() - row.log.created.millis()
                );
                report.find("times", position, detail);
            }
            time = row.log.created;
            let mut of_row = Vec::new();
            while let Some(next) = transfers.next_if(|next| next.position <= position) {
                replay.step(&next, report);
                if next.position == position {
                    check_time(&next, &row, report);
                    of_row.push(next);
                } else {
                    find_stray(report, next.id, next.position);
                }
            }
            hash = check_hash(&hash, &row, &of_row, &accounts, report);
            if since.is_some_and(|kept| kept.position == position) {
                at_kept = Some(shown(&hash));
            }
            check_entries(books, &row, report);
        }
        read = last;
    }
    report.position = head.position;
    report.hash = (expected > FIRST_POSITION).then(|| shown(&hash));
    if let Some(kept) = since {
        kept.check(at_kept.as_deref(), report);
    }
    replay.compare(&head.accounts, report);
    Ok(())
}

fn shown(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A transfer whose position has no log row.
pub(super) fn find_stray(report: &mut Report, transfer: Uuid, position: i64) {
    report.find("transfers", transfer, format!("there is no log entry {position}"));
}

fn check_time(transfer: &TransferRow, row: &CommitRow, report: &mut Report) {
    if transfer.created != row.log.created {
        let (position, created) = (row.log.position, row.log.created.millis());
        report.find("transfers", transfer.id, format!("its log entry {position} is of another time ({created} ms)"));
    }
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

fn check_entries(books: &Books, row: &CommitRow, report: &mut Report) {
    let position = row.log.position;
    let entries = match decode(&row.log.entries) {
        Ok(entries) => entries,
        Err(error) => return report.find("versions", position, format!("its entries are not JSON: {error}")),
    };
    report.events += u64::try_from(entries.len()).unwrap_or(u64::MAX);
    if usize::try_from(row.log.size).ok() != Some(entries.len()) {
        report.find("positions", position, format!("it has {} entries, not {}", entries.len(), row.log.size));
    }
    let expected = books.indexed_types(entries.iter().filter_map(|entry| entry.event_type.as_deref()));
    if expected != row.types {
        report.find("index", position, format!("its types are indexed as {:?}, not as {expected:?}", row.types));
    }
}
