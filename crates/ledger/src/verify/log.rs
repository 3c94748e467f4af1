//! The log itself: positions without gaps, hashes that follow from all before, entries that can be read, types as they are
//! indexed.

use super::Report;
use crate::chain::{self, Hash, Moved};
use crate::entries::decode;
use crate::store::verify::{CommitRow, Snapshot, TransferRow, VerifyError};
use domain::commit::Request;

pub(super) async fn check(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), VerifyError> {
    let (mut log, mut transfers) = (snapshot.log().await?, snapshot.transfers().await?);
    let mut transfer = snapshot.next_transfer(&mut transfers).await?;
    let (mut due, mut hash) = (1, Hash::default());
    while let Some(row) = snapshot.next_commit(&mut log).await? {
        let position = row.log.position;
        if position != due {
            report.find("positions", due, format!("the log goes on at {position}"));
        }
        due = position + i64::from(row.log.size);
        let mut moved = Vec::new();
        // Those of no commit at all are found elsewhere.
        while let Some(next) = transfer.take_if(|next| next.position <= position) {
            moved.extend(Some(next).filter(|next| next.position == position));
            transfer = snapshot.next_transfer(&mut transfers).await?;
        }
        hash = check_hash(&hash, &row, &moved, report);
        check_entries(snapshot, &row, report);
    }
    report.hash = (due > 1).then(|| hash.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(())
}

/// The hash that the row has, so that a row that was changed is told of once and not with all that follow it.
fn check_hash(last: &Hash, row: &CommitRow, transfers: &[TransferRow], report: &mut Report) -> Hash {
    let request_id = row.log.request_id.clone();
    let request = request_id.map(|id| Request { id, idempotency_key: row.log.idempotency_key.clone() });
    let moved = transfers.iter().map(|row| Moved {
        id: row.id,
        action: row.action,
        debit: &row.debit,
        credit: &row.credit,
        amount: row.amount,
        reason: &row.reason,
        object: row.object,
    });
    let digest = chain::digest(request.as_ref(), &row.log.entries, moved);
    let due = chain::next(last, row.log.created, &digest);
    if row.hash != due {
        report.find("hashes", row.log.position, "its hash is not that of its commit and of all before it");
    }
    row.hash.as_slice().try_into().unwrap_or(due)
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
    let told = snapshot.indexed_types(entries.iter().filter_map(|entry| entry.event_type.as_deref()));
    if told != row.types {
        report.find("index", position, format!("its types are indexed as {:?}, not as {told:?}", row.types));
    }
}
